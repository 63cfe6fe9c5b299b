"""A selection kept as a file: a table, or the clips' ids alone."""

from __future__ import annotations

import io
from pathlib import Path

import pandas as pd

from mmlab.files import write_atomically

KINDS = (".csv", ".parquet", ".txt")


def keep_rows(rows: pd.DataFrame, path: Path | str) -> Path:
    """Write rows of a map's table, whole or not at all.

    Args:
        rows: with a column clip_id.
        path: .csv or .parquet with all columns; .txt with one clip_id per line, each once.

    Returns:
        The path.

    Raises:
        ValueError: another suffix.
    """
    target = Path(path)
    if target.suffix not in KINDS:
        raise ValueError(f"{target.name}: a selection is kept as {', '.join(KINDS)}")
    target.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(target, _as_bytes(rows, target.suffix))
    return target


def free_path(stem: str, suffix: str) -> Path:
    """The first of "stem-1.csv", "stem-2.csv", … in the working folder that is not there yet."""
    number = 1
    while (path := Path(f"{stem}-{number}{suffix}")).exists():
        number += 1
    return path


def _as_bytes(rows: pd.DataFrame, suffix: str) -> bytes:
    if suffix == ".txt":
        return "".join(f"{clip_id}\n" for clip_id in rows["clip_id"].unique()).encode()
    if suffix == ".csv":
        return rows.to_csv(index=False).encode()
    buffer = io.BytesIO()
    rows.to_parquet(buffer, index=False)
    return buffer.getvalue()
