"""Plain charts: recall beside what is possible and what is chance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator

from mmlab.views.static import Picture
from mmlab.views.theme import DRAWING, FAINT, INK, MUTED, colour_of


@matplotlib.rc_context(DRAWING)
def recall_chart(
    scores: pd.DataFrame,
    *,
    ceilings: pd.DataFrame | None = None,
    clips: int | None = None,
    cutoffs: Sequence[int] = (1, 5, 10),
    title: str = "Recall on clips the model has never seen",
) -> Picture:
    """Recall of each direction as bars with intervals, beside the ceiling and chance.

    Args:
        scores: one row per direction as `Retriever.evaluate` gives it: query, gallery, and for
            each cutoff K the percents `R@K`, `R@K low`, `R@K high` (the interval may be missing).
        ceilings: percents `R@K` that an ideal observer reaches, with columns query and gallery.
        clips: size of the gallery, for the line of chance (K of so many).
        cutoffs: the K to show, one panel each.
        title: stands above the chart.
    """
    names = [f"{row.query} → {row.gallery}" for row in scores.itertuples()]
    height = 1.9 + 0.5 * len(names)
    figure = Figure(figsize=(10.5, height))
    panels = figure.subplots(1, len(cutoffs), sharey=True, squeeze=False)[0]
    edges = {"bottom": 0.62 / height, "top": 1 - 0.78 / height}
    figure.subplots_adjust(left=0.235, right=0.955, wspace=0.24, **edges)
    best = _ceiling_by_direction(ceilings)
    for axes, cutoff in zip(panels, cutoffs, strict=True):
        chance = 100 * min(cutoff / clips, 1) if clips else None
        _recall_panel(axes, scores, f"R@{cutoff}", best, chance)
    panels[0].set_yticks(range(len(names)), names)
    panels[0].set_ylim(len(names) - 0.4, -0.6)
    figure.text(0.012, 1 - 0.1 / height, title, va="top", fontsize=14, fontweight="bold")
    marks = ["line: 95 % interval"]
    marks += ["pale: what an ideal observer reaches"] if best else []
    marks += ["dotted: chance"] if clips else []
    figure.text(0.012, 0.08 / height, " · ".join(marks), color=MUTED, fontsize=10)
    return Picture(figure, _recall_sentence(names, scores, f"R@{cutoffs[0]}", title))


def _recall_panel(
    axes: Axes,
    scores: pd.DataFrame,
    metric: str,
    ceilings: Mapping[tuple[str, str], pd.Series],
    chance: float | None,
) -> None:
    axes.set(title=f"{metric} (%)", xlim=(0, 100))
    axes.xaxis.set_major_locator(FixedLocator([0, 50, 100]))
    axes.tick_params(left=False)
    axes.spines["left"].set_visible(False)
    axes.grid(axis="x", color=FAINT, linewidth=0.8)
    axes.set_axisbelow(True)
    if chance is not None:
        axes.axvline(chance, color=MUTED, linestyle=":", linewidth=1.4)
    for place, row in enumerate(scores.to_dict("records")):
        value, colour = row[metric], colour_of(row["gallery"])
        best = ceilings.get((row["query"], row["gallery"]))
        if best is not None:
            axes.barh(place, best[metric], height=0.62, color=colour, alpha=0.22)
        axes.barh(place, value, height=0.62, color=colour)
        low, high = row.get(f"{metric} low", value), row.get(f"{metric} high", value)
        axes.plot([low, high], [place, place], color=INK, linewidth=1.6)
        end = axes.get_yaxis_transform()
        axes.text(1.03, place, f"{value:.0f}", transform=end, va="center", fontweight="bold")


def _ceiling_by_direction(ceilings: pd.DataFrame | None) -> dict[tuple[str, str], pd.Series]:
    if ceilings is None:
        return {}
    rows = ceilings.reset_index()
    return {(row["query"], row["gallery"]): row for _, row in rows.iterrows()}


def _recall_sentence(names: list[str], scores: pd.DataFrame, metric: str, title: str) -> str:
    told = [f"{name} {value:.0f} %" for name, value in zip(names, scores[metric], strict=True)]
    return f"{title}. {metric}: {', '.join(told)}."
