"""The sample world as types: a task, a video of it, its steps, and the shares of what is left out.

`mmlab.sample.plan` draws them at random; picture, sound and tables are made from them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from mmlab.sample.vocabulary import ATTRIBUTES

FRAMES_PER_SECOND = 8
WORD_SECONDS = 0.45
FARTHEST_WORD_SECONDS = 4.0  # how far a word may be from the moment that it names

# Shares of the steps; the tests hold the corpus to them.
ACTION_SEEN = 0.58
COVERED_WHEN_OFF_SCREEN = 0.6  # a cloth hides the ingredient and its count
ACTION_HEARD = 0.77  # else missing or drowned in music, half each
ABOUT_THE_STEP = 0.8  # else the narrator talks of something else


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
