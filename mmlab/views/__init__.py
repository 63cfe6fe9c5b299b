"""The views: each works live in Jupyter and also stands still as a picture with a sentence.

Read in this order: theme -> static -> posters -> player -> search -> space -> map -> lanes ->
attention -> timeline -> charts.
"""

from mmlab.views.attention import AttentionView, clip_attention, word_attention
from mmlab.views.charts import LossCurve, loss_picture, recall_chart
from mmlab.views.map import EmbeddingMap
from mmlab.views.player import ClipPlayer
from mmlab.views.search import SearchBox
from mmlab.views.space import clip_points, project
from mmlab.views.static import Picture, keep_exports_offline, under_nbconvert
from mmlab.views.theme import colour_of, use_style
from mmlab.views.timeline import StepTimeline

__all__ = [
    "AttentionView",
    "ClipPlayer",
    "EmbeddingMap",
    "LossCurve",
    "Picture",
    "SearchBox",
    "StepTimeline",
    "clip_attention",
    "clip_points",
    "colour_of",
    "loss_picture",
    "project",
    "recall_chart",
    "under_nbconvert",
    "use_style",
    "word_attention",
]

keep_exports_offline()
