"""What an action sets in motion beside the food: crumbs, shreds, grains, a stream, steam.

Positions are in pixels of the stage, from the middle of the food; `Brush` turns them into pixels
of the frame. Every particle repeats its own short life, started by a random number of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import cos, pi, sin

import numpy as np
from PIL import ImageDraw

from mmlab.sample.motion import Pose

Fill = tuple[int, ...]


@dataclass(frozen=True)
class Brush:
    """Draws small translucent things on a frame.

    Attributes:
        draw: of the frame, blending RGBA.
        point: the stage's (x, y) in pixels of the frame.
        scale: pixels of the frame per pixel of the stage.
        crumb: the food's own colour.
        lives: (n, 3) random numbers in 0..1, one row per particle.
    """

    draw: ImageDraw.ImageDraw
    point: Callable[[float, float], tuple[float, float]]
    scale: float
    crumb: Fill
    lives: np.ndarray

    def dot(self, x: float, y: float, radius: float, fill: Fill) -> None:
        """A small disc."""
        left, top = self.point(x, y)
        r = radius * self.scale
        self.draw.ellipse((left - r, top - r, left + r, top + r), fill=fill)

    def line(self, points: list[tuple[float, float]], width: float, fill: Fill) -> None:
        """An open line through points."""
        across = max(1, round(width * self.scale))
        self.draw.line([self.point(*p) for p in points], fill=fill, width=across, joint="curve")


def draw_effects(brush: Brush, action: str, tip: Pose, cycles: float) -> None:
    """Add one frame's worth of an action's particles; `tip` is where the tool touches."""
    _EFFECTS[action](brush, tip, cycles)


def _chips(brush: Brush, tip: Pose, cycles: float) -> None:
    """Slicing: a few crumbs hop away at each cut."""
    along = cycles % 1
    for u, v, w in brush.lives[:6]:
        away = (u - 0.5) * 90 * along
        height = 26 * v * sin(pi * along)
        brush.dot(tip.x - 20 + away, 12 - height, 2 + 2 * w, (*brush.crumb, 230))


def _ripples(brush: Brush, tip: Pose, cycles: float) -> None:
    """Stirring: the wake of the spoon."""
    for ring in (0.7, 1.0):
        trail = [2 * pi * (cycles - back / 40) for back in range(11)]
        points = [(52 * ring * cos(a), 16 * ring * sin(a) + 4) for a in trail]
        brush.line(points, 2, (255, 255, 255, 90))


def _stream(brush: Brush, tip: Pose, cycles: float) -> None:
    """Pouring: a wavering stream and its splashes."""
    heights = np.linspace(tip.y, 10, 9)
    points = [(tip.x + 1.6 * sin(y / 9 + 11 * cycles), float(y)) for y in heights]
    brush.line(points, 9, (96, 150, 200, 235))
    brush.line([(x - 1, y) for x, y in points], 4, (176, 214, 242, 235))
    for u, v, w in brush.lives[:8]:
        life = (5 * cycles + w) % 1
        brush.dot(
            tip.x + (u - 0.5) * 64 * life, 10 - 24 * v * sin(pi * life), 2, (150, 200, 236, 220)
        )


def _flour(brush: Brush, tip: Pose, cycles: float) -> None:
    """Kneading: flour puffs up at each push."""
    life = (cycles + 0.5) % 1
    for u, v, w in brush.lives[:14]:
        fill = (255, 252, 244, int(150 * (1 - life)))
        brush.dot((u - 0.5) * 150 * (0.5 + life), 6 - 40 * v * life, 2 + 3 * w, fill)


def _froth(brush: Brush, tip: Pose, cycles: float) -> None:
    """Whisking: bubbles that circle behind the whisk."""
    for u, v, w in brush.lives[:16]:
        angle = 2 * pi * (0.6 * cycles + u)
        reach = 18 + 34 * v
        brush.dot(
            reach * cos(angle), 0.32 * reach * sin(angle) + 6, 1.5 + 2 * w, (255, 255, 250, 170)
        )


def _shreds(brush: Brush, tip: Pose, cycles: float) -> None:
    """Grating: shreds fall beside the grater and pile up."""
    for u, v, w in brush.lives[:10]:
        life = (1.6 * cycles + w) % 1
        x = -72 + 50 * (u - 0.5) * (0.3 + 0.7 * life)
        y = -34 + 50 * life
        brush.line([(x, y), (x + 7 * (v - 0.5), y + 7)], 2.2, (*brush.crumb, 240))
    for u, v, _ in brush.lives[10:34]:
        x, y = -66 + 52 * (u - 0.5), 22 - 6 * v
        brush.line([(x, y), (x + 6 * (v - 0.5), y + 3)], 2.2, (*brush.crumb, 240))


def _steam(brush: Brush, tip: Pose, cycles: float) -> None:
    """Frying: steam rises, fat spits."""
    for u, v, w in brush.lives[:12]:
        life = (0.8 * cycles + w) % 1
        x = (u - 0.5) * 110 + 9 * sin(2 * pi * (life + v))
        brush.dot(x, -120 * life, 7 + 13 * life, (250, 250, 250, int(44 * sin(pi * life))))
    for u, v, w in brush.lives[12:22]:
        life = (4 * cycles + w) % 1
        brush.dot((u - 0.5) * 140, 6 - 34 * v * sin(pi * life), 1.4, (255, 226, 150, 230))


def _curl(brush: Brush, tip: Pose, cycles: float) -> None:
    """Peeling: a curl of skin grows from the blade; earlier ones lie around."""
    grown = min((cycles % 1) / 0.7, 1.0)
    spiral = [(0.5 * k, 2.0 + 0.85 * k) for k in range(int(18 * grown) + 2)]
    points = [(tip.x - 6 - r * sin(a), tip.y + 4 + r * cos(a) * 0.9) for a, r in spiral]
    brush.line(points, 4, (*brush.crumb, 245))
    for u, v, w in brush.lives[:4]:
        x, y = -60 + 120 * u, 20 + 8 * v
        brush.line(
            [(x + 6 * cos(a + 6 * w), y + 3 * sin(a + 6 * w)) for a in range(5)],
            3,
            (*brush.crumb, 230),
        )


def _pulp(brush: Brush, tip: Pose, cycles: float) -> None:
    """Mashing: pulp is pressed out around the plate."""
    pressed = 0.5 + 0.5 * cos(2 * pi * cycles + pi)
    for u, v, w in brush.lives[:18]:
        reach = 26 + 22 * pressed * (0.4 + v)
        angle = 2 * pi * u
        place = (tip.x + reach * cos(angle), 10 + 0.34 * reach * sin(angle))
        brush.dot(*place, 2.5 + 2.5 * w, (*brush.crumb, 225))


def _grains(brush: Brush, tip: Pose, cycles: float) -> None:
    """Sprinkling: grains rain from the fingers."""
    for u, v, w in brush.lives:
        life = (1.1 * cycles + w) % 1
        x = tip.x + (u - 0.5) * (10 + 62 * life)
        y = tip.y + 6 + (14 * v - tip.y) * life**1.4
        brush.dot(x, y, 1.7, (255, 253, 246, 235) if u < 0.6 else (70, 60, 52, 235))


_EFFECTS: dict[str, Callable[[Brush, Pose, float], None]] = {
    "slice": _chips,
    "stir": _ripples,
    "pour": _stream,
    "knead": _flour,
    "whisk": _froth,
    "grate": _shreds,
    "fry": _steam,
    "peel": _curl,
    "mash": _pulp,
    "sprinkle": _grains,
}
