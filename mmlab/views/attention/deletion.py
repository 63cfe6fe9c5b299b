"""Whether the heat means anything, below every view: a sentence and its small curve."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from html import escape

import ipywidgets
import numpy as np

from mmlab.explanation.deletion import DeletionResult
from mmlab.views.attention.later import Later
from mmlab.views.theme import FUSED

WIDTH, HEIGHT, LEFT, FOOT = 300, 130, 40, 30
RANDOM_GREY = "#8C8C8C"


MEASURING = "<p role='status'>Measuring what this heat is worth …</p>"


Worth = DeletionResult | str
"""What a heat is worth, or why that cannot be said."""


class DeletionPlace(ipywidgets.HTML):
    """Says what the shown heat is worth, and meanwhile that it is being measured.

    Attributes:
        result: of what was asked last; None until then, and where nothing can be scored.
        later: all that was measured.
    """

    def __init__(self) -> None:
        super().__init__()
        self.add_class("mmlab-deletion")
        self.result: Worth | None = None
        self.later: Later[Worth] = Later(self._tell)

    def ask(self, question: Hashable, work: Callable[[], Worth] | None, *, at_once: bool) -> None:
        """See `Later.ask`; without work the place is blank."""
        self.result, self.value = None, MEASURING if work else ""
        if work is not None:
            self.later.ask(question, work, at_once=at_once)

    def _tell(self, worth: Worth) -> None:
        self.result, self.value = worth, deletion_html(worth)


def deletion_html(result: Worth) -> str:
    """The result's sentence with its curve as SVG, which shows no more; or why there is none."""
    if isinstance(result, str):
        return f"<p>{escape(result)}</p>"
    curve = deletion_curve(result) if np.isfinite(result.random).all() else ""
    return f"<p>{escape(result.sentence())}</p>{curve}"


def deletion_curve(result: DeletionResult) -> str:
    """Score over the share of tokens taken away: hottest first, and 95 % of random orders."""
    low, high = result.random_band
    curves = [low, high, result.ordered]
    bottom, top = min(map(np.min, curves)), max(map(np.max, curves))

    def points(curve: Iterable[float], fractions: np.ndarray = result.fractions) -> str:
        heights = (np.asarray(list(curve)) - bottom) / max(top - bottom, 1e-12)
        across = LEFT + fractions * (WIDTH - LEFT - 6)
        down = 6 + (1 - heights) * (HEIGHT - FOOT - 6)
        return " ".join(f"{x:.1f},{y:.1f}" for x, y in zip(across, down, strict=True))

    band = f"{points(high)} {points(low[::-1], result.fractions[::-1])}"
    line = 'fill="none" stroke-width="2"'
    return (
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" aria-hidden="true" font-size="11">'
        f'<polygon points="{band}" fill="{RANDOM_GREY}" fill-opacity="0.3"/>'
        f'<polyline points="{points(result.random_mean)}" {line} stroke="{RANDOM_GREY}" '
        'stroke-dasharray="5 3"/>'
        f'<polyline points="{points(result.ordered)}" {line} stroke="{FUSED}"/>'
        f"{_axis_words(bottom, top, len(result.random))}</svg>"
    )


def _axis_words(bottom: float, top: float, draws: int) -> str:
    words = [
        (LEFT - 5, 14, "end", f"{top:.2f}"),
        (LEFT - 5, HEIGHT - FOOT, "end", f"{bottom:.2f}"),
        (LEFT, HEIGHT - FOOT + 13, "start", "tokens taken away"),
        (WIDTH - 6, HEIGHT - FOOT + 13, "end", "all"),
        (LEFT, HEIGHT - 4, "start", f"solid: hottest first · grey: {draws} random orders"),
    ]
    return "".join(
        f'<text x="{x}" y="{y}" text-anchor="{anchor}" fill="currentColor">{text}</text>'
        for x, y, anchor, text in words
    )
