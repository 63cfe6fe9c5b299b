"""MSR-VTT and YouCook2: find the clip that a caption belongs to, as the paper's code does."""

from __future__ import annotations

from pathlib import Path

from mmlab.evaluation.long_clips import LongClips, LongStrategy
from mmlab.evaluation.retrieval import retrieval_scores, score_intervals
from mmlab.reproduce.benchmarks import Benchmark, Entry
from mmlab.reproduce.inputs import left_out, load_model, retrieval_dataset
from mmlab.reproduce.tables import HERE, Evaluated, Row
from mmlab.retrieval import Retriever

LONG_CLIPS = {"MSR-VTT": LongClips.msrvtt, "YouCook2": LongClips.youcook2}
"""How clips longer than those of training are brought to a model, by the name of the data."""

QUERY = "text"
GALLERIES = ("video+audio", "video+audio late", "video", "audio")


def evaluate_retrieval(
    benchmark: Benchmark,
    entry: Entry,
    data_folder: Path,
    *,
    strategy: LongStrategy = "at_once",
    progress: bool = True,
) -> Evaluated:
    """One model on one test set, asked with its captions.

    Args:
        benchmark: says how many clips the complete test set has.
        entry: the model and the features.
        data_folder: where both lie.
        strategy: for clips longer than those of training.
        progress: show a progress bar while features are converted.

    Returns:
        A row for each gallery (picture and sound together, likewise late, picture, sound), and
        what was counted and left out on the way.

    Raises:
        FileNotFoundError: a file is not there.
        ValueError: one is damaged, or does not belong to the others.
    """
    dataset = retrieval_dataset(entry, data_folder, progress=progress)
    model = load_model(entry, dataset, data_folder)
    retriever = Retriever(model, dataset, LONG_CLIPS[benchmark.data](strategy))
    rows = retrieval_rows(benchmark, entry.backbone, retriever)
    there = f"{entry.backbone}: {len(dataset):,} of {benchmark.total:,} clips are there"
    return Evaluated(
        [row | {"strategy": strategy} for row in rows],
        [f"{there}; long ones: {strategy}"],
        left_out(dataset),
    )


def retrieval_rows(benchmark: Benchmark, backbone: str, retriever: Retriever) -> list[Row]:
    """A row for each of `GALLERIES` that the model knows, asked with the captions.

    Clips of the complete test set that are not here count as misses, as published; the measures
    called "corrected" rank them last as well.
    """
    names = set(retriever.model.config.names)
    return [
        _row(benchmark, backbone, retriever, gallery)
        for gallery in GALLERIES
        if set(gallery.removesuffix(" late").split("+")) <= names
    ]


def _row(benchmark: Benchmark, backbone: str, retriever: Retriever, gallery: str) -> Row:
    ranks = retriever.ranks(QUERY, gallery)
    total = benchmark.total or len(retriever.dataset)
    intervals = score_intervals(ranks, total=total)
    ends = {
        f"{name} {end}": value
        for name, interval in intervals.items()
        for end, value in zip(("low", "high"), interval, strict=True)
    }
    return {
        "setting": benchmark.setting,
        "data": benchmark.data,
        "direction": f"{QUERY} → {gallery}",
        "method": benchmark.method,
        "backbone": backbone,
        "split": benchmark.split,
        "source": HERE,
        "clips": len(ranks),
        **retrieval_scores(ranks, total=total),
        **ends,
    }
