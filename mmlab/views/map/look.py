"""What the points look like: coloured and shaped by any column of their table."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.colors import to_hex

from mmlab.views.theme import CATEGORIES, colour_of, is_combination

MORE = ("#2E3F99", "#BB2277", "#88DD88", "#884411", "#6633BB", "#77285F", "#006655")
"""Seven further colours, as far as can be from the theme's seven and from each other, also for
colour-blind eyes (found by search in OKLab), and visible on white and on black."""

MOST_COLOURS = len(CATEGORIES + MORE)
"""What is rarer becomes "other"."""

MOST_LOOKS = 3 * len(CATEGORIES)
"""Where shapes are free: the theme's colours in three of them."""

MOST_SHAPES = 7
FEWEST_ON_SCALE = 13
STEPS = 64
OUTLIERS = 2
"""Percent of the numbers below a scale, and as many above: they would leave it no other colours."""

OTHER, NONE = "other", "(none)"
NONE_COLOUR = "#B4B4B4"
GREYS = {OTHER: "#8A8A8A", NONE: NONE_COLOUR}


@dataclass(frozen=True)
class Look:
    """Colour and shape of n points.

    Attributes:
        column: what colours them.
        codes: (n,) int32, each point's place in `palette`.
        palette: "#RRGGBB" of each category, or of each step of a scale.
        names: the categories; empty for a scale.
        counts: points of each category.
        marks: the shape of each category in the legend.
        shapes: (n,) int8, each point's shape, below `MOST_SHAPES`.
        shape_column: what shapes them, if it is a column of its own, else "".
        shape_names: the values of that column, in the order of the shapes.
        low: the number at a scale's first colour.
        high: the number at its last one.
        ends: both in words, such as "≤ 0.012" and "7"; empty without a scale.
    """

    column: str
    codes: np.ndarray
    palette: list[str]
    names: list[str]
    counts: list[int]
    marks: list[int]
    shapes: np.ndarray
    shape_column: str = ""
    shape_names: Sequence[str] = ()
    low: float = 0.0
    high: float = 0.0
    ends: Sequence[str] = ()


def look_of(
    table: pd.DataFrame, colour: str, shape: str | None = None, *, only_dots: bool = False
) -> Look:
    """Colours by one column and shapes by another.

    Few different values are categories, many numbers lie on a scale, many other values are the
    most frequent and "other". No two categories look alike: without a shape column the shapes
    follow the categories, else each has a colour of its own.

    Args:
        table: one row per point.
        colour: a column of it.
        shape: another one, if any.
        only_dots: whether what draws them has no shapes.

    Raises:
        ValueError: the table has no such column.
    """
    values = _column(table, colour)
    shapes_free = shape is None and not only_dots
    look = _scale(values, colour) if _on_scale(values) else _categories(values, shapes_free)
    if shape is None:
        return look
    names, codes = _named(_column(table, shape), MOST_SHAPES)
    changed = {"marks": [0] * len(look.names), "shapes": codes.astype(np.int8)}
    return Look(**{**vars(look), **changed, "shape_column": shape, "shape_names": names})


def telling_columns(table: pd.DataFrame, most: int | None = None) -> list[str]:
    """The columns whose values repeat enough to colour or shape points.

    Args:
        table: one row per point.
        most: columns of at most so many different values; default: also scales, and those with
            up to a third as many values as there are clips.
    """
    clips = table["clip_id"].nunique()
    found = []
    for name in map(str, table.columns):
        count = table[name].astype(str).nunique()
        scale = most is None and _on_scale(table[name])
        if scale or 2 <= count <= (most or max(MOST_LOOKS, clips // 3)):
            found.append(name)
    return found


def _column(table: pd.DataFrame, name: str) -> pd.Series:
    if name not in table:
        raise ValueError(f"the table has no column {name!r}; it has {', '.join(table.columns)}")
    return table[name]


def _on_scale(values: pd.Series) -> bool:
    numbers = pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values)
    return bool(numbers and values.nunique() >= FEWEST_ON_SCALE)


def _scale(values: pd.Series, column: str) -> Look:
    """Steps of cividis, which reads alike for colour-blind eyes; the last colour is for NaN."""
    numbers = values.to_numpy(dtype=np.float64, na_value=np.nan)
    known = np.isfinite(numbers)
    low, high, ends = _limits(numbers[known])
    steps = np.clip((numbers - low) / (high - low), 0, 1) * (STEPS - 1)
    codes = np.where(known, np.nan_to_num(steps).round(), STEPS).astype(np.int32)
    shades = matplotlib.colormaps["cividis"](np.linspace(0, 1, STEPS))
    palette = [*map(to_hex, shades), NONE_COLOUR]
    shapes = np.zeros(len(values), np.int8)
    return Look(column, codes, palette, [], [], [], shapes, low=low, high=high, ends=ends)


def _limits(numbers: np.ndarray) -> tuple[float, float, tuple[str, str]]:
    """Where a scale begins and ends, in words too; all of it where most numbers are the same."""
    least, low, high, most = np.percentile(numbers, [0, OUTLIERS, 100 - OUTLIERS, 100]).tolist()
    if low == high:
        low, high = least, most
    first = f"{'≤ ' * (least < low)}{low:.3g}"
    return low, high, (first, f"{'≥ ' * (most > high)}{high:.3g}")


def _categories(values: pd.Series, shapes_free: bool) -> Look:
    names, codes = _named(values, MOST_LOOKS if shapes_free else MOST_COLOURS)
    palette, marks = _colours_and_marks([name for name in names if name not in GREYS])
    grey = [name for name in names if name in GREYS]  # they are the last
    palette, marks = palette + [GREYS[name] for name in grey], marks + [0] * len(grey)
    counts = np.bincount(codes, minlength=len(names)).tolist()
    shapes = np.array(marks, np.int8)[codes]
    return Look(str(values.name), codes, palette, names, counts, marks, shapes)


def _colours_and_marks(names: list[str]) -> tuple[list[str], list[int]]:
    """A pair for each category that no other has; combinations have theirs in every view."""
    fixed = [colour_of(name) for name in names if is_combination(name)]
    if len(names) == len(set(fixed)):
        return fixed, [name.count("+") for name in names]
    colours = CATEGORIES if len(names) > MOST_COLOURS else CATEGORIES + MORE
    places = range(len(names))
    marks = [place // len(CATEGORIES) for place in places]
    return [colours[place % len(colours)] for place in places], marks


def _named(values: pd.Series, most: int) -> tuple[list[str], np.ndarray]:
    """The categories' names in order and each value's place among them."""
    words = values.astype(str).where(values.notna(), NONE)
    counts = words.value_counts()
    names = list(counts.index) if len(counts) <= most else [*counts.index[: most - 1], OTHER]
    names = sorted(set(names), key=_order(values, list(dict.fromkeys(words))))
    places = {name: place for place, name in enumerate(names)}
    codes = words.map(places).fillna(places.get(OTHER, 0))
    return names, codes.to_numpy(dtype=np.int32)


def _order(values: pd.Series, as_they_come: list[str]) -> Callable[[str], tuple[bool, float, str]]:
    """Combinations as they come, numbers by size, anything else by name; "other" last."""
    places = {name: float(place) for place, name in enumerate(as_they_come)}
    numeric = pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values)

    def key(name: str) -> tuple[bool, float, str]:
        if name in GREYS:
            return True, 0.0, name
        if values.name == "combination":
            return False, places[name], name
        return False, float(name) if numeric else 0.0, name

    return key
