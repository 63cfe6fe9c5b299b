"""Step localisation as in CrossTask: place the ordered steps of a task in a long video.

Each step gets exactly one second, in order, such that the scores of these seconds add up to the
most (the published exact assignment); recall counts the steps whose second is a true one.
"""

from __future__ import annotations

import numpy as np


def ordered_assignment(scores: np.ndarray) -> np.ndarray:
    """Choose one second for each step, in order, with the highest total score.

    Args:
        scores: (T, K) similarity of each second with each of the K ordered steps.

    Returns:
        (T, K) bool with one True in each column, in strictly rising rows.

    Raises:
        ValueError: more steps than seconds, so that no order fits.
    """
    seconds, steps = scores.shape
    if steps > seconds:
        raise ValueError(f"{steps} steps cannot be placed in {seconds} seconds, one in each")
    best = np.full((seconds + 1, steps + 1), -np.inf)  # [t, k]: first k steps in first t seconds
    best[:, 0] = 0
    for t in range(1, seconds + 1):
        best[t, 1:] = np.maximum(best[t - 1, 1:], best[t - 1, :-1] + scores[t - 1])
    chosen = np.zeros((seconds, steps), dtype=bool)
    t = seconds
    for k in range(steps, 0, -1):
        while best[t, k] == best[t - 1, k]:
            t -= 1
        t -= 1
        chosen[t, k - 1] = True
    return chosen


def step_recall(chosen: list[np.ndarray], truth: list[np.ndarray]) -> float:
    """Share of annotated steps whose chosen second is a true one, in percent, over all videos.

    Args:
        chosen: for each video of a task (T, K) bool, one True in each column.
        truth: for each video (T, K) bool; a column without True is a step that is absent.
    """
    hits = sum(int((one & other).sum()) for one, other in zip(chosen, truth, strict=True))
    present = sum(int(video.any(axis=0).sum()) for video in truth)
    if not present:
        raise ValueError("no video has an annotated step, so recall is undefined")
    return 100 * hits / present


def chance_recall(truth: list[np.ndarray], *, draws: int = 200, seed: int = 0) -> float:
    """The recall that the ordered assignment reaches on random scores, in percent."""
    generator = np.random.default_rng(seed)
    recalls = [
        step_recall([ordered_assignment(generator.random(video.shape)) for video in truth], truth)
        for _ in range(draws)
    ]
    return float(np.mean(recalls))
