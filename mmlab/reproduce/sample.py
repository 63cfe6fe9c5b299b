"""The sample corpus in the same tables: what needs no download shows how they are read."""

from __future__ import annotations

import pandas as pd

from mmlab.paths import data_folder
from mmlab.readers.crosstask import read_crosstask
from mmlab.readers.mining_youtube import read_mining_youtube
from mmlab.reproduce.alignment import alignment_rows
from mmlab.reproduce.benchmarks import Benchmark, Task
from mmlab.reproduce.retrieval import retrieval_rows
from mmlab.reproduce.steps import step_rows
from mmlab.reproduce.tables import BenchmarkTable, Evaluated
from mmlab.retrieval import Retriever
from mmlab.runs import clips_to_ask, open_run

LONG_VIDEOS_AMONG = ("video+audio",)
"""Of long videos one combination is enough here: every second of all of them is embedded."""

WHAT: dict[Task, str] = {
    "retrieval": "test clips",
    "steps": "steps of test videos",
    "alignment": "transcripts of test videos",
}


def sample_tables() -> list[BenchmarkTable]:
    """Retrieval, steps and alignment of the sample model, on its test clips and videos.

    Raises:
        FileNotFoundError: the sample was not made yet; the message says how.
    """
    model, dataset = open_run()
    retriever = Retriever(model, clips_to_ask(dataset, "test"))
    backbone, folder = dataset.features["video"].name, data_folder() / "sample"
    rows = retrieval_rows(_benchmark("retrieval"), backbone, retriever)
    steps = step_rows(
        _benchmark("steps"),
        backbone,
        retriever,
        read_crosstask(folder / "crosstask"),
        LONG_VIDEOS_AMONG,
    )
    aligned = alignment_rows(
        _benchmark("alignment"),
        backbone,
        retriever,
        read_mining_youtube(folder / "mining_youtube"),
        LONG_VIDEOS_AMONG,
    )
    return [
        BenchmarkTable(_benchmark(task), pd.DataFrame(found.rows), listed={backbone: found.listed})
        for task, found in zip(WHAT, (Evaluated(rows), steps, aligned), strict=True)
    ]


def _benchmark(task: Task) -> Benchmark:
    return Benchmark(
        f"sample-{task}",
        task,
        setting="trained on it",
        data="Sample corpus",
        figures="",
        entries=(),
        split=WHAT[task],
        note="Drawn by code: its figures cannot be compared with those of real videos.",
        method="sample model",
    )
