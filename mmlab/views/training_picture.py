"""A training standing still: its loss term by term, and recall below where it was measured."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, MaxNLocator

from mmlab.training import EpochRecord
from mmlab.views.static import Picture
from mmlab.views.theme import DRAWING, FAINT, INK, MUTED, TRUTH, category_colours
from mmlab.views.training_curves import TrainingCurves

LABEL_INCHES = 0.17
"""Least distance between the middles of two lines' labels."""

MOST_DOTS = 60
"""More epochs than this get no dot each."""

Look = dict[str, Any]
"""How matplotlib draws a line."""

DASHES: Look = {"linestyle": (0, (3, 3)), "dash_capstyle": "butt"}
BLIND = "blind guess"
BLIND_LOOK: Look = {"color": MUTED, "linewidth": 1.4, "linestyle": ":"}
RECALL_COLOURS = ("#007A5E", "#009E73", "#3DB08F", "#6BBFA5")
"""From the strictest cutoff to the most lenient; all read on white and on black."""

WHOLE_EPOCHS_FROM = 3
"""Shorter axes are marked in parts of an epoch."""

LOSS_INCHES, RECALL_INCHES, WIDTH_INCHES = 3.0, 1.5, 8.4
HEAD_INCHES, GAP_INCHES, FOOT_INCHES = 0.55, 0.42, 0.62


def training_picture(
    metrics: Iterable[Mapping[str, Any]], *, title: str, blind_guess: float | None = None
) -> Picture:
    """What a run noted of its epochs: the mean of each loss term, and recall if measured.

    Args:
        metrics: as `read_metrics` gives them.
        title: stands above.
        blind_guess: loss of a model that knows nothing, drawn as a dotted line: of B clips 2 ln B.
    """
    curves = TrainingCurves(EpochRecord(**row) for row in metrics)
    return curves_picture(curves, title=title, blind_guess=blind_guess)


@matplotlib.rc_context(DRAWING)
def curves_picture(
    curves: TrainingCurves, *, title: str, blind_guess: float | None = None, remark: str = ""
) -> Picture:
    """One line per loss term, named at its right end, and below it one for each recall.

    A term "text | video+audio" is dashed in the colours of its two sides. A dot is the mean of an
    epoch.

    Args:
        curves: what to draw.
        title: stands above.
        blind_guess: height of a dotted line.
        remark: a sentence at the end of what the picture says.
    """
    measured, recalls = curves.recall()
    below = GAP_INCHES + RECALL_INCHES if measured else 0.0
    figure = Figure(figsize=(WIDTH_INCHES, HEAD_INCHES + LOSS_INCHES + below + FOOT_INCHES))
    axes = _panel(figure, FOOT_INCHES + below, LOSS_INCHES, curves.length)
    axes.set_title(title)
    _draw_losses(axes, curves, blind_guess)
    if measured:
        axes.tick_params(labelbottom=False)
        axes = _panel(figure, FOOT_INCHES, RECALL_INCHES, curves.length)
        _draw_recalls(axes, measured, recalls, curves.best_epoch)
    axes.set_xlabel("epochs")
    return Picture(figure, " ".join(_sentences(curves, title, blind_guess, remark)))


def line_colours(names: Sequence[str]) -> dict[str, list[str]]:
    """The colours of each term: those of both sides of a pair; the total's is the ink's."""
    sides = {name: name.split(" | ") for name in names if name != "total"}
    colours = category_colours(list(dict.fromkeys(one for pair in sides.values() for one in pair)))
    return {"total": [TRUTH]} | {n: [colours[one] for one in pair] for n, pair in sides.items()}


def recall_colours(names: Sequence[str]) -> dict[str, str]:
    """The colour of each recall."""
    return {n: RECALL_COLOURS[min(i, len(RECALL_COLOURS) - 1)] for i, n in enumerate(names)}


def last(values: Sequence[float]) -> float | None:
    """The last value that is known."""
    return next((value for value in reversed(values) if value == value), None)


def _panel(figure: Figure, bottom: float, height: float, length: float) -> Axes:
    """Axes over the epochs; `bottom` and `height` are in inches."""
    whole = figure.get_figheight()
    axes = figure.add_axes((0.08, bottom / whole, 0.64, height / whole))
    axes.grid(axis="y", color=FAINT, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.set_xlim(0, length)
    axes.xaxis.set_major_locator(MaxNLocator(integer=length >= WHOLE_EPOCHS_FROM))
    return axes


def _draw_losses(axes: Axes, curves: TrainingCurves, blind_guess: float | None) -> None:
    axes.set_ylabel("loss")
    looks = _looks(curves.names())
    ends: dict[str, float] = {}
    for name in curves.names():
        places, values = curves.line(name)
        axes.plot(places, values, marker="o" if len(places) == 1 else "", **looks[name])
        if name in curves.terms and len(curves.epochs) <= MOST_DOTS:
            dot: Look = {"marker": "o", "markersize": 4}
            axes.plot(*curves.means(name), **dot, linestyle="", color=looks[name]["color"])
        end = last(values)
        ends |= {} if end is None else {name: end}
    if blind_guess is not None:
        axes.axhline(blind_guess, **BLIND_LOOK)
        ends, looks = {**ends, BLIND: blind_guess}, {**looks, BLIND: BLIND_LOOK}
    if not curves.names():
        axes.text(0.5, 0.5, "nothing measured yet", transform=axes.transAxes, ha="center")
        axes.set_yticks([])
    axes.autoscale_view(scalex=False)  # now, with all that was drawn: names are placed by it
    axes.set_autoscale_on(False)
    told = {name: (end, f"{end:.2f}") for name, end in ends.items()}
    _name_line_ends(axes, LOSS_INCHES, told, looks)


def _draw_recalls(
    axes: Axes, epochs: Sequence[int], recalls: Mapping[str, Sequence[float]], best: int | None
) -> None:
    axes.set(ylabel="recall (%)", ylim=(0, 100))
    axes.yaxis.set_major_locator(FixedLocator([0, 50, 100]))
    looks: dict[str, Look] = {
        name: {"color": colour, "linewidth": 2.2}
        for name, colour in recall_colours(list(recalls)).items()
    }
    ends: dict[str, tuple[float, str]] = {}
    marker = "o" if len(epochs) <= MOST_DOTS else ""
    for name, values in recalls.items():
        axes.plot(epochs, values, marker=marker, markersize=4, **looks[name])
        end = last(values)
        ends |= {} if end is None else {name: (end, f"{end:.0f} %")}
    if best is not None:
        axes.axvline(best, color=MUTED, linewidth=1.2, zorder=0)
        axes.text(best, 103, "best", color=MUTED, ha="center", fontsize=10)
    _name_line_ends(axes, RECALL_INCHES, ends, looks)


def _looks(names: Sequence[str]) -> dict[str, Look]:
    """How each term's line looks: a pair in the colours of both sides, the total heavy in ink."""
    looks: dict[str, Look] = {}
    for name, (one, *others) in line_colours(names).items():
        two = {"gapcolor": others[0], **DASHES} if others else {}
        looks[name] = {"color": one, "linewidth": 3.2 if name == "total" else 2.2, **two}
    return looks


def _name_line_ends(
    axes: Axes, inches: float, ends: Mapping[str, tuple[float, str]], looks: Mapping[str, Look]
) -> None:
    """Name each line of axes so many inches high beside its last point, or near it."""
    low, high = axes.get_ylim()
    heights = [(value - low) / (high - low) for value, _ in ends.values()]
    free = apart(heights, LABEL_INCHES / inches)
    outside: Look = {"transform": axes.transAxes, "clip_on": False}
    for (name, (_, words)), end, height in zip(ends.items(), heights, free, strict=True):
        axes.plot([1.01, 1.035], [end, height], color=MUTED, linewidth=0.8, **outside)
        axes.plot([1.04, 1.085], [height, height], **outside, **looks[name])
        axes.annotate(
            f"{name}  {words}",
            (1.1, height),
            xycoords="axes fraction",
            va="center",
            color=MUTED if name == BLIND else INK,
            fontsize=10,
            fontweight="bold" if name == "total" else "normal",
            annotation_clip=False,
        )


def apart(heights: Sequence[float], gap: float) -> list[float]:
    """The heights, moved up where they would lie closer together than `gap`."""
    moved, free = list(heights), -1.0
    for index in sorted(range(len(heights)), key=lambda index: heights[index]):
        moved[index] = max(heights[index], free)
        free = moved[index] + gap
    return moved


def _sentences(
    curves: TrainingCurves, title: str, blind_guess: float | None, remark: str
) -> list[str]:
    names = curves.names()
    if not names:
        return [f"{title}: nothing measured yet."]
    of_all = f" of {curves.planned:,}" if curves.done < curves.planned else ""
    sentences = [f"{title}: {len(names)} lines over {curves.done:.3g}{of_all} epochs."]
    values = [value for value in curves.line("total")[1] if value == value]
    if values:
        sentences += [f"The total goes from {values[0]:.2f} to {values[-1]:.2f}."]
    if blind_guess is not None:
        sentences += [f"A blind guess costs {blind_guess:.2f}."]
    for name, known in curves.recall()[1].items():
        path = f"goes from {known[0]:.0f} to" if len(known) > 1 else "is"
        sentences += [f"{name} {path} {known[-1]:.0f} %."]
    if curves.best_epoch:
        sentences += [f"The best epoch is {curves.best_epoch}."]
    return [*sentences, remark] if remark else sentences
