"""The map standing still: the same points, each group named where it lies."""

from __future__ import annotations

import matplotlib
import numpy as np
import pandas as pd
from matplotlib import patheffects
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from mmlab.views.static import Picture
from mmlab.views.theme import DRAWING, category_colours, shape_number

MARKERS = ("o", "D", "s", "^", "X", "P", "*")
MOST_LABELS = 24


@matplotlib.rc_context(DRAWING)
def map_picture(
    points: np.ndarray, values: pd.Series, column: str, *, shapes: pd.Series | None = None
) -> Picture:
    """Points coloured by a column, with each value's name at the middle of its points.

    Args:
        points: (n, 2).
        values: n strings, the column that colours.
        column: its name.
        shapes: n strings that choose each point's shape, if any.
    """
    figure = Figure(figsize=(9.2, 7.0))
    named_in_place = _gathered(points, values)
    axes = figure.add_axes((0.02, 0.02, 0.96 if named_in_place else 0.78, 0.9))
    axes.set_axis_off()
    axes.set_aspect("equal", adjustable="datalim")
    different = in_order(values)
    colours = category_colours(different)
    look = pd.DataFrame({"colour": values.map(colours), "shape": point_shapes(values, shapes)})
    area = float(np.clip(24000 / max(len(points), 1), 8, 60))
    for (colour, shape), rows in look.reset_index().groupby(["colour", "shape"]).groups.items():
        x, y = points[rows].T
        marker = MARKERS[shape % len(MARKERS)]
        axes.scatter(x, y, s=area, color=colour, marker=marker, alpha=0.7, linewidths=0)
    if named_in_place:
        _name_groups(axes, points, values, colours)
    else:
        handles = [_legend_mark(number, value, colours) for number, value in enumerate(different)]
        axes.legend(handles=handles[:MOST_LABELS], loc="upper left", bbox_to_anchor=(1, 1))
    title = f"{len(points):,} points, coloured by {column}"
    figure.text(0.02, 0.965, title, fontweight="bold", fontsize=14)
    shown = ", ".join(different[:8]) + (" and others" if len(different) > 8 else "")
    return Picture(figure, f"A map of {title}: {shown}.")


def in_order(values: pd.Series) -> list[str]:
    """The different values: combinations as they come, anything else sorted."""
    different = list(dict.fromkeys(values))
    return different if values.name == "combination" else sorted(different)


def point_shapes(values: pd.Series, shapes: pd.Series | None = None) -> list[int]:
    """The number of each point's marker shape.

    Args:
        values: n strings, the column that colours; decides if `shapes` is None.
        shapes: n strings of a column of its own.
    """
    if shapes is not None:
        places = {value: place for place, value in enumerate(in_order(shapes))}
        return [places[value] for value in shapes]
    numbers = {value: shape_number(value, place) for place, value in enumerate(in_order(values))}
    return [numbers[value] for value in values]


def _gathered(points: np.ndarray, values: pd.Series) -> bool:
    """Whether the groups lie together enough for a name in place to be true."""
    middles = pd.DataFrame(points).groupby(values.to_numpy()).transform("median").to_numpy()
    own = np.median(np.linalg.norm(points - middles, axis=1))
    whole = np.median(np.linalg.norm(points - np.median(points, axis=0), axis=1))
    return bool(values.nunique() <= MOST_LABELS and own <= 0.6 * whole)


def _legend_mark(number: int, value: str, colours: dict[str, str]) -> Line2D:
    marker = MARKERS[shape_number(value, number) % len(MARKERS)]
    return Line2D([], [], color=colours[value], marker=marker, linestyle="", label=value)


def _name_groups(
    axes: Axes, points: np.ndarray, values: pd.Series, colours: dict[str, str]
) -> None:
    """Write each name above the closer half of its group, higher where it would cover another."""
    height = np.ptp(points[:, 1]) * 0.045 or 1.0
    width = np.ptp(points[:, 0]) * 0.16 or 1.0
    taken: list[np.ndarray] = []
    for value, colour in colours.items():
        members = points[(values == value).to_numpy()]
        middle = np.median(members, axis=0)
        distances = np.linalg.norm(members - middle, axis=1)
        core = members[distances.argmin()]
        closer = members[np.linalg.norm(members - core, axis=1).argsort()[: len(members) // 2 + 1]]
        place = np.array([core[0], closer[:, 1].max() + height / 4])
        while any(
            abs(place - other)[1] < height and abs(place - other)[0] < width for other in taken
        ):
            place[1] += height
        taken.append(place)
        name = axes.text(
            place[0], place[1], value, ha="center", va="bottom", fontsize=12, fontweight="bold",
            color=_darker(colour)
        )  # fmt: skip
        name.set_path_effects([patheffects.withStroke(linewidth=4, foreground="white")])


def _darker(colour: str) -> tuple[float, ...]:
    return tuple(0.72 * part for part in matplotlib.colors.to_rgb(colour))
