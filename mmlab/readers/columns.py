"""The csv files of benchmarks: a header of known names, all values as text."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from mmlab.readers.tables import csv_rows


def read_columns(
    path: Path, needed: Sequence[str]
) -> tuple[pd.DataFrame, list[str], list[tuple[str, str]]]:
    """A csv with a header, all values as text.

    Returns:
        The table, the name of each of its rows, and the lines that do not fit with their reasons.

    Raises:
        OSError: the file cannot be opened.
        ValueError: it is empty or lacks one of the columns `needed`.
    """
    rows, skipped = csv_rows(path)
    header = rows[0][1] if rows else []
    missing = [name for name in needed if header.count(name) != 1]
    if missing:
        raise ValueError(
            f"{path}: has no column (or several) {', '.join(missing)}, found "
            f"{', '.join(header)[:200] or 'nothing'}; get the published file"
        )
    fitting = [row for row in rows[1:] if len(row[1]) == len(header)]
    skipped += [
        (f"{path.name} line {line}", f"has {len(values)} values, the header {len(header)}")
        for line, values in rows[1:]
        if len(values) != len(header)
    ]
    table = pd.DataFrame([values for _, values in fitting], columns=header, dtype=object)
    return table, [f"{path.name} line {line}" for line, _ in fitting], skipped
