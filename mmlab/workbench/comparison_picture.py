"""Joint beside late fusion, standing still: two columns of words, the same clips joined."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mmlab.views.static import Picture
from mmlab.views.stills import shorten
from mmlab.views.theme import CATEGORIES, DRAWING, FUSED, MUTED

UP, DOWN = CATEGORIES[5], CATEGORIES[4]
CHARACTERS = 56


@matplotlib.rc_context(DRAWING)
def comparison_picture(rows: Sequence[dict[str, Any]], top: int, sentence: str) -> Picture:
    """Late fusion's answers on the left, joint fusion's on the right, with what changed.

    Args:
        rows: clips with caption, joint_rank and late_rank, None where one is missing.
        top: ranks in each column.
        sentence: what the picture says.
    """
    figure = Figure(figsize=(10.5, 0.8 + 0.34 * max(top, 1)))
    axes = figure.add_axes((0.0, 0.0, 1.0, 1 - 0.42 / figure.get_figheight()))
    axes.set_axis_off()
    axes.set(xlim=(0, 100), ylim=(top + 0.6, 0.4))
    for place, title, side in ((42, "Late fusion", "right"), (58, "Joint fusion", "left")):
        figure.text(place / 100, 0.99, title, ha=side, va="top", fontsize=13, fontweight="bold")
    for row in rows:
        _draw(axes, row, top)
    return Picture(figure, sentence)


def _draw(axes: Axes, row: dict[str, Any], top: int) -> None:
    joint, late = row["joint_rank"] or top + 1, row["late_rank"] or top + 1
    words = shorten(row["caption"], CHARACTERS)
    if late <= top:
        if joint > top:
            axes.plot([43, 57], [late, top + 1], ":", color=MUTED, linewidth=1.4)
        axes.text(42, late, f"{words}  {late}", ha="right", va="center", fontsize=9.5)
    if joint <= top:
        told, colour = _change(joint, late, top)
        axes.text(58, joint, f"{joint}  {words}", va="center", fontsize=9.5)
        axes.text(98.5, joint, told, ha="right", va="center", fontsize=9.5, fontweight="bold")
        style = "--" if late > top else "-"
        axes.plot([43, 57], [min(late, top + 1), joint], style, color=colour, linewidth=1.8)


def _change(joint: int, late: int, top: int) -> tuple[str, str]:
    """A sign with how much, and the colour of the line."""
    if late > top:
        return "new", FUSED
    if late == joint:
        return "=", MUTED
    return (f"▲ {late - joint}", UP) if late > joint else (f"▼ {joint - late}", DOWN)
