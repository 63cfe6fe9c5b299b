"""Answers as Python lists and as files."""

from __future__ import annotations

import base64
import json
from html import escape
from pathlib import Path
from typing import Any

import pandas as pd

from mmlab.evaluation.segment_files import KINDS as SEGMENT_KINDS
from mmlab.files import write_atomically
from mmlab.views.map.keeping import keep_rows

KINDS = (".csv", ".json")


def as_list(rows: pd.DataFrame) -> list[dict[str, Any]]:
    """One dict for each row, of plain Python values; what is missing is None."""
    return json.loads(rows.to_json(orient="records", date_format="iso", default_handler=str))


def save_answers(rows: pd.DataFrame, path: Path | str) -> Path:
    """Write answers to a file, whole or not at all.

    Args:
        rows: with a column clip_id.
        path: .csv, or .json for a list of objects.

    Returns:
        The path.

    Raises:
        ValueError: another suffix.
        OSError: for example a full disk; then the file is as it was.
    """
    target = Path(path)
    if target.suffix not in KINDS:
        raise ValueError(f"{target.name}: answers are kept as {' or '.join(KINDS)}")
    if target.suffix == ".csv":
        return keep_rows(rows, target)
    target.parent.mkdir(parents=True, exist_ok=True)
    content = json.dumps(as_list(rows), ensure_ascii=False, indent=1)
    write_atomically(target, f"{content}\n".encode())
    return target


def download_link(path: Path) -> str:
    """HTML with the file's content in it, for a reader whose browser is on another machine."""
    content = base64.b64encode(path.read_bytes()).decode()
    name = escape(path.name, quote=True)
    address = f"data:{SEGMENT_KINDS[path.suffix]};base64,{content}"
    return f'<a class="mmlab-download" download="{name}" href="{address}">Download {name}</a>'
