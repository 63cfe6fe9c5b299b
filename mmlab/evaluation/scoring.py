"""Scoring long videos second by second with texts, where an annotation names the videos."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

import numpy as np

from mmlab.types import Combination, parse_combination

if TYPE_CHECKING:
    from mmlab.dataset import ClipDataset
    from mmlab.retrieval import Retriever

Skipped = list[tuple[str, str]]


def score_videos(
    retriever: Retriever,
    wanted: Sequence[tuple[str, Sequence[str]]],
    *,
    among: str,
    radius_seconds: float,
) -> tuple[dict[int, np.ndarray], Skipped]:
    """Compare every second of each video with texts.

    Args:
        retriever: videos of which it has no clip (those of another split, say) are left out.
        wanted: (video id, K texts) of each video.
        among: what of a video is fused, such as "video+audio".
        radius_seconds: a second is seen and heard with this much before and after it.

    Returns:
        (T, K) scores by the video's place in `wanted`, and what is to be listed: videos that are
        left out (not at hand, damaged, with scores that are NaN), and texts without a word that
        the model knows, which score 0.

    Raises:
        ValueError: no such combination, or nothing of it in the dataset; none of the videos can be
            scored.
    """
    names = parse_combination(among, retriever.model.config.names)
    if absent := [name for name in names if name not in retriever.dataset.features]:
        raise ValueError(f"{retriever.dataset.folder} has no {' and no '.join(absent)} to look at")
    media, skipped = media_of_videos(retriever.dataset, [video for video, _ in wanted])
    scores = {}
    for place, (video, texts) in enumerate(wanted):
        if video not in media:
            continue
        known = [text for text in texts if _is_known(retriever, text)]
        try:
            found = _scores(retriever, media[video], known, names, radius_seconds)
        except (OSError, ValueError) as error:
            skipped.append((video, str(error)))
            continue
        scores[place] = np.zeros((len(found), len(texts)), dtype=found.dtype)
        scores[place][:, [text in known for text in texts]] = found
        for text in dict.fromkeys(text for text in texts if text not in known):
            skipped.append((f"{video}: {text!r}", "holds no word that the model knows; scores 0"))
    if not scores:
        example = "".join(f", for example {name}: {reason}" for name, reason in skipped[-1:])
        raise ValueError(f"none of the {len(wanted)} videos can be scored{example}")
    return scores, skipped


def _scores(
    retriever: Retriever, medium: str, texts: list[str], among: Combination, radius_seconds: float
) -> np.ndarray:
    if not texts:
        raise ValueError("none of its texts holds a word that the model knows")
    scores = retriever.score_seconds(medium, texts, among=among, radius_seconds=radius_seconds)
    if not np.isfinite(scores).all():
        raise ValueError("its scores hold NaN or infinite values")
    return scores


def media_of_videos(
    dataset: ClipDataset, video_ids: Iterable[str]
) -> tuple[dict[str, str], Skipped]:
    """The media of videos, which annotations name without folder and ending.

    Args:
        dataset: only media of which it (a selection of a split, say) has a clip count.
        video_ids: such as "video0003" of the medium "kitchen/video0003.mp4".

    Returns:
        The medium's id by video id, and (video id, reason) of the videos that have none.
    """
    named = defaultdict(list)
    for medium in dict.fromkeys(dataset.manifest.media_id):
        for name in {medium, PurePosixPath(medium).name, PurePosixPath(medium).stem}:
            named[name].append(medium)
    media, skipped = {}, []
    for video in dict.fromkeys(video_ids):
        found = [video] if video in named[video] else named[video]
        if len(found) == 1:
            media[video] = found[0]
        elif found:
            skipped.append((video, f"may be {' or '.join(found)}; give these other names"))
        else:
            skipped.append((video, "no clip of this selection of the dataset is of this video"))
    return media, skipped


def _is_known(retriever: Retriever, text: str) -> bool:
    """Whether the text encoder finds any word in a text."""
    return len(retriever.dataset.text_encoder.encode(text)[1]) > 0
