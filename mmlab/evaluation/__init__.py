"""Measures: retrieval between combinations, and localisation of ordered steps."""

from mmlab.evaluation.intervals import bootstrap_interval, difference_interval
from mmlab.evaluation.localization import (
    chance_recall,
    ordered_assignment,
    step_recall,
)
from mmlab.evaluation.long_clips import LongClips
from mmlab.evaluation.ranking import rank_of_match
from mmlab.evaluation.retrieval import recall_at, retrieval_scores, score_intervals

__all__ = [
    "LongClips",
    "bootstrap_interval",
    "chance_recall",
    "difference_interval",
    "ordered_assignment",
    "rank_of_match",
    "recall_at",
    "retrieval_scores",
    "score_intervals",
    "step_recall",
]
