"""What an ablation found, as pictures: the variants side by side, and which claims hold."""

from __future__ import annotations

import textwrap
from typing import Any

import matplotlib
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mmlab.ablation.printing import BASES, differences_at, drawn, main_scores, short_training
from mmlab.ablation.report import JUDGED_AT, Report
from mmlab.ablation.tasks import MAIN_TASK
from mmlab.ablation.variants import MAIN
from mmlab.views.static import Picture
from mmlab.views.theme import CATEGORIES, DRAWING, FAINT, FUSED, INK, MUTED

VERDICT_COLOURS = {
    "holds": FUSED,
    "does not hold": CATEGORIES[4],
    "undecided": MUTED,
    "not measured": FAINT,
}
VERDICT_MARKS = {"holds": "o", "does not hold": "X", "undecided": "D", "not measured": "o"}
"""Verdicts differ in shape too, so that colour alone never tells."""

CLAIM_CHARACTERS = 84


@matplotlib.rc_context(DRAWING)
def ablation_picture(report: Report, *, k: int = JUDGED_AT) -> Picture:
    """Recall at k of each variant, and beside it how far each is from the main one.

    Args:
        report: of a grid.
        k: 1, 5 or 10.
    """
    scores, apart = main_scores(report), differences_at(report, k)
    labels = report.variants.set_index("variant")["label"]
    figure = Figure(figsize=(10.5, 1.75 + 0.36 * len(scores)))
    values, differences = figure.subplots(1, 2, sharey=True)
    figure.subplots_adjust(
        left=0.235, right=0.975, wspace=0.1, top=1 - 1.0 / figure.get_figheight(),
        bottom=0.78 / figure.get_figheight(),
    )  # fmt: skip
    title = f"{MAIN_TASK}: R@{k} of each variant"
    figure.text(
        0.012, 1 - 0.12 / figure.get_figheight(), title, va="top", fontsize=14, weight="bold"
    )
    _score_panel(values, scores, k)
    _difference_panel(differences, scores, apart)
    values.set_yticks(range(len(scores)), [labels[name] for name in scores.index])
    values.set_ylim(len(scores) - 0.4, -0.6)
    marks = f"line: 95 % interval over {drawn(report)} · dots: single seeds · {_epochs(report)}"
    figure.text(0.012, 0.08 / figure.get_figheight(), marks, color=MUTED, fontsize=10)
    return Picture(figure, _variants_sentence(report, scores, apart, labels, k))


def _epochs(report: Report) -> str:
    known = report.settings
    return f"{known['epochs']} epochs (sample model: {known['sample_epochs']})"


def _score_panel(axes: Axes, scores: pd.DataFrame, k: int) -> None:
    _plain(axes, f"R@{k} (%)")
    for place, (name, row) in enumerate(scores.iterrows()):
        colour = FUSED if name == MAIN else INK
        _interval(axes, place, row[f"R@{k} low"], row[f"R@{k}"], row[f"R@{k} high"], color=colour)
        seeds = row[f"R@{k} by seed"]
        axes.plot(seeds, [place + 0.28] * len(seeds), ".", color=MUTED, markersize=4)


def _difference_panel(axes: Axes, scores: pd.DataFrame, apart: pd.DataFrame) -> None:
    _plain(axes, "points against the first row")
    axes.axvline(0, color=MUTED, linewidth=1)
    for place, name in enumerate(scores.index):
        if name in apart.index:
            row = apart.loc[name]
            colour = _side_colour(row)
            _interval(axes, place, row["low"], row["difference"], row["high"], color=colour)


def _side_colour(row: pd.Series) -> str:
    """Of a difference: clearly better, clearly worse, or neither."""
    decided = "holds" if row["low"] > 0 else "does not hold" if row["high"] < 0 else "undecided"
    return VERDICT_COLOURS[decided]


def _interval(axes: Axes, place: float, low: float, value: float, high: float, **look: Any) -> None:
    axes.plot([low, high], [place, place], linewidth=2.2, **look)
    axes.plot(value, place, **{"marker": "o", "markersize": 7, **look})


def _plain(axes: Axes, title: str) -> None:
    axes.set_title(title, fontsize=11)
    axes.grid(axis="x", color=FAINT, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.tick_params(left=False)
    axes.spines["left"].set_visible(False)


def _variants_sentence(
    report: Report, scores: pd.DataFrame, apart: pd.DataFrame, labels: pd.Series, k: int
) -> str:
    told = []
    for name in scores.index:
        text = f"{labels[name]} {scores.loc[name, f'R@{k}']:.1f} %"
        if name in apart.index:
            row = apart.loc[name]
            text += f" ({row['difference']:+.1f}, from {row['low']:+.1f} to {row['high']:+.1f})"
        told.append(text)
    return (
        f"{MAIN_TASK}, R@{k} of {len(scores)} variants and in brackets the difference to the "
        f"first: {', '.join(told)}. {short_training(report)}"
    )


@matplotlib.rc_context(DRAWING)
def claims_picture(report: Report) -> Picture:
    """Every claim with the difference that decides it; it holds if the line stays on its side.

    Args:
        report: of a grid; claims that it did not measure are left out.
    """
    rows = report.conclusions
    rows = rows[rows["verdict"] != "not measured"].reset_index(drop=True)
    figure = Figure(figsize=(10.5, 1.7 + 0.48 * max(len(rows), 1)))
    height = figure.get_figheight()
    axes = figure.add_axes((0.53, 0.78 / height, 0.31, 1 - 1.6 / height))
    title = "Which choices pay off on this corpus"
    figure.text(0.012, 1 - 0.12 / height, title, va="top", fontsize=14, weight="bold")
    if rows.empty:
        axes.set_axis_off()
        return Picture(figure, f"{title}: nothing was measured.")
    _plain(axes, f"points of R@{JUDGED_AT}")
    axes.axvline(0, color=MUTED, linewidth=1)
    for place, row in rows.iterrows():
        _draw_claim(axes, int(str(place)), row)
    claims = [textwrap.fill(claim, CLAIM_CHARACTERS) for claim in rows["claim"]]
    axes.set_yticks(range(len(rows)), claims, fontsize=9)
    axes.set_ylim(len(rows) - 0.4, -0.6)
    marks = f"line: 95 % interval · short bar: what a part may bring unneeded · {_epochs(report)}"
    figure.text(0.012, 0.08 / height, marks, color=MUTED, fontsize=10)
    return Picture(figure, _claims_sentence(report, rows, title))


def _draw_claim(axes: Axes, place: int, row: pd.Series) -> None:
    verdict = row["verdict"]
    look: Any = {"color": VERDICT_COLOURS[verdict], "marker": VERDICT_MARKS[verdict]}
    axes.plot([row["low"], row["high"]], [place, place], color=look["color"], linewidth=2.2)
    axes.plot(row["difference"], place, markersize=8, **look)
    if row["tolerance"]:
        bar = [place - 0.3, place + 0.3]
        axes.plot([-row["tolerance"]] * 2, bar, color=INK, linewidth=1.4)
    edge = axes.get_yaxis_transform()
    axes.text(1.03, place, verdict, transform=edge, va="center", weight="bold", fontsize=10)
    basis = BASES[row["basis"]]
    axes.text(1.03, place + 0.36, basis, transform=edge, va="center", color=MUTED, fontsize=8)


def _claims_sentence(report: Report, rows: pd.DataFrame, title: str) -> str:
    told = [
        f"{row['claim'].rstrip('.')}: {row['verdict']} ({row['difference']:+.1f} points, from "
        f"{row['low']:+.1f} to {row['high']:+.1f})"
        for row in rows.to_dict("records")
    ]
    return f"{title}. {'; '.join(told)}. {short_training(report)}"
