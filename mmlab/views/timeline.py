"""Steps of a long video on its timeline: score heat, what was predicted, what is true."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import ipywidgets
import matplotlib
import numpy as np
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from mmlab.media import MediaError, probe
from mmlab.views.lanes import Lane, TimeLanes
from mmlab.views.player import ClipPlayer
from mmlab.views.posters import Span, film_strip
from mmlab.views.static import Picture, StandsStill
from mmlab.views.stills import shorten
from mmlab.views.theme import CATEGORIES, DRAWING, FUSED, MUTED, TRUTH

PREDICTION = CATEGORIES[4]


class StepTimeline(StandsStill, ipywidgets.VBox):
    """One lane per step over a whole video; click a lane and the video moves there.

    Args:
        steps: K sentences, in the order in which they happen.
        scores: (T, K), how well each second fits each step.
        predicted: (T, K) bool as `ordered_assignment` gives it, or one second per step.
        truth: for each step, its true segments as (start, end) seconds; none if unknown.
        media_path: the video.

    Example:
        >>> scores = retriever.score_seconds(media_id, steps)
        >>> StepTimeline(steps, scores, ordered_assignment(scores), truth, path)
    """

    def __init__(
        self,
        steps: Sequence[str],
        scores: np.ndarray,
        predicted: np.ndarray | Sequence[float],
        truth: Sequence[Sequence[Span]] = (),
        media_path: Path | str = "",
    ) -> None:
        if np.ndim(scores) != 2 or np.shape(scores)[1] != len(steps):
            raise ValueError(
                f"{len(steps)} steps need scores (T, {len(steps)}), found {np.shape(scores)}"
            )
        self.steps = list(steps)
        self.scores = np.asarray(scores, dtype=np.float64)
        self.predicted_seconds = predicted_seconds(predicted)
        self.truth = [list(segments) for segments in truth] or [[] for _ in steps]
        self.media_path = Path(media_path)
        self.span = (0.0, max(float(len(self.scores)), 1e-3))
        self.player = ClipPlayer(self.media_path, *self._media_span(), caption="")
        self.lanes = TimeLanes(self._lanes(), self.span, self.player)
        super().__init__([self.lanes, self.player])
        self.add_class("mmlab-timeline")

    def still(self) -> Picture:
        """All lanes with the film strip above them."""
        strip = film_strip(self.media_path, self.span, height=140)
        return _draw(self, strip)

    def _media_span(self) -> Span:
        try:
            return 0.0, probe(self.media_path).duration_seconds
        except (MediaError, OSError):
            return self.span  # the player says what is wrong with the file

    def _lanes(self) -> list[Lane]:
        heat = lane_heat(self.scores)
        starts = np.arange(len(self.scores))
        cells = np.stack([starts, starts + 1], axis=1)
        strip = film_strip(self.media_path, self.span)
        lanes = [Lane("picture", MUTED, strip, height=0)] if strip.size else []
        return lanes + [
            Lane(
                step,
                FUSED,
                cells=cells,
                heat=heat[:, number],
                spans=self.truth[number],
                marks=self.predicted_seconds[number],
                height=34,
            )
            for number, step in enumerate(self.steps)
        ]


def predicted_seconds(predicted: np.ndarray | Sequence[float]) -> list[list[float]]:
    """The predicted seconds of each step, the middle of each second that is marked.

    Args:
        predicted: (T, K) bool, or K seconds (NaN: no prediction).
    """
    marks = np.asarray(predicted)
    if marks.ndim == 2:
        return [(np.flatnonzero(column) + 0.5).tolist() for column in marks.T]
    return [[] if np.isnan(second) else [float(second)] for second in marks]


def lane_heat(scores: np.ndarray) -> np.ndarray:
    """(T, K) scores to 0..1, each lane from its own lowest to its own highest score."""
    if scores.size == 0:
        return scores
    low, high = scores.min(axis=0), scores.max(axis=0)
    return (scores - low) / np.maximum(high - low, 1e-12)


@matplotlib.rc_context(DRAWING)
def _draw(view: StepTimeline, strip: np.ndarray) -> Picture:
    width, left, lane, head, foot = 10.5, 0.27, 0.44, 0.6, 0.6
    strip_inches = width * (0.98 - left) * strip.shape[0] / strip.shape[1] if strip.size else 0.0
    lanes_inches = lane * len(view.steps)
    height = head + strip_inches + 0.12 + lanes_inches + foot
    figure = Figure(figsize=(width, height))
    axes = figure.add_axes((left, foot / height, 0.98 - left, lanes_inches / height))
    if strip.size:
        bottom = (foot + lanes_inches + 0.12) / height
        above = figure.add_axes((left, bottom, 0.98 - left, strip_inches / height))
        above.imshow(strip, aspect="auto")
        above.set_axis_off()
    pale_to_full = LinearSegmentedColormap.from_list("fused", ["#F4F4F4", FUSED])
    count = len(view.steps)
    axes.pcolormesh(
        np.arange(len(view.scores) + 1), np.arange(count + 1) - 0.5, lane_heat(view.scores).T,
        cmap=pale_to_full, vmin=0, vmax=1,
    )  # fmt: skip
    for number in range(count):
        for start, end in view.truth[number]:
            axes.plot(
                [start, end], [number + 0.38] * 2, color=TRUTH, linewidth=4, solid_capstyle="butt"
            )
        places = view.predicted_seconds[number]
        axes.plot(places, [number - 0.33] * len(places), "v", color=PREDICTION, markersize=8)
    axes.hlines(np.arange(1, count) - 0.5, *view.span, color="white", linewidth=4)
    axes.set(xlim=view.span, ylim=(count - 0.5, -0.5), xlabel="seconds")
    axes.set_yticks(range(count), [shorten(step, 31) for step in view.steps])
    axes.spines[:].set_visible(False)
    axes.tick_params(left=False)
    _explain(figure, height, left)
    return Picture(figure, _sentence(view))


def _explain(figure: Figure, height: float, left: float) -> None:
    marks = [
        matplotlib.lines.Line2D(
            [], [], color=PREDICTION, marker="v", linestyle="", label="predicted"
        ),
        matplotlib.lines.Line2D([], [], color=TRUTH, linewidth=4, label="true"),
        Patch(color=FUSED, label="fits best (each lane on its own scale)"),
    ]
    place = (left - 0.012, 1 - 0.08 / height)
    figure.legend(handles=marks, loc="upper left", bbox_to_anchor=place, ncols=3, columnspacing=1.6)


def _sentence(view: StepTimeline) -> str:
    told = f"{len(view.steps)} steps over {view.span[1]:.0f} seconds of {view.media_path.name}."
    known = sum(bool(segments) for segments in view.truth)
    if not known:
        return told
    right = sum(
        any(start <= second <= end for second in seconds for start, end in segments)
        for seconds, segments in zip(view.predicted_seconds, view.truth, strict=True)
    )
    return f"{told} {right} of the {known} steps that occur are predicted inside their true time."
