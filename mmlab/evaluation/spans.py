"""Moment retrieval: for a single query one span of a video, and whether it is the true one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mmlab.evaluation.assignment import running_best

Span = tuple[float, float]
"""From when to when, in seconds."""

THRESHOLDS = (0.5, 0.7)


@dataclass(frozen=True)
class MomentRecall:
    """How well one span for each query meets a true one.

    Attributes:
        percent: by intersection over union (0.5, 0.7): the share of queries whose span meets it,
            "R@1", in percent.
        mean_iou: the mean intersection over union, in percent.
        queries: how many.
        unannotated: queries without a true span, which count nowhere.
    """

    percent: dict[float, float]
    mean_iou: float
    queries: int
    unannotated: int


def best_span(scores: np.ndarray, *, level: float = 0.7) -> Span:
    """The span whose seconds lie the furthest above a level, taken together.

    Of all spans it has the highest sum of (score - level), so that a short dip inside does not
    end it and a single high second elsewhere does not win.

    Args:
        scores: (T,) of every second for one query.
        level: where between the lowest (0) and the highest score (1) of the video; the default did
            best on the validation split of the sample corpus.

    Returns:
        Start and end in seconds; at least one second, the first of equally good spans.

    Raises:
        ValueError: no score at all, or scores that are no finite numbers.
    """
    if not len(scores) or not np.isfinite(scores).all():
        raise ValueError("a span needs at least one score, all of them finite numbers")
    above = np.asarray(scores, dtype=float)
    above = above - (level * above.max() + (1 - level) * above.min())
    summed = np.concatenate([[0.0], np.cumsum(above)])
    least, start = running_best(-summed[:-1])  # the best start for each end
    end = int(np.argmax(summed[1:] + least))
    return float(start[end]), float(end + 1)


def span_iou(one: Span, other: Span) -> float:
    """Intersection over union of two spans, 0 to 1; 0 where both are empty."""
    shared = max(0.0, min(one[1], other[1]) - max(one[0], other[0]))
    union = (one[1] - one[0]) + (other[1] - other[0]) - shared
    return shared / union if union > 0 else 0.0


def moment_recall(
    spans: Sequence[Span],
    truth: Sequence[Sequence[Span]],
    *,
    thresholds: Sequence[float] = THRESHOLDS,
) -> MomentRecall:
    """R@1 at given overlaps.

    Args:
        spans: one for each query.
        truth: the true spans of each query; the one that is met best counts.
        thresholds: intersection over union from which on a span is right.

    Raises:
        ValueError: no query has a true span.
    """
    best = [
        max(span_iou(span, true) for true in segments)
        for span, segments in zip(spans, truth, strict=True)
        if segments
    ]
    if not best:
        raise ValueError("no query has a true span, so moment retrieval is undefined")
    met = np.array(best)
    percent = {limit: 100 * float((met >= limit).mean()) for limit in thresholds}
    return MomentRecall(percent, 100 * float(met.mean()), len(best), len(truth) - len(best))
