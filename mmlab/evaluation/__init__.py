"""Measures: retrieval between combinations, and localisation of ordered steps."""

from mmlab.evaluation.localization import (
    chance_recall,
    ordered_assignment,
    step_recall,
)
from mmlab.evaluation.retrieval import (
    bootstrap_interval,
    difference_interval,
    rank_of_match,
    recall_at,
    retrieval_scores,
)

__all__ = [
    "bootstrap_interval",
    "chance_recall",
    "difference_interval",
    "ordered_assignment",
    "rank_of_match",
    "recall_at",
    "retrieval_scores",
    "step_recall",
]
