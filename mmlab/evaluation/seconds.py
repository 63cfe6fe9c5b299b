"""Every second of a whole video as an item of its own, with some time around it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from mmlab.about import FeatureInfo
from mmlab.cutting import Get, cut
from mmlab.evaluation.embedding import embed_present
from mmlab.features.video import SHORT_REST_SECONDS
from mmlab.media_features import MediaFeatures
from mmlab.types import (
    Batch,
    Combination,
    Modality,
    Tokens,
    combination_name,
    pad_tokens,
)

if TYPE_CHECKING:
    from mmlab.dataset import ClipDataset
    from mmlab.retrieval import Retriever

BLOCK_SECONDS = 64
"""Seconds that go through a model together. Larger blocks are no faster, and two hours of sound
with what lies around each second would be a gigabyte."""

Tell = Callable[[str, float], object]
"""Is told what is being done with a video, and how much of that is done, from 0 to 1."""

Extract = Callable[..., MediaFeatures]
"""Makes the features of a file, as `ClipDataset.extract`."""

READING, LOOKING = "reading the file", "looking through the video"


@dataclass(frozen=True)
class VideoSeconds:
    """A video whose seconds are embedded, to be compared with any number of sentences.

    Attributes:
        duration_seconds: of the video.
        vectors: (T, P) of unit length; zeros for a second that has nothing of what is fused.
    """

    duration_seconds: float
    vectors: Tensor

    def scores(self, texts: Tensor) -> np.ndarray:
        """(T, K) cosine similarities with K texts, (K, P) of unit length."""
        return (self.vectors @ texts.T).numpy()


def video_seconds(
    retriever: Retriever,
    media: str | Path,
    among: str | Combination | None = None,
    *,
    radius_seconds: float = 2.0,
    tell: Tell = lambda doing, share: None,
    extract: Extract | None = None,
) -> VideoSeconds:
    """Embed every second of a video, block by block.

    Args:
        retriever: model and clips.
        media: the id of a video of the dataset, or a media file, of which the features are made.
        among: what of the video is fused; default: all but text.
        radius_seconds: a second is seen and heard with this much before and after it.
        tell: is called again and again, with READING where the features have to be made first.
        extract: makes the features of a file; default: `ClipDataset.extract`.

    Raises:
        ValueError: text in `among`, or what the dataset has not; a radius that is no length; a
            video that has nothing of `among` at all.
    """
    names = retriever.side(among or retriever.all_but_text).names
    read = partial(extract or retriever.dataset.extract, on_progress=partial(tell, READING))
    duration, get = whole_video(retriever.dataset, media, read)
    count, blocks = count_seconds(duration), []
    for start in range(0, count, BLOCK_SECONDS):
        block = range(start, min(start + BLOCK_SECONDS, count))
        features = retriever.dataset.features
        batch = second_windows(features, names, get, duration, radius_seconds, seconds=block)
        blocks.append(embed_present(retriever.model, batch, [names])[names])
        tell(LOOKING, block.stop / count)
    vectors = F.normalize(torch.cat(blocks), dim=-1)  # (T, P)
    if not vectors.any():
        raise ValueError(f"{media} has no {' and no '.join(names)}: nothing to compare")
    return VideoSeconds(duration, vectors)


def whole_video(dataset: ClipDataset, media: str | Path, extract: Extract) -> tuple[float, Get]:
    """The seconds and all tokens of a video of the dataset, or of a media file.

    Args:
        dataset: whose videos.
        media: the id of a video, or a file.
        extract: makes the features of a file.

    Raises:
        ValueError: it is neither.
        MediaError: the file cannot be read.
    """
    listed = dataset.media[dataset.media.media_id == str(media)]
    if len(listed):
        return float(listed.duration_seconds.iloc[0]), dataset.tensors_of(str(media))
    features = extract(media)
    return features.duration_seconds, features.tensor


def count_seconds(duration_seconds: float) -> int:
    """T: how many seconds a video has; a rest of less than a tenth is none, one is always there."""
    return max(1, math.ceil(duration_seconds - SHORT_REST_SECONDS))


def second_windows(
    features: Mapping[Modality, FeatureInfo],
    names: Combination,
    get: Get,
    duration_seconds: float,
    radius_seconds: float,
    *,
    seconds: Iterable[int] | None = None,
) -> Batch:
    """The tokens of each second.

    Args:
        features: how the modalities are described.
        names: those wanted.
        get: the tensors of the video.
        duration_seconds: of the video.
        radius_seconds: a second is seen and heard with this much before and after it.
        seconds: which; default: all T of them.

    Raises:
        ValueError: text is wanted, or the radius is no length.
    """
    if "text" in names:
        raise ValueError(
            f"the seconds of a video have no text, so they are not compared "
            f"as {combination_name(names)}; leave text out"
        )
    if not radius_seconds >= 0:
        raise ValueError(f"radius_seconds is 0 or more, found {radius_seconds}")
    spans = [
        (max(0.0, start - radius_seconds), min(duration_seconds, start + 1 + radius_seconds))
        for start in (range(count_seconds(duration_seconds)) if seconds is None else seconds)
    ]
    return {name: _items(name, features[name], get, spans) for name in names}


def _items(
    modality: Modality, info: FeatureInfo, get: Get, spans: list[tuple[float, float]]
) -> Tokens:
    parts = [cut(modality, info, get, start, end).tokens for start, end in spans]
    return pad_tokens(parts, info.width)
