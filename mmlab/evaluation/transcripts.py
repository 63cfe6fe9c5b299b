"""MiningYouTube: align videos with their transcripts, and measure it on frames."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from mmlab.evaluation.alignment import align_transcript, second_of_frame, spread, stretched
from mmlab.evaluation.listing import Skipped, because
from mmlab.evaluation.overlap import frame_accuracy, overlap_scores
from mmlab.evaluation.scoring import score_name, score_videos
from mmlab.readers.mining_youtube import MiningYoutube, MiningYoutubeVideo

if TYPE_CHECKING:
    from mmlab.retrieval import Retriever

TEMPERATURE = 0.05
"""Of the training loss, so that scores are log-probabilities up to a constant; 1 as published."""


@dataclass(frozen=True)
class AlignmentResult:
    """Videos aligned with their transcripts; the lists run over the videos.

    Attributes:
        background: the class that stands between the steps.
        videos: those that were aligned.
        transcripts: (M,) classes of each.
        aligned: (T,) of each: the entry of the transcript that each second belongs to.
        skipped: (which video or class, reason) of what could not be used as it is.
        temperature: what similarities were divided by.
    """

    background: int
    videos: list[MiningYoutubeVideo] = field(default_factory=list)
    transcripts: list[np.ndarray] = field(default_factory=list)
    aligned: list[np.ndarray] = field(default_factory=list)
    skipped: Skipped = field(default_factory=list)
    temperature: float = TEMPERATURE

    @property
    def truth(self) -> list[np.ndarray]:
        """(F,) class of each frame of each video."""
        return [video.frame_labels for video in self.videos]

    def predicted(self) -> list[np.ndarray]:
        """(F,) class of each frame of each video."""
        return self._frames(self.aligned)

    @property
    def score_name(self) -> str:
        """What the scores are; the normaliser of a softmax would change no alignment."""
        return score_name("similarity", self.temperature)

    def summary(self) -> dict[str, Any]:
        """All measures as plain values, for JSON."""
        return {
            "videos": len(self.videos),
            "scores": self.score_name,
            "alignment": self.table().to_dict(orient="index"),
            "skipped": self.skipped,
        }

    def table(self) -> pd.DataFrame:
        """The measures of the alignment, of an even spread, and of the best alignment there is.

        Returns:
            By "aligned", "evenly spread" and "oracle" (the whole seconds that get the most frames
            right): MoF (of all frames), MoF by video, then IoU and IoD by class and by segment,
            each also without background; in percent.
        """
        ways = {
            "aligned": self.predicted(),
            "evenly spread": self._frames(
                [
                    spread(len(t), len(a))
                    for t, a in zip(self.transcripts, self.aligned, strict=True)
                ]
            ),
            "oracle": self._frames(self._best()),
        }
        rows = {way: self._measures(labels) for way, labels in ways.items()}
        return pd.DataFrame.from_dict(rows, orient="index")

    def _frames(self, entries: list[np.ndarray]) -> list[np.ndarray]:
        return [
            stretched(transcript[video], len(truth))
            for transcript, video, truth in zip(self.transcripts, entries, self.truth, strict=True)
        ]

    def _best(self) -> list[np.ndarray]:
        """Each second's entry such that the most frames are right."""
        best = []
        for transcript, aligned, truth in zip(
            self.transcripts, self.aligned, self.truth, strict=True
        ):
            second = second_of_frame(len(aligned), len(truth))
            right = np.zeros((len(aligned), len(transcript)))
            np.add.at(right, second, truth[:, None] == transcript)
            best.append(align_transcript(right, np.arange(len(transcript))))
        return best

    def _measures(self, labels: list[np.ndarray]) -> dict[str, float]:
        row = {
            "MoF": frame_accuracy(labels, self.truth),
            "MoF by video": frame_accuracy(labels, self.truth, by_video=True),
        }
        for variant in ("class", "segment"):
            for background, suffix in ((None, ""), (self.background, " without background")):
                found = overlap_scores(labels, self.truth, variant, background=background)
                row[f"IoU by {variant}{suffix}"] = found.iou
                row[f"IoD by {variant}{suffix}"] = found.iod
        return row


def align_videos(
    retriever: Retriever,
    corpus: MiningYoutube,
    *,
    among: str = "video+audio",
    radius_seconds: float = 2.0,
    mean_seconds: float | None = None,
    length_model: bool = True,
    temperature: float = TEMPERATURE,
) -> AlignmentResult:
    """Align every video that has a transcript and frame labels.

    The published scores are a log-softmax over all classes of the dictionary. Its normaliser is
    the same for all classes of a second and cannot change an alignment with a given transcript,
    so only the transcript's own classes are compared.

    Args:
        retriever: videos of which it has no clip are left out.
        corpus: of `read_mining_youtube`.
        among: what of a video is fused.
        radius_seconds: a second is seen and heard with this much before and after it.
        mean_seconds: how long an entry lasts on average; default: the length of the video by the
            number of its entries.
        length_model: False: every length is as likely.
        temperature: what similarities are divided by; the default is that of the training loss,
            MCN's code has 1. The smaller it is, the less the length model counts.

    Returns:
        The aligned videos, in order; `skipped` lists what the reader could not use, the videos that
        were left out (not at hand, damaged, without anything of `among`, shorter than their
        transcript, longer than it can fill, with scores that are NaN), and classes without a word
        that the model knows, whose similarity is 0.

    Raises:
        ValueError: a mean or a temperature that is not above 0, or what `among` and the radius may
            not be; none of the videos can be aligned, with the reasons.
    """
    for name, value in (("mean_seconds", mean_seconds), ("temperature", temperature)):
        if value is not None and not 0 < value < math.inf:
            raise ValueError(f"{name} must be a number above 0, found {value}")
    index = {name: number for number, name in enumerate(corpus.classes)}
    problems = {video.video_id: _problem(video, index) for video in corpus.videos}
    usable = [video for video in corpus.videos if not problems[video.video_id]]
    wanted = [(v.video_id, [label.replace("_", " ") for label in _labels(v)]) for v in usable]
    unusable = [(name, f"{problem}; left out") for name, problem in problems.items() if problem]
    how: dict[str, Any] = {"among": among, "radius_seconds": radius_seconds}
    found, skipped = score_videos(retriever, wanted, **how, listed=[*corpus.skipped, *unusable])
    result = AlignmentResult(corpus.background, skipped=skipped, temperature=temperature)
    for video, scores in ((usable[place], scores) for place, scores in found.items()):
        entries = [_labels(video).index(label) for label in video.transcript]
        mean = len(scores) / len(entries) if mean_seconds is None else mean_seconds
        mean_lengths = mean if length_model else None
        try:
            aligned = align_transcript(scores / temperature, entries, mean_lengths=mean_lengths)
        except ValueError as error:  # too short or too long for its transcript
            skipped.append((video.video_id, f"{error}; left out"))
            continue
        result.videos.append(video)
        result.transcripts.append(np.array([index[label] for label in video.transcript]))
        result.aligned.append(aligned)
    if not result.videos:
        raise ValueError(f"none of the {len(wanted)} videos can be aligned{because(skipped)}")
    return result


def _labels(video: MiningYoutubeVideo) -> list[str]:
    """The classes of a video's transcript, each once."""
    return list(dict.fromkeys(video.transcript))


def _problem(video: MiningYoutubeVideo, index: Mapping[str, int]) -> str:
    """Why a video cannot be aligned and measured, "" where it can."""
    unknown = [label for label in video.transcript if label not in index]
    if unknown:
        return f"its transcript names {unknown[0]!r}, which is not in the dictionary"
    if not video.transcript:
        return "has no transcript"
    return "" if len(video.frame_labels) else "has no frame labels"
