"""The map standing still: the same points, each group named where it lies."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import matplotlib
import numpy as np
import pandas as pd
from matplotlib import patheffects
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from matplotlib.lines import Line2D
from matplotlib.text import Text
from matplotlib.transforms import Bbox

from mmlab.space import Layout
from mmlab.views.counted import counted
from mmlab.views.map.canvas import ALL_HIDDEN, EMPTY
from mmlab.views.map.engine import Label
from mmlab.views.map.look import Look
from mmlab.views.static import Picture
from mmlab.views.stills import shorten
from mmlab.views.theme import DRAWING, INK, MUTED

MARKERS = ("o", "D", "s", "^", "X", "P", "*")
PALE = 0.12
STAR_POINTS = 6
"""From a question's place to the edge of its words, which begin or end with the star."""


@dataclass(frozen=True)
class DrawnMap:
    """A map as it is now.

    Attributes:
        layout: of all its points.
        look: their colours and shapes.
        rows: the points that are visible.
        lit: the selected ones; the others are pale, unless there are none.
        groups: x, y and label of the layout's groups, the most important first.
        title: of the map, or "".
        star: where a question lies, with its words.
        why: what the lit points are, such as "selected".
    """

    layout: Layout
    look: Look
    rows: np.ndarray
    lit: np.ndarray
    groups: pd.DataFrame
    title: str = ""
    star: Label | None = None
    why: str = "selected"

    @property
    def heading(self) -> str:
        """Such as "video: 1,492 points, coloured by action"."""
        title = f"{self.title}: " if self.title else ""
        coloured = f", coloured by {self.look.column}" if self.look.palette else ""
        return f"{title}{counted(len(self.rows), 'point')}{coloured}"

    @property
    def categories(self) -> list[int]:
        """The places in the look's palette that visible points have."""
        return np.unique(self.look.codes[self.rows]).tolist()

    @property
    def nothing(self) -> str:
        """Why there is nothing to see, if so."""
        if len(self.rows):
            return ""
        return ALL_HIDDEN if len(self.layout.points) else EMPTY


@matplotlib.rc_context(DRAWING)
def map_picture(maps: Sequence[DrawnMap]) -> Picture:
    """Maps side by side, each with its legend and the line that says what layout it is."""
    figure = Figure(figsize=(9.2, 7.0) if len(maps) == 1 else (6.6 * len(maps), 5.6))
    parts = figure.subfigures(1, len(maps), squeeze=False)[0]
    words = [_draw_map(part, one) for part, one in zip(parts, maps, strict=True)]
    figure.draw_without_rendering()  # only then is known how much room words take
    for of_one_map in words:
        _leave_room(of_one_map)
    return Picture(figure, " ".join(map(_sentence, maps)))


def _draw_map(figure: SubFigure, drawn: DrawnMap) -> list[Text]:
    """Draw all of it; return the words among the points, the most important first."""
    axes = figure.add_axes((0.02, 0.06, 0.74, 0.86))
    axes.set_axis_off()
    axes.set_aspect("equal", adjustable="datalim")
    _draw_points(axes, drawn)
    figure.text(0.39, 0.5, drawn.nothing, ha="center", fontsize=13, color=MUTED)
    _explain(figure, axes, drawn)
    figure.text(0.02, 0.965, drawn.heading, fontweight="bold", fontsize=14)
    caption = textwrap.fill(drawn.layout.caption, 100)
    figure.text(0.02, 0.02, caption, color=MUTED, fontsize=9)
    return list(_draw_words(axes, drawn))


def _draw_points(axes: Axes, drawn: DrawnMap) -> None:
    look, points = drawn.look, drawn.layout.points
    area = float(np.clip(24000 / max(len(drawn.rows), 1), 8, 60))
    kept = pd.DataFrame({"code": look.codes, "shape": look.shapes}).iloc[drawn.rows]
    kept["alpha"] = np.where(np.isin(drawn.rows, drawn.lit) | (not len(drawn.lit)), 0.7, PALE)
    for (code, shape, alpha), rows in kept.groupby(["code", "shape", "alpha"]).groups.items():
        x, y = points[rows].T
        style = {"color": look.palette[code], "marker": MARKERS[shape], "alpha": alpha}
        axes.scatter(x, y, s=area, linewidths=0, **style)


def _draw_words(axes: Axes, drawn: DrawnMap) -> Iterator[Text]:
    """The star with its question, then the groups' names."""
    if drawn.star:
        x, y, words = *drawn.star[:2], shorten(drawn.star.words, 32)
        if x < axes.viewLim.intervalx.mean():  # the words lie where there is room
            yield _written(axes, x, y, f"★ {words}", offset=-STAR_POINTS, size=13, ha="left")
        else:
            yield _written(axes, x, y, f"{words} ★", offset=STAR_POINTS, size=13, ha="right")
    for group in drawn.groups.itertuples():
        yield _written(axes, group.x, group.y, group.label, ha="center")


def _written(
    axes: Axes, x: float, y: float, words: str, *, offset: float = 0, size: int = 11, ha: str
) -> Text:
    place: Any = {"textcoords": "offset points", "ha": ha, "va": "center"}
    style: Any = {"fontsize": size, "fontweight": "bold", "color": INK}
    text = axes.annotate(words, (x, y), (offset, 0), **place, **style)
    text.set_path_effects([patheffects.withStroke(linewidth=3.5, foreground="white")])
    return text


def _leave_room(words: Sequence[Text]) -> None:
    """Take away what would lie over something more important."""
    taken: list[Bbox] = []
    for text in words:
        box = text.get_window_extent()
        if any(box.overlaps(other) for other in taken):
            text.remove()
        else:
            taken.append(box)


def _explain(figure: SubFigure, axes: Axes, drawn: DrawnMap) -> None:
    """The legend of what is visible, or the scale with its two ends."""
    look, shaped = drawn.look, set(drawn.look.shapes[drawn.rows].tolist())
    if look.ends:
        _draw_scale(figure, look)
        return
    handles = [_mark(look.names[n], look.palette[n], look.marks[n]) for n in drawn.categories]
    names = enumerate(look.shape_names)
    shapes = [_mark(name, MUTED, mark) for mark, name in names if mark in shaped]
    axes.legend(handles=handles + shapes, loc="upper left", bbox_to_anchor=(1, 1))


def _draw_scale(figure: SubFigure, look: Look) -> None:
    limits = matplotlib.colors.Normalize(look.low, look.high)
    scale = matplotlib.cm.ScalarMappable(limits, "cividis")
    bar = figure.colorbar(scale, cax=figure.add_axes((0.82, 0.3, 0.025, 0.4)))
    bar.set_label(look.column)
    places = np.linspace(look.low, look.high, 5).tolist()
    first, last = look.ends
    bar.set_ticks(places, labels=[first, *(f"{place:.3g}" for place in places[1:-1]), last])


def _mark(name: str, colour: str, mark: int) -> Line2D:
    words = shorten(name, 28)
    return Line2D([], [], color=colour, marker=MARKERS[mark], linestyle="", label=words)


def _sentence(drawn: DrawnMap) -> str:
    if drawn.nothing:
        return f"A map of {drawn.heading}. {drawn.nothing}"
    names = [] if drawn.look.ends else [drawn.look.names[n] for n in drawn.categories]
    shown = ", ".join(names[:8]) + (" and others" if len(names) > 8 else "")
    shown = shown or "from {} to {}".format(*drawn.look.ends)
    told = [f"A map of {drawn.heading}: {shown}. {drawn.layout.caption}."]
    if len(drawn.groups):
        told.append(f"Groups in it: {', '.join(map(str, drawn.groups['label']))}.")
    if drawn.star:
        told.append(f"The star shows where “{drawn.star.words}” lies.")
    if count := len(drawn.lit):
        told.append(f"{counted(count, 'point')} {'is' if count == 1 else 'are'} {drawn.why}.")
    return " ".join(told)
