"""MiningYouTube: align videos with their given transcripts."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from mmlab.evaluation.transcripts import align_videos
from mmlab.readers.mining_youtube import MiningYoutube, read_mining_youtube
from mmlab.reproduce.benchmarks import Benchmark, Entry
from mmlab.reproduce.inputs import load_model, long_video_dataset
from mmlab.reproduce.steps import AMONG
from mmlab.reproduce.tables import HERE
from mmlab.retrieval import Retriever

ANNOTATIONS = Path("mining_youtube") / "annotations"

Row = dict[str, Any]


def evaluate_alignment(
    benchmark: Benchmark, entry: Entry, data_folder: Path, *, progress: bool = True
) -> tuple[list[Row], list[str]]:
    """One model on the videos that have features, a transcript and frame labels.

    Args:
        benchmark: names the data.
        entry: the model, the features and the annotations.
        data_folder: where they lie.
        progress: show a progress bar while features are converted.

    Returns:
        For each combination of picture and sound a row with the measures of
        `mmlab.evaluation.transcripts.AlignmentResult.table`; then those of an even spread, which
        needs no model, and of the best alignment there is; and what was left out.

    Raises:
        FileNotFoundError: a file is not there.
        ValueError: one is damaged, or none of the videos can be aligned.
    """
    dataset = long_video_dataset(entry, data_folder, progress=progress)
    retriever = Retriever(load_model(entry, dataset, data_folder), dataset)
    corpus = read_mining_youtube(data_folder / ANNOTATIONS)
    rows, skipped = alignment_rows(benchmark, entry.backbone, retriever, corpus)
    skipped = [*corpus.skipped, *skipped]
    notes = [
        f"{entry.backbone}: {len(skipped)} left out, such as {name}: {reason}"
        for name, reason in skipped[:1]
    ]
    return rows, notes


def alignment_rows(
    benchmark: Benchmark,
    backbone: str,
    retriever: Retriever,
    corpus: MiningYoutube,
    combinations: Sequence[str] = AMONG,
) -> tuple[list[Row], list[tuple[str, str]]]:
    """The rows of `evaluate_alignment`; and which videos were left out, and why."""
    results = {
        among: align_videos(retriever, corpus, among=among)
        for among in combinations
        if set(among.split("+")) <= set(retriever.model.config.names)
    }
    tables = {among: result.table() for among, result in results.items()}
    result, table = next(zip(results.values(), tables.values(), strict=True))
    videos = len(result.videos)
    rows = [
        _row(
            benchmark,
            backbone,
            benchmark.method,
            f"transcript → {among}",
            videos,
            one.loc["aligned"],
        )
        for among, one in tables.items()
    ]
    rows += [
        _row(benchmark, "", way.capitalize(), "transcript → frames", videos, table.loc[way])
        for way in ("evenly spread", "oracle")
    ]
    return rows, result.skipped


def _row(
    benchmark: Benchmark,
    backbone: str,
    method: str,
    direction: str,
    videos: int,
    measures: pd.Series,
) -> Row:
    return {
        "setting": benchmark.setting,
        "data": benchmark.data,
        "direction": direction,
        "method": method,
        "backbone": backbone,
        "split": f"{videos} videos",
        "source": HERE,
        "videos": videos,
        **measures.to_dict(),
    }
