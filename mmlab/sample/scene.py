"""From a plan to frames: what the camera sees at each tenth of a second of a video."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np
from PIL import Image, ImageDraw, ImageOps

from mmlab.sample import ingredients, tools, vessels
from mmlab.sample.effects import Brush, draw_effects
from mmlab.sample.kitchen import STAGE, kitchen, title_card
from mmlab.sample.motion import CYCLES_PER_SECOND, Pose, food_shift, pose
from mmlab.sample.world import FRAMES_PER_SECOND, Step, Video

FRAME = (320, 240)  # width, height of the video in pixels
VESSEL_AT = (240, 226)  # the middle of the vessel's opening on the stage
FADE_FRAMES = 3
PARTICLES = 40
FRAMES_PER_STILL = 2  # a slow move needs no more, and costs half
DEGREES_STEP = 2  # of a tool's tilt
_PLACES = {
    "one": [(0, 0)],
    "two": [(-36, -2), (36, 4)],
    "three": [(-46, 0), (46, -2), (0, 10)],
    "four": [(-42, -10), (42, -12), (-40, 16), (44, 15)],
}
"""Where the pieces of a count stand, in pixels of the stage from the middle of the food."""


@dataclass(frozen=True)
class Shot:
    """A camera: a rectangle of the stage, left, top and width in pixels, as wide as the frame."""

    left: float
    top: float
    width: float

    @property
    def scale(self) -> float:
        """Pixels of the frame per pixel of the stage."""
        return FRAME[0] / self.width

    @property
    def box(self) -> tuple[float, float, float, float]:
        """The rectangle as left, top, right, bottom."""
        height = self.width * FRAME[1] / FRAME[0]
        return self.left, self.top, self.left + self.width, self.top + height

    def take(self, stage: Image.Image) -> Image.Image:
        """What the camera sees of a picture of the stage."""
        return stage.resize(FRAME, Image.Resampling.BILINEAR, box=self.box)

    def point(self, x: float, y: float) -> tuple[float, float]:
        """A place on the stage in pixels of the frame."""
        return (x - self.left) * self.scale, (y - self.top) * self.scale

    def scaled(self, sprite: Image.Image, size: float = 1.0) -> Image.Image:
        """A sprite of the stage as large as the camera sees it."""
        factor = self.scale * size
        shape = (max(1, round(sprite.width * factor)), max(1, round(sprite.height * factor)))
        return sprite.resize(shape, Image.Resampling.LANCZOS)


def video_frames(video: Video) -> Iterator[Image.Image]:
    """Yield every frame of a video, RGB of size `FRAME`, `FRAMES_PER_SECOND` of them a second."""
    generator = np.random.default_rng([video.seed, 3, video.index])
    room = kitchen(generator)
    cook = int(generator.integers(len(tools.COOKS)))
    names = list(dict.fromkeys(ingredient for _, ingredient in video.task.steps))
    previous = title_card(room, video.task.title, names, FRAME)
    shown = 0
    for step in video.steps:
        between = _frame_number(step.start_seconds) - shown
        opening = _frame_number(video.title_end_seconds) if not shown else 0
        yield from [previous] * opening
        empty = Shot(12, 4, 456).take(room)
        yield from _faded(previous, [empty] * (between - opening))
        frames = _step_frames(step, room, cook, generator)
        yield from _faded(empty, frames)
        shown = _frame_number(step.end_seconds)
        previous = empty
    yield from [previous] * (_frame_number(video.duration_seconds) - shown)


def _frame_number(seconds: float) -> int:
    return round(seconds * FRAMES_PER_SECOND)


def _faded(
    before: Image.Image, frames: Iterator[Image.Image] | list[Image.Image]
) -> Iterator[Image.Image]:
    """Let the first frames appear out of the picture before them."""
    for number, frame in enumerate(frames):
        share = (number + 1) / (FADE_FRAMES + 1)
        yield Image.blend(before, frame, share) if share < 1 else frame


def _step_frames(
    step: Step, room: Image.Image, cook: int, generator: np.random.Generator
) -> Iterator[Image.Image]:
    shift = generator.uniform((-16, -8), (16, 8))
    middle = (VESSEL_AT[0] + float(shift[0]), VESSEL_AT[1] + float(shift[1]))
    count = _frame_number(step.end_seconds) - _frame_number(step.start_seconds)
    table = _Table(step, room, middle, generator)
    if step.action_seen:
        return _action_frames(step, table, cook, count, generator)
    return _still_frames(table, count, generator)


class _Table:
    """The vessel and its food on the stage, for one step."""

    def __init__(
        self,
        step: Step,
        room: Image.Image,
        middle: tuple[float, float],
        generator: np.random.Generator,
    ) -> None:
        self.step = step
        self.vessel = vessels.vessel(step.attributes["vessel"], step.attributes["colour"])
        self.middle = middle
        self.food_at = (middle[0] + self.vessel.floor[0], middle[1] + self.vessel.floor[1])
        self.room = room.copy()
        _paste(self.room, self.vessel.back, middle)
        self.food = ingredients.ingredient_sprite(step.attributes["ingredient"])
        places = np.array(_PLACES[step.attributes["count"]], float)
        self.places = places + generator.uniform(-5, 5, places.shape)
        self.places = self.places[np.argsort(self.places[:, 1])]  # far pieces first
        self.turns = generator.uniform(-14, 14, len(places))

    def pieces(self, shot: Shot) -> list[Image.Image]:
        """The food's pieces as the camera sees them, each turned a little."""
        sprite = shot.scaled(self.food, 1.12)
        return [sprite.rotate(turn, Image.Resampling.BICUBIC) for turn in self.turns]

    def place(self, piece: int) -> tuple[float, float]:
        """Where a piece's middle is on the stage; it stands a little above its foot."""
        x, y = self.places[piece]
        return self.food_at[0] + x, self.food_at[1] + y - 16

    def complete(self) -> Image.Image:
        """The stage with everything on it, at rest."""
        stage = self.room.copy()
        if self.step.ingredient_seen:
            whole = Shot(0, 0, FRAME[0])
            for number, piece in enumerate(self.pieces(whole)):
                _paste(stage, piece, self.place(number))
        else:
            _paste(stage, vessels.cloth(), (self.food_at[0], self.food_at[1] - 14))
        _paste(stage, self.vessel.front, self.middle)
        return stage


def _still_frames(
    table: _Table, count: int, generator: np.random.Generator
) -> Iterator[Image.Image]:
    """The action is off-screen: a close shot that slowly moves in on the food."""
    stage = table.complete()
    widths = np.linspace(generator.uniform(376, 392), generator.uniform(340, 356), count)
    for number in range(0, count, FRAMES_PER_STILL):
        width = float(widths[number])
        height = width * FRAME[1] / FRAME[0]
        left = np.clip(table.middle[0] + 6 - width / 2, 0, STAGE[0] - width)
        top = np.clip(table.middle[1] + 18 - height / 2, 0, STAGE[1] - height)
        frame = Shot(float(left), float(top), width).take(stage)
        yield from [frame] * min(FRAMES_PER_STILL, count - number)


def _action_frames(
    step: Step, table: _Table, cook: int, count: int, generator: np.random.Generator
) -> Iterator[Image.Image]:
    """The action on-screen: the tool comes in, works in its rhythm, and leaves."""
    action = step.attributes["action"]
    width = generator.uniform(416, 456)
    margin = STAGE[0] - width
    shot = Shot(generator.uniform(0, margin), generator.uniform(0, margin * 0.75), width)
    base = shot.take(table.room)
    front = shot.scaled(table.vessel.front)
    pieces = table.pieces(shot)
    hand = _Hand(shot, table.food_at, tools.tool(action, cook))
    grater = shot.scaled(tools.grater())
    lives = generator.random((PARTICLES, 3))
    lasting = step.action_end_seconds - step.action_start_seconds
    for number in range(count):
        since = step.start_seconds + number / FRAMES_PER_SECOND - step.action_start_seconds
        at_work = 0 <= since < lasting
        cycles = max(since, 0) * CYCLES_PER_SECOND[action] * step.tempo
        frame = base.copy()
        for index, piece in enumerate(pieces):
            x, y = table.place(index)
            dx, dy = food_shift(action, cycles, index) if at_work else (0.0, 0.0)
            _paste(frame, piece, shot.point(x + dx, y + dy))
        if action == "grate":
            _paste(frame, grater, shot.point(table.food_at[0] - 66, table.food_at[1] - 30))
        tip = pose(action, cycles, since / lasting)
        if at_work:
            hand.paste(frame, action, tip, lift=_lift(since, lasting))
        _paste(frame, front, shot.point(*table.middle))
        if at_work:
            point = partial(_from_food, shot, table.food_at)
            canvas = ImageDraw.Draw(frame, "RGBA")
            brush = Brush(canvas, point, shot.scale, _mean_colour(table.food), lives)
            draw_effects(brush, action, tip, cycles)
        yield frame


def _lift(since: float, lasting: float) -> float:
    """How far above its work the tool is while it comes and goes, pixels of the stage."""
    return 150 * (1 - min(1.0, since / 0.3, (lasting - since) / 0.3)) ** 2


def _from_food(shot: Shot, food_at: tuple[float, float], x: float, y: float) -> tuple[float, float]:
    return shot.point(food_at[0] + x, food_at[1] + y)


class _Hand:
    """A tool in one shot; its turned pictures are kept, for turning costs more than pasting."""

    def __init__(self, shot: Shot, food_at: tuple[float, float], sprite: Image.Image) -> None:
        self.shot, self.food_at = shot, food_at
        self.sprite = shot.scaled(sprite)
        self.tip = (tools.TIP[0] * shot.scale, tools.TIP[1] * shot.scale)
        self.turned: dict[int, Image.Image] = {}

    def paste(self, frame: Image.Image, action: str, at: Pose, lift: float) -> None:
        """Paste the tool with its tip `lift` above a pose; both hands where one kneads."""
        step = round(at.degrees / DEGREES_STEP)
        if step not in self.turned:
            degrees = step * DEGREES_STEP
            turned = self.sprite.rotate(degrees, Image.Resampling.BILINEAR, center=self.tip)
            self.turned[step] = turned
        picture = self.turned[step]
        x, y = _from_food(self.shot, self.food_at, at.x + lift / 2, at.y - lift)
        if action == "knead":  # the other hand presses while this one rises
            left, top = _from_food(self.shot, self.food_at, -at.x - lift / 2, -36 - at.y - lift)
            other = ImageOps.mirror(picture)
            place = (round(left - (picture.width - self.tip[0])), round(top - self.tip[1]))
            frame.paste(other, place, other)
        frame.paste(picture, (round(x - self.tip[0]), round(y - self.tip[1])), picture)


def _paste(picture: Image.Image, sprite: Image.Image, middle: tuple[float, float]) -> None:
    place = (round(middle[0] - sprite.width / 2), round(middle[1] - sprite.height / 2))
    picture.paste(sprite, place, sprite)


def _mean_colour(sprite: Image.Image) -> tuple[int, int, int]:
    """The average colour of a sprite's solid part."""
    pixels = np.asarray(sprite, float)
    solid = pixels[pixels[..., 3] > 128][:, :3].mean(axis=0)
    return int(solid[0]), int(solid[1]), int(solid[2])
