"""CrossTask: when does each step of a task happen in a long video?"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mmlab.evaluation.localization import LocalizationResult, localize_videos
from mmlab.evaluation.step_recall import VARIANTS
from mmlab.readers.crosstask import read_crosstask
from mmlab.readers.localization import LocalizationVideo
from mmlab.reproduce.benchmarks import Benchmark, Entry
from mmlab.reproduce.inputs import load_model, long_video_dataset
from mmlab.reproduce.tables import HERE
from mmlab.reproduce.wanted import found
from mmlab.retrieval import Retriever

AMONG = ("video+audio", "video", "audio")
CHANCE_DRAWS = 5
"""Of a mean over thousands of steps, which hardly changes from one draw to the next."""

Row = dict[str, Any]


def evaluate_steps(
    benchmark: Benchmark, entry: Entry, data_folder: Path, *, progress: bool = True
) -> tuple[list[Row], list[str]]:
    """One model on the annotated videos whose features are there.

    Args:
        benchmark: names the data.
        entry: the model, the features and the annotations.
        data_folder: where they lie.
        progress: show a progress bar while features are converted.

    Returns:
        A row for each combination of picture and sound: recall as CrossTask's own code averages
        it ("recall"), in the other published ways, and of chance; and what was left out.

    Raises:
        FileNotFoundError: a file is not there.
        ValueError: one is damaged, or no annotated video has features.
    """
    dataset = long_video_dataset(entry, data_folder, progress=progress)
    retriever = Retriever(load_model(entry, dataset, data_folder), dataset)
    videos = read_crosstask(found(entry.annotations[0], data_folder).parent)
    rows, skipped = step_rows(benchmark, entry.backbone, retriever, videos)
    skipped = [*videos.skipped, *skipped]
    notes = [
        f"{entry.backbone}: {len(skipped)} left out, such as {name}: {reason}"
        for name, reason in skipped[:1]
    ]
    return rows, notes


def step_rows(
    benchmark: Benchmark,
    backbone: str,
    retriever: Retriever,
    videos: Sequence[LocalizationVideo],
    combinations: Sequence[str] = AMONG,
) -> tuple[list[Row], list[tuple[str, str]]]:
    """A row for each of `combinations` that the model knows; and what was left out, and why."""
    results = {
        among: localize_videos(retriever, videos, among=among)
        for among in combinations
        if set(among.split("+")) <= set(retriever.model.config.names)
    }
    rows = [_row(benchmark, backbone, among, result) for among, result in results.items()]
    return rows, next(iter(results.values())).skipped


def _row(benchmark: Benchmark, backbone: str, among: str, result: LocalizationResult) -> Row:
    recalls = {f"recall {variant}": result.recall(variant) for variant in VARIANTS}
    return {
        "setting": benchmark.setting,
        "data": benchmark.data,
        "direction": f"steps → {among}",
        "method": benchmark.method,
        "backbone": backbone,
        "split": f"{len(result.videos)} annotated videos",
        "recall": recalls["recall micro_task"],
        "source": HERE,
        "videos": len(result.videos),
        **recalls,
        "chance": result.chance(draws=CHANCE_DRAWS),
        "upper bound": result.upper_bound(),
    }
