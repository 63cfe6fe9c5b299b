"""Which rows of a table have the values that somebody wants."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
import pandas as pd


def rows_where(table: pd.DataFrame, columns: Mapping[str, Any]) -> np.ndarray:
    """The rows whose columns all have a wanted value.

    Args:
        table: n rows.
        columns: for each column a value, or a list of values of which it must have one.

    Returns:
        (n,) bool.

    Raises:
        ValueError: no such column.
    """
    chosen = np.ones(len(table), bool)
    for column, wanted in columns.items():
        if column not in table:
            raise ValueError(f"no column {column!r}; there are {', '.join(table.columns)}")
        chosen &= table[column].isin(wanted_values(wanted)).to_numpy()
    return chosen


def wanted_values(wanted: Any) -> list[Any]:
    """A single value as a list of one, any collection of values as a list."""
    if isinstance(wanted, (Collection, np.ndarray)) and not isinstance(wanted, str):
        return list(wanted)
    return [wanted]
