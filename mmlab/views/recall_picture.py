"""Recall of every direction between any two combinations, as a square of numbers."""

from __future__ import annotations

import matplotlib
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from mmlab.views.static import Picture
from mmlab.views.theme import DRAWING, FAINT, INK, MUTED

SHADES = LinearSegmentedColormap.from_list("recall", ["#FFFFFF", "#5CC2A2"])
"""Light enough for dark letters to be read on all of it."""

ON_GREY = "#4A4A4A"


@matplotlib.rc_context(DRAWING)
def recall_matrix(table: pd.DataFrame, measure: str = "R@1", *, title: str = "") -> Picture:
    """A row for each combination that asks, a column for each that is asked for.

    The darker, the nearer to the best of the directions whose sides share no modality. The others
    are greyed: there, a clip is found by what it has in common with itself. Below each figure
    stands its 95 % interval, if the table has it.

    Args:
        table: one row for each direction: query, gallery, the measure in percent, its ends as
            `R@1 low` and `R@1 high`, and `shared`, whether the sides share a modality; a
            direction that is not there, or NaN, is left empty.
        measure: the column to show.
        title: stands above; default: what the picture shows.
    """
    names = list(dict.fromkeys([*table["query"], *table["gallery"]]))
    names.sort(key=lambda name: name.count("+"))
    title = title or f"{measure} of every direction, in percent"
    side = 1.35 + 0.98 * len(names)
    figure = Figure(figsize=(side + 0.9, 0.62 * side + 1.1))
    axes = figure.add_axes((0.17, 0.07, 0.81, 0.72))
    _frame(axes, names)
    figure.text(0.012, 0.985, title, va="top", fontsize=14, fontweight="bold")
    marks = "grey: both sides hold the same modality"
    marks += " · small: 95 % interval" if f"{measure} low" in table else ""
    figure.text(0.012, 0.018, marks, color=MUTED, fontsize=10)
    highest = highest_recall(table, measure)
    for row in table.to_dict("records"):
        if pd.notna(row[measure]):
            place = names.index(row["gallery"]), names.index(row["query"])
            _draw_cell(axes, place, row, measure, highest)
    return Picture(figure, _sentence(table, measure, title))


def highest_recall(table: pd.DataFrame, measure: str) -> float:
    """The best of the directions whose sides share nothing; NaN where none was measured."""
    return float(_disjoint(table, measure)[measure].max())


def _frame(axes: Axes, names: list[str]) -> None:
    count = len(names)
    axes.set(xlim=(-0.5, count - 0.5), ylim=(count - 0.5, -0.5))
    axes.set_xticks(range(count), [name.replace("+", "+\n") for name in names])
    axes.set_yticks(range(count), names)
    axes.xaxis.tick_top()
    axes.tick_params(length=0)
    axes.text(-0.62, -0.6, "asks ↓   for →", color=MUTED, ha="right", va="bottom")
    for spine in axes.spines.values():
        spine.set_visible(False)


def _draw_cell(
    axes: Axes, place: tuple[int, int], row: dict[str, float], measure: str, highest: float
) -> None:
    value, shared = row[measure], bool(row.get("shared", False))
    colour = FAINT if shared else SHADES(value / (highest or 1))
    corner = (place[0] - 0.48, place[1] - 0.46)
    axes.add_patch(Rectangle(corner, 0.96, 0.92, color=colour, linewidth=0))
    ink = ON_GREY if shared else INK
    low, high = row.get(f"{measure} low"), row.get(f"{measure} high")
    inside = low is not None and high is not None and pd.notna(low) and pd.notna(high)
    x, y = place[0], place[1] - (0.13 if inside else 0)
    axes.text(x, y, f"{value:.1f}", ha="center", va="center", color=ink, fontweight="bold")
    if inside:
        text = f"{low:.0f} to {high:.0f}"
        axes.text(x, place[1] + 0.24, text, ha="center", va="center", color=ink, fontsize=8)


def _disjoint(table: pd.DataFrame, measure: str) -> pd.DataFrame:
    """The measured directions whose sides share nothing."""
    known = table[table[measure].notna()]
    return known[~known["shared"].astype(bool)] if "shared" in known else known


def _sentence(table: pd.DataFrame, measure: str, title: str) -> str:
    known = _disjoint(table, measure)
    if known.empty:
        return f"{title}: nothing was measured."
    best, worst = known.loc[known[measure].idxmax()], known.loc[known[measure].idxmin()]
    if len(known) == 1:
        direction = f"{best['query']} → {best['gallery']} with {best[measure]:.1f} %"
        return f"{title}. The only direction without a common modality is {direction}."
    return (
        f"{title}. Among {len(known)} directions without a common modality, the best is "
        f"{best['query']} → {best['gallery']} with {best[measure]:.1f} %, the worst "
        f"{worst['query']} → {worst['gallery']} with {worst[measure]:.1f} %."
    )
