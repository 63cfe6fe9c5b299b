"""Posters with words, standing still: one clip, or a search's answers as a grid of cards."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch
from PIL import Image

from mmlab.views.static import Picture
from mmlab.views.theme import DRAWING, FAINT, FUSED, MUTED

CARDS_PER_ROW = 5
TILE_RATIO = 9 / 16


@dataclass(frozen=True)
class Card:
    """One answer of a search, as drawn.

    Attributes:
        tile: its poster.
        heading: a short line, such as "1 · score 0.83 · 4.0 to 9.5 s".
        caption: its text.
    """

    tile: Image.Image
    heading: str
    caption: str


def shorten(text: str, characters: int) -> str:
    """The text in at most so many characters; what is cut off is marked by an ellipsis."""
    return text if len(text) <= characters else text[: characters - 1].rstrip() + "…"


@matplotlib.rc_context(DRAWING)
def clip_picture(tile: Image.Image | None, heading: str, words: str, *, plays: bool) -> Picture:
    """A clip's poster, its heading above and its words below.

    Args:
        tile: the poster, if there is any.
        heading: stands above it.
        words: the caption, or a sentence that says what is wrong.
        plays: whether to draw a play sign over the poster.
    """
    figure = Figure(figsize=(4.6, 3.5))
    axes = figure.add_axes((0.03, 0.2, 0.94, 0.68))
    axes.set_axis_off()
    if tile is not None:
        axes.imshow(tile)
    if tile is not None and plays:
        _play_sign(axes, tile.size)
    figure.text(0.03, 0.96, heading, va="top", fontweight="bold")
    lines = "\n".join(textwrap.wrap(words, 52)[:2])
    figure.text(0.03, 0.16, lines, va="top")
    return Picture(figure, f"A clip player. {heading}: {words}".strip())


@matplotlib.rc_context(DRAWING)
def cards_picture(question: str, cards: Sequence[Card], sentence: str) -> Picture:
    """A question with its answers as a grid of posters, best first.

    Args:
        question: what was asked, drawn in the box above the cards.
        cards: the answers; none draws the box alone.
        sentence: what the picture says.
    """
    rows = -(-len(cards) // CARDS_PER_ROW)
    width, row_height, head = 10.5, 2.08, 0.85
    height = head + rows * row_height + 0.1
    figure = Figure(figsize=(width, height))
    _question_box(figure, question, height - head + 0.12, height)
    for number, card in enumerate(cards):
        row, column = divmod(number, CARDS_PER_ROW)
        top = height - head - row * row_height
        _draw_card(figure, card, (0.15 + column * 2.06, top), height)
    return Picture(figure, sentence)


def _question_box(figure: Figure, question: str, bottom: float, height: float) -> None:
    axes = figure.add_axes((0.0143, bottom / height, 0.97, 0.56 / height))
    axes.set_axis_off()
    axes.set(xlim=(0, 100), ylim=(0, 5.5))
    box = FancyBboxPatch((1, 0.8), 98, 3.9, boxstyle="round,pad=0,rounding_size=1.9")
    box.set(facecolor="white", edgecolor=FUSED, linewidth=1.6)
    axes.add_patch(box)
    axes.text(3, 2.75, shorten(question, 92), va="center", fontsize=12.5)


def _draw_card(figure: Figure, card: Card, corner: tuple[float, float], height: float) -> None:
    """Draw a card whose upper left corner lies at `corner`, inches from the lower left."""
    left, top = corner
    tile_width, figure_width = 1.96, figure.get_size_inches()[0]
    tile_height = tile_width * TILE_RATIO
    place = (left, top - 0.24 - tile_height, tile_width, tile_height)
    scales = (figure_width, height, figure_width, height)
    axes = figure.add_axes(
        tuple(inches / scale for inches, scale in zip(place, scales, strict=True))
    )
    axes.imshow(card.tile)
    axes.set_anchor("NW")  # above the words' beginning, whatever its proportions
    axes.set(xticks=[], yticks=[])
    axes.spines[:].set(visible=True, color=FAINT)
    figure.text(
        left / figure_width, (top - 0.02) / height, card.heading,
        va="top", fontsize=8.5, fontweight="bold", color=MUTED
    )  # fmt: skip
    lines = textwrap.wrap(card.caption, 28) or [""]
    shown = [*lines[:2], shorten(lines[2] + "  " * (len(lines) > 3), 28)] if lines[2:] else lines
    figure.text(
        left / figure_width, (top - 0.34 - tile_height) / height, "\n".join(shown),
        va="top", fontsize=8.8, linespacing=1.3
    )  # fmt: skip


def _play_sign(axes: Axes, size: tuple[int, int]) -> None:
    width, height = size
    axes.plot(width / 2, height / 2, "o", markersize=44, color="white", alpha=0.85)
    axes.plot(width / 2 * 1.008, height / 2, ">", markersize=17, color=FUSED)
