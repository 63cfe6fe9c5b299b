"""MiningYouTube: align videos with their given transcripts."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from mmlab.evaluation.listing import each_once
from mmlab.evaluation.transcripts import AlignmentResult, align_videos
from mmlab.readers.mining_youtube import MiningYoutube, read_mining_youtube
from mmlab.reproduce.benchmarks import Benchmark, Entry
from mmlab.reproduce.inputs import left_out, load_model, long_video_dataset
from mmlab.reproduce.steps import AMONG
from mmlab.reproduce.tables import HERE, Evaluated, Row
from mmlab.retrieval import Retriever

ANNOTATIONS = Path("mining_youtube") / "annotations"


def evaluate_alignment(
    benchmark: Benchmark, entry: Entry, data_folder: Path, *, progress: bool = True
) -> Evaluated:
    """One model on the videos that have features, a transcript and frame labels.

    Args:
        benchmark: names the data.
        entry: the model, the features and the annotations.
        data_folder: where they lie.
        progress: show a progress bar while features are converted.

    Returns:
        For each combination of picture and sound a row with the measures of
        `mmlab.evaluation.transcripts.AlignmentResult.table`; then those of an even spread, which
        needs no model, and of the best alignment there is; and what was listed.

    Raises:
        FileNotFoundError: a file is not there.
        ValueError: one is damaged, or none of the videos can be aligned, with the reasons.
    """
    dataset = long_video_dataset(entry, data_folder, progress=progress)
    retriever = Retriever(load_model(entry, dataset, data_folder), dataset)
    corpus = read_mining_youtube(data_folder / ANNOTATIONS)
    corpus.skipped[:0] = left_out(dataset)
    return alignment_rows(benchmark, entry.backbone, retriever, corpus)


def alignment_rows(
    benchmark: Benchmark,
    backbone: str,
    retriever: Retriever,
    corpus: MiningYoutube,
    combinations: Sequence[str] = AMONG,
) -> Evaluated:
    """The rows of `evaluate_alignment`; and what was listed, and why."""
    results = {
        among: align_videos(retriever, corpus, among=among)
        for among in combinations
        if set(among.split("+")) <= set(retriever.model.config.names)
    }
    tables = {among: result.table() for among, result in results.items()}
    rows = [
        _row(benchmark, result, f"transcript → {among}", tables[among].loc["aligned"])
        | {"method": benchmark.method, "backbone": backbone, "scores": result.score_name}
        for among, result in results.items()
    ]
    result, table = next(zip(results.values(), tables.values(), strict=True))
    rows += [
        _row(benchmark, result, "transcript → frames", table.loc[way])
        | {"method": way.capitalize()}
        for way in ("evenly spread", "oracle")
    ]
    return Evaluated(rows, listed=each_once(result.skipped for result in results.values()))


def _row(benchmark: Benchmark, result: AlignmentResult, direction: str, measures: pd.Series) -> Row:
    return {
        "setting": benchmark.setting,
        "data": benchmark.data,
        "direction": direction,
        "split": f"{len(result.videos)} videos",
        "source": HERE,
        "videos": len(result.videos),
        **measures.to_dict(),
    }
