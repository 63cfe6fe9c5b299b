"""Times as people write them: 62.5, 1:02.5, 00:01:02,500."""

from __future__ import annotations

import math
import re

import pandas as pd

from mmlab.readers.plain import plain_text

CLOCK = r"(?:(?:\d+:)?\d+:)?\d+(?:[.,]\d+)?"
"""Matches hours and minutes (both optional) and seconds, with a comma or a dot."""


def seconds_of(written: object) -> float:
    """Seconds, from a number or a clock time; NaN where it is neither, or not finite.

    Minutes and seconds behind a colon must be below 60, since 1:75 is more likely a mistake.
    """
    text = (plain_text(written) or "").strip()
    try:
        seconds = float(text)
    except ValueError:
        seconds = _clock_seconds(text)
    return seconds if math.isfinite(seconds) else math.nan


def _clock_seconds(text: str) -> float:
    if not re.fullmatch(CLOCK, text):
        return math.nan
    parts = [float(part) for part in text.replace(",", ".").split(":")]
    if any(part >= 60 for part in parts[1:]):
        return math.nan
    return sum(part * 60**power for power, part in enumerate(reversed(parts)))


def seconds_column(column: pd.Series) -> pd.Series:
    """A column of such times as float seconds, NaN where one is not a time."""
    if pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column):
        seconds = column.astype(float)
        return seconds.where(seconds.abs() != math.inf)
    if pd.api.types.is_timedelta64_dtype(column):
        return column.dt.total_seconds()
    return column.map(seconds_of).astype(float)
