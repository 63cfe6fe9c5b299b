"""The modality gap as small multiples: one row per pair of combinations, one panel per figure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import matplotlib
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from mmlab.space.gap import CHANCE, modality_gap
from mmlab.space.points import EmbeddingSpace
from mmlab.views.counted import counted
from mmlab.views.static import Picture
from mmlab.views.theme import DRAWING, FAINT, FUSED, INK, MUTED, colour_of

RECALLS = ("R@1", "R@10")
PANELS = ("centroid distance", "alignment", "uniformity", "separability", *RECALLS)

PERCENT = ("separability", *RECALLS)
"""From 0 to 100; what is no percent begins at its own ends."""

HINTS = {
    "centroid distance": "0: no gap",
    "alignment": "small: pairs are close",
    "uniformity": "low: spread out",
    "separability": "%, dotted: chance",
    "R@1": "%",
    "R@10": "%",
}
KEY = "R@1, R@10: ○ before, ● after centring; small: 95 % interval of the change"


@matplotlib.rc_context(DRAWING)
def gap_panel(
    source: EmbeddingSpace | pd.DataFrame, pairs: Sequence[tuple[str, str]] | None = None
) -> Picture:
    """How far each two combinations lie apart, and what taking their means away does to recall.

    Args:
        source: a space, or the table that `modality_gap` made of one.
        pairs: of combinations of the space, by default every two; a table shows all of its rows.

    Raises:
        ValueError: a combination that the space does not have.
    """
    table = source if isinstance(source, pd.DataFrame) else modality_gap(source, pairs)
    made_of = f"Made of {table.attrs['made_of']}" if "made_of" in table.attrs else ""
    height = 1.75 + 0.4 * max(len(table), 1)
    figure = Figure(figsize=(13, height))
    figure.text(0.012, 1 - 0.12 / height, "The modality gap", va="top", fontsize=14, weight="bold")
    figure.text(0.99, 1 - 0.14 / height, KEY, va="top", ha="right", fontsize=10, color=INK)
    known = table[table["clips"] > 0]
    if known.empty:
        said = "No two combinations share a clip: there is no gap to measure."
        figure.text(0.012, 0.5, said)
        return Picture(figure, said, made_of)
    panels = figure.subplots(1, len(PANELS), sharey=True)
    edges = {"bottom": 0.72 / height, "top": 1 - 0.85 / height}
    figure.subplots_adjust(left=0.185, right=0.935, wspace=0.9, **edges)
    for axes, name in zip(panels, PANELS, strict=True):
        _panel(axes, name, known)
    _name_rows(panels[0], known)
    return Picture(figure, _sentence(known), made_of)


def _panel(axes: Axes, name: str, table: pd.DataFrame) -> None:
    axes.set_title(name, fontsize=11.5)
    axes.set_xlabel(HINTS[name], fontsize=10, color=INK, loc="left")
    axes.tick_params(left=False, labelsize=9.5)
    axes.spines["left"].set_visible(False)
    axes.hlines(range(len(table)), 0, 1, transform=axes.get_yaxis_transform(), color=FAINT, lw=0.8)
    if name == "separability":
        axes.axvline(CHANCE, color=MUTED, linestyle=":", linewidth=1.4)
    for place, row in enumerate(table.to_dict("records")):
        _draw(axes, name, place, row)
    if name in PERCENT:
        axes.set(xlim=(-7, 107), xticks=(0, 50, 100))
    elif name == "uniformity":
        axes.margins(x=0.12)
        axes.xaxis.set_major_locator(MaxNLocator(2))
    else:
        axes.set_xlim(0, 1.12 * table[name].max() or 1)
        axes.xaxis.set_major_locator(MaxNLocator(2))


def _draw(axes: Axes, name: str, place: int, row: dict[str, float]) -> None:
    if name == "uniformity":
        for side, marker in (("one", "o"), ("other", "D")):
            colour = colour_of(str(row[side]))
            axes.plot(row[f"uniformity {side}"], place, marker, color=colour, markersize=7)
    elif name in RECALLS:
        before, after = row[name], row[f"{name} centred"]
        axes.plot([before, after], [place, place], color=FUSED)
        axes.plot(after, place, "o", color=FUSED, markersize=7)
        axes.plot(before, place, "o", color=INK, markersize=8, fillstyle="none", markeredgewidth=1)
    else:
        axes.plot(row[name], place, "o", color=INK, markersize=7)
    if name in RECALLS:
        _write(axes, place - 0.17, f"{row[name]:.0f} → {row[f'{name} centred']:.0f}")
        _write(axes, place + 0.23, _interval(name, row), fontsize=7.5, color=MUTED)
    elif name != "uniformity":
        _write(axes, place, _number(name, row))


def _write(axes: Axes, place: float, words: str, **look: Any) -> None:
    """To the right of a panel."""
    look = {"fontsize": 9, "va": "center", **look}
    axes.text(1.04, place, words, transform=axes.get_yaxis_transform(), **look)


def _number(name: str, row: dict[str, float]) -> str:
    if pd.isna(row[name]):
        return "–"
    return f"{row[name]:.0f}" if name in PERCENT else f"{row[name]:.2f}"


def _interval(name: str, row: dict[str, float]) -> str:
    return f"{_signed(row[f'{name} change low'])} to {_signed(row[f'{name} change high'])}"


def _signed(points: float) -> str:
    return f"{round(points, 1) + 0.0:+.1f}"  # adding 0 makes -0.0 a 0


def _name_rows(axes: Axes, table: pd.DataFrame) -> None:
    """The names of the pairs; those that share a modality are grey: they lie near by that."""
    axes.set_yticks(
        range(len(table)), [f"● {row.one}  ◆ {row.other}" for row in table.itertuples()]
    )
    axes.set_ylim(len(table) - 0.4, -0.6)
    for label, row in zip(axes.get_yticklabels(), table.itertuples(), strict=True):
        shared = set(str(row.one).split("+")) & set(str(row.other).split("+"))
        label.set(color=MUTED if shared else INK)


def _sentence(table: pd.DataFrame) -> str:
    far = table.loc[table["centroid distance"].idxmax()]
    most = "" if len(table) == 1 else "furthest "
    return (
        f"The modality gap of {counted(len(table), 'pair')} of combinations. The centroids of "
        f"{far['one']} and {far['other']} lie {most}apart ({far['centroid distance']:.2f} of at "
        f"most 2); {_told_apart(table)}; taking each side's mean away {_changed(table)}."
    )


def _told_apart(table: pd.DataFrame) -> str:
    known = [f"{share:.0f}" for share in sorted(table["separability"].dropna())]
    if not known:
        return "too few points to tell the sides apart"
    share = known[0] if known[0] == known[-1] else f"{known[0]} to {known[-1]}"
    return f"a plane tells the sides of {share} % of the points apart (chance {CHANCE:.0f})"


def _changed(table: pd.DataFrame) -> str:
    """What centring does to R@10, most of all in which pair, and how sure that is."""
    change = table["R@10 change"]
    most = table.loc[change.abs().idxmax()].to_dict()
    by, sure = _signed(most["R@10 change"]), f"95 % interval {_interval('R@10', most)}"
    if len(table) == 1:
        return f"changes R@10 by {by} points ({sure})"
    clear = ((table["R@10 change low"] > 0) | (table["R@10 change high"] < 0)).sum()
    return (
        f"changes R@10 by {_signed(change.min())} to {_signed(change.max())} points, most from "
        f"{most['one']} to {most['other']} ({by}, {sure}); the interval leaves out 0 for "
        f"{clear} of {len(table)} pairs"
    )
