"""Placing ordered steps in a long video: CrossTask's exact assignment, and the bare best step.

The path through a video is a walk over 2K + 1 states: before, between and behind the K steps
(even states) and the steps themselves (odd states). Each state is computed for all seconds at
once: how long one stays in it is a running maximum.
"""

from __future__ import annotations

import numpy as np


def ordered_assignment(
    scores: np.ndarray, *, background: float = 0.0, exactly_one: bool = True
) -> np.ndarray:
    """Choose one second for each step, in order, with the highest total score.

    Where several choices are equally good, the published one is taken: every step as early as it
    can be, but the last one in the last second if that is as good.

    Args:
        scores: (T, K) how well each second fits each of the K ordered steps.
        background: what a second without a step adds to the total. It changes nothing where each
            step has exactly one second, as every choice then has T - K seconds without.
        exactly_one: False: a step lasts for one second or more.

    Returns:
        (T, K) bool with one True in each column (or one run of them), in strictly rising rows.

    Raises:
        ValueError: more steps than seconds, so that no order fits; scores that are no finite
            numbers.
    """
    seconds, steps = np.shape(scores)
    _check(scores, background)
    if steps > seconds:
        raise ValueError(f"{steps} steps cannot be placed in {seconds} seconds, one in each")
    totals, since = _walk(scores, 0.0 if exactly_one else background, exactly_one)
    chosen = np.zeros((seconds, steps), dtype=bool)
    end, state = seconds, 2 * steps
    if steps and totals[-2, end] >= totals[-1, end]:
        state -= 1
    while state > 0:
        start = since[state, end]  # the first second of this stay, counted from 1
        if state % 2:
            chosen[start - 1 : end, state // 2] = True
        end = start - 1
        skips = state % 2 and state > 1 and totals[state - 2, end] > totals[state - 1, end]
        state -= 2 if skips else 1
    return chosen


def best_steps(scores: np.ndarray) -> np.ndarray:
    """The best step of each second, without any order (MCN's `recall_frame`).

    Args:
        scores: (T, K).

    Returns:
        (T, K) bool with one True in each row; the first of equally good steps.

    Raises:
        ValueError: scores that are no finite numbers.
    """
    _check(scores)
    chosen = np.zeros(np.shape(scores), dtype=bool)
    if chosen.size:
        chosen[np.arange(len(chosen)), np.argmax(scores, axis=1)] = True
    return chosen


def _check(scores: np.ndarray, background: float = 0.0) -> None:
    if not (np.isfinite(scores).all() and np.isfinite(background)):
        raise ValueError("scores hold NaN or infinite values, so no second is the best")


def _walk(
    scores: np.ndarray, background: float, exactly_one: bool
) -> tuple[np.ndarray, np.ndarray]:
    """The best totals, and since when a state lasts.

    Returns:
        Two tables (2K + 1, T + 1): the highest total of the first t seconds that ends in a state
        (-inf where there is none), and the first second, from 1, of the stay in that state.
    """
    seconds, steps = scores.shape
    totals = np.full((2 * steps + 1, seconds + 1), -np.inf)
    since = np.zeros((2 * steps + 1, seconds + 1), dtype=int)
    totals[0] = background * np.arange(seconds + 1)
    since[0] = 1
    for state in range(1, 2 * steps + 1):
        entered = totals[state - 1, :-1]  # the total behind which this state may begin
        if state % 2 and state > 1:
            entered = np.maximum(entered, totals[state - 2, :-1])
        if state % 2 and exactly_one:
            totals[state, 1:] = entered + scores[:, state // 2]
            since[state, 1:] = np.arange(1, seconds + 1)
            continue
        gains = scores[:, state // 2] if state % 2 else np.full(seconds, background)
        summed = np.concatenate([[0.0], np.cumsum(gains, dtype=float)])
        best, start = running_best(entered - summed[:-1])
        totals[state, 1:], since[state, 1:] = best + summed[1:], start + 1
    return totals, since


def running_best(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The highest of the values so far, and where it first was.

    Args:
        values: (T,), -inf allowed.

    Returns:
        (T,) maxima and (T,) positions.
    """
    best = np.maximum.accumulate(values)
    rises = np.concatenate([[True], best[1:] > best[:-1]])
    return best, np.maximum.accumulate(np.where(rises, np.arange(len(values)), 0))


def assigned_or_missed(scores: np.ndarray) -> np.ndarray:
    """`ordered_assignment`, or nothing chosen where there are more steps than seconds.

    So the steps of a video that is too short count as missed, and the other videos still count.
    """
    seconds, steps = np.shape(scores)
    return np.zeros((seconds, steps), bool) if steps > seconds else ordered_assignment(scores)
