"""From a plan to frames: what the camera shows of a video, from the title to the last pause."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
from PIL import Image

from mmlab.sample.camera import FRAME, Shot
from mmlab.sample.kitchen import STAGE, kitchen, title_card
from mmlab.sample.performance import Performance
from mmlab.sample.table import Table
from mmlab.sample.tools import COOKS
from mmlab.sample.world import FRAMES_PER_SECOND, Step, Video

FADE_FRAMES = 3
FRAMES_PER_STILL = 2  # a slow move needs no more, and costs half


def video_frames(video: Video) -> Iterator[Image.Image]:
    """Yield every frame of a video, RGB of size `FRAME`, `FRAMES_PER_SECOND` of them a second."""
    generator = np.random.default_rng([video.seed, 3, video.index])
    room = kitchen(generator)
    cook = int(generator.integers(len(COOKS)))
    names = list(dict.fromkeys(ingredient for _, ingredient in video.task.steps))
    empty = Shot.around(STAGE[0] / 2, STAGE[1] / 2, 456).take(room)
    before = title_card(room, video.task.title, names, FRAME)
    shown = _frame_number(video.title_end_seconds)
    yield from [before] * shown
    for step in video.steps:
        yield from _faded(before, [empty] * (_frame_number(step.start_seconds) - shown))
        yield from _faded(empty, _step_frames(step, room, cook, generator))
        before, shown = empty, _frame_number(step.end_seconds)
    yield from [empty] * (_frame_number(video.duration_seconds) - shown)


def _frame_number(seconds: float) -> int:
    return round(seconds * FRAMES_PER_SECOND)


def _faded(before: Image.Image, frames: Iterable[Image.Image]) -> Iterator[Image.Image]:
    """Let the first frames appear out of the picture before them."""
    for number, frame in enumerate(frames):
        share = (number + 1) / (FADE_FRAMES + 1)
        yield Image.blend(before, frame, share) if share < 1 and frame is not before else frame


def _step_frames(
    step: Step, room: Image.Image, cook: int, generator: np.random.Generator
) -> Iterator[Image.Image]:
    """The frames of one step: the action at work, or a still life where it is off-screen."""
    table = Table(room, step.attributes, generator)
    numbers = range(_frame_number(step.start_seconds), _frame_number(step.end_seconds))
    if not step.action_seen:
        yield from _still_life(table.at_rest(not step.ingredient_seen), table, numbers, generator)
        return
    width = float(generator.uniform(416, 456))
    x, y = generator.uniform((205, 176), (275, 200)).tolist()
    shot = Shot.around(x, y, width)
    performance = Performance(step, table, shot, cook, generator)
    for number in numbers:
        yield performance.frame(number / FRAMES_PER_SECOND)


def _still_life(
    stage: Image.Image, table: Table, numbers: range, generator: np.random.Generator
) -> Iterator[Image.Image]:
    """A close shot that slowly moves in on the food."""
    first, last = float(generator.uniform(376, 392)), float(generator.uniform(340, 356))
    x, y = table.on_stage(6, 18, since=table.vessel_at)
    for number in range(0, len(numbers), FRAMES_PER_STILL):
        width = first + (last - first) * number / len(numbers)
        frame = Shot.around(x, y, width).take(stage)
        yield from [frame] * min(FRAMES_PER_STILL, len(numbers) - number)
