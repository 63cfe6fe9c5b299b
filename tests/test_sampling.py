"""Random clips of narrated videos: the published rule against a slow one, properties of both."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmlab.sampling import (
    Narration,
    SampledClip,
    corrected_clip,
    published_clip,
    sample_clips,
)

MIN_SECONDS = 8.0


def narration(*captions: tuple[float, float, str]) -> Narration:
    return Narration.of(pd.DataFrame(captions, columns=["start_seconds", "end_seconds", "text"]))


@dataclass
class Draws:
    """In place of a generator: gives what it is told."""

    values: list[float]

    def random(self) -> float:
        return self.values.pop(0)


def seconds(clip: SampledClip) -> list[float]:
    return [
        *(clip.start_seconds, clip.end_seconds),
        *(clip.audio_start_seconds, clip.audio_end_seconds),
    ]


def slow_published(said: list[tuple[float, float, str]], duration: int, draw: float) -> SampledClip:
    """The rule as spec/paper.md sections 2.1 and 7 tell it, by plain search."""
    start = draw * max(0, duration - MIN_SECONDS)
    found = None
    for moment in (start, start + MIN_SECONDS):
        before = [i for i, caption in enumerate(said) if caption[0] < moment]
        nearest = before[-1] if before else 0
        if said and found is None and said[nearest][0] <= moment <= said[nearest][1]:
            found = nearest
    if found is None:
        return SampledClip(start, start + 8, start, start + 8, "")
    chosen, words = [found], [said[found][2]]
    while said[max(chosen)][1] - said[min(chosen)][0] < MIN_SECONDS:
        sides = {}
        if min(chosen) > 0:
            sides[min(chosen) - 1] = said[max(chosen)][1] - said[min(chosen) - 1][0]
        if max(chosen) < len(said) - 1:
            sides[max(chosen) + 1] = said[max(chosen) + 1][1] - said[min(chosen)][0]
        if not sides:
            break
        taken = min(sides, key=lambda side: (sides[side], side))
        chosen.append(taken)
        words.append(said[taken][2])
    first, last = said[min(chosen)][0], said[max(chosen)][1]
    return SampledClip(first, last, first + 4, first + 12, " ".join(words))


@st.composite
def videos(draw):
    """(captions in order, seconds of the video); captions may overlap, and pass the end."""
    duration = draw(st.floats(0.5, 90))
    times = st.tuples(st.floats(0, 100), st.floats(0, 30))
    spans = sorted(draw(st.lists(times, max_size=8)))
    return [(start, start + long, f"w{i}") for i, (start, long) in enumerate(spans)], duration


@settings(deadline=None, max_examples=150)
@given(videos(), st.floats(0, 0.999999))
def test_published_rule_against_the_slow_one(video, draw):
    said, duration = video
    clip = published_clip(narration(*said), duration, Draws([draw]))
    slow = slow_published(said, int(duration + 0.0125), draw)
    assert clip.text == slow.text
    assert seconds(clip) == pytest.approx(seconds(slow), abs=1e-9)


def test_published_quirks():
    said = narration((0, 3, "one"), (3, 6, "two"), (6, 9, "three"), (30, 31, "late"))
    clip = published_clip(said, 40.0, Draws([4 / 32]))  # a window from 4 s to 12 s
    assert clip.text == "two one three"  # earlier words come after
    assert (clip.start_seconds, clip.end_seconds) == (0, 9)
    assert (clip.audio_start_seconds, clip.audio_end_seconds) == (4, 12)
    silent = published_clip(said, 40.0, Draws([10 / 32]))
    assert silent == SampledClip(10, 18, 10, 18, "")  # without text nothing is shifted
    inside = published_clip(narration((12, 14, "in")), 40.0, Draws([10 / 32]))
    assert inside.text == ""  # met, but neither at the start nor at the end
    past = published_clip(narration((35, 41, "end")), 40.0, Draws([1.0]))
    assert past.audio_end_seconds == 47  # behind the end of the video


def test_corrected_in_the_same_places():
    said = narration((0, 3, "one"), (3, 6, "two"), (6, 9, "three"), (30, 31, "late"))
    clip = corrected_clip(said, 40.0, Draws([4 / 32, 0.0]))
    assert clip.text == "one two three"
    inside = corrected_clip(narration((12, 14, "in")), 40.0, Draws([10 / 32, 0.9]))
    assert (inside.text, inside.start_seconds, inside.end_seconds) == ("in", 9, 17)
    assert inside.audio_start_seconds == 5  # earlier
    end = corrected_clip(narration((35, 39, "end")), 40.0, Draws([1.0, 0.0]))
    assert (end.audio_start_seconds, end.audio_end_seconds) == (28, 36)  # later does not fit


@settings(deadline=None, max_examples=200)
@given(videos(), st.floats(0, 0.999999), st.floats(0, 0.999999))
def test_corrected_clips_lie_inside_the_video(video, draw, coin):
    said, duration = video
    clip = corrected_clip(narration(*said), duration, Draws([draw, coin]))
    length, close = min(MIN_SECONDS, duration), 1e-9
    for start, end in (
        (clip.start_seconds, clip.end_seconds),
        (clip.audio_start_seconds, clip.audio_end_seconds),
    ):
        assert -close <= start
        assert end <= duration + close
        assert end - start >= length - close
    window = (draw * (duration - length), draw * (duration - length) + length)
    met = [min(end, window[1]) - max(start, window[0]) > 0 for start, end, _ in said]
    assert (clip.text == "") == (not any(met))
    numbers = [int(word[1:]) for word in clip.text.split()]
    assert numbers == sorted(numbers)


def test_sound_goes_both_ways_and_fits():
    said, generator = narration((0, 100, "long")), np.random.default_rng(0)
    long = [corrected_clip(said, 100.0, generator) for _ in range(200)]
    shifts = [clip.audio_start_seconds - clip.start_seconds for clip in long]
    assert set(shifts) == {4.0}  # the caption begins at 0 s: earlier there is nothing
    middle = narration((50, 60, "middle"))
    clips = [corrected_clip(middle, 100.0, generator) for _ in range(500)]
    shifts = [clip.audio_start_seconds - clip.start_seconds for clip in clips if clip.text]
    assert 0.3 < np.mean(np.array(shifts) == 4.0) < 0.7
    assert set(shifts) == {-4.0, 4.0}


@pytest.mark.parametrize("sampler", [published_clip, corrected_clip])
def test_short_and_silent_videos(sampler):
    clip = sampler(narration(), 3.0, np.random.default_rng(0))
    assert (clip.start_seconds, clip.text) == (0.0, "")
    assert clip.end_seconds == (8.0 if sampler is published_clip else 3.0)
    clip = sampler(narration((0.5, 2.0, "short")), 3.0, Draws([0.2, 0.2]))
    assert clip.text == ("" if sampler is published_clip else "short")


def test_narration_leaves_out_what_cannot_be_used_and_orders():
    said = narration(
        (5, 6, "b"), (1, 2, "a"), (np.nan, 2, "x"), (3, np.inf, "x"), (4, 3, "x"), (1, 2, "  ")
    )
    assert said.texts == ("a", "b")
    assert len(said) == 2


@dataclass
class OneVideo:
    """As much of a dataset as sampling needs."""

    folder: Path = Path("dataset")
    media: pd.DataFrame = field(
        default_factory=lambda: pd.DataFrame({"media_id": ["a"], "duration_seconds": [60.0]})
    )
    manifest: pd.DataFrame = field(
        default_factory=lambda: pd.DataFrame(
            {
                "media_id": ["a", "a", "b"],
                "start_seconds": [0.0, 30.0, 0.0],
                "end_seconds": [30.0, 60.0, 60.0],
                "text": ["first", "second", "other video"],
            }
        )
    )

    features: dict = field(default_factory=dict)

    def tensors_of(self, media_id):
        return {}.get

    def window(self, media_id, start, end, text, *, audio_start_seconds, **others):
        return media_id, start, end, text, audio_start_seconds


@pytest.mark.parametrize("variant", ["published", "corrected"])
def test_clips_of_a_dataset(variant):
    clips = sample_clips(OneVideo(), "a", 20, np.random.default_rng(3), variant)
    again = sample_clips(OneVideo(), "a", 20, np.random.default_rng(3), variant)
    assert clips == again
    assert {text for _, _, _, text, _ in clips} == {"first", "second"}
    assert all(sound == start + 4 for _, start, _, _, sound in clips if start == 0)


def test_what_is_unknown_is_named():
    with pytest.raises(ValueError, match="'newer'"):
        sample_clips(OneVideo(), "a", 1, np.random.default_rng(0), "newer")
    with pytest.raises(KeyError, match="'c'"):
        sample_clips(OneVideo(), "c", 1, np.random.default_rng(0))
