"""Bowl, pan, board, plate and pot in five colours, and the cloth that covers what they hold.

A vessel is two sprites: what is behind its contents and what is in front of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from PIL import Image

from mmlab.sample.picture import Colour, Sheet, mixed

WIDTH, HEIGHT = 360, 240  # of a vessel's sprites, pixels of the stage
COLOURS: dict[str, Colour] = {
    "red": (204, 52, 46),
    "blue": (48, 98, 186),
    "green": (54, 146, 92),
    "yellow": (240, 190, 48),
    "white": (240, 238, 232),
}
_STEEL: Colour = (186, 190, 196)


@dataclass(frozen=True)
class Vessel:
    """A vessel's two halves and where its contents stand.

    Attributes:
        back: RGBA, below the contents.
        front: RGBA, above the contents.
        floor: (x, y) of the contents' middle, from the sprites' centre.
        spread: how far contents and tools may go from there in x and y, pixels.
    """

    back: Image.Image
    front: Image.Image
    floor: tuple[int, int]
    spread: tuple[int, int]


@cache
def vessel(name: str, colour: str) -> Vessel:
    """Draw a vessel; the result is shared, do not change it."""
    back, front = Sheet(WIDTH, HEIGHT), Sheet(WIDTH, HEIGHT)
    floor, spread = _PAINTERS[name](back, front, COLOURS[colour])
    return Vessel(back.image(), front.image(), floor, spread)


@cache
def cloth() -> Image.Image:
    """A checked kitchen cloth, heaped over whatever is below."""
    sheet = Sheet(220, 150)
    sheet.shade(sheet.ellipse(0, 30, 96, 34), 14, 0.5)
    folds = np.sin(sheet.x * 0.09 + np.sin(sheet.y * 0.05) * 1.4) * 0.1 + 1
    stripes = ((np.sin(sheet.x * 0.32 + sheet.y * 0.1) > 0.35).astype(float) * 0.5) + (
        np.sin(sheet.y * 0.4 - sheet.x * 0.07) > 0.35
    ) * 0.5
    plain, check = np.array((232, 226, 214)), np.array((122, 134, 150))
    pattern = (plain + (check - plain) * 0.75 * stripes[..., None]) * folds[..., None]
    heap = [(-96, 34), (-84, 6), (-58, -34), (-14, -50), (34, -46), (70, -22), (90, 8), (98, 36)]
    hem = [(70, 50), (40, 42), (8, 56), (-28, 44), (-62, 54)]
    sheet.paint(sheet.polygon(heap + hem, smooth=True), pattern, depth=26, gloss=0.05)
    return sheet.image()


def _bowl(back: Sheet, front: Sheet, colour: Colour) -> tuple[tuple[int, int], tuple[int, int]]:
    back.shade(back.ellipse(12, 88, 108, 22), 14, 0.55)
    _open_top(back, colour, 118, 46)
    half = [(118, -2), (117, 14), (108, 42), (86, 70), (60, 86), (42, 94)]
    shape = [(-x, y) for x, y in half] + [(0, 97)] + half[::-1]
    body = front.polygon(shape) * _below_rim(front, 118, 46)
    front.paint(body, colour, depth=34, gloss=0.5)
    band = front.ellipse(0, 26, 112, 44) * (1 - front.ellipse(0, 19, 114, 44)) * body
    front.paint(band, mixed(colour, (255, 255, 255), 0.45), depth=0, outline=0, opacity=0.7)
    _lip(front, colour, 118, 46)
    return (0, 8), (58, 18)


def _pot(back: Sheet, front: Sheet, colour: Colour) -> tuple[tuple[int, int], tuple[int, int]]:
    back.shade(back.ellipse(14, 98, 118, 22), 14, 0.55)
    for side in (-1, 1):
        ring = back.ellipse(118 * side, 22, 27, 15) * (1 - back.ellipse(118 * side, 22, 16, 6))
        back.paint(ring, mixed(colour, (20, 20, 20), 0.35), depth=6)
    _open_top(back, colour, 108, 38)
    box = front.polygon([(-108, 0), (108, 0), (104, 84), (-104, 84)])
    body = np.clip(box + front.ellipse(0, 82, 104, 24), 0, 1) * _below_rim(front, 108, 38)
    front.paint(body, colour, depth=30, gloss=0.4)
    _lip(front, mixed(colour, _STEEL, 0.55), 108, 38)
    return (0, 6), (54, 14)


def _pan(back: Sheet, front: Sheet, colour: Colour) -> tuple[tuple[int, int], tuple[int, int]]:
    back.shade(back.ellipse(10, 44, 128, 46), 12, 0.55)
    back.paint(back.limb((104, 34), (172, 66), 10, 12), (52, 44, 42), depth=8, gloss=0.4)
    back.paint(back.limb((96, 30), (116, 40), 8), _STEEL, depth=6)
    back.paint(back.ellipse(0, 16, 126, 56), mixed(colour, (0, 0, 0), 0.12), depth=16, gloss=0.3)
    back.paint(back.ellipse(0, 4, 126, 54), colour, depth=8, gloss=0.35)
    back.paint(back.ellipse(0, 6, 112, 45), (66, 64, 68), depth=0, outline=0.5)
    back.paint(back.ellipse(-6, 12, 96, 35), (84, 82, 86), depth=0, outline=0, opacity=0.6)
    return (0, 0), (62, 22)


def _plate(back: Sheet, front: Sheet, colour: Colour) -> tuple[tuple[int, int], tuple[int, int]]:
    back.shade(back.ellipse(10, 32, 142, 52), 12, 0.5)
    back.paint(back.ellipse(0, 16, 142, 58), mixed(colour, (0, 0, 0), 0.2), depth=10, gloss=0.2)
    back.paint(back.ellipse(0, 9, 142, 57), colour, depth=14, gloss=0.4)
    back.paint(back.ellipse(0, 10, 102, 38), mixed(colour, (0, 0, 0), 0.14), depth=0, outline=0.3)
    pale = mixed(colour, (255, 255, 255), 0.2)
    back.paint(back.ellipse(0, 12, 99, 36), pale, depth=6, gloss=0.2, outline=0)
    return (0, 0), (62, 18)


def _board(back: Sheet, front: Sheet, colour: Colour) -> tuple[tuple[int, int], tuple[int, int]]:
    corners = [(-126, -44), (126, -44), (152, 54), (-152, 54)]
    back.shade(back.polygon([(x + 8, y + 18) for x, y in corners]), 12, 0.55)
    edge = [(-152, 52), (152, 52), (150, 70), (-150, 70)]
    back.paint(back.polygon(edge), mixed(colour, (60, 30, 0), 0.45), depth=3, gloss=0)
    grain = 1 + 0.05 * np.sin(back.y * 0.9 + 3 * np.sin(back.x * 0.021 + back.y * 0.02))
    grain += 0.03 * np.sin(back.y * 2.3 + 2 * np.sin(back.x * 0.05))
    top = np.array(mixed(colour, (180, 130, 80), 0.1)) * grain[..., None]
    back.paint(back.polygon(corners), top, depth=5, gloss=0.2)
    back.paint(back.ellipse(0, -33, 17, 5), (66, 44, 30), depth=0, outline=0.3)
    return (0, 4), (70, 20)


_PAINTERS = {"bowl": _bowl, "pan": _pan, "board": _board, "plate": _plate, "pot": _pot}


def _below_rim(sheet: Sheet, half_width: float, half_height: float) -> np.ndarray:
    """Everything nearer than the opening, seen from slightly above."""
    return (sheet.y >= 0) * (1 - sheet.ellipse(0, 0, half_width, half_height))


def _open_top(sheet: Sheet, colour: Colour, half_width: float, half_height: float) -> None:
    """The inner wall behind the contents."""
    sheet.paint(
        sheet.ellipse(0, 0, half_width, half_height), mixed(colour, (0, 0, 0), 0.1), depth=5
    )
    light = 0.62 + 0.26 * sheet.y / half_height
    inner = np.array(mixed(colour, (30, 20, 20), 0.2)) * np.clip(light, 0.3, 1)[..., None]
    sheet.paint(sheet.ellipse(0, 2, half_width - 6, half_height - 5), inner, depth=0)


def _lip(sheet: Sheet, colour: Colour, half_width: float, half_height: float) -> None:
    """The near half of the rim, in front of the contents."""
    ring = sheet.ellipse(0, 0, half_width, half_height) * (
        1 - sheet.ellipse(0, 0, half_width - 5, half_height - 4)
    )
    near = ring * (sheet.y > -2)
    sheet.paint(near, mixed(colour, (255, 255, 255), 0.25), depth=4, gloss=0.5, outline=0.15)
