"""Why a clip fits a caption: attention, relevance, and whether either means anything.

Read in this order: token_map -> recorded -> relevance -> tokens -> clip -> deletion -> truth ->
measured. The first three and `deletion_test` know nothing of mmlab's model and work with any.
"""

from mmlab.explanation.clip import explain_clip, explain_features
from mmlab.explanation.deletion import (
    DeletionResult,
    clip_deletion,
    deletion_test,
    deletion_tests,
)
from mmlab.explanation.measured import left_out, measure_explanations, summarise
from mmlab.explanation.recorded import recorded_attention
from mmlab.explanation.relevance import relevance
from mmlab.explanation.token_map import (
    ALL_WORDS,
    ALONE,
    MEAN_OF_HEADS,
    RELEVANCE,
    TokenMap,
    head_name,
)
from mmlab.explanation.truth import Moment, true_moments, true_seconds

__all__ = [
    "ALL_WORDS",
    "ALONE",
    "MEAN_OF_HEADS",
    "RELEVANCE",
    "DeletionResult",
    "Moment",
    "TokenMap",
    "clip_deletion",
    "deletion_test",
    "deletion_tests",
    "explain_clip",
    "explain_features",
    "head_name",
    "left_out",
    "measure_explanations",
    "recorded_attention",
    "relevance",
    "summarise",
    "true_moments",
    "true_seconds",
]
