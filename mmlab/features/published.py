"""Video and audio tokens from the features that the field has published, as published code cuts.

A video comes as one or two streams of features: "2d", one per second (ResNet-152, CLIP), and
"3d", 1.5 per second (ResNeXt-101); S3D comes alone at one per second. The last stream given sets
the times: the others are resampled to it, and each token is all streams side by side, every part
with norm 1. What differs from published code: features of one stream keep their width in every
strategy (there, 2d alone is joined to itself where it is not cut by "clip").
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import numpy as np

from mmlab.features.audio import seconds_to_frame

Strategy = Literal["clip", "nearest", "max_pool"]
"""What happens to a video longer than the tokens that a model takes: its tail is cut off; tokens
are picked evenly; neighbours are joined by their maximum, then picked evenly."""

TOKENS_PER_SECOND = {"2d": 1.0, "3d": 1.5, "s3d": 1.0, "clip": 1.0}
"""The rate of each published stream."""

SMALLEST_NORM = 1e-12


def video_tokens(
    streams: Sequence[np.ndarray],
    token_count: int,
    strategy: Strategy = "clip",
    *,
    unit_norm: bool = True,
) -> np.ndarray:
    """The tokens of one clip for a model that takes `token_count` at most.

    Args:
        streams: (N_i, D_i) features of each stream over the same time; the last sets the times.
        token_count: a shorter clip gives fewer tokens in every strategy, none is invented.
        strategy: for longer clips; see `Strategy`.
        unit_norm: bring each stream's part of a token to L2 norm 1, as published code does.

    Returns:
        (N, sum of D_i) float32 with N <= token_count; N = 0 if any stream is empty.

    Raises:
        ValueError: no stream, not (N, D), or an unknown strategy.

    Example:
        >>> video_tokens([features_2d, features_3d], 12, "nearest").shape  # (12, 4096)
    """
    streams = [np.asarray(stream, dtype=np.float32) for stream in streams]
    if not streams or any(stream.ndim != 2 for stream in streams):
        shapes = [stream.shape for stream in streams]
        raise ValueError(f"video features are (N, D) for each stream, found shapes {shapes}")
    if strategy not in ("clip", "nearest", "max_pool"):
        raise ValueError(f"strategy is clip, nearest or max_pool, found {strategy!r}")
    if not all(map(len, streams)):
        return np.zeros((0, sum(stream.shape[1] for stream in streams)), np.float32)
    length = len(streams[-1])
    if strategy == "clip" or length <= token_count:
        parts = [resample_nearest(stream, length)[:token_count] for stream in streams]
    elif strategy == "max_pool":
        parts = _pooled(streams, token_count)
    else:
        parts = [resample_nearest(stream, token_count) for stream in streams]
    return np.concatenate([unit(part) for part in parts] if unit_norm else parts, axis=1)


def _pooled(streams: Sequence[np.ndarray], token_count: int) -> list[np.ndarray]:
    """Neighbours joined by their maximum; if one stream is too short for that, none is."""
    if all(len(stream) >= 2 * token_count for stream in streams):
        streams = [_max_pool(stream, len(stream) // token_count) for stream in streams]
    return [resample_nearest(stream, token_count) for stream in streams]


def _max_pool(features: np.ndarray, size: int) -> np.ndarray:
    """(N // size, D): the maximum of every `size` neighbours; a rest is left out."""
    count = len(features) // size
    return features[: count * size].reshape(count, size, -1).max(axis=1)


def resample_nearest(features: np.ndarray, count: int) -> np.ndarray:
    """(count, D): row floor(i * N / count) for each i, in the float32 of published code.

    Raises:
        ValueError: rows are wanted of features that have none.
    """
    if not len(features) and count:
        raise ValueError(f"no features to resample to {count} tokens")
    if len(features) == count:
        return features
    step = np.float32(len(features)) / np.float32(count)
    rows = np.floor(np.arange(count, dtype=np.float32) * step).astype(np.int64)
    return features[np.minimum(rows, len(features) - 1)]


def unit(features: np.ndarray) -> np.ndarray:
    """Rows of L2 norm 1; a row of zeros stays."""
    norms = np.sqrt((features * features).sum(axis=1, keepdims=True))
    return features / np.maximum(norms, SMALLEST_NORM)


def feature_span(
    start_seconds: float, end_seconds: float, tokens_per_second: float, *, accurate: bool = False
) -> slice:
    """The features of a stream that belong to a time.

    Args:
        start_seconds: when the time begins in the video.
        end_seconds: when it ends.
        tokens_per_second: of the stream.
        accurate: as published localisation cuts, from the feature that `start_seconds` falls in
            to the one that `end_seconds` falls in. Otherwise as published training cuts, which
            ends one feature later where the end lies on a boundary.
    """
    first, last = start_seconds * tokens_per_second, end_seconds * tokens_per_second
    if accurate:
        return slice(math.floor(first), math.ceil(last))
    return slice(int(first), int(last) + 1)


def audio_span(start_seconds: float, end_seconds: float, max_frames: int | None = None) -> slice:
    """The 10 ms log-mel frames of a time as published code cuts them, `max_frames` at most."""
    first, last = seconds_to_frame(start_seconds), seconds_to_frame(end_seconds)
    return slice(first, last if max_frames is None else min(last, first + max_frames))
