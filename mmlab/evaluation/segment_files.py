"""Segments of a video as files: a table, a list of objects, or WebVTT for any player."""

from __future__ import annotations

import json
from html import escape
from pathlib import Path

import pandas as pd

from mmlab.files import write_atomically

KINDS = {".json": "application/json", ".csv": "text/csv", ".vtt": "text/vtt"}
"""By its ending, what a file is called on the web."""

DECIMALS = 6
"""Of seconds and scores in tables and objects alike."""


def save_segments(segments: pd.DataFrame, path: Path | str, *, about: str = "") -> Path:
    """Write segments, whole or not at all.

    Args:
        segments: with the columns of `mmlab.evaluation.segments.find_segments`.
        path: .json, .csv or .vtt.
        about: what they were made of; a table has no place for it.

    Returns:
        The path.

    Raises:
        ValueError: another ending.
        OSError: for example a full disk; then the file is as it was.
    """
    target = Path(path)
    content = segments_text(segments, target.suffix.lower(), about=about)
    target.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(target, content.encode())
    return target


def segments_text(segments: pd.DataFrame, kind: str, *, about: str = "") -> str:
    """What `save_segments` writes.

    Args:
        segments: as there.
        kind: ".json", ".csv" or ".vtt".
        about: as there.

    Raises:
        ValueError: another kind.
    """
    check_kind(kind)
    if kind == ".csv":
        return segments.round(DECIMALS).to_csv(index=False)
    if kind == ".vtt":
        return _web_vtt(segments, about)
    rows = json.loads(segments.to_json(orient="records", double_precision=DECIMALS))
    return json.dumps({"about": about, "segments": rows}, ensure_ascii=False, indent=1) + "\n"


def check_kind(kind: str) -> None:
    """See that a file's ending is one of `KINDS`.

    Raises:
        ValueError: it is not.
    """
    if kind.lower() not in KINDS:
        raise ValueError(f"segments are kept as {', '.join(KINDS)}, found {kind!r}")


def _web_vtt(segments: pd.DataFrame, about: str) -> str:
    """Cues in the order of their times, as the W3C's WebVTT has them; steps are text."""
    blocks = ["WEBVTT"] + ([f"NOTE {_one_line(about)}"] if about else [])
    ordered = segments.sort_values(["start_seconds", "end_seconds"], kind="stable")
    for number, row in enumerate(ordered.itertuples(), 1):
        start = round(1000 * row.start_seconds)
        end = max(round(1000 * row.end_seconds), start + 1)  # a cue ends after its start
        times = f"{timestamp(start)} --> {timestamp(end)}"
        blocks.append(f"{number}\n{times}\n{_one_line(row.step)}")
    return "\n\n".join(blocks) + "\n"


def _one_line(text: str) -> str:
    return escape(" ".join(str(text).split()), quote=False)


def timestamp(milliseconds: int) -> str:
    """As WebVTT writes times, with hours: 01:02:03.456."""
    seconds, rest = divmod(milliseconds, 1000)
    minutes, second = divmod(seconds, 60)
    return f"{minutes // 60:02d}:{minutes % 60:02d}:{second:02d}.{rest:03d}"
