"""Moments in words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from mmlab.evaluation.segments import clock
from mmlab.evaluation.spans import span_iou
from mmlab.views.counted import counted
from mmlab.views.posters import Span
from mmlab.workbench.moment_edits import overlaps

MET = 0.5
"""Intersection over union from which on a segment meets a true one."""

MOST_OVERLAPS = 3
"""Pairs that overlap and are named; of further ones it is said how many there are."""


def tell_segments(segments: pd.DataFrame, truth: Sequence[Sequence[Span]], single: bool) -> str:
    """What was found, how far it is true where that is known, what was moved and overlaps.

    Args:
        segments: see `mmlab.evaluation.segments.find_segments`.
        truth: true segments of each step, () where unknown.
        single: whether they are moments of one sentence, not steps.
    """
    told = [_tell_moments(segments) if single else _tell_steps(segments)]
    told.append(_tell_moment_truth(segments, truth[0]) if single else _tell_truth(segments, truth))
    if edited := int(segments.edited.sum()):
        told.append(f"{edited} moved by hand.")
    told.append(_tell_overlaps(segments))
    return " ".join(filter(None, told))


def _tell_steps(segments: pd.DataFrame) -> str:
    """They are found in order; a hand can put one before another."""
    ordered = segments.start_seconds.is_monotonic_increasing
    return f"{counted(len(segments), 'step')}{'' if ordered else ', not'} in order."


def _tell_overlaps(segments: pd.DataFrame) -> str:
    """They are found apart; what a hand made overlap may be wanted, but is not to be missed."""
    pairs = [
        f"{one + 1} and {other + 1} overlap by {seconds:g} s"
        for one, other, seconds in overlaps(segments)
    ]
    told = pairs[:MOST_OVERLAPS]
    if further := len(pairs) - len(told):
        told.append(f"and {counted(further, 'further pair')}")
    return f"{', '.join(told)}." if told else ""


def _tell_moments(segments: pd.DataFrame) -> str:
    row = segments.iloc[0]
    at = f"{clock(row.start_seconds)} to {clock(row.end_seconds)}"
    words = f"“{row.step}”: {counted(len(segments), 'moment')}"
    return f"{words}; the best from {at}, score {row.score:z.2f}."


def _tell_truth(segments: pd.DataFrame, truth: Sequence[Sequence[Span]]) -> str:
    rows = zip(segments.itertuples(), truth, strict=True)
    overlaps = [_overlap(row, spans) for row, spans in rows if len(spans)]
    if not overlaps:
        return ""
    met = sum(overlap >= MET for overlap in overlaps)
    return (
        f"{met} of the {len(overlaps)} with a known time meet it by half or more "
        f"(intersection over union, mean {np.mean(overlaps):.2f})."
    )


def _tell_moment_truth(segments: pd.DataFrame, truth: Sequence[Span]) -> str:
    """A sentence has many moments and may be true at several times: the best one is judged."""
    if not len(truth):
        return ""
    overlap = _overlap(next(segments.itertuples()), truth)
    return f"Its overlap with the true time (intersection over union) is {overlap:.2f}."


def _overlap(row: Any, truth: Sequence[Span]) -> float:
    return max(span_iou((row.start_seconds, row.end_seconds), span) for span in truth)
