"""An action in front of the camera, frame by frame: hand, food, particles."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw, ImageOps

from mmlab.sample import tools
from mmlab.sample.camera import Shot, paste
from mmlab.sample.effects import Brush, draw_effects
from mmlab.sample.motion import CYCLES_PER_SECOND, Pose, food_shift, pose
from mmlab.sample.table import Table
from mmlab.sample.world import Step

PARTICLES = 40
DEGREES_STEP = 2  # of a tool's tilt: its turned pictures are kept, for turning costs the most
COMING_SECONDS = 0.3  # a tool needs to come into the picture, and to leave it
_GRATER_AT = (-66, -30)
_KNEADING_HEIGHT = -36  # of both hands' tips together: one rises while the other presses


class Performance:
    """One step's action in one shot."""

    def __init__(
        self, step: Step, table: Table, shot: Shot, cook: int, generator: np.random.Generator
    ) -> None:
        self.step, self.table, self.shot = step, table, shot
        self.action = step.attributes["action"]
        self._lives = generator.random((PARTICLES, 3))
        self._base = shot.take(table.stage)
        self._front = shot.scaled(table.vessel.front)
        self._pieces = table.pieces(shot)
        self._crumb = _mean_colour(table.food)
        self._grater = shot.scaled(tools.grater())
        self._hand = shot.scaled(tools.tool(self.action, cook))
        self._tip = (tools.TIP[0] * shot.scale, tools.TIP[1] * shot.scale)
        self._turned: dict[int, Image.Image] = {}

    def frame(self, seconds: float) -> Image.Image:
        """The picture at a time of the video; outside the action the food lies still."""
        since = seconds - self.step.action_start_seconds
        lasting = self.step.action_end_seconds - self.step.action_start_seconds
        at_work = 0 <= since < lasting
        cycles = since * CYCLES_PER_SECOND[self.action] * self.step.tempo
        frame = self._base.copy()
        self._paste_food(frame, cycles, at_work)
        if self.action == "grate":
            paste(frame, self._grater, self._point(*_GRATER_AT))
        tip = pose(self.action, cycles, since / lasting)
        if at_work:
            self._paste_hands(frame, tip, _lift(since, lasting))
        paste(frame, self._front, self.shot.point(*self.table.vessel_at))
        if at_work:
            canvas = ImageDraw.Draw(frame, "RGBA")
            brush = Brush(canvas, self._point, self.shot.scale, self._crumb, self._lives)
            draw_effects(brush, self.action, tip, cycles)
        return frame

    def _point(self, x: float, y: float) -> tuple[float, float]:
        """A place given from the middle of the food in pixels of the frame."""
        return self.shot.point(*self.table.on_stage(x, y))

    def _paste_food(self, frame: Image.Image, cycles: float, at_work: bool) -> None:
        for number, piece in enumerate(self._pieces):
            x, y = self.table.piece_at(number)
            dx, dy = food_shift(self.action, cycles, number) if at_work else (0.0, 0.0)
            paste(frame, piece, self.shot.point(x + dx, y + dy))

    def _paste_hands(self, frame: Image.Image, tip: Pose, lift: float) -> None:
        """Paste the tool `lift` pixels above its work; two hands where one kneads."""
        hand = self._turned_hand(tip.degrees)
        x, y = self._point(tip.x + lift / 2, tip.y - lift)
        if self.action == "knead":
            left, top = self._point(-tip.x - lift / 2, _KNEADING_HEIGHT - tip.y - lift)
            other = ImageOps.mirror(hand)
            place = (round(left - hand.width + self._tip[0]), round(top - self._tip[1]))
            frame.paste(other, place, other)
        frame.paste(hand, (round(x - self._tip[0]), round(y - self._tip[1])), hand)

    def _turned_hand(self, degrees: float) -> Image.Image:
        """The tool turned around its tip."""
        step = round(degrees / DEGREES_STEP)
        if step not in self._turned:
            turn = step * DEGREES_STEP
            turned = self._hand.rotate(turn, Image.Resampling.BILINEAR, center=self._tip)
            self._turned[step] = turned
        return self._turned[step]


def _lift(since: float, lasting: float) -> float:
    """How far above its work a tool is while it comes and goes, pixels of the stage."""
    arrived = min(1.0, since / COMING_SECONDS, (lasting - since) / COMING_SECONDS)
    return 150 * (1 - arrived) ** 2


def _mean_colour(sprite: Image.Image) -> tuple[int, int, int]:
    """The average colour of a sprite's solid part."""
    pixels = np.asarray(sprite, float)
    red, green, blue = pixels[pixels[..., 3] > 128][:, :3].mean(axis=0).astype(int).tolist()
    return red, green, blue
