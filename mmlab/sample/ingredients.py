"""The sixteen ingredients, each drawn once in its own colour, shape and texture."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np
from PIL import Image

from mmlab.sample.picture import Colour, Sheet, mixed

SIZE = 84  # pixels of a sprite's side; the body fills about 64
_LEAF: Colour = (72, 140, 58)


def _tomato(sheet: Sheet) -> None:
    sheet.paint(sheet.ellipse(0, 3, 30, 26), (214, 48, 38), depth=16, gloss=0.6)
    star = [(0, -14), (12, -24), (6, -20), (2, -32), (-4, -21), (-14, -25), (-9, -19), (-18, -14)]
    sheet.paint(sheet.polygon(star), _LEAF, depth=3)


def _carrot(sheet: Sheet) -> None:
    for x, y in ((18.0, -34.0), (26.0, -30.0), (31.0, -20.0)):
        sheet.paint(sheet.limb((16, -16), (x, y), 4, 5), (86, 158, 60), depth=3)
    sheet.paint(sheet.limb((14, -14), (-27, 27), 13, 2.5), (240, 128, 32), depth=9, gloss=0.35)
    for t in (0.1, 0.28, 0.46, 0.64):
        x, y = 14 - 41 * t, -14 + 41 * t
        r = 9.0 * (1 - t)
        line = sheet.limb((x - r, y - r * 0.2), (x - r * 0.2, y + r * 0.2), 0.8)
        sheet.paint(line, (176, 82, 14), depth=0, outline=0)


def _egg(sheet: Sheet) -> None:
    shape = [(0, -31), (16, -18), (23, 5), (14, 25), (0, 30), (-14, 25), (-23, 5), (-16, -18)]
    sheet.paint(sheet.polygon(shape, smooth=True), (236, 204, 172), depth=17, gloss=0.4)


def _lemon(sheet: Sheet) -> None:
    sheet.paint(sheet.limb((-32, 8), (32, -8), 5), (226, 196, 40), depth=4)
    skin = np.array((246, 222, 60)) * _dimples(sheet, 2.2, 0.12)[..., None]
    sheet.paint(sheet.ellipse(0, 0, 28, 20, -14), skin, depth=12, gloss=0.5)


def _onion(sheet: Sheet) -> None:
    sheet.paint(sheet.limb((0, -16), (3, -35), 6, 2.5), (190, 150, 110), depth=3)
    rings = 0.86 + 0.2 * np.sin(sheet.x / (0.35 + 0.65 * _arch(sheet.y / 30)) * 0.75)
    skin = np.array((158, 58, 124)) * rings[..., None]
    shape = [(0, -24), (14, -17), (28, 4), (17, 24), (0, 28), (-17, 24), (-28, 4), (-14, -17)]
    sheet.paint(sheet.polygon(shape, smooth=True), skin, depth=14, gloss=0.55)


def _potato(sheet: Sheet) -> None:
    shape = [(-30, 6), (-22, -16), (-2, -21), (18, -18), (31, 0), (24, 18), (2, 21), (-20, 20)]
    skin = np.array((176, 132, 82)) * _dimples(sheet, 5.0, 0.10)[..., None]
    sheet.paint(sheet.polygon(shape, smooth=True), skin, depth=14, gloss=0.12)
    for x, y in ((-14, -6), (6, -10), (16, 4), (-4, 8), (-20, 8), (8, 14)):
        sheet.paint(sheet.ellipse(x, y, 2.4, 1.6), (104, 70, 38), depth=0, outline=0)


def _mushroom(sheet: Sheet) -> None:
    sheet.paint(sheet.limb((0, 0), (0, 24), 9, 11), (240, 230, 212), depth=8, gloss=0.1)
    cap = sheet.ellipse(0, -2, 32, 27) * (sheet.y < 3)
    sheet.paint(sheet.ellipse(0, 3, 31, 7), (150, 118, 96), depth=3)
    sheet.paint(cap, (206, 176, 146), depth=14, gloss=0.3)
    for x, y in ((-14, -12), (4, -18), (16, -8)):
        sheet.paint(sheet.ellipse(x, y, 3.5, 2.5), (240, 224, 202), depth=0, outline=0)


def _broccoli(sheet: Sheet) -> None:
    sheet.paint(sheet.limb((0, 2), (0, 27), 9, 8), (160, 196, 106), depth=7)
    sheet.paint(sheet.limb((-2, 8), (-15, -2), 5), (160, 196, 106), depth=4)
    bumpy = _dimples(sheet, 1.6, 0.3)[..., None]
    for x, y, r in ((-20, -4, 12), (20, -4, 12), (-11, -18, 13), (11, -18, 13), (0, -6, 15)):
        sheet.paint(sheet.ellipse(x, y, r, r), np.array((44, 112, 46)) * bumpy, depth=7, gloss=0.05)


def _strawberry(sheet: Sheet) -> None:
    shape = [(0, 32), (-16, 16), (-26, -8), (-16, -21), (0, -18), (16, -21), (26, -8), (16, 16)]
    sheet.paint(sheet.polygon(shape, smooth=True), (226, 36, 66), depth=13, gloss=0.5)
    for row, y in enumerate((-10, -1, 8, 17)):
        for x in np.arange(-18, 19, 9.0) + 4.5 * (row % 2):
            if abs(x) < 21 - (y + 10) * 0.55:
                seed = sheet.ellipse(x, y, 1.3, 2.2)
                sheet.paint(seed, (252, 218, 116), depth=0, outline=0)
    crown = [(0, -14), (-10, -13), (-21, -22), (-8, -22), (0, -33), (8, -22), (21, -22), (10, -13)]
    sheet.paint(sheet.polygon(crown), (62, 146, 60), depth=3)


def _banana(sheet: Sheet) -> None:
    outer, inner = sheet.ellipse(2, -12, 37, 38), sheet.ellipse(4, -32, 37, 37)
    body = outer * (1 - inner) * (sheet.y > -19)
    sheet.paint(body, (250, 214, 62), depth=10, gloss=0.3)
    for x, y in ((-33, -18), (37, -17)):
        sheet.paint(sheet.ellipse(x, y, 4, 4), (98, 70, 34), depth=3)
    sheet.paint(sheet.limb((-19, 12), (20, 14), 0.8), (196, 150, 34), depth=0, outline=0)


def _eggplant(sheet: Sheet) -> None:
    body = [(14, -18), (24, -4), (16, 22), (-10, 32), (-30, 20), (-28, 0), (-8, -10), (4, -22)]
    sheet.paint(sheet.polygon(body, smooth=True), (82, 36, 104), depth=13, gloss=0.8)
    cap = [(2, -24), (14, -30), (24, -20), (20, -6), (12, -16), (4, -8), (2, -18), (-8, -14)]
    sheet.paint(sheet.polygon(cap), (90, 150, 66), depth=4)
    sheet.paint(sheet.limb((15, -25), (24, -35), 3), (90, 150, 66), depth=2)


def _pepper(sheet: Sheet) -> None:
    green: Colour = (66, 168, 62)
    for x in (-15, 15):
        sheet.paint(sheet.ellipse(x, 4, 16, 26), green, depth=10, gloss=0.5)
    sheet.paint(
        sheet.ellipse(0, 5, 14, 28), mixed(green, (255, 255, 190), 0.15), depth=9, gloss=0.6
    )
    sheet.paint(sheet.limb((0, -18), (6, -34), 4, 3), (44, 104, 40), depth=3)


def _corn(sheet: Sheet) -> None:
    along = (sheet.x + sheet.y) * 0.7071
    across = (sheet.x - sheet.y) * 0.7071
    kernels = 0.8 + 0.3 * np.abs(np.sin(along * 0.55) * np.sin(across * 0.62 + 0.5))
    cob = np.array((248, 204, 58)) * kernels[..., None]
    sheet.paint(sheet.limb((20, -20), (-16, 16), 9, 13), cob, depth=8, gloss=0.2)
    for bend in (-1, 1):
        husk = [
            (-30, 30),
            (-26 + 14 * bend, 26),
            (8 + 10 * bend, 8 * bend - 4),
            (-8 - 8 * bend, 18),
        ]
        husk[3] = (-14, 14)
        sheet.paint(sheet.polygon(husk, smooth=True), (122, 174, 72), depth=5)


def _cheese(sheet: Sheet) -> None:
    gold: Colour = (246, 178, 52)
    side = [(-32, -2), (30, 4), (30, 24), (-32, 18)]
    top = [(-32, -2), (12, -24), (30, 4)]
    sheet.paint(sheet.polygon(side), mixed(gold, (150, 80, 0), 0.12), depth=3, gloss=0.1)
    sheet.paint(sheet.polygon(top), mixed(gold, (255, 255, 255), 0.3), depth=2, gloss=0.1)
    for x, y, r in ((-20, 8, 4.5), (-2, 13, 5.5), (16, 9, 3.5), (22, 18, 3), (-12, 15, 2.5)):
        sheet.paint(sheet.ellipse(x, y, r, r * 0.9), (196, 124, 22), depth=0, outline=0.3)


def _fish(sheet: Sheet) -> None:
    sheet.paint(sheet.polygon([(18, 0), (38, -17), (33, 0), (38, 17)]), (96, 138, 168), depth=4)
    sheet.paint(sheet.polygon([(-8, -10), (6, -22), (14, -8)]), (96, 138, 168), depth=3)
    scales = 0.88 + 0.2 * (np.sin(sheet.x * 0.9) * np.sin(sheet.y * 0.9 + sheet.x * 0.2))
    back = 1 - 0.25 * np.clip(-sheet.y / 14, -0.6, 1)
    skin = np.array((142, 184, 208)) * (scales * back)[..., None]
    shape = [(-37, 2), (-24, -11), (-4, -15), (14, -9), (26, 0), (14, 9), (-4, 14), (-24, 11)]
    sheet.paint(sheet.polygon(shape, smooth=True), skin, depth=9, gloss=0.5)
    sheet.paint(sheet.ellipse(-26, -3, 4, 4), (250, 250, 246), depth=0)
    sheet.paint(sheet.ellipse(-26, -3, 2, 2), (16, 20, 26), depth=0, outline=0)


def _bread(sheet: Sheet) -> None:
    crust = np.array((198, 128, 62)) * _dimples(sheet, 4.0, 0.08)[..., None]
    shape = [(-34, 8), (-30, -10), (-10, -19), (12, -19), (30, -10), (34, 8), (20, 17), (-20, 17)]
    sheet.paint(sheet.polygon(shape, smooth=True), crust, depth=14, gloss=0.25)
    for x in (-18, 0, 18):
        slash = sheet.limb((x - 5, 2), (x + 6, -13), 2.6)
        sheet.paint(slash, (242, 206, 146), depth=2, outline=0.2)


def _dimples(sheet: Sheet, pixels: float, strength: float) -> np.ndarray:
    """A fixed mottled brightness around 1, its grain about `pixels` wide."""
    x, y = sheet.x / pixels, sheet.y / pixels
    waves = np.sin(x * 2.1 + np.sin(y * 1.7)) + np.sin(y * 2.3 + np.sin(x * 1.3 + 1)) * 0.8
    return (1 + strength * waves).astype(np.float32)


def _arch(t: np.ndarray) -> np.ndarray:
    """Half a circle over -1..1, zero outside."""
    return np.sqrt(np.clip(1 - t**2, 0, 1))


_PAINTERS: dict[str, Callable[[Sheet], None]] = {
    "tomato": _tomato,
    "carrot": _carrot,
    "egg": _egg,
    "lemon": _lemon,
    "onion": _onion,
    "potato": _potato,
    "mushroom": _mushroom,
    "broccoli": _broccoli,
    "strawberry": _strawberry,
    "banana": _banana,
    "eggplant": _eggplant,
    "pepper": _pepper,
    "corn": _corn,
    "cheese": _cheese,
    "fish": _fish,
    "bread": _bread,
}


@cache
def ingredient_sprite(name: str) -> Image.Image:
    """One piece of an ingredient, RGBA, SIZE × SIZE; do not change it, it is shared."""
    sheet = Sheet(SIZE, SIZE)
    _PAINTERS[name](sheet)
    return sheet.image()
