"""Step localisation as in CrossTask: find the ordered steps of a task in long videos.

`localize_videos` scores every second with every step, places the steps in order, and says how
many were found; beside it stand what chance finds and the most that the order allows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from scipy.special import log_softmax

from mmlab.evaluation.assignment import assigned_or_missed, best_steps, ordered_assignment
from mmlab.evaluation.detection import Detection, detection_of
from mmlab.evaluation.scoring import Skipped, score_videos
from mmlab.evaluation.spans import MomentRecall, Span, best_span, moment_recall
from mmlab.evaluation.step_recall import (
    VARIANTS,
    StepRecall,
    Variant,
    chance_recall,
    chosen_for,
    highest_recall,
    recall_of,
    step_recall,
)
from mmlab.readers.localization import LocalizationVideo

if TYPE_CHECKING:
    from mmlab.retrieval import Retriever

__all__ = [
    "LocalizationResult",
    "chance_recall",
    "localization_recall",
    "localize_videos",
    "ordered_assignment",
    "step_recall",
]


@dataclass(frozen=True)
class LocalizationResult:
    """Long videos with the scores of their steps; the lists run over the videos.

    Attributes:
        videos: those that were scored.
        scores: (T, K) of each: how well each second fits each step.
        truth: (T, K) bool of each: which second shows which step.
        skipped: (which video or step, reason) of what could not be used as it is.
    """

    videos: list[LocalizationVideo]
    scores: list[np.ndarray]
    truth: list[np.ndarray]
    skipped: Skipped = field(default_factory=list)

    @cached_property
    def chosen(self) -> list[np.ndarray]:
        """(T, K) bool of each video: the ordered assignment.

        Nothing is chosen in a video with more steps than seconds: its steps count as missed.
        """
        return [assigned_or_missed(scores) for scores in self.scores]

    @property
    def tasks(self) -> list[str]:
        """The task of each video."""
        return [video.task_id for video in self.videos]

    def log_probabilities(self, *, temperature: float = 1.0) -> LocalizationResult:
        """The same videos with a log-softmax over the steps of each second as scores.

        So do CrossTask's own code, VideoCLIP, and MCN for MiningYouTube; MCN takes similarities as
        they are for CrossTask, as `localize_videos` does. The two may choose other seconds.

        Args:
            temperature: what scores are divided by first.
        """
        scores = [log_softmax(table / temperature, axis=1) for table in self.scores]
        return replace(self, scores=scores)

    def recall(self, variant: Variant = "micro_task") -> float:
        """Steps found, in percent; `localization_recall` also says in which task and video."""
        return localization_recall(self, variant).percent

    def chance(self, variant: Variant = "micro_task", *, draws: int = 20, seed: int = 0) -> float:
        """The recall that random scores reach in the same way, in percent, mean over `draws`."""
        return chance_recall(self.truth, draws=draws, seed=seed, tasks=self.tasks, variant=variant)

    def oracle(self, variant: Variant = "micro_task") -> float:
        """The recall that perfect scores (1 where the truth is, else 0) reach, in percent."""
        chosen = [chosen_for(truth.astype(float), variant) for truth in self.truth]
        return recall_of(chosen, self.truth, variant, tasks=self.tasks).percent

    def upper_bound(self, variant: Variant = "micro_task") -> float:
        """The highest recall that any scores can reach, in percent, counted without scores.

        Below 100 where steps happen in another order than the task's, or where absent steps, which
        are placed as well, leave no room.
        """
        return highest_recall(self.truth, variant, tasks=self.tasks)

    def detection(self) -> Detection:
        """Average precision of finding each step's seconds, without any order.

        Videos without a task (MiningYouTube's, each with steps of its own) are a task each.
        """
        tasks = [video.task_id or video.video_id for video in self.videos]
        return detection_of(self.scores, self.truth, tasks)

    def moments(self, *, level: float = 0.7) -> MomentRecall:
        """Every step as a single query: one span of its video, see `best_span`."""
        spans: list[Span] = []
        truth: list[list[Span]] = []
        for video, scores in zip(self.videos, self.scores, strict=True):
            for step in range(len(video.steps)):
                spans.append(best_span(scores[:, step], level=level))
                segments = [one for one in video.segments if one[0] == step]
                truth.append([(start, end) for _, start, end in segments if start < len(scores)])
        return moment_recall(spans, truth)

    def summary(self) -> dict[str, Any]:
        """All measures as plain values, for JSON."""
        detection, moments = self.detection(), self.moments()
        return {
            "videos": len(self.videos),
            "recall": self.table().to_dict(orient="index"),
            "detection": {"mAP": detection.percent, "chance": detection.chance},
            "moments": {f"R@1 at IoU {limit}": value for limit, value in moments.percent.items()}
            | {"mean IoU": moments.mean_iou, "queries": moments.queries},
            "skipped": self.skipped,
        }

    def table(self, *, draws: int = 20, seed: int = 0) -> pd.DataFrame:
        """All variants beside their bounds.

        Returns:
            By variant: recall, chance, oracle, upper_bound (percent), tasks, videos, steps
            (annotated ones) and unannotated (videos without any, which count nowhere).
        """
        rows = {}
        for variant in VARIANTS:
            found = localization_recall(self, variant)
            rows[variant] = {
                "recall": found.percent,
                "chance": self.chance(variant, draws=draws, seed=seed),
                "oracle": self.oracle(variant),
                "upper_bound": self.upper_bound(variant),
                "tasks": len(found.tasks),
                "videos": int(found.tasks.videos.sum()),
                "steps": int(found.tasks.steps.sum()),
                "unannotated": found.unannotated,
            }
        return pd.DataFrame.from_dict(rows, orient="index")


def localization_recall(result: LocalizationResult, variant: Variant = "micro_task") -> StepRecall:
    """Recall in percent, with its tables by task and by video.

    Args:
        result: of `localize_videos`.
        variant: how to average, see `mmlab.evaluation.step_recall.Variant`.

    Raises:
        ValueError: no such variant; no video has an annotated step.
    """
    by_second = variant == "frame"
    chosen = [best_steps(scores) for scores in result.scores] if by_second else result.chosen
    names = [video.video_id for video in result.videos]
    return recall_of(chosen, result.truth, variant, tasks=result.tasks, names=names)


def localize_videos(
    retriever: Retriever,
    videos: Sequence[LocalizationVideo],
    *,
    among: str = "video+audio",
    radius_seconds: float = 2.0,
) -> LocalizationResult:
    """Find the steps of videos.

    Args:
        retriever: its clips say which media count: videos of which it has no clip (those of
            another split, say) are left out.
        videos: with their steps and when these are seen.
        among: what of a video is fused, such as "video+audio".
        radius_seconds: a second is seen and heard with this much before and after it.

    Returns:
        The scored videos, in order. `skipped` lists what was left out: videos that are not at
        hand, damaged, or with scores that are NaN, and annotated steps behind the end of a
        video; and steps without a word that the model knows, which score 0. A video without
        annotated steps stays; the measures count it.

    Raises:
        ValueError: none of the videos can be scored.

    Example:
        >>> retriever = Retriever(model, dataset.select(split="test"))
        >>> result = localize_videos(retriever, read_crosstask(folder))
        >>> result.recall("micro_task"), result.chance(), result.upper_bound()
    """
    wanted = [(video.video_id, video.steps) for video in videos]
    found, skipped = score_videos(retriever, wanted, among=among, radius_seconds=radius_seconds)
    kept = [videos[place] for place in found]
    scores = list(found.values())
    for video, table in zip(kept, scores, strict=True):
        skipped += _oddities(video, len(table))
    truth = [video.truth(len(table)) for video, table in zip(kept, scores, strict=True)]
    return LocalizationResult(kept, scores, truth, skipped)


def _oddities(video: LocalizationVideo, seconds: int) -> Skipped:
    """What of a video's annotation does not fit the video at hand."""
    behind = [
        (
            f"{video.video_id}: {video.steps[step]!r}",
            f"is annotated from {start:g} to {end:g} s, the video ends at {seconds} s; left out",
        )
        for step, start, end in video.segments
        if start >= seconds
    ]
    if len(video.steps) <= seconds:
        return behind
    problem = f"has {len(video.steps)} steps in {seconds} s, so they count as missed"
    return [*behind, (video.video_id, problem)]
