"""The plan of the sample corpus: who does what when, what is seen, heard and written.

Video number i is a function of (seed, i) alone, so a larger corpus begins with a smaller one and
a resumed run makes what an uninterrupted one would have made.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np

from mmlab.sample.captions import write_caption
from mmlab.sample.vocabulary import ATTRIBUTES, SPOKEN_FILLERS, concepts, held_out_pairs
from mmlab.sample.world import (
    ABOUT_THE_STEP,
    ACTION_HEARD,
    ACTION_SEEN,
    COVERED_WHEN_OFF_SCREEN,
    FARTHEST_WORD_SECONDS,
    FRAMES_PER_SECOND,
    WORD_SECONDS,
    SpokenWord,
    Step,
    Task,
    Video,
)

VIDEOS_PER_TASK = 3
SKIPPED = 0.12  # of a task's steps, where more than four remain
FILLER_SPOKEN = 0.3  # of the steps

# How readily the narrator names an attribute; 2 to 4 of the five are named in each step.
NARRATION_WEIGHTS = {"action": 2.0, "ingredient": 3.5, "vessel": 0.7, "count": 0.7, "colour": 0.7}

# Of 20 tasks in a row 13 train, 2 validate and 5 test; small corpora have all three soon.
_SPLITS = dict.fromkeys(range(20), "train")
_SPLITS |= dict.fromkeys((1, 6, 10, 13, 17), "test") | dict.fromkeys((3, 15), "validation")


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
    return Video(f"video{index:04d}", index, seed, task, title_end, duration, tuple(steps))


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
