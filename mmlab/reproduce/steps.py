"""CrossTask: when does each step of a task happen in a long video?"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from mmlab.evaluation.listing import each_once
from mmlab.evaluation.localization import LocalizationResult, localize_videos
from mmlab.evaluation.step_recall import VARIANTS
from mmlab.readers.crosstask import read_crosstask
from mmlab.readers.localization import LocalizationVideo
from mmlab.reproduce.benchmarks import Benchmark, Entry
from mmlab.reproduce.inputs import left_out, load_model, long_video_dataset
from mmlab.reproduce.tables import HERE, Evaluated, Row
from mmlab.reproduce.wanted import found
from mmlab.retrieval import Retriever

AMONG = ("video+audio", "video", "audio")
CHANCE_DRAWS = 5
"""Of a mean over thousands of steps, which hardly changes from one draw to the next."""


def evaluate_steps(
    benchmark: Benchmark, entry: Entry, data_folder: Path, *, progress: bool = True
) -> Evaluated:
    """One model on the annotated videos whose features are there.

    Args:
        benchmark: names the data.
        entry: the model, the features and the annotations.
        data_folder: where they lie.
        progress: show a progress bar while features are converted.

    Returns:
        For each combination of picture and sound a row for each form of the scores: recall
        averaged in the published ways, that of chance, and the highest; and what was listed.

    Raises:
        FileNotFoundError: a file is not there.
        ValueError: one is damaged, or no annotated video has features, with the reasons.
    """
    dataset = long_video_dataset(entry, data_folder, progress=progress)
    retriever = Retriever(load_model(entry, dataset, data_folder), dataset)
    videos = read_crosstask(found(entry.annotations[0], data_folder).parent)
    videos.skipped[:0] = left_out(dataset)
    return step_rows(benchmark, entry.backbone, retriever, videos)


def step_rows(
    benchmark: Benchmark,
    backbone: str,
    retriever: Retriever,
    videos: Sequence[LocalizationVideo],
    combinations: Sequence[str] = AMONG,
) -> Evaluated:
    """Two rows for each of `combinations` that the model knows; and what was listed, and why."""
    results = {
        among: localize_videos(retriever, videos, among=among)
        for among in combinations
        if set(among.split("+")) <= set(retriever.model.config.names)
    }
    rows = [
        row
        for among, result in results.items()
        for row in _rows(benchmark, backbone, among, result)
    ]
    return Evaluated(rows, listed=each_once(result.skipped for result in results.values()))


def _rows(benchmark: Benchmark, backbone: str, among: str, result: LocalizationResult) -> list[Row]:
    """With similarities and with their log-softmax; chance and the bound are the same for both."""
    forms = (result, result.log_probabilities())
    recalls = [
        {f"recall {variant}": form.recall(variant) for variant in VARIANTS} for form in forms
    ]
    annotated = sum(bool(truth.any()) for truth in result.truth)
    row = {
        "setting": benchmark.setting,
        "data": benchmark.data,
        "direction": f"steps → {among}",
        "method": benchmark.method,
        "backbone": backbone,
        "split": f"{annotated} annotated videos",
        "source": HERE,
        "videos": annotated,
        "chance": result.chance(draws=CHANCE_DRAWS),
        "upper bound": result.upper_bound(),
    }
    return [
        row | {"scores": form.score_name} | found
        for form, found in zip(forms, recalls, strict=True)
    ]
