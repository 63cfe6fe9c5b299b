"""Plain charts: the loss while it falls, and recall beside what is possible and what is chance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib
import pandas as pd
from IPython.display import DisplayHandle, display
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, MaxNLocator

from mmlab.views.static import MimeBundle, Picture
from mmlab.views.theme import DRAWING, FAINT, INK, MUTED, TRUTH, category_colours, colour_of

LABEL_GAP = 0.055
"""Least distance between two lines' labels, as a share of the axis."""

Look = dict[str, Any]
"""How matplotlib draws a line."""

DASHES: Look = {"linestyle": (0, (3, 3)), "dash_capstyle": "butt"}
BLIND = "blind guess"
BLIND_LOOK: Look = {"color": MUTED, "linewidth": 1.4, "linestyle": ":"}


class LossCurve:
    """The loss and its terms while a model trains, redrawn in place.

    The last picture stays in the notebook, exported or not; no widget is involved.

    Example:
        >>> curve = LossCurve(blind_guess=2 * math.log(config.batch_clips))
        >>> curve.show()
        >>> train(..., on_epoch=curve.update)
    """

    def __init__(
        self,
        title: str = "Loss, term by term",
        unit: str = "epoch",
        *,
        blind_guess: float | None = None,
    ) -> None:
        """Start without a point.

        Args:
            title: stands above the chart.
            unit: of the steps.
            blind_guess: loss of a model that knows nothing, drawn as a dotted line: of B clips
                2 ln B.
        """
        self.title = title
        self.unit = unit
        self.blind_guess = blind_guess
        self.steps: list[float] = []
        self.terms: dict[str, list[float]] = {}
        self._handle: DisplayHandle | None = None

    def show(self) -> None:
        """Put the picture into this cell's output, to be redrawn by every `update`."""
        self._handle = display(self, display_id=True)

    def update(self, step: float, terms: Mapping[str, float]) -> None:
        """Add one point to each line.

        Args:
            step: the epoch or step that the values belong to.
            terms: value of each term, named "text | video+audio" or as you like; "total" is
                drawn heavier. A term that comes later starts later.
        """
        for name in terms:
            self.terms.setdefault(name, [float("nan")] * len(self.steps))
        self.steps.append(step)
        for name, values in self.terms.items():
            values.append(float(terms.get(name, float("nan"))))
        if self._handle is not None:
            self._handle.update(self)

    def still(self) -> Picture:
        """The curve so far."""
        return loss_picture(
            self.steps,
            self.terms,
            title=self.title,
            unit=self.unit,
            blind_guess=self.blind_guess,
        )

    def _repr_mimebundle_(self, **_: Any) -> MimeBundle:
        return self.still()._repr_mimebundle_()


@matplotlib.rc_context(DRAWING)
def loss_picture(
    steps: Sequence[float],
    terms: Mapping[str, Sequence[float]],
    *,
    title: str,
    unit: str = "epoch",
    blind_guess: float | None = None,
) -> Picture:
    """One line per term, each named at its right end.

    A term "text | video+audio" is dashed in the colours of its two sides.

    Args:
        steps: where the points lie, in `unit`.
        terms: the values of each term, as many as steps; NaN leaves a gap.
        title: stands above the chart.
        unit: of the horizontal axis.
        blind_guess: height of a dotted line.
    """
    figure = Figure(figsize=(8.4, 4.2))
    axes = figure.add_axes((0.08, 0.14, 0.64, 0.72))
    axes.set(title=title, xlabel=unit)
    axes.grid(axis="y", color=FAINT, linewidth=0.8)
    axes.set_axisbelow(True)
    if not steps:
        axes.text(0.5, 0.5, "nothing measured yet", transform=axes.transAxes, ha="center")
        return Picture(figure, f"{title}: nothing measured yet.")
    looks = _looks(list(terms))
    for name, values in terms.items():
        axes.plot(steps, values, marker=_dot(steps), **looks[name])
    ends = {name: _last(values) for name, values in terms.items()}
    if blind_guess is not None:
        axes.axhline(blind_guess, **BLIND_LOOK)
        ends, looks = {**ends, BLIND: blind_guess}, {**looks, BLIND: BLIND_LOOK}
    axes.set_xlim(min(steps), max(max(steps), min(steps) + 1))
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    _name_line_ends(axes, ends, looks)
    first, last = _first_and_last(terms["total"]) if "total" in terms else (0.0, 0.0)
    fall = f" The total goes from {first:.2f} to {last:.2f}." if "total" in terms else ""
    guess = "" if blind_guess is None else f" A blind guess costs {blind_guess:.2f}."
    return Picture(figure, f"{title}: {len(terms)} lines over {len(steps)} {unit}s.{fall}{guess}")


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
    figure = Figure(figsize=(10.5, 1.9 + 0.5 * len(names)))
    panels = figure.subplots(1, len(cutoffs), sharey=True, squeeze=False)[0]
    figure.subplots_adjust(left=0.235, right=0.955, wspace=0.24, bottom=0.16, top=0.8)
    best = _ceiling_by_direction(ceilings)
    for axes, cutoff in zip(panels, cutoffs, strict=True):
        chance = 100 * min(cutoff / clips, 1) if clips else None
        _recall_panel(axes, scores, f"R@{cutoff}", best, chance)
    panels[0].set_yticks(range(len(names)), names)
    panels[0].set_ylim(len(names) - 0.4, -0.6)
    figure.text(0.012, 0.975, title, va="top", fontsize=14, fontweight="bold")
    marks = ["line: 95 % interval"]
    marks += ["pale: what an ideal observer reaches"] if best else []
    marks += ["dotted: chance"] if clips else []
    figure.text(0.012, 0.02, " · ".join(marks), color=MUTED, fontsize=10)
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


def _looks(names: Sequence[str]) -> dict[str, Look]:
    """How each term's line looks: a pair in the colours of both sides, the total heavy in ink."""
    sides = {name: name.split(" | ") for name in names if name != "total"}
    colours = category_colours(
        list(dict.fromkeys(side for pair in sides.values() for side in pair))
    )
    looks: dict[str, Look] = {"total": {"color": TRUTH, "linewidth": 3.2}}
    for name, (one, *others) in sides.items():
        two = {"gapcolor": colours[others[0]], **DASHES} if others else {}
        looks[name] = {"color": colours[one], "linewidth": 2.4, **two}
    return looks


def _name_line_ends(axes: Axes, ends: Mapping[str, float], looks: Mapping[str, Look]) -> None:
    """Name each line beside its last point, moved where names would overlap."""
    low, high = axes.get_ylim()
    free = -1.0
    for name, value in sorted(ends.items(), key=lambda item: item[1]):
        end = (value - low) / (high - low)
        height = max(end, free)
        free = height + LABEL_GAP
        outside: Look = {"transform": axes.transAxes, "clip_on": False}
        axes.plot([1.01, 1.035], [end, height], color=MUTED, linewidth=0.8, **outside)
        axes.plot([1.04, 1.085], [height, height], **outside, **looks[name])
        axes.annotate(
            f"{name}  {value:.2f}",
            (1.1, height),
            xycoords="axes fraction",
            va="center",
            color=MUTED if name == BLIND else INK,
            fontsize=10,
            fontweight="bold" if name == "total" else "normal",
            annotation_clip=False,
        )


def _dot(steps: Sequence[float]) -> str:
    return "o" if len(steps) == 1 else ""


def _last(values: Sequence[float]) -> float:
    return _first_and_last(values)[1]


def _first_and_last(values: Sequence[float]) -> tuple[float, float]:
    known = [value for value in values if value == value]  # NaN is not equal to itself
    return (known[0], known[-1]) if known else (0.0, 0.0)
