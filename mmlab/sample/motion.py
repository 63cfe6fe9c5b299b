"""How each action moves: its rhythm, the tool's path, and the food under it."""

from __future__ import annotations

from dataclasses import dataclass
from math import cos, pi, sin

CYCLES_PER_SECOND = {
    "slice": 2.0,
    "stir": 0.9,
    "pour": 0.5,
    "knead": 0.8,
    "whisk": 2.6,
    "grate": 1.6,
    "fry": 0.6,
    "peel": 1.2,
    "mash": 1.0,
    "sprinkle": 2.2,
}
"""The usual rhythm of each action; its sound keeps the same one."""


@dataclass(frozen=True)
class Pose:
    """Where the tool's tip is, in pixels of the stage from the middle of the food, and its tilt."""

    x: float
    y: float
    degrees: float = 0.0


def pose(action: str, cycles: float, progress: float) -> Pose:
    """The tool's pose after so many cycles; `progress` runs 0..1 through the action."""
    turn = 2 * pi * cycles
    match action:
        case "slice":
            lifted = abs(cos(pi * cycles))
            return Pose(30 - 60 * progress, -4 - 34 * lifted, 7 * lifted)
        case "stir":
            return Pose(52 * cos(turn), 16 * sin(turn), 9 * cos(turn))
        case "pour":
            return Pose(-4 + 14 * sin(turn), -104 + 4 * cos(turn), 12 + 7 * sin(turn))
        case "knead":
            return Pose(26 + 6 * sin(turn), -18 - 10 * cos(turn), 5 * sin(turn))
        case "whisk":
            return Pose(20 * cos(turn), 8 * sin(turn), 8 * sin(turn + 1))
        case "grate":
            return Pose(-52 + 7 * sin(turn), -36 - 30 * cos(turn), 4 * sin(turn))
        case "fry":
            scooped = max(0.0, sin(turn))
            return Pose(-34 + 58 * (cycles % 1), 10 - 26 * scooped, -16 * scooped)
        case "peel":
            return _peel(cycles % 1)
        case "mash":
            return Pose(14 * sin(turn / 4), -17 - 23 * cos(turn))
        case _:
            return Pose(34 * sin(turn / 6) + 11 * sin(turn), -92 + 5 * cos(2 * turn), 9 * sin(turn))


def _peel(along: float) -> Pose:
    """One long stroke down to the right, then a quick way back above the food."""
    stroke = min(along / 0.7, 1.0)
    back = max((along - 0.7) / 0.3, 0.0)
    arc = 14 * sin(pi * back)
    return Pose(-48 + 92 * (stroke - back), -18 + 22 * (stroke - back) - arc, 14 * stroke)


def food_shift(action: str, cycles: float, piece: int) -> tuple[float, float]:
    """How far a piece of food is moved by the action, in pixels of the stage (x, y)."""
    turn = 2 * pi * cycles
    match action:
        case "slice" | "mash":
            return 0.0, 3.0 * max(0.0, sin(turn)) * (1 if piece % 2 else -1)
        case "stir" | "whisk":
            reach = 9 if action == "stir" else 3
            return reach * cos(turn - 0.6 + piece), 0.5 * reach * sin(turn - 0.6 + piece)
        case "knead":
            return 5 * sin(turn + pi * piece), 2 * cos(turn)
        case "fry":
            return 6 * sin(turn + piece), -13 * max(0.0, sin(turn + 1.4 * piece))
        case "grate" | "peel":
            return 1.5 * sin(turn + piece), 0.0
        case _:
            return 0.0, 0.0
