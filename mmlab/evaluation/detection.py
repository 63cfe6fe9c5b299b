"""Finding the seconds of each step without any order: average precision, as MCN reports it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd


@dataclass(frozen=True)
class Detection:
    """Mean average precision of steps.

    Attributes:
        percent: the mean over tasks.
        chance: the same of random scores, in expectation for many seconds: the share of true ones.
        tasks: by task: videos, seconds, steps (that are seen at all), left_out (steps that are
            seen in no second, which have no precision), mAP, chance.
    """

    percent: float
    chance: float
    tasks: pd.DataFrame


def detection_of(
    scores: Sequence[np.ndarray],
    truth: Sequence[np.ndarray],
    tasks: Sequence[str],
) -> Detection:
    """Average precision of each step over the seconds of all videos of its task, in percent.

    Args:
        scores: (T, K) of each video; K is the same within a task.
        truth: (T, K) bool of each video.
        tasks: of each video; steps are compared within a task.

    Raises:
        ValueError: no step is seen anywhere; the videos of a task differ in their steps; scores
            that are no finite numbers.
    """
    members: dict[str, list[int]] = {}
    for number, task in enumerate(tasks):
        members.setdefault(task, []).append(number)
    rows = {}
    for task, numbers in members.items():
        if len({truth[number].shape[1] for number in numbers}) > 1:
            raise ValueError(f"task {task!r}: its videos differ in their number of steps")
        row = _task(*(np.concatenate([part[n] for n in numbers]) for part in (scores, truth)))
        rows[task] = {"videos": len(numbers)} | row
    table = pd.DataFrame.from_dict(rows, orient="index")
    if not len(table) or not table.steps.any():
        raise ValueError("no video has an annotated step, so average precision is undefined")
    return Detection(float(table.mAP.mean()), float(table.chance.mean()), table)


def _task(scores: np.ndarray, truth: np.ndarray) -> dict[str, float]:
    """What a task's (T, K) scores and truth of all its videos give; NaN where no step is seen."""
    from sklearn.metrics import average_precision_score

    if not np.isfinite(scores).all():
        raise ValueError("scores hold NaN or infinite values, so they have no precision")
    seen = truth.any(axis=0)
    row = {"seconds": len(truth), "steps": int(seen.sum()), "left_out": int((~seen).sum())}
    if not seen.any():
        return row | {"mAP": np.nan, "chance": np.nan}
    precision = average_precision_score(truth[:, seen], scores[:, seen], average="macro")
    return row | {"mAP": 100 * float(precision), "chance": 100 * float(truth[:, seen].mean())}
