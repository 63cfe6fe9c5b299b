"""The command that repeats the paper's tables."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Literal


def reproduce(
    data: Path | None = None,
    only: tuple[str, ...] = (),
    strategy: Literal["at_once", "nearest", "max_pool", "clips"] = "at_once",
    out: Path | None = None,
    quiet: bool = False,
) -> None:
    """Evaluate the authors' released models beside the published figures.

    What is not at hand is listed with where to get it and where to put it. Exits with 1 if files
    that are there cannot be used.

    Args:
        data: the folder of released features and models; default: $MMLAB_DATA.
        only: benchmarks: msrvtt, msrvtt-finetuned, youcook2, youcook2-finetuned, crosstask,
            mining-youtube; default: all.
        strategy: for clips longer than those of training.
        out: a folder; also write every table there as csv, with all measures and intervals.
        quiet: show no progress bars.
    """
    from mmlab.paths import data_folder
    from mmlab.reproduce import download_list, write_tables
    from mmlab.reproduce import reproduce as run

    folder = data or data_folder()
    tables = run(folder, only, strategy=strategy, progress=not quiet)
    for table in tables:
        print(table, end="\n\n")
    if absent := download_list(tables):
        print(f"What is missing, to be put below {folder}:\n\n{absent}")
    if out:
        print(f"{out}: {', '.join(path.name for path in write_tables(tables, out))}")
    if any(table.failed for table in tables):
        sys.exit(1)
