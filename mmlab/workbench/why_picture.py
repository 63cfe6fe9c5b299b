"""The reasons for an answer standing still: bars of shares, of words, and heat over the seconds."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence
from typing import Any

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from mmlab.question.why import HitReasons
from mmlab.question.why_telling import ordinal, sense
from mmlab.views.static import Picture
from mmlab.views.stills import shorten
from mmlab.views.theme import DRAWING, FAINT, INK, MUTED, PLAIN, TEXT, colour_of

WIDTH, ROW, GAP, LEFT = 10.5, 0.4, 0.62, 0.26
HATCH = "////"
"""Of what the score would be higher without."""


@matplotlib.rc_context(DRAWING)
def why_picture(reasons: HitReasons) -> Picture:
    """What the question brings, what the clip brings, and which words and seconds matter.

    Args:
        reasons: as `explain_hit` gives them.
    """
    asked = [_two_lines(name) for name in reasons.parts["part"]]
    seen = [sense(name) for name in reasons.modalities["modality"]]
    words = len(reasons.words) > 0
    lanes = reasons.seconds["modality"].nunique()
    heights = [ROW * len(asked), ROW * len(seen), 0.9 * words, 0.36 * lanes]
    panels = sum(one > 0 for one in heights)
    height = 0.95 + sum(heights) + GAP * panels + 0.25 * bool(lanes)
    figure = Figure(figsize=(WIDTH, height))
    rank, score = ordinal(reasons.rank), f"score {reasons.score:.3f}"
    title = f"{rank} · {score} · {reasons.caption or reasons.clip_id}"
    figure.text(
        0.012, 1 - 0.12 / height, shorten(title, 92), va="top", fontsize=13.5, fontweight="bold"
    )
    question = shorten(f"asked: {reasons.question.in_words()}", 118)
    figure.text(0.012, 1 - 0.46 / height, question, va="top", color=MUTED)
    tops = height - 0.95 - np.cumsum([0, *[one + GAP * (one > 0) for one in heights]])
    places = [
        (LEFT, (top - one) / height - 0.3 / height, 0.5, one / height)
        for top, one in zip(tops, heights, strict=False)
    ]
    limits = _limits([*reasons.parts["share"], *reasons.modalities["share"]])
    _bars(figure.add_axes(places[0]), asked, reasons.parts, limits, "What the question brings")
    _bars(figure.add_axes(places[1]), seen, reasons.modalities, limits, "What the clip brings")
    if words:
        axes = figure.add_axes((LEFT, places[2][1], 0.72, places[2][3]))
        _words(axes, reasons.words)
    if lanes:
        axes = figure.add_axes((LEFT, places[3][1], 0.72, places[3][3]))
        _seconds(axes, reasons.seconds)
    return Picture(figure, reasons.sentence)


def _two_lines(name: str) -> str:
    lines = textwrap.wrap(name, 33)
    return "\n".join([lines[0], shorten(" ".join(lines[1:]), 33)]) if lines[1:] else name


def _limits(values: Sequence[float]) -> tuple[float, float]:
    low, high = min(0.0, *values), max(0.0, *values)
    return low, max(high, low + 1e-6)


def _bars(
    axes: Axes,
    names: Sequence[str],
    table: pd.DataFrame,
    limits: tuple[float, float],
    title: str,
) -> None:
    colours = [colour_of(name) if name else PLAIN for name in table["modality"]]
    for place, (row, colour) in enumerate(zip(table.itertuples(), colours, strict=True)):
        _bar(axes, place, row.share, colour)
        line: dict[str, Any] = {"transform": axes.get_yaxis_transform(), "va": "center"}
        axes.text(1.03, place, f"{row.share:+.3f}", fontweight="bold", **line)
        if not math.isnan(row.rank_without):
            told = f"{ordinal(row.rank_without)} without it"
            axes.text(1.17, place, told, color=MUTED, fontsize=10, **line)
    axes.axvline(0, color=INK, linewidth=0.8)
    axes.set_yticks(range(len(names)), names, fontsize=9.5)
    axes.set(xlim=limits, ylim=(len(names) - 0.5, -0.5), xticks=[])
    axes.set_title(title, fontsize=11.5, pad=5)
    axes.spines[:].set_visible(False)
    axes.tick_params(left=False)


def _bar(axes: Axes, place: float, share: float, colour: str) -> None:
    axes.barh(place, share, height=0.66, **_look(share, colour))


def _look(share: float, colour: str) -> dict[str, Any]:
    if share >= 0:
        return {"color": colour}
    return {"facecolor": "white", "edgecolor": colour, "hatch": HATCH}


def _words(axes: Axes, words: pd.DataFrame) -> None:
    for place, share in enumerate(words["share"]):
        axes.bar(place, share, width=0.62, **_look(share, TEXT))
        told = f"{round(share, 2) + 0.0:+.2f}"  # adding 0 makes -0.0 a 0
        axes.annotate(
            told, (place, max(share, 0)), xytext=(0, 2), textcoords="offset points",
            ha="center", fontsize=8.5,
        )  # fmt: skip
    low, high = _limits(words["share"].tolist())
    axes.axhline(0, color=INK, linewidth=0.8)
    axes.set(
        ylim=(low, high + 0.25 * (high - low)), xlim=(-0.6, max(len(words), 6) - 0.4), yticks=[]
    )
    slant = len(words) > 11
    axes.set_xticks(
        range(len(words)), [shorten(word, 14) for word in words["word"]], fontsize=9.5,
        rotation=20 if slant else 0, ha="right" if slant else "center",
    )  # fmt: skip
    axes.tick_params(bottom=False, pad=1)
    axes.spines[:].set_visible(False)
    _name(axes, "What each word adds")


def _seconds(axes: Axes, seconds: pd.DataFrame) -> None:
    names = list(seconds["modality"].unique())
    most = max(seconds["share"].abs().max(), 1e-9)
    for row in seconds.itertuples():
        place, colour = names.index(row.modality), colour_of(row.modality)
        corner, width = (row.start_seconds, place - 0.42), row.end_seconds - row.start_seconds
        fill = to_rgba(colour, abs(row.share) / most if row.share > 0 else 0)
        hatch = HATCH if row.share < 0 else None
        edge = to_rgba(colour, max(abs(row.share) / most, 0.25)) if row.share < 0 else FAINT
        axes.add_patch(Rectangle(corner, width, 0.84, facecolor=fill, edgecolor=edge, hatch=hatch))
    axes.set(
        xlim=(seconds["start_seconds"].min(), seconds["end_seconds"].max()),
        ylim=(len(names) - 0.5, -0.5),
        xlabel="seconds of the file · full: most is lost without it · striped: it costs score",
    )
    axes.xaxis.label.set(fontsize=9.5, color=MUTED)
    axes.set_yticks(range(len(names)), [sense(name) for name in names], fontsize=10)
    axes.tick_params(left=False, labelsize=9.5)
    axes.spines[:].set_visible(False)
    _name(axes, "When")


def _name(axes: Axes, title: str) -> None:
    axes.set_title(title, fontsize=11.5, pad=8)
