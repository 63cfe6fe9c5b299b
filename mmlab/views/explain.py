"""What explains the model: which tokens meet, what its parts weigh, vectors in the plane."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from matplotlib.patches import Circle, FancyBboxPatch, Rectangle

from mmlab.model import FusionModel
from mmlab.model.summary import parameter_table
from mmlab.types import Combination, Modality, all_combinations, combination_name
from mmlab.views.static import Picture
from mmlab.views.theme import DRAWING, FAINT, FUSED, MUTED, category_colours, colour_of

if TYPE_CHECKING:
    from pandas.io.formats.style import Styler

ROW = 1.5
"""Height of a row; the unit of every length here is the width of a token."""

SIZES = ["shape", "parameters", "share"]

ARROW: dict[str, Any] = {"arrowstyle": "->", "color": MUTED, "linewidth": 1.2}


@dataclass(frozen=True)
class Lane:
    """The columns of one modality.

    Attributes:
        start: left end of its first token.
        tokens: how many it has.
        mean: left end of the square that stands for their mean.
        colour: of all of them.
    """

    start: float
    tokens: int
    mean: float
    colour: str

    @property
    def end(self) -> float:
        """Right end of the last token."""
        return self.start + self.tokens


@matplotlib.rc_context(DRAWING)
def fusion_picture(tokens: Mapping[Modality, int], *, title: str) -> Picture:
    """One row per combination: its tokens, their mean for each modality, and its one vector.

    Args:
        tokens: how many tokens a clip has of each modality.
        title: stands above.
    """
    combinations, lanes = all_combinations(list(tokens)), _lanes(tokens)
    left = -1.0 - 0.42 * len(combination_name(tuple(tokens)))
    right = max(lane.mean for lane in lanes.values()) + 5.5
    figure = Figure(figsize=(10.5, 0.5 + 10.3 * (ROW * len(combinations) + 1.2) / (right - left)))
    axes = figure.add_axes((0.01, 0, 0.98, 1 - 0.5 / figure.get_figheight()))
    axes.set(xlim=(left, right), ylim=(ROW * len(combinations), -1.2), aspect="equal")
    axes.set_axis_off()
    figure.text(
        0.012, 1 - 0.1 / figure.get_figheight(), title, va="top", fontsize=13, weight="bold"
    )
    _name_columns(axes, lanes, right)
    for place, names in enumerate(combinations):
        _draw_combination(axes, names, lanes, right, ROW * (place + 0.5))
    told = ", ".join(f"{count} of {name}" for name, count in tokens.items())
    return Picture(
        figure,
        f"{title}: {len(combinations)} rows of a clip's tokens ({told}). In each row all tokens "
        "look at each other, each modality's are averaged, and one vector comes out.",
    )


def _lanes(tokens: Mapping[Modality, int]) -> dict[Modality, Lane]:
    colours, lanes, start = category_colours(list(tokens)), {}, 0.0
    first_mean = sum(tokens.values()) + len(tokens) + 1.4
    for place, (name, count) in enumerate(tokens.items()):
        lanes[name] = Lane(start, count, first_mean + 1.6 * place, colours[name])
        start += count + 1
    return lanes


def _name_columns(axes: Axes, lanes: Mapping[Modality, Lane], right: float) -> None:
    first = next(iter(lanes.values()))
    axes.text(-0.6, -0.5, "tokens", color=MUTED, ha="right")
    for name, lane in lanes.items():
        axes.text(lane.start, -0.5, f"{lane.tokens} {name}", color=lane.colour, weight="bold")
    axes.text(first.mean, -0.5, "means", color=MUTED)
    axes.text(right - 1.5, -0.5, "vector", color=MUTED, ha="center")


def _draw_combination(
    axes: Axes, names: Combination, lanes: Mapping[Modality, Lane], right: float, row: float
) -> None:
    whole = lanes[names[0]].colour if len(names) == 1 else colour_of(names)
    axes.text(-0.6, row, combination_name(names), ha="right", va="center")
    corner, end = (lanes[names[0]].start, row - 0.42), lanes[names[-1]].end
    look: dict[str, Any] = {"facecolor": to_rgba(whole, 0.22), "edgecolor": to_rgba(whole, 0.8)}
    axes.add_patch(FancyBboxPatch(corner, end - corner[0], 0.84, "round,pad=0.12", **look))
    for name, lane in lanes.items():
        size, colour = (0.76, lane.colour) if name in names else (0.2, FAINT)
        for token in range(lane.tokens):
            _square(axes, lane.start + token + 0.5, row, size, colour)
        if name in names:
            _square(axes, lane.mean + 0.5, row, 1.0, lane.colour)
    ends = [(max(lane.end for lane in lanes.values()), 1.2), (right - 3.7, 1.4)]
    for start, length in ends:
        axes.annotate("", (start + length, row), (start + 0.3, row), arrowprops=ARROW)
    axes.add_patch(Circle((right - 1.5, row), 0.5, color=whole))


def _square(axes: Axes, middle: float, row: float, size: float, colour: str) -> None:
    corner = (middle - size / 2, row - size / 2)
    axes.add_patch(Rectangle(corner, size, size, color=colour, linewidth=0))


def parts_table(models: Mapping[str, FusionModel]) -> Styler:
    """The parts of several models side by side, as `parameter_table` gives them, and the totals.

    Args:
        models: by the name that stands above; they may be on the device "meta".
    """
    tables = {name: parameter_table(model) for name, model in models.items()}
    longest_first = dict(sorted(tables.items(), key=lambda item: -len(item[1])))
    table = pd.concat(longest_first, axis=1)
    does = table.xs("what it does", axis=1, level=1).apply(_different_words, axis=1)
    sizes = table.loc[:, [(name, column) for name in tables for column in SIZES]]
    sizes.insert(0, ("", "what it does"), does)
    parameters, shares = ([(name, column) for name in tables] for column in SIZES[1:])
    parts = sizes.index
    for name, own in tables.items():
        columns = [(name, "parameters"), (name, "share")]
        sizes.loc["total", columns] = [own["parameters"].sum(), own["share"].sum()]
    return (
        sizes.rename_axis(None)
        .style.format(lambda count: f"{count:,.0f}" if count > 0 else "–", subset=parameters)
        .format(lambda share: f"{share:.1%}" if share > 0 else "–", subset=shares)
        .format(na_rep="", subset=[one for one in sizes if one not in parameters + shares])
        .bar(subset=(parts, shares), color=f"{FUSED}50", vmin=0, vmax=table[shares].max(axis=None))
        .set_table_styles(
            [{"selector": cell, "props": "white-space: nowrap"} for cell in ("th", "td")]
            + [{"selector": ".col0", "props": "text-align: left"}]
        )
    )


def _different_words(row: pd.Series) -> str:
    return " / ".join(row.dropna().drop_duplicates())


@matplotlib.rc_context(DRAWING)
def circle_picture(vectors: Mapping[Modality, np.ndarray], *, title: str) -> Picture:
    """Unit vectors of an example small enough to draw, each named by its modality and number.

    Args:
        vectors: (items, 2) for each modality; a row of zeros is a missing one and left out.
        title: stands above.
    """
    figure = Figure(figsize=(4.6, 4.2))
    axes = figure.add_axes((0, 0, 1, 0.92))
    axes.set(aspect="equal", xlim=(-1.45, 1.45), ylim=(-1.15, 1.25))
    axes.set_axis_off()
    figure.text(0.02, 0.98, title, va="top", fontsize=13, weight="bold")
    axes.add_patch(Circle((0, 0), 1, fill=False, color=FAINT))
    colours, told = category_colours(list(vectors)), []
    for name, rows in vectors.items():
        for number, (x, y) in enumerate(rows, start=1):
            if x or y:
                axes.plot([0, x], [0, y], color=colours[name], marker="o", markevery=[1])
                axes.text(1.24 * x, 1.12 * y, f"{name} {number}", ha="center", va="center")
                told.append(f"{name} {number} at ({x:g}, {y:g})")
    return Picture(figure, f"{title}: {', '.join(told)}.")
