"""How many steps of a task were found: the three published ways to average, each by its name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import pandas as pd
from scipy.sparse import csr_array
from scipy.sparse.csgraph import maximum_bipartite_matching

from mmlab.evaluation.assignment import assigned_or_missed, best_steps

Variant = Literal["micro_task", "macro_video", "frame"]
"""How recall is averaged.

- micro_task (CrossTask, VideoCLIP): steps found of steps annotated over all videos of a task
  together, then the mean over tasks.
- macro_video (MCN): the share of each video's annotated steps, the mean over the videos of a
  task, then over tasks.
- frame (MCN's `recall_frame`): as macro_video, but of the best step of each second, without any
  order; a step is found if any of its seconds is right.
"""

VARIANTS: tuple[Variant, ...] = get_args(Variant)


@dataclass(frozen=True)
class StepRecall:
    """Recall of one variant, and what it is the mean of.

    Attributes:
        variant: how it was averaged.
        percent: the mean over the tasks.
        tasks: by task: videos (those with an annotated step), steps (annotated), found, recall
            (percent).
        videos: one row per video: task, video, steps, found, recall (NaN without annotated step).
        unannotated: how many videos have no annotated step; they count nowhere.
    """

    variant: Variant
    percent: float
    tasks: pd.DataFrame
    videos: pd.DataFrame
    unannotated: int


def recall_of(
    chosen: Sequence[np.ndarray],
    truth: Sequence[np.ndarray],
    variant: Variant = "micro_task",
    *,
    tasks: Sequence[str] | None = None,
    names: Sequence[str] | None = None,
) -> StepRecall:
    """Recall of chosen seconds.

    Args:
        chosen: for each video (T, K) bool: `ordered_assignment`, or `best_steps` for "frame".
        truth: for each video (T, K) bool; a column without True is a step that is absent.
        variant: how to average.
        tasks: of each video; default: all are of one.
        names: of the videos, for the table; default: their numbers.

    Raises:
        ValueError: no such variant; no video has an annotated step.
    """
    if variant not in VARIANTS:
        raise ValueError(f"recall has the variants {', '.join(VARIANTS)}, found {variant!r}")
    counts = [
        (int(true.any(axis=0).sum()), int((one & true).any(axis=0).sum()))
        for one, true in zip(chosen, truth, strict=True)
    ]
    videos = pd.DataFrame(counts, columns=["steps", "found"])
    videos.insert(0, "task", [""] * len(videos) if tasks is None else list(tasks))
    videos.insert(1, "video", list(map(str, videos.index)) if names is None else list(names))
    return _averaged(videos, variant)


def _averaged(videos: pd.DataFrame, variant: Variant) -> StepRecall:
    """From a table with task, video, steps and found."""
    annotated = videos[videos.steps > 0]
    if annotated.empty:
        raise ValueError("no video has an annotated step, so recall is undefined")
    videos["recall"] = 100 * annotated.found / annotated.steps
    grouped = videos.loc[annotated.index].groupby("task", sort=False)
    tasks = pd.DataFrame(
        {
            "videos": grouped.size(),
            "steps": grouped.steps.sum(),
            "found": grouped.found.sum(),
            "recall": grouped.recall.mean(),
        }
    )
    if variant == "micro_task":
        tasks["recall"] = 100 * tasks.found / tasks.steps
    unannotated = len(videos) - len(annotated)
    return StepRecall(variant, float(tasks.recall.mean()), tasks, videos, unannotated)


def step_recall(chosen: Sequence[np.ndarray], truth: Sequence[np.ndarray]) -> float:
    """Share of annotated steps whose chosen second is a true one, in percent, over all videos.

    Args:
        chosen: for each video of a task (T, K) bool, one True in each column.
        truth: for each video (T, K) bool; a column without True is a step that is absent.

    Raises:
        ValueError: no video has an annotated step.
    """
    return recall_of(chosen, truth).percent


def chance_recall(
    truth: Sequence[np.ndarray],
    *,
    draws: int = 200,
    seed: int = 0,
    tasks: Sequence[str] | None = None,
    variant: Variant = "micro_task",
) -> float:
    """The recall that random scores reach, in percent: the mean over draws.

    Args:
        truth: for each video (T, K) bool.
        draws: how often scores are drawn.
        seed: of the draws.
        tasks: of each video; default: all are of one.
        variant: how to choose and average.
    """
    generator = np.random.default_rng(seed)
    recalls = []
    for _ in range(draws):
        chosen = [chosen_for(generator.random(video.shape), variant) for video in truth]
        recalls.append(recall_of(chosen, truth, variant, tasks=tasks).percent)
    return float(np.mean(recalls))


def chosen_for(scores: np.ndarray, variant: Variant) -> np.ndarray:
    """(T, K) bool: the seconds that a variant of recall looks at."""
    return best_steps(scores) if variant == "frame" else assigned_or_missed(scores)


def highest_recall(
    truth: Sequence[np.ndarray],
    variant: Variant = "micro_task",
    *,
    tasks: Sequence[str] | None = None,
) -> float:
    """The highest recall that any scores can reach, in percent, counted without scores.

    Args:
        truth: for each video (T, K) bool.
        variant: how steps are chosen and recall is averaged.
        tasks: of each video; default: all are of one.
    """
    most = most_found_by_second if variant == "frame" else most_found_in_order
    videos = pd.DataFrame(
        {
            "task": [""] * len(truth) if tasks is None else list(tasks),
            "steps": [int(video.any(axis=0).sum()) for video in truth],
            "found": [most(video) for video in truth],
        }
    )
    return _averaged(videos, variant).percent


def most_found_in_order(truth: np.ndarray) -> int:
    """The most annotated steps that any choice of one second for each step, in order, can find.

    From step to step it keeps, for every number of steps found so far, the earliest second at
    which that is possible: finding one more takes the next true second, missing one the next.

    Args:
        truth: (T, K) bool.

    Returns:
        From 0 to K; 0 where there are more steps than seconds.
    """
    seconds, steps = truth.shape
    last = np.array([-1])  # [h]: the second of the last step if h were found; `seconds`: never
    for step in range(steps):
        true_seconds = np.append(np.flatnonzero(truth[:, step]), seconds)
        next_true = true_seconds[np.searchsorted(true_seconds[:-1], last, side="right")]
        found, missed = np.append(seconds, next_true), np.append(last + 1, seconds)
        last = np.minimum(np.minimum(found, missed), seconds)
    possible = np.flatnonzero(last < seconds)
    return int(possible[-1]) if len(possible) else 0


def most_found_by_second(truth: np.ndarray) -> int:
    """The most annotated steps that one step for each second can find, in any order.

    Args:
        truth: (T, K) bool.
    """
    matched = maximum_bipartite_matching(csr_array(truth), perm_type="column")
    return int((matched >= 0).sum())
