"""The paper's tables, as far as the released files are there."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from mmlab.evaluation.long_clips import LongStrategy
from mmlab.paths import data_folder as default_data_folder
from mmlab.reproduce.alignment import evaluate_alignment
from mmlab.reproduce.benchmarks import Benchmark, Entry, chosen_benchmarks
from mmlab.reproduce.retrieval import evaluate_retrieval
from mmlab.reproduce.steps import evaluate_steps
from mmlab.reproduce.tables import BenchmarkTable, Evaluated
from mmlab.reproduce.wanted import Wanted, missing


def reproduce(
    data_folder: Path | None = None,
    only: Sequence[str] | None = None,
    *,
    strategy: LongStrategy = "at_once",
    progress: bool = True,
) -> list[BenchmarkTable]:
    """Evaluate the authors' models where their files are there; say what is missing elsewhere.

    Args:
        data_folder: where the files lie; default: $MMLAB_DATA, see `mmlab.paths.data_folder`.
        only: names of benchmarks, such as "msrvtt"; default: all of `BENCHMARKS`.
        strategy: for the clips of MSR-VTT and YouCook2 that are longer than those of training.
        progress: show progress bars.

    Returns:
        A table for each benchmark, with the published rows. A model whose files are incomplete
        or damaged takes nothing else down: it is listed in the table's `missing` or `failed`.

    Raises:
        ValueError: no benchmark is called so.

    Example:
        >>> (table,) = reproduce(only=["msrvtt"])
        >>> print(table)
    """
    folder = default_data_folder() if data_folder is None else Path(data_folder)
    return [_table(benchmark, folder, strategy, progress) for benchmark in chosen_benchmarks(only)]


def _table(
    benchmark: Benchmark, data_folder: Path, strategy: LongStrategy, progress: bool
) -> BenchmarkTable:
    found: dict[str, Evaluated] = {}
    absent: dict[str, list[Wanted]] = {}
    failed: dict[str, str] = {}
    for entry in benchmark.entries:
        if lacking := missing(entry.wanted(), data_folder):
            absent[entry.backbone] = lacking
            continue
        try:
            found[entry.backbone] = _evaluate(benchmark, entry, data_folder, strategy, progress)
        except (OSError, ValueError, ImportError) as error:
            failed[entry.backbone] = str(error)
    rows = [row for one in found.values() for row in one.rows]
    notes = [note for one in found.values() for note in one.notes]
    listed = {backbone: one.listed for backbone, one in found.items()}
    return BenchmarkTable(benchmark, pd.DataFrame(rows), absent, failed, notes, listed)


def _evaluate(
    benchmark: Benchmark, entry: Entry, data_folder: Path, strategy: LongStrategy, progress: bool
) -> Evaluated:
    if benchmark.task == "retrieval":
        return evaluate_retrieval(
            benchmark, entry, data_folder, strategy=strategy, progress=progress
        )
    evaluate = evaluate_steps if benchmark.task == "steps" else evaluate_alignment
    return evaluate(benchmark, entry, data_folder, progress=progress)
