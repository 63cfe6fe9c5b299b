"""The plan of the sample corpus: who does what when, what is seen, heard and written.

Video number i is a function of (seed, i) alone, so a larger corpus begins with a smaller one and
a resumed run makes what an uninterrupted one would have made.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from mmlab.sample.captions import write_caption
from mmlab.sample.vocabulary import (
    ATTRIBUTES,
    SPOKEN_FILLERS,
    concepts,
    held_out_pairs,
)

FRAMES_PER_SECOND = 8
VIDEOS_PER_TASK = 3
WORD_SECONDS = 0.45
FARTHEST_WORD_SECONDS = 4.0  # how far a word may be from the moment that it names

# Shares of the steps; the tests hold the corpus to them.
ACTION_SEEN = 0.58
COVERED_WHEN_OFF_SCREEN = 0.6  # a cloth hides the ingredient and its count
ACTION_HEARD = 0.77  # else missing or drowned in music, half each
ABOUT_THE_STEP = 0.8  # else the narrator talks of something else
SKIPPED = 0.12  # of a task's steps, where more than four remain
FILLER_SPOKEN = 0.3

# How readily the narrator names an attribute; 2 to 4 of the five are named in each step.
NARRATION_WEIGHTS = {"action": 2.0, "ingredient": 3.5, "vessel": 0.7, "count": 0.7, "colour": 0.7}

# Of 20 tasks in a row 13 train, 2 validate and 5 test; small corpora have all three soon.
_SPLITS = dict.fromkeys(range(20), "train")
_SPLITS |= dict.fromkeys((1, 6, 10, 13, 17), "test") | dict.fromkeys((3, 15), "validation")


@dataclass(frozen=True)
class SpokenWord:
    """One narrated word: attribute is "filler" where it names nothing."""

    word: str
    attribute: str
    start_seconds: float
    end_seconds: float
    moment_seconds: float  # the moment that it names


@dataclass(frozen=True)
class Step:
    """One step of a video with all that is true of it. Times are seconds of the video."""

    number: int  # 1-based place in the task's list of steps
    start_seconds: float
    end_seconds: float
    action_start_seconds: float
    action_end_seconds: float
    attributes: Mapping[str, str]
    action_seen: bool
    ingredient_seen: bool  # and with it the count
    sound: str  # of the action: "clear", "missing" or "music"
    tempo: float  # of the action, 1 = usual
    about_the_step: bool
    words: tuple[SpokenWord, ...]
    caption: str
    written: Mapping[str, str]  # what the caption says, after the recogniser's confusions

    @property
    def seen(self) -> dict[str, str]:
        """The attributes that the picture shows."""
        hidden = set() if self.action_seen else {"action"}
        hidden |= set() if self.ingredient_seen else {"ingredient", "count"}
        return {name: self.attributes[name] for name in ATTRIBUTES if name not in hidden}

    @property
    def heard_words(self) -> tuple[SpokenWord, ...]:
        """The words spoken entirely within the step's own time."""
        inside = (self.start_seconds, self.end_seconds)
        return tuple(
            word
            for word in self.words
            if inside[0] <= word.start_seconds and word.end_seconds <= inside[1]
        )

    @property
    def narrated(self) -> dict[str, str]:
        """What the heard words say of each attribute, true or not."""
        return {
            word.attribute: word.word for word in self.heard_words if word.attribute != "filler"
        }


@dataclass(frozen=True)
class Task:
    """A recipe: an ordered list of (action, ingredient) that its videos follow."""

    task_id: str
    title: str
    split: str
    steps: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Video:
    """The plan of one video."""

    video_id: str
    index: int
    seed: int
    task: Task
    title_end_seconds: float
    duration_seconds: float
    steps: tuple[Step, ...]


def plan_task(seed: int, number: int) -> Task:
    """Task `number`: four to seven different actions, each on an ingredient its split may show."""
    generator = np.random.default_rng([seed, 1, number])
    split = _SPLITS[number % len(_SPLITS)]
    held_out = held_out_pairs(seed)
    steps = []
    for action in generator.permutation(concepts("action"))[: generator.integers(4, 8)]:
        allowed = [
            ingredient
            for ingredient in concepts("ingredient")
            if ((action, ingredient) in held_out) == (split == "test")
        ]
        steps.append((str(action), str(generator.choice(allowed))))
    return Task(str(1001 + number), _title(steps, generator), split, tuple(steps))


def plan_video(seed: int, index: int) -> Video:
    """Everything about video `index` but its pixels and samples."""
    task = plan_task(seed, index // VIDEOS_PER_TASK)
    generator = np.random.default_rng([seed, 2, index])
    title_end = clock = _on_grid(generator.uniform(2.0, 2.8))
    spans = []
    for number in _kept(len(task.steps), generator):
        start = _on_grid(clock + generator.uniform(0.5, 1.8))
        clock = _on_grid(start + 3.0 + 5.0 * generator.beta(1.2, 2.8))
        spans.append((number, start, clock))
    duration = _on_grid(clock + generator.uniform(0.8, 1.8))
    free_from = title_end
    steps = []
    for place, (number, start, end) in enumerate(spans):
        free_until = spans[place + 1][1] if place + 1 < len(spans) else duration
        steps.append(_plan_step(task, number, (start, end), (free_from, free_until), generator))
        free_from = max([end, *[word.end_seconds + 0.05 for word in steps[-1].words]])
    return Video(video_id(index), index, seed, task, title_end, duration, tuple(steps))


def video_id(index: int) -> str:
    """The name of video `index`, without a suffix."""
    return f"video{index:04d}"


def _on_grid(seconds: float) -> float:
    """The nearest frame's time, so that every boundary is exact in frames and in seconds."""
    return round(seconds * FRAMES_PER_SECOND) / FRAMES_PER_SECOND


def _title(steps: Iterable[tuple[str, str]], generator: np.random.Generator) -> str:
    style = generator.choice(
        ["Grandma's", "Sunday", "Five-Minute", "Village", "Harbour", "Festive"]
    )
    dish = generator.choice(["Supper", "Brunch", "Bake", "Bites", "Medley", "Special"])
    return f"{style} {next(iter(steps))[1].capitalize()} {dish}"


def _kept(count: int, generator: np.random.Generator) -> list[int]:
    """The 1-based numbers of the task's steps that this video shows, at least four."""
    kept = list(range(1, count + 1))
    for number in range(1, count + 1):
        if len(kept) > 4 and generator.random() < SKIPPED:
            kept.remove(number)
    return kept


def _plan_step(
    task: Task,
    number: int,
    span: tuple[float, float],
    free: tuple[float, float],
    generator: np.random.Generator,
) -> Step:
    """Draw one step; its narration stays within `free`, so steps never talk over each other."""
    action, ingredient = task.steps[number - 1]
    drawn = _random_attributes(generator)
    attributes = {**drawn, "action": action, "ingredient": ingredient}
    action_span = (span[0] + _on_grid(generator.uniform(0.3, 0.6)), span[1] - 0.3)
    action_seen = bool(generator.random() < ACTION_SEEN)
    ingredient_seen = action_seen or bool(generator.random() >= COVERED_WHEN_OFF_SCREEN)
    hidden_sound = "music" if generator.random() < 0.5 else "missing"
    sound = "clear" if generator.random() < ACTION_HEARD else hidden_sound
    tempo = float(generator.uniform(0.9, 1.1))
    about = bool(generator.random() < ABOUT_THE_STEP)
    told = attributes if about else _random_attributes(generator)
    words = _plan_words(told, span, action_span, free, generator)
    caption, written = write_caption(attributes, generator)
    return Step(
        number, *span, *action_span, attributes, action_seen, ingredient_seen, sound, tempo,
        about, words, caption, written,
    )  # fmt: skip


def _random_attributes(generator: np.random.Generator) -> dict[str, str]:
    return {name: str(generator.choice(concepts(name))) for name in ATTRIBUTES}


def _plan_words(
    told: Mapping[str, str],
    span: tuple[float, float],
    action_span: tuple[float, float],
    free: tuple[float, float],
    generator: np.random.Generator,
) -> tuple[SpokenWord, ...]:
    """Speak 2 to 4 attributes, each near a moment at which the step shows it."""
    weights = np.array([NARRATION_WEIGHTS[name] for name in ATTRIBUTES])
    size = int(generator.integers(2, 5))
    chosen = generator.choice(len(ATTRIBUTES), size, replace=False, p=weights / weights.sum())
    topics = [(ATTRIBUTES[i], told[ATTRIBUTES[i]]) for i in chosen]
    if generator.random() < FILLER_SPOKEN:
        topics.append(("filler", str(generator.choice(SPOKEN_FILLERS))))
    words: list[SpokenWord] = []
    for attribute, word in topics:
        moment = float(generator.uniform(*(action_span if attribute == "action" else span)))
        start = _free_start(moment, span, free, words, generator)
        if start is not None:
            words.append(SpokenWord(word, attribute, start, start + WORD_SECONDS, moment))
    return tuple(sorted(words, key=lambda word: word.start_seconds))


def _free_start(
    moment: float,
    span: tuple[float, float],
    free: tuple[float, float],
    words: list[SpokenWord],
    generator: np.random.Generator,
) -> float | None:
    """A start within 4 s of `moment` where nobody speaks and no edge of the step cuts the word."""
    for _ in range(60):
        start = moment + generator.uniform(-FARTHEST_WORD_SECONDS, FARTHEST_WORD_SECONDS)
        start = round(start - WORD_SECONDS / 2, 3)
        end = start + WORD_SECONDS
        cut = any(start < edge < end for edge in span)
        clash = any(start < w.end_seconds + 0.05 and w.start_seconds < end + 0.05 for w in words)
        if free[0] <= start and end <= free[1] and not cut and not clash:
            return start
    return None
