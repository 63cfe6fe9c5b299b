"""Step localisation as in CrossTask: find the ordered steps of a task in long videos.

`localize_videos` scores every second with every step, places the steps in order, and says how
many were found; beside it stand what chance finds and the most that the order allows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, get_args

import numpy as np
import pandas as pd
from scipy.special import log_softmax

from mmlab.evaluation.assignment import assigned_or_missed, best_steps, ordered_assignment
from mmlab.evaluation.detection import Detection, detection_of
from mmlab.evaluation.listing import Skipped, because
from mmlab.evaluation.scoring import ScoreForm, score_name, score_videos
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
from mmlab.readers.localization import LocalizationVideo, LocalizationVideos

if TYPE_CHECKING:
    from mmlab.retrieval import Retriever

__all__ = [
    "LocalizationResult",
    "ScoreForm",
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
        form: what the scores are.
        temperature: what similarities were divided by.
    """

    videos: list[LocalizationVideo]
    scores: list[np.ndarray]
    truth: list[np.ndarray]
    skipped: Skipped = field(default_factory=list)
    form: ScoreForm = "similarity"
    temperature: float = 1.0

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

    @property
    def score_name(self) -> str:
        """The form of the scores, with the temperature where it is not 1."""
        return score_name(self.form, self.temperature)

    def log_probabilities(self, *, temperature: float = 1.0) -> LocalizationResult:
        """The same videos with a log-softmax over the steps of each second as scores.

        The two forms may choose other seconds, but not in the variant "frame".

        Args:
            temperature: what scores are divided by first; 1 as in the published code, where the
                shares of cosines, which differ by 2 at the most, are nearly equal.
        """
        scores = [log_softmax(table / temperature, axis=1) for table in self.scores]
        divided = self.temperature * temperature
        return replace(self, scores=scores, form="log_softmax", temperature=divided)

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
        """Every step as a single query: one span of its video, see `best_span`.

        What of a true segment lies behind the end of the video does not count, as in the recall.
        """
        spans: list[Span] = []
        truth: list[list[Span]] = []
        for video, scores in zip(self.videos, self.scores, strict=True):
            for step in range(len(video.steps)):
                spans.append(best_span(scores[:, step], level=level))
                truth.append(
                    [
                        (start, min(end, len(scores)))
                        for number, start, end in video.segments
                        if number == step and start < len(scores)
                    ]
                )
        return moment_recall(spans, truth)

    def summary(self) -> dict[str, Any]:
        """All measures as plain values, for JSON."""
        detection, moments = self.detection(), self.moments()
        return {
            "videos": len(self.videos),
            "scores": self.score_name,
            "recall": self.table().to_dict(orient="index"),
            "detection": {"mAP": detection.percent, "chance": detection.chance},
            "moments": {f"R@1 at IoU {limit}": value for limit, value in moments.percent.items()}
            | {"mean IoU": moments.mean_iou, "queries": moments.queries},
            "skipped": self.skipped,
        }

    def table(self, *, draws: int = 20, seed: int = 0) -> pd.DataFrame:
        """All variants beside their bounds.

        Returns:
            By variant: scores (their form), recall, chance, oracle, upper_bound (percent), tasks,
            videos, steps (annotated ones) and unannotated (videos without any, which count
            nowhere).
        """
        rows = {}
        for variant in VARIANTS:
            found = localization_recall(self, variant)
            rows[variant] = {
                "scores": self.score_name,
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
        ValueError: no such variant; no video has an annotated step, with what was listed.
    """
    if not any(truth.any() for truth in result.truth):
        listed = because(result.skipped)
        raise ValueError(f"no video has an annotated step, so recall is undefined{listed}")
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
    form: ScoreForm = "similarity",
) -> LocalizationResult:
    """Find the steps of videos.

    Args:
        retriever: its clips say which media count: videos of which it has no clip (those of
            another split, say) are left out.
        videos: with their steps and when these are seen.
        among: what of a video is fused, such as "video+audio".
        radius_seconds: a second is seen and heard with this much before and after it.
        form: of the scores; "log_softmax" is that of `LocalizationResult.log_probabilities`.

    Returns:
        The scored videos, in order. `skipped` lists what the reader of the annotation could not
        use; videos that are left out because they are not at hand, damaged, without anything of
        `among`, or with scores that are NaN; annotated steps behind the end of a video; steps that
        count as missed; and steps without a word that the model knows, whose similarity is 0.
        A video without annotated steps stays; the measures count it.

    Raises:
        ValueError: no such combination or form, one with text, or a radius that is no number of
            seconds; none of the videos can be scored, with the reasons.

    Example:
        >>> retriever = Retriever(model, dataset.select(split="test"))
        >>> result = localize_videos(retriever, read_crosstask(folder))
        >>> result.recall("micro_task"), result.chance(), result.upper_bound()
    """
    if form not in get_args(ScoreForm):
        raise ValueError(f"scores have the forms {', '.join(get_args(ScoreForm))}, found {form!r}")
    wanted = [(video.video_id, video.steps) for video in videos]
    unread = videos.skipped if isinstance(videos, LocalizationVideos) else ()
    how: dict[str, Any] = {"among": among, "radius_seconds": radius_seconds}
    found, skipped = score_videos(retriever, wanted, **how, listed=unread)
    kept = [videos[place] for place in found]
    scores = list(found.values())
    for video, table in zip(kept, scores, strict=True):
        skipped += _oddities(video, len(table))
    truth = [video.truth(len(table)) for video, table in zip(kept, scores, strict=True)]
    result = LocalizationResult(kept, scores, truth, skipped)
    return result if form == "similarity" else result.log_probabilities()


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
