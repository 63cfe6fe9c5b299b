"""Scoring long videos second by second with texts, where an annotation names the videos."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Literal

import numpy as np

from mmlab.evaluation.listing import Skipped, because
from mmlab.types import Combination, parse_combination

if TYPE_CHECKING:
    from mmlab.dataset import ClipDataset
    from mmlab.retrieval import Retriever

ScoreForm = Literal["similarity", "log_softmax"]
"""What of a second is compared with other seconds.

- similarity (MCN for CrossTask): the cosine of each step.
- log_softmax (CrossTask's own code, VideoCLIP; MCN for MiningYouTube): its logarithmic share among
  the steps of the video, so that a second like all steps counts less.
"""


def score_name(form: ScoreForm, temperature: float = 1.0) -> str:
    """Such as "log_softmax", or "similarity, temperature 0.05"."""
    return form if temperature == 1 else f"{form}, temperature {temperature:g}"


def score_videos(
    retriever: Retriever,
    wanted: Sequence[tuple[str, Sequence[str]]],
    *,
    among: str,
    radius_seconds: float,
    listed: Sequence[tuple[str, str]] = (),
) -> tuple[dict[int, np.ndarray], Skipped]:
    """Compare every second of each video with texts.

    Args:
        retriever: videos of which it has no clip (those of another split, say) are left out.
        wanted: (video id, K texts) of each video.
        among: what of a video is fused, such as "video+audio".
        radius_seconds: a second is seen and heard with this much before and after it.
        listed: what could not be used before.

    Returns:
        (T, K) cosine similarities by the video's place in `wanted`; and `listed`, then what is to
        be listed besides: videos that are left out (not at hand, damaged, with nothing of `among`,
        without texts, with scores that are NaN), and texts without a word that the model knows,
        whose similarity is 0.

    Raises:
        ValueError: no such combination, one with text, or nothing of it in the dataset; a radius
            that is no number of seconds; none of the videos can be scored, with the reasons.
    """
    names = _checked(retriever, among, radius_seconds)
    media, skipped = media_of_videos(retriever.dataset, [video for video, _ in wanted])
    skipped = [*listed, *skipped]
    scores = {}
    for place, (video, texts) in enumerate(wanted):
        if video not in media:
            continue
        known = [text for text in texts if _is_known(retriever, text)]
        try:
            found = _scores(retriever, media[video], known, names, radius_seconds)
        except (OSError, ValueError) as error:
            skipped.append((video, f"{error}; left out"))
            continue
        scores[place] = np.zeros((len(found), len(texts)), dtype=found.dtype)
        scores[place][:, [text in known for text in texts]] = found
        for text in dict.fromkeys(text for text in texts if text not in known):
            skipped.append(
                (f"{video}: {text!r}", "holds no word that the model knows: similarity 0")
            )
    if not scores:
        raise ValueError(f"none of the {len(wanted)} videos can be scored{because(skipped)}")
    return scores, skipped


def _checked(retriever: Retriever, among: str, radius_seconds: float) -> Combination:
    """The combination; what is wrong for every video is raised here, not listed for each."""
    names = parse_combination(among, retriever.model.config.names)
    if "text" in names:
        raise ValueError(f"among is what of a video is compared with texts, found {among!r}")
    if absent := [name for name in names if name not in retriever.dataset.features]:
        raise ValueError(f"{retriever.dataset.folder} has no {' and no '.join(absent)} to look at")
    if not radius_seconds >= 0:
        raise ValueError(f"radius_seconds is 0 or more, found {radius_seconds}")
    return names


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
            skipped.append(
                (video, f"may be {' or '.join(found)}, so it is left out; give these other names")
            )
        else:
            reason = "no clip of this selection of the dataset is of this video; left out"
            skipped.append((video, reason))
    return media, skipped


def _is_known(retriever: Retriever, text: str) -> bool:
    """Whether the text encoder finds any word in a text."""
    return len(retriever.dataset.text_encoder.encode(text)[1]) > 0
