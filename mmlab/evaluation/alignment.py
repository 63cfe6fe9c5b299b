"""Aligning a video with its given transcript: which entry each second belongs to, in order.

Exact dynamic programme over the entries, for all seconds at once, with a Poisson model of how long
an entry lasts as in MiningYouTube. Unlike the published decoder nothing is pruned, no second is
counted twice or lost, and a second always scores with the entry that it is given.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.special import gammaln

from mmlab.evaluation.assignment import running_best

LONGEST = 5000
BLOCK_CELLS = 4_000_000  # of (seconds, lengths) that are compared at a time: 32 MB


def align_transcript(
    scores: np.ndarray,
    transcript: Sequence[int] | np.ndarray,
    *,
    mean_lengths: float | np.ndarray | None = None,
    longest: int = LONGEST,
) -> np.ndarray:
    """The alignment with the highest total of scores, and of length scores if there is a model.

    Args:
        scores: (T, C) log-probability of each class in each second (or frame). What is added to
            all classes of a second, such as the normaliser of a softmax, changes nothing.
        transcript: (M,) the classes in their order; one may come several times.
        mean_lengths: how long an entry lasts on average, in seconds (in rows of `scores`), for all
            or (C,) for each class; None: every length is as likely.
        longest: the most seconds that an entry may last, where there is a length model.

    Returns:
        (T,) the number of each second's entry: from 0 to M - 1, without a gap.

    Raises:
        ValueError: no transcript, or one that has more entries than there are seconds; classes that
            have no scores; scores that are no finite numbers; a mean that is not above 0.
    """
    entries = np.asarray(transcript, dtype=int)
    _check(scores, entries, longest if mean_lengths is not None else len(scores))
    totals = np.full(len(scores) + 1, -np.inf)  # [t]: the entries so far fill the first t seconds
    totals[0] = 0.0
    starts = np.zeros((len(entries), len(scores) + 1), dtype=int)
    for number, entry in enumerate(entries):
        summed = np.concatenate([[0.0], np.cumsum(scores[:, entry], dtype=float)])
        before = (totals - summed)[:-1]  # [s]: if the entry starts with second s
        if mean_lengths is None:
            best, start = running_best(before)
        else:
            mean = float(np.broadcast_to(mean_lengths, scores.shape[1])[entry])
            lengths = poisson_length_scores(mean, min(longest, len(scores)))
            best, start = _best_start(before, lengths)
        totals = np.concatenate([[-np.inf], best + summed[1:]])
        starts[number, 1:] = start
    return _traced(starts)


def _check(scores: np.ndarray, entries: np.ndarray, longest: int) -> None:
    if not len(entries):
        raise ValueError("the transcript is empty, so nothing can be aligned with it")
    if entries.min() < 0 or entries.max() >= scores.shape[1]:
        raise ValueError(f"the transcript has a class that is not among the {scores.shape[1]}")
    if not np.isfinite(scores).all():
        raise ValueError("scores hold NaN or infinite values, so no alignment is the best")
    if not len(entries) <= len(scores) <= len(entries) * longest:
        raise ValueError(
            f"{len(entries)} entries of a transcript cannot fill {len(scores)} seconds, 1 to "
            f"{longest} each"
        )


def poisson_length_scores(mean: float, longest: int) -> np.ndarray:
    """Log-probability of each length under a Poisson distribution, 0 at the (rounded) mean.

    Args:
        mean: above 0.
        longest: the last length.

    Returns:
        (longest + 1,) from length 0, which cannot be (-inf).

    Raises:
        ValueError: a mean that is not above 0.
    """
    if not mean > 0:
        raise ValueError(f"the mean length of an entry must be above 0, found {mean}")
    lengths = np.append(np.arange(longest + 1), round(mean))
    scores = lengths * np.log(mean) - mean - gammaln(lengths + 1)
    scores -= scores[-1]
    scores[0] = -np.inf
    return scores[:-1]


def _best_start(before: np.ndarray, lengths: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """For each last second the best first one, with the score of the length between.

    Args:
        before: (T,) the total if the entry starts with second s.
        lengths: (L + 1,) scores of the lengths.

    Returns:
        (T,) totals and (T,) first seconds.
    """
    longest = len(lengths) - 1
    padded = np.concatenate([np.full(longest - 1, -np.inf), before])
    windows = np.lib.stride_tricks.sliding_window_view(padded, longest)  # (T, L), oldest first
    best, start = np.empty(len(before)), np.empty(len(before), dtype=int)
    rows = max(1, BLOCK_CELLS // longest)
    for first in range(0, len(before), rows):
        part = slice(first, first + rows)
        totals = windows[part] + lengths[:0:-1]
        place = totals.argmax(axis=1)
        best[part] = totals[np.arange(len(totals)), place]
        start[part] = place
    return best, start + np.arange(len(before)) - (longest - 1)


def _traced(starts: np.ndarray) -> np.ndarray:
    """From (M, T + 1), where an entry that ends before second t starts, to (T,) entries."""
    end = starts.shape[1] - 1
    result = np.zeros(end, dtype=int)
    for number in range(len(starts) - 1, -1, -1):
        start = starts[number, end]
        result[start:end] = number
        end = start
    return result


def stretched(labels: np.ndarray, frames: int) -> np.ndarray:
    """Labels of seconds as labels of frames: each frame has the label of the nearest second.

    Args:
        labels: (T,).
        frames: F, how many frames there are in the same time.

    Returns:
        (F,).

    Raises:
        ValueError: frames without any second.
    """
    return np.asarray(labels)[second_of_frame(len(labels), frames)]


def second_of_frame(seconds: int, frames: int) -> np.ndarray:
    """(F,) the second in which the middle of each of F frames lies, if these last T seconds.

    Raises:
        ValueError: frames without any second.
    """
    if frames and not seconds:
        raise ValueError(f"{frames} frames cannot be filled from no second")
    return (2 * np.arange(frames) + 1) * seconds // (2 * max(frames, 1))


def spread(entries: int, seconds: int) -> np.ndarray:
    """(T,) the entries of a transcript spread evenly over the seconds, as a bare baseline."""
    return np.arange(seconds) * entries // max(seconds, 1)
