"""Which tokens of a medium belong to a part of it, and when each of them is."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from mmlab.about import FeatureInfo
from mmlab.features.audio import FRAMES_PER_SECOND, seconds_to_frame
from mmlab.features.published import feature_span, video_tokens
from mmlab.types import Modality

Get = Callable[[str], Tensor | None]
"""From "video", "video.2d" or "video.seconds" to that tensor of one medium, if it has it."""


class Grid(NamedTuple):
    """Tokens at a regular pace: number `first` and those that follow it."""

    first: int
    tokens_per_second: float
    window_seconds: float

    def seconds(self, count: int) -> np.ndarray:
        """(count, 2): from when to when each of `count` tokens is."""
        starts = (self.first + np.arange(count)) / self.tokens_per_second
        return np.stack([starts, starts + self.window_seconds], axis=1)


Times = Grid | np.ndarray
"""When tokens are: on a grid, or (N, 2) seconds."""


class Part(NamedTuple):
    """Some tokens of one modality, (N, D), and when they are."""

    tokens: Tensor
    times: Times


def cut(
    modality: Modality,
    info: FeatureInfo,
    get: Get,
    start: float,
    end: float,
    training_tokens: int | None = None,
) -> Part:
    """The tokens of a part of a medium, as they are stored (float16 from a dataset).

    Audio frames of 10 ms are cut as in the paper's code. Of everything else the part has all
    tokens that it touches, at least one if the medium has any. Several streams are cut each by
    itself, then merged as published code merges them.

    Args:
        modality: its name.
        info: how it is described.
        get: the medium.
        start: of the part, in seconds.
        end: likewise; may be infinite. What lies outside the medium is left out.
        training_tokens: cut as published training does: so many tokens at most; video ends one
            token later where the end lies on a boundary, and may have none.
    """
    if info.streams:
        return _cut_streams(modality, info, get, start, end, training_tokens)
    stored = get(modality)
    rate = info.tokens_per_second or 1.0
    if stored is None:
        return Part(torch.zeros(0, info.width), np.zeros((0, 2)))
    if (times := get(f"{modality}.seconds")) is not None:
        seconds = times.numpy()
        first, last = overlapping(seconds, start, end)
        return Part(stored[first:last][:training_tokens], seconds[first:last][:training_tokens])
    first, last = _span(modality, len(stored), start, end, rate, training_tokens)
    window = 1 / rate if info.window_seconds is None else info.window_seconds
    return Part(stored[first:last][:training_tokens], Grid(first, rate, window))


def _cut_streams(
    modality: Modality,
    info: FeatureInfo,
    get: Get,
    start: float,
    end: float,
    training_tokens: int | None,
) -> Part:
    parts, first = [], 0
    for stream in info.streams:
        stored = get(f"{modality}.{stream.name}")
        if stored is None:
            return Part(torch.zeros(0, info.width), np.zeros((0, 2)))
        rate = stream.tokens_per_second
        first, last = _span(modality, len(stored), start, end, rate, training_tokens)
        parts.append(stored[first:last].float().numpy())  # faster than numpy's own
    most = len(parts[-1]) if training_tokens is None else training_tokens
    merged = video_tokens(parts, most, "clip", unit_norm=info.unit_norm)
    return Part(torch.from_numpy(merged), Grid(first, rate, 1 / rate))


def _span(
    modality: Modality, count: int, start: float, end: float, rate: float, training: int | None
) -> tuple[int, int]:
    if training is None or (modality == "audio" and rate == FRAMES_PER_SECOND):
        return token_span(modality, count, start, end, rate)
    published = feature_span(max(start, 0.0), min(max(end, 0.0), count / rate), rate)
    first, last, _ = published.indices(count)
    return first, max(first, last)


def token_span(
    modality: Modality, count: int, start: float, end: float, rate: float
) -> tuple[int, int]:
    """The tokens [first, last) of `count` that belong to a part (in seconds) of a file."""
    behind = (count + 4) / rate  # a part may have no end, and odd times must not overflow
    start, end = (min(max(seconds, 0.0), behind) for seconds in (start, end))
    if modality == "audio" and rate == FRAMES_PER_SECOND:
        first, last = seconds_to_frame(start), seconds_to_frame(end)
        return min(first, count), min(max(first, last), count)
    first = min(max(math.floor(start * rate), 0), max(count - 1, 0))
    return first, min(max(math.ceil(end * rate), first + 1), count)


def overlapping(seconds: np.ndarray, start: float, end: float) -> tuple[int, int]:
    """The tokens [first, last) that a part touches, else the one that follows it or the last.

    Args:
        seconds: (N, 2) where the tokens begin and end, both in rising order.
        start: of the part.
        end: likewise.
    """
    first = int(np.searchsorted(seconds[:, 1], start, side="right"))
    first = max(min(first, len(seconds) - 1), 0)
    last = int(np.searchsorted(seconds[:, 0], end, side="left"))
    return first, min(max(last, first + 1), len(seconds))
