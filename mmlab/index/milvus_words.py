"""How an index and Milvus understand each other: names of fields, filters, a clip's columns."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from urllib.parse import unquote

import numpy as np
import pandas as pd

from mmlab.selection import wanted_values

ESCAPES = str.maketrans({"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t"})
UNNAMEABLE = str.maketrans({one: f"%{ord(one):02X}" for one in "%\"'\\[]\n\r\t"})
"""What Milvus does not take in a key; `urllib.parse.unquote` reads it back."""

NEVER = "position < 0"


def field_of(combination: str) -> str:
    """The vector field of a combination; vector_video_and_audio_late of "video+audio late"."""
    return "vector_" + re.sub(r"\W", "_", combination.replace("+", "_and_"))


def flag_of(combination: str) -> str:
    """The field that says whether a clip has something of a combination."""
    return field_of(combination).replace("vector_", "has_", 1)


def stored_columns(clips: Mapping[str, Any]) -> dict[str, Any]:
    """A clip's columns but its clip_id, as Milvus holds them.

    Raises:
        ValueError: one holds something that is no text, number or truth.
    """
    return {_key(name): _plain(name, one) for name, one in clips.items() if name != "clip_id"}


def read_columns(clip_id: str, stored: Mapping[str, Any]) -> dict[str, Any]:
    """A clip's columns from what `stored_columns` made of them."""
    return {"clip_id": clip_id, **{unquote(key): value for key, value in stored.items()}}


def _key(column: str) -> str:
    return column.translate(UNNAMEABLE)


def _plain(column: str, value: Any) -> str | float | bool | None:
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or value is pd.NA or value != value:  # NaN
        return None
    if isinstance(value, (str, bool, int)) or (isinstance(value, float) and math.isfinite(value)):
        return value
    raise ValueError(
        f"{column}: holds {value!r}, and Milvus is given text, finite numbers and truth; write "
        "it as text or leave it out"
    )


def condition(where: Mapping[str, Any], columns: Sequence[str]) -> list[str]:
    """The filters that must all hold.

    Raises:
        ValueError: no such column.
    """
    check_columns(where, columns)
    return [_among(column, wanted_values(wanted)) for column, wanted in where.items()]


def check_columns(wanted: Iterable[str], columns: Sequence[str]) -> None:
    """Raise a ValueError if one is not there."""
    if absent := [one for one in wanted if one not in columns]:
        raise ValueError(f"no column {absent[0]!r}; there are {', '.join(columns)}")


def _among(column: str, wanted: Sequence[Any]) -> str:
    return _either([_equals(column, _plain(column, one)) for one in wanted] or [NEVER])


def _either(parts: Sequence[str]) -> str:
    """In halves of halves: Milvus reads a filter by recursion."""
    half = len(parts) // 2
    return f"({_either(parts[:half])} or {_either(parts[half:])})" if half else parts[0]


def _equals(column: str, value: str | float | bool | None) -> str:
    place = "clip_id" if column == "clip_id" else f'columns["{_key(column)}"]'
    if isinstance(value, str):
        return f'{place} == "{value.translate(ESCAPES)}"'
    if column == "clip_id":
        return NEVER  # every clip has one, and it is a text
    if value is None:
        return f"{place} is null"
    return f"{place} == {str(value).lower()}"  # True is true there
