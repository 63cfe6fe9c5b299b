"""Every second of a whole video as an item of its own, with some time around it."""

from __future__ import annotations

import math
from collections.abc import Mapping

from mmlab.about import FeatureInfo
from mmlab.cutting import Get, cut
from mmlab.features.video import SHORT_REST_SECONDS
from mmlab.types import Batch, Combination, Modality, Tokens, combination_name, pad_tokens


def second_windows(
    features: Mapping[Modality, FeatureInfo],
    names: Combination,
    get: Get,
    duration_seconds: float,
    radius_seconds: float,
) -> Batch:
    """The tokens of each second, T items.

    Args:
        features: how the modalities are described.
        names: those wanted.
        get: the tensors of the video.
        duration_seconds: of the video.
        radius_seconds: a second is seen and heard with this much before and after it.

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
    starts = range(max(1, math.ceil(duration_seconds - SHORT_REST_SECONDS)))
    spans = [
        (max(0.0, start - radius_seconds), min(duration_seconds, start + 1 + radius_seconds))
        for start in starts
    ]
    return {name: _items(name, features[name], get, spans) for name in names}


def _items(
    modality: Modality, info: FeatureInfo, get: Get, spans: list[tuple[float, float]]
) -> Tokens:
    parts = [cut(modality, info, get, start, end).tokens for start, end in spans]
    return pad_tokens(parts, info.width)
