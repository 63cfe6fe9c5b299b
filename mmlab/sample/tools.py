"""Hands and what they hold: one sprite per action, its origin the point that touches the food."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from PIL import Image

from mmlab.sample.picture import Colour, Sheet, mixed

SIZE = (330, 310)  # of a sprite, pixels of the stage
TIP = (100, 232)  # the origin within the sprite
COOKS: tuple[tuple[Colour, Colour], ...] = (
    ((232, 186, 152), (92, 112, 142)),
    ((198, 142, 104), (214, 206, 190)),
    ((142, 92, 64), (128, 90, 110)),
    ((98, 62, 46), (190, 150, 92)),
)
"""Skin and sleeve of each cook."""

_STEEL: Colour = (196, 202, 208)
_WOOD: Colour = (190, 138, 84)
_DARK: Colour = (58, 50, 50)


@dataclass(frozen=True)
class _Hand:
    """Draws one cook's hand on a sheet, the forearm leaving at the upper right."""

    sheet: Sheet
    skin: Colour
    sleeve: Colour

    def arm(self, x: float, y: float) -> None:
        """Forearm and sleeve behind a hand at (x, y)."""
        self.sheet.paint(self.sheet.limb((x, y), (x + 56, y - 124), 13, 17), self.skin, depth=12)
        cuff = self.sheet.limb((x + 38, y - 84), (x + 106, y - 250), 22, 29)
        self.sheet.paint(cuff, self.sleeve, depth=14, gloss=0.05)

    def grip(self, x: float, y: float) -> None:
        """A fist around something at (x, y)."""
        self.sheet.paint(self.sheet.ellipse(x + 4, y - 3, 18, 17), self.skin, depth=10, gloss=0.15)
        for finger in range(4):
            top = (x - 5 - 1.5 * finger, y - 13 + 8 * finger)
            end = (top[0] - 9 + finger, top[1] + 3)
            self.sheet.paint(self.sheet.limb(top, end, 5.5, 5), self.skin, depth=5, gloss=0.15)
        thumb = self.sheet.limb((x + 6, y - 14), (x - 10, y - 20), 6, 5)
        self.sheet.paint(thumb, self.skin, depth=5, gloss=0.15)


def _slice(sheet: Sheet, hand: _Hand) -> None:
    hand.arm(64, -24)
    blade = [(-66, -8), (-58, -22), (26, -30), (30, -4), (10, 0), (-50, 0)]
    sheet.paint(sheet.polygon(blade), _STEEL, depth=4, gloss=0.7)
    sheet.paint(sheet.limb((-58, -1), (12, -1), 1), (250, 252, 255), depth=0, outline=0)
    sheet.paint(sheet.limb((30, -18), (74, -24), 7, 8), _DARK, depth=5)
    hand.grip(56, -22)


def _stir(sheet: Sheet, hand: _Hand) -> None:
    hand.arm(42, -80)
    sheet.paint(sheet.limb((2, -8), (52, -98), 4, 5), _WOOD, depth=4)
    sheet.paint(sheet.ellipse(0, -5, 16, 11, -25), _WOOD, depth=6)
    sheet.paint(sheet.ellipse(-1, -6, 10, 6, -25), mixed(_WOOD, (0, 0, 0), 0.25), depth=0)
    hand.grip(42, -80)


def _pour(sheet: Sheet, hand: _Hand) -> None:
    hand.arm(96, -34)
    ring = sheet.ellipse(80, -26, 24, 27) * (1 - sheet.ellipse(80, -26, 15, 18))
    glass: Colour = (168, 200, 214)
    sheet.paint(ring, glass, depth=5, gloss=0.6)
    body = [(-4, -4), (10, -22), (40, -62), (84, -30), (58, 14), (26, 20), (6, 6)]
    sheet.paint(sheet.polygon(body), glass, depth=12, gloss=0.7, opacity=0.92)
    drink = [(0, -2), (50, -24), (66, -2), (54, 12), (26, 16), (8, 4)]
    sheet.paint(sheet.polygon(drink), (112, 168, 214), depth=9, gloss=0.4, outline=0.1)
    hand.grip(98, -30)


def _knead(sheet: Sheet, hand: _Hand) -> None:
    hand.arm(24, -34)
    sheet.paint(sheet.ellipse(12, -18, 26, 20, -20), hand.skin, depth=12, gloss=0.15)
    for finger in range(4):
        x = -10 + 12 * finger
        knuckle = sheet.limb((x + 3, -16), (x, -4 + 1.2 * finger), 7, 6.5)
        sheet.paint(knuckle, hand.skin, depth=5, gloss=0.15)


def _whisk(sheet: Sheet, hand: _Hand) -> None:
    hand.arm(46, -92)
    for half in (19, 11, 4):
        wire = sheet.ellipse(6, -24, half, 27, 24) * (1 - sheet.ellipse(6, -24, half - 2, 25, 24))
        sheet.paint(wire, _STEEL, depth=2, gloss=0.8)
    sheet.paint(sheet.limb((17, -48), (54, -112), 5, 7), _DARK, depth=5, gloss=0.4)
    hand.grip(44, -92)


def _grate(sheet: Sheet, hand: _Hand) -> None:
    hand.arm(18, -26)
    hand.grip(8, -14)


def _fry(sheet: Sheet, hand: _Hand) -> None:
    hand.arm(66, -86)
    sheet.paint(sheet.limb((14, -16), (74, -98), 3.5, 5), _DARK, depth=4)
    blade = [(-24, 2), (2, -24), (24, -16), (2, 10)]
    sheet.paint(sheet.polygon(blade), _STEEL, depth=4, gloss=0.6)
    for x in (-8, 0, 8):
        sheet.paint(sheet.limb((x - 4, -2), (x + 4, -10), 1.6), _DARK, depth=0, outline=0)
    hand.grip(64, -86)


def _peel(sheet: Sheet, hand: _Hand) -> None:
    hand.arm(52, -48)
    sheet.paint(sheet.limb((16, -18), (58, -54), 5, 7), (206, 84, 62), depth=5, gloss=0.5)
    for x, y in ((-10, -14), (8, 6)):
        sheet.paint(sheet.limb((16, -18), (x, y), 3), _STEEL, depth=2)
    sheet.paint(sheet.limb((-10, -14), (8, 6), 3.5), (232, 238, 242), depth=2, gloss=0.8)
    hand.grip(50, -48)


def _mash(sheet: Sheet, hand: _Hand) -> None:
    hand.arm(10, -104)
    for x in (-12, 12):
        sheet.paint(sheet.limb((x, -4), (x * 0.5, -70), 2.5), _STEEL, depth=2)
    plate = sheet.ellipse(0, -3, 34, 12)
    holes = (np.sin(sheet.x * 0.62) > 0.55) & (np.sin(sheet.y * 0.9 + 1) > -0.4)
    sheet.paint(plate, _STEEL, depth=4, gloss=0.6)
    sheet.paint(plate * holes, (96, 100, 108), depth=0, outline=0)
    sheet.paint(sheet.limb((0, -70), (0, -112), 7, 8), _WOOD, depth=5)
    hand.grip(4, -98)


def _sprinkle(sheet: Sheet, hand: _Hand) -> None:
    hand.arm(30, -44)
    sheet.paint(sheet.ellipse(22, -34, 20, 17, -50), hand.skin, depth=10, gloss=0.15)
    for x, y in ((18, -22), (10, -28), (2, -32)):
        sheet.paint(sheet.limb((x + 4, y - 6), (0, -4), 6.5, 4), hand.skin, depth=5, gloss=0.15)
    sheet.paint(sheet.limb((4, -38), (-4, -6), 6, 4.5), hand.skin, depth=5, gloss=0.15)


_PAINTERS = {
    "slice": _slice,
    "stir": _stir,
    "pour": _pour,
    "knead": _knead,
    "whisk": _whisk,
    "grate": _grate,
    "fry": _fry,
    "peel": _peel,
    "mash": _mash,
    "sprinkle": _sprinkle,
}


@cache
def tool(action: str, cook: int) -> Image.Image:
    """The hand of a cook doing an action, RGBA of `SIZE`; shared, do not change it."""
    sheet = Sheet(*SIZE, origin=TIP)
    _PAINTERS[action](sheet, _Hand(sheet, *COOKS[cook]))
    return sheet.image()


@cache
def grater() -> Image.Image:
    """The box grater that stands still while a hand goes up and down."""
    sheet = Sheet(90, 110, origin=(45, 100))
    sheet.shade(sheet.ellipse(6, -2, 34, 8), 6, 0.5)
    ring = sheet.ellipse(0, -84, 13, 12) * (1 - sheet.ellipse(0, -84, 8, 7))
    sheet.paint(ring, _DARK, depth=3)
    sheet.paint(
        sheet.polygon([(-16, -80), (16, -80), (28, 0), (-28, 0)]), _STEEL, depth=7, gloss=0.6
    )
    for row in range(7):
        for x in np.arange(-15, 16, 10.0) + 5 * (row % 2):
            hole = sheet.ellipse(x * (0.75 + 0.05 * row), -70 + 10 * row, 2.6, 2.0)
            sheet.paint(hole, (92, 98, 106), depth=0, outline=0)
    return sheet.image()
