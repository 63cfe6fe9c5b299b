"""Recall over the cutoff, as it is and with a modality changed: for the page and standing still."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from typing import Any

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from mmlab.question.probes import IN_WORDS, ProbeResult
from mmlab.question.why_telling import sense
from mmlab.views.static import Picture
from mmlab.views.theme import DRAWING, FAINT, INK, MUTED, colour_of

WIDTH, HEIGHT, LEFT, RIGHT, TOP, FOOT = 620, 302, 42, 16, 14, 62
CUTOFFS = (1, 5, 10, 25, 50)
AS_IT_IS = "as it is"
TABLE = "margin: 8px 0; border-collapse: collapse; line-height: 1.4"


def changed_in_words(result: ProbeResult) -> str:
    """Such as "sound dropped"."""
    return f"{sense(result.modality)} {IN_WORDS[result.how]}"


def curve_html(result: ProbeResult) -> str:
    """The curve as SVG, and the table of its figures, which says the same."""
    curve, colour = result.curve, colour_of(result.modality)
    highest = _highest(curve)
    lines = [
        _band(curve, "before", highest, "currentColor"),
        _band(curve, "after", highest, colour),
        _line(curve, "before", highest, 'stroke="currentColor"'),
        _line(curve, "after", highest, f'stroke="{colour}" stroke-dasharray="7 4"'),
    ]
    return (
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" style="max-width: 100%; height: auto"'
        f' font-size="12" role="img" aria-label="{escape(result.sentence())}">'
        f"{_axes(highest)}{''.join(lines)}{_legend(result, colour)}</svg>{_table(result)}"
    )


def _highest(curve: pd.DataFrame) -> float:
    """The upper end of the axis: the next ten percent above all that is drawn."""
    return float(
        min(100, 10 * np.ceil(curve[["before high", "after high"]].max().max() / 10 + 0.2))
    )


def _place(cutoff: float, percent: float, highest: float) -> str:
    across = LEFT + (WIDTH - LEFT - RIGHT) * (cutoff - 1) / (CUTOFFS[-1] - 1)
    return f"{across:.1f},{TOP + (HEIGHT - TOP - FOOT) * (1 - percent / highest):.1f}"


def _points(cutoffs: Iterable[int], percents: Iterable[float], highest: float) -> str:
    pairs = zip(cutoffs, percents, strict=True)
    return " ".join(_place(cutoff, percent, highest) for cutoff, percent in pairs)


def _line(curve: pd.DataFrame, name: str, highest: float, look: str) -> str:
    points = _points(curve["K"], curve[name], highest)
    return f'<polyline points="{points}" fill="none" stroke-width="2.2" {look}/>'


def _band(curve: pd.DataFrame, name: str, highest: float, colour: str) -> str:
    there = _points(curve["K"], curve[f"{name} high"], highest)
    back = _points(curve["K"][::-1], curve[f"{name} low"][::-1], highest)
    return f'<polygon points="{there} {back}" fill="{colour}" fill-opacity="0.18"/>'


def _axes(highest: float) -> str:
    parts = []
    for percent in range(0, int(highest) + 1, 10 if highest <= 50 else 20):
        x, y = _place(1, percent, highest).split(",")
        parts.append(
            f'<line x1="{x}" x2="{WIDTH - RIGHT}" y1="{y}" y2="{y}" stroke="currentColor" '
            f'stroke-opacity="0.15"/><text x="{LEFT - 7}" y="{float(y) + 4}" text-anchor="end" '
            f'fill="currentColor">{percent}</text>'
        )
    for cutoff in CUTOFFS:
        x, y = _place(cutoff, 0, highest).split(",")
        parts.append(
            f'<text x="{x}" y="{float(y) + 17}" text-anchor="middle" '
            f'fill="currentColor">{cutoff}</text>'
        )
    return "".join(parts)


def _legend(result: ProbeResult, colour: str) -> str:
    """What the axes show, and below it the lines: neither has room beside the other."""
    down = HEIGHT - 6
    marks = [
        (LEFT, AS_IT_IS, 'stroke="currentColor"'),
        (LEFT + 110, changed_in_words(result), f'stroke="{colour}" stroke-dasharray="7 4"'),
    ]
    drawn = [
        f'<line x1="{x}" x2="{x + 26}" y1="{down - 4}" y2="{down - 4}" stroke-width="2.2" {look}/>'
        f'<text x="{x + 32}" y="{down}" fill="currentColor">{escape(words)}</text>'
        for x, words, look in marks
    ]
    told = "percent of queries that find their clip among the first K · bands: 95 % intervals"
    place = f'x="{(LEFT + WIDTH - RIGHT) / 2}" y="{down - 21}" text-anchor="middle"'
    return "".join([f'<text {place} fill="currentColor">{told}</text>', *drawn])


def _table(result: ProbeResult) -> str:
    """R@K for a few K with intervals, and the differences."""
    style = "text-align: right; padding: 2px 0 2px 18px; font-variant-numeric: tabular-nums"
    names = ("", AS_IT_IS, changed_in_words(result), "difference")
    head = "".join(f'<th scope="col" style="{style}">{escape(name)}</th>' for name in names)
    rows = "".join(
        f'<tr><th scope="row" style="{style}">R@{row["K"]}</th>'
        + "".join(f'<td style="{style}">{cell}</td>' for cell in _cells(result, row))
        + "</tr>"
        for row in result.curve[result.curve["K"].isin(CUTOFFS)].to_dict("records")
    )
    return f'<table style="{TABLE}"><tr>{head}</tr>{rows}</table>'


def _cells(result: ProbeResult, row: dict[Any, Any]) -> list[str]:
    points, low, high = result.difference_interval(int(row["K"]))
    recalls = [
        f"{row[name]:.1f} % ({row[f'{name} low']:.1f} to {row[f'{name} high']:.1f})"
        for name in ("before", "after")
    ]
    return [*recalls, f"{points:+.1f} ({low:+.1f} to {high:+.1f})"]


@matplotlib.rc_context(DRAWING)
def probe_picture(result: ProbeResult) -> Picture:
    """The curve standing still."""
    curve = result.curve
    figure = Figure(figsize=(9.0, 4.4))
    axes = figure.add_axes((0.08, 0.14, 0.9, 0.72))
    looks = (("before", AS_IT_IS, INK, "-"), ("after", changed_in_words(result), "", "--"))
    for name, label, fixed, style in looks:
        colour = fixed or colour_of(result.modality)
        axes.fill_between(
            curve["K"], curve[f"{name} low"], curve[f"{name} high"], color=colour, alpha=0.16, lw=0
        )
        axes.plot(curve["K"], curve[name], style, color=colour, label=label)
    axes.set(xlim=(1, CUTOFFS[-1]), ylim=(0, _highest(curve)), xlabel="K", ylabel="percent")
    axes.set_xticks(CUTOFFS)
    axes.grid(axis="y", color=FAINT, linewidth=0.8)
    axes.legend(loc="upper left")
    title = f"{result.query} → {result.gallery}: found among the first K"
    figure.text(0.012, 0.975, title, va="top", fontsize=13.5, fontweight="bold")
    figure.text(0.98, 0.02, "bands: 95 % intervals", ha="right", color=MUTED, fontsize=9.5)
    return Picture(figure, result.sentence())
