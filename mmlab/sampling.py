"""Random clips of long narrated videos, as HowTo100M is trained on.

Published: a window of 8 s is drawn; if the caption before its start or the one before its end
still goes on there, that caption becomes the clip, grown by its nearest neighbours to 8 s at
least, and its sound is taken half a window later than its picture, so that the words spoken in
it are not just those of its text. Else the clip is the window, without text.

The corrected variant differs where the published code does what nobody would want:

| | published | corrected |
|---|---|---|
| length of the video | whole seconds | as it is |
| captions that count | those at the window's two ends | the one that it meets longest |
| words of a grown clip | earlier captions after later ones | in the order of time |
| end of the clip | its last caption's | inside the video, after 8 s if it has them |
| shift of the sound | always later, even past the end | later or earlier, where it fits |
| tokens | 12 of video and 7.68 s of sound at most | all of the clip |
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
import pandas as pd

from mmlab.dataset import ClipDataset, ClipFeatures
from mmlab.features.audio import FRAMES_PER_SECOND

MIN_SECONDS = 8.0
PUBLISHED_TOKENS = {"video": 12, "audio": 768}
"""Published training cuts a clip to so many video tokens and frames of sound."""
WHOLE_SECONDS_OFFSET = 0.0125
"""Published code counts half a window of 25 ms to a spectrogram, then cuts to whole seconds."""

Variant = Literal["published", "corrected"]


@dataclass(frozen=True)
class SampledClip:
    """Where a clip lies in its video; the text is "" where nobody speaks in it."""

    start_seconds: float
    end_seconds: float
    audio_start_seconds: float
    audio_end_seconds: float
    text: str


@dataclass(frozen=True)
class Narration:
    """The captions of one video in the order of their starts.

    Attributes:
        starts: (N,) seconds; `ends` likewise.
        texts: of each caption.
    """

    starts: np.ndarray
    ends: np.ndarray
    texts: tuple[str, ...]

    @classmethod
    def of(cls, table: pd.DataFrame) -> Narration:
        """From a table with start_seconds, end_seconds, text.

        Rows without text, or whose times are not finite or end before they start, are left out.
        """
        starts = table["start_seconds"].to_numpy(float)
        ends = table["end_seconds"].to_numpy(float)
        spoken = table["text"].fillna("").astype(str).str.strip().to_numpy() != ""
        good = np.flatnonzero(np.isfinite(starts) & np.isfinite(ends) & (ends >= starts) & spoken)
        order = good[np.argsort(starts[good], kind="stable")]
        return cls(starts[order], ends[order], tuple(table["text"].iloc[order]))

    def __len__(self) -> int:
        return len(self.texts)


def published_clip(
    narration: Narration,
    duration_seconds: float,
    generator: np.random.Generator,
    *,
    min_seconds: float = MIN_SECONDS,
) -> SampledClip:
    """A random clip as published code draws it; see the module's docstring.

    The clip may be shorter than `min_seconds` or end behind the video, and its sound may begin
    behind it: then the clip has no sound.
    """
    whole_seconds = int(duration_seconds + WHOLE_SECONDS_OFFSET)
    start = generator.random() * max(0.0, whole_seconds - min_seconds)
    end = start + min_seconds
    for moment in (start, end):
        caption = _caption_before(narration, moment)
        if caption is not None:
            first, last, order = _grow(narration, caption, min_seconds)
            begin = float(narration.starts[first])
            sound = begin + min_seconds / 2
            text = " ".join(narration.texts[number] for number in order)
            return SampledClip(begin, float(narration.ends[last]), sound, sound + min_seconds, text)
    return SampledClip(start, end, start, end, "")


def _caption_before(narration: Narration, moment: float) -> int | None:
    """The last caption that starts before a moment, if it goes on there."""
    if not len(narration):
        return None
    number = max(0, int(np.searchsorted(narration.starts, moment, side="left")) - 1)
    goes_on = narration.starts[number] <= moment <= narration.ends[number]
    return number if goes_on else None


def _grow(narration: Narration, caption: int, min_seconds: float) -> tuple[int, int, list[int]]:
    """Take in neighbours, the one that adds less time first, until `min_seconds` are spanned.

    Returns:
        The first and last caption and the captions in the order in which they were taken.
    """
    starts, ends = narration.starts, narration.ends
    first = last = caption
    order = [caption]
    while ends[last] - starts[first] < min_seconds and len(order) < len(narration):
        later = ends[last + 1] - starts[first] if last + 1 < len(narration) else np.inf
        earlier = ends[last] - starts[first - 1] if first > 0 else np.inf
        if earlier <= later:
            first -= 1
            order.append(first)
        else:
            last += 1
            order.append(last)
    return first, last, order


def corrected_clip(
    narration: Narration,
    duration_seconds: float,
    generator: np.random.Generator,
    *,
    min_seconds: float = MIN_SECONDS,
) -> SampledClip:
    """A random clip without the published quirks; see the module's docstring.

    The clip and its sound lie inside the video and last `min_seconds` at least, or as long as
    the video. The text is empty if and only if no caption meets the drawn window.
    """
    length = min(min_seconds, duration_seconds)
    start = generator.random() * (duration_seconds - length)
    shift = min_seconds / 2 * (1 if generator.random() < 0.5 else -1)
    caption = _caption_met_longest(narration, start, start + length)
    if caption is None:
        return SampledClip(start, start + length, start, start + length, "")
    first, last, _ = _grow(narration, caption, length)
    text = " ".join(narration.texts[first : last + 1])
    start, end = _inside(
        float(narration.starts[first]), float(narration.ends[last]), length, duration_seconds
    )
    sound = shifted_start(start, shift, length, duration_seconds)
    return SampledClip(start, end, sound, sound + length, text)


def _caption_met_longest(narration: Narration, start: float, end: float) -> int | None:
    """The caption with the longest time inside a window, the first of equals."""
    if not len(narration):
        return None
    met = np.minimum(narration.ends, end) - np.maximum(narration.starts, start)
    best = int(met.argmax())
    return best if met[best] > 0 else None


def _inside(start: float, end: float, length: float, duration: float) -> tuple[float, float]:
    """A time cut to the video, then widened on both sides alike to `length`."""
    start, end = max(start, 0.0), min(end, duration)
    missing = length - (end - start)
    if missing > 0:
        start = min(max(start - missing / 2, 0.0), duration - length)
        end = start + length
    return start, end


def shifted_start(start: float, shift: float, length: float, duration: float) -> float:
    """Where the sound begins: shifted, the other way if it would leave the video, else not."""
    for begin in (start + shift, start - shift):
        if 0 <= begin <= duration - length:
            return begin
    return max(0.0, min(start, duration - length))


SAMPLERS: dict[str, Callable[..., SampledClip]] = {
    "published": published_clip,
    "corrected": corrected_clip,
}


@dataclass(frozen=True)
class NarratedVideos:
    """The videos of a dataset with their captions at hand, to draw many clips from.

    Attributes:
        dataset: of whole videos with their captions, as `mmlab convert` makes of HowTo100M.
        variant: "published" or "corrected"; see the module's docstring.
        min_seconds: that a clip should last.
    """

    dataset: ClipDataset
    variant: Variant = "published"
    min_seconds: float = MIN_SECONDS

    def __post_init__(self) -> None:
        if self.variant not in SAMPLERS:
            raise ValueError(f"variant is {' or '.join(SAMPLERS)}, found {self.variant!r}")

    @cached_property
    def media_ids(self) -> list[str]:
        """The videos of which there are clips, in the order of their first."""
        return list(self._rows)

    def sample(
        self, media_id: str, count: int, generator: np.random.Generator
    ) -> list[ClipFeatures]:
        """Random clips of one video; the same generator gives the same clips.

        Raises:
            KeyError: no such video.
        """
        if media_id not in self._durations:
            raise KeyError(f"no media {media_id!r} in {self.dataset.folder}; see its media.parquet")
        narration = Narration.of(self.dataset.manifest.iloc[self._rows.get(media_id, [])])
        duration = self._durations[media_id]
        if self.variant == "published":
            duration = _sound_seconds(self.dataset, media_id) or duration
        sampler = SAMPLERS[self.variant]
        clips = [
            sampler(narration, duration, generator, min_seconds=self.min_seconds)
            for _ in range(count)
        ]
        return [self._window(media_id, clip) for clip in clips]

    def _window(self, media_id: str, clip: SampledClip) -> ClipFeatures:
        return self.dataset.window(
            media_id,
            clip.start_seconds,
            clip.end_seconds,
            clip.text,
            audio_start_seconds=clip.audio_start_seconds,
            audio_end_seconds=clip.audio_end_seconds,
            training_tokens=PUBLISHED_TOKENS if self.variant == "published" else None,
        )

    @cached_property
    def _rows(self) -> dict[str, np.ndarray]:
        groups = self.dataset.manifest.groupby("media_id", sort=False)
        return {str(media_id): rows for media_id, rows in groups.indices.items()}

    @cached_property
    def _durations(self) -> dict[str, float]:
        media = self.dataset.media
        return dict(zip(media["media_id"], media["duration_seconds"].astype(float), strict=True))


def sample_clips(
    dataset: ClipDataset,
    media_id: str,
    count: int,
    generator: np.random.Generator,
    variant: Variant = "published",
    *,
    min_seconds: float = MIN_SECONDS,
) -> list[ClipFeatures]:
    """Random clips of one video of a dataset whose clips are its captions.

    Args:
        dataset: of whole videos with their captions, as `mmlab convert` makes of HowTo100M.
        media_id: the video.
        count: how many clips.
        generator: of random numbers; the same one gives the same clips.
        variant: "published" or "corrected"; see the module's docstring.
        min_seconds: that a clip should last.

    Raises:
        KeyError: no such video.
        ValueError: an unknown variant.

    Example:
        >>> sample_clips(dataset, "abc", 10, np.random.default_rng(0))[0].text
    """
    return NarratedVideos(dataset, variant, min_seconds).sample(media_id, count, generator)


def _sound_seconds(dataset: ClipDataset, media_id: str) -> float:
    """By its 10 ms frames, as published code takes the length of a video; 0 without them."""
    info = dataset.features.get("audio")
    frames = dataset.tensors_of(media_id)("audio")
    if info is None or info.tokens_per_second != FRAMES_PER_SECOND or frames is None:
        return 0.0
    return len(frames) / FRAMES_PER_SECOND
