"""Moments standing still: the film strip, the heat of each step, what was found, what is true."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Patch, Rectangle

from mmlab.evaluation.segments import clock
from mmlab.views.posters import Span, film_strip
from mmlab.views.static import Picture
from mmlab.views.stills import shorten
from mmlab.views.theme import DRAWING, FAINT, FUSED, INK, MUTED, TRUTH
from mmlab.workbench.moment_lanes import MomentLane

WIDTH, LEFT, RIGHT = 10.5, 0.27, 0.98
LANE, HEAD, FOOT, GAP = 0.44, 0.6, 0.6, 0.12
HEAT = LinearSegmentedColormap.from_list("fused", ["#F4F4F4", FUSED])


@matplotlib.rc_context(DRAWING)
def moment_picture(
    lanes: Sequence[MomentLane],
    segments: pd.DataFrame,
    path: Path | None,
    span: Span,
    scale: tuple[float, float],
    told: str,
) -> Picture:
    """The lanes of a video.

    Args:
        lanes: from top to bottom.
        segments: that lie in them.
        path: the video, if it is at hand.
        span: start and end of it in seconds.
        scale: the scores of the weakest and of the strongest heat.
        told: the picture's sentence.
    """
    strip = film_strip(path, span, height=140) if path else np.zeros((0, 0, 3), np.uint8)
    film = WIDTH * (RIGHT - LEFT) * strip.shape[0] / strip.shape[1] if strip.size else 0.0
    rows = LANE * max(len(lanes), 1)
    height = HEAD + film + GAP + rows + FOOT
    figure = Figure(figsize=(WIDTH, height))
    axes = figure.add_axes((LEFT, FOOT / height, RIGHT - LEFT, rows / height))
    if strip.size:
        bottom = (FOOT + rows + GAP) / height
        above = figure.add_axes((LEFT, bottom, RIGHT - LEFT, film / height))
        above.imshow(strip, aspect="auto")
        above.set_axis_off()
    for number, lane in enumerate(lanes):
        _draw_lane(axes, number, lane, segments)
    axes.set(xlim=span, ylim=(max(len(lanes), 1) - 0.5, -0.5), xlabel="minutes and seconds")
    axes.xaxis.set_major_formatter(lambda second, _: clock(second).removesuffix(".0"))
    axes.set_yticks(range(len(lanes)), [shorten(lane.label, 31) for lane in lanes])
    axes.spines[:].set_visible(False)
    axes.tick_params(left=False)
    _explain(figure, height, any(len(lane.truth) for lane in lanes), scale)
    return Picture(figure, told)


def _draw_lane(axes: Axes, number: int, lane: MomentLane, segments: pd.DataFrame) -> None:
    if lane.heat is not None:
        box = (0, len(lane.heat), number + 0.42, number - 0.42)
        axes.imshow(
            lane.heat[None], extent=box, aspect="auto", cmap=HEAT, vmin=0, vmax=1,
            interpolation="nearest",
        )  # fmt: skip
    else:
        axes.axhline(number, color=FAINT, linewidth=1)
    for start, end in lane.truth:
        axes.plot(
            [start, end], [number + 0.46] * 2, color=TRUTH, linewidth=4, solid_capstyle="butt"
        )
    if lane.segment < 0:
        return
    row = segments.iloc[lane.segment]
    corner, length = (row.start_seconds, number - 0.4), row.end_seconds - row.start_seconds
    frame = Rectangle(corner, length, 0.8, edgecolor=INK, linewidth=2, zorder=3)
    frame.set_facecolor("none" if lane.heat is not None else FAINT)
    frame.set_linestyle("--" if row.edited else "-")
    axes.add_patch(frame)


def _explain(figure: Figure, height: float, truth: bool, scale: tuple[float, float]) -> None:
    marks: list[Artist] = [
        Patch(facecolor="none", edgecolor=INK, linewidth=2, label="found"),
        Patch(facecolor="none", edgecolor=INK, linewidth=2, linestyle="--", label="moved by hand"),
        Patch(color=FUSED, label=f"score {scale[0]:z.2f} to {scale[1]:z.2f}"),
    ]
    if truth:
        true = matplotlib.lines.Line2D([], [], color=TRUTH, linewidth=4, label="true")
        marks.insert(2, true)
    place = (LEFT - 0.012, 1 - 0.08 / height)
    figure.legend(
        handles=marks, loc="upper left", bbox_to_anchor=place, ncols=len(marks),
        columnspacing=1.4, labelcolor=MUTED,
    )  # fmt: skip
