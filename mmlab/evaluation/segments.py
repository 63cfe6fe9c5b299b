"""From the scores of a video's seconds to segments with a start and an end.

Ordered steps: the ordered assignment of CrossTask (`mmlab.evaluation.assignment`), each step with
one second or more. What a second adds to its step is its score less a level of that step, between
its lowest and its highest score, so that a step goes on for as long as the seconds speak for it,
and ends where nothing or the next step fits better. Of one step alone this is `best_span`.

Of the ways tried on the validation videos of the sample corpus this one meets the true steps best;
next came letting each step grow from the one second that the exact assignment gives it. The level
was chosen there, too, and is that of `best_span`.

A single sentence: all of its moments, best first, as Ruzzo and Tompa (1999), "A linear time
algorithm for finding all maximal scoring subsequences", define them: the best of all spans, then
the best of what lies before it and of what lies behind it, and so on.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from mmlab.evaluation.assignment import ordered_assignment
from mmlab.evaluation.spans import Span

LEVEL = 0.7
MOST_MOMENTS = 5
COLUMNS = ["step", "start_seconds", "end_seconds", "score", "edited"]


def find_segments(
    steps: Sequence[str],
    scores: np.ndarray,
    duration_seconds: float,
    *,
    level: float = LEVEL,
    top: int = MOST_MOMENTS,
) -> pd.DataFrame:
    """When several ordered steps are, or the best moments of a single sentence.

    Args:
        steps: K sentences, in the order in which they happen.
        scores: (T, K) how well each second fits each of them.
        duration_seconds: of the video, in which the last second may be a short one.
        level: see `ordered_segments`.
        top: the most moments of a single sentence.

    Returns:
        One row for each step, in order, or for each moment, best first: step, start_seconds,
        end_seconds, score (see `mean_score`) and edited (False).

    Raises:
        ValueError: scores of other steps, more steps than seconds, scores that are no numbers.
    """
    if np.ndim(scores) != 2 or np.shape(scores)[1] != len(steps) or not len(steps):
        raise ValueError(
            f"{len(steps)} steps need scores (T, {len(steps)}), found {np.shape(scores)}"
        )
    if len(steps) == 1:
        spans = best_moments(scores[:, 0], level=level, top=top)
    else:
        spans = ordered_segments(scores, level=level)
    columns = [0] * len(spans) if len(steps) == 1 else range(len(steps))
    rows = []
    for column, (start, end) in zip(columns, spans, strict=True):
        span = start, min(end, max(duration_seconds, start))
        rows.append((steps[column], *span, mean_score(scores[:, column], span), False))
    return pd.DataFrame(rows, columns=COLUMNS)


def ordered_segments(scores: np.ndarray, *, level: float = LEVEL) -> list[Span]:
    """One segment for each step, in order and apart, with the highest total above the levels.

    Args:
        scores: (T, K).
        level: where between the lowest (0) and the highest score (1) of a step.

    Returns:
        K spans of whole seconds, at least one each.

    Raises:
        ValueError: more steps than seconds; scores that are no finite numbers.
    """
    chosen = ordered_assignment(above_level(scores, level), exactly_one=False)
    starts = chosen.argmax(axis=0)
    return [(float(s), float(e)) for s, e in zip(starts, starts + chosen.sum(axis=0), strict=True)]


def best_moments(
    scores: np.ndarray, *, level: float = LEVEL, top: int = MOST_MOMENTS
) -> list[Span]:
    """The moments of one sentence, apart from each other, best first.

    The first one is `best_span`; how good a moment is is the sum of its scores above the level.

    Args:
        scores: (T,).
        level: as of `ordered_segments`.
        top: how many at most.

    Raises:
        ValueError: no score at all, or scores that are no finite numbers.
    """
    if not len(scores):
        raise ValueError("moments need at least one second")
    above = above_level(scores[:, None], level)[:, 0]
    if not above.any():  # every second is the same: at least one, as `best_span`
        return [(0.0, 1.0)]
    summed = np.concatenate([[0.0], np.cumsum(above)])
    spans = sorted(_maximal(summed), key=lambda span: summed[span[0]] - summed[span[1]])
    return [(float(start), float(end)) for start, end in spans[:top]]


def above_level(scores: np.ndarray, level: float) -> np.ndarray:
    """(T, K) scores less the level of each step, see `ordered_segments`.

    Raises:
        ValueError: scores that are no finite numbers.
    """
    values = np.asarray(scores, dtype=np.float64)
    if not np.isfinite(values).all():
        raise ValueError("scores hold NaN or infinite values, so no second is the best")
    if not len(values):
        return values
    return values - (level * values.max(axis=0) + (1 - level) * values.min(axis=0))


def _maximal(summed: np.ndarray) -> list[tuple[int, int]]:
    """Ruzzo and Tompa's spans of a sequence, whose first t values add up to summed[t]."""
    found: list[tuple[int, int]] = []
    for second in np.flatnonzero(np.diff(summed) > 0).tolist():
        start, end = second, second + 1
        while True:
            lower = (n for n in reversed(range(len(found))) if summed[found[n][0]] < summed[start])
            before = next(lower, None)
            if before is None or summed[found[before][1]] >= summed[end]:
                break
            start = found[before][0]  # they are better together than each alone
            del found[before:]
        found.append((start, end))
    return found


def mean_score(scores: np.ndarray, span: Span) -> float:
    """The mean score of a span, each second by how much of it lies within.

    Args:
        scores: (T,) of one step.
        span: start and end in seconds.
    """
    seconds = np.arange(len(scores))
    within = np.minimum(seconds + 1, span[1]) - np.maximum(seconds, span[0])
    weights = np.maximum(within, 0.0)
    if not weights.any():  # behind the last whole second
        weights[min(int(span[0]), len(scores) - 1)] = 1.0
    return float(np.average(scores, weights=weights))


def clock(seconds: float) -> str:
    """Such as 0:07.3, of hours 1:02:03.4."""
    tenths = round(10 * seconds)
    minutes, rest = divmod(tenths, 600)
    hours, minutes = divmod(minutes, 60)
    ahead = f"{hours}:{minutes:02d}" if hours else f"{minutes}"
    return f"{ahead}:{rest / 10:04.1f}"
