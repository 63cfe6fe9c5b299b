"""The views: each works live in Jupyter and also stands still as a picture with a sentence.

Read in this order: theme -> static -> posters -> player -> search -> space -> map -> lanes ->
attention -> timeline -> explain -> charts -> plain.
"""

from mmlab.views.attention import AttentionView, clip_attention, word_attention, word_links
from mmlab.views.charts import LossCurve, loss_picture, recall_chart
from mmlab.views.explain import circle_picture, fusion_picture, parts_table
from mmlab.views.map import EmbeddingMap
from mmlab.views.plain import bar_chart, film_picture, share_chart, spectrogram_picture
from mmlab.views.player import ClipPlayer
from mmlab.views.search import SearchBox
from mmlab.views.space import clip_points, nearest, project
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
    "bar_chart",
    "circle_picture",
    "clip_attention",
    "clip_points",
    "colour_of",
    "film_picture",
    "fusion_picture",
    "loss_picture",
    "nearest",
    "parts_table",
    "project",
    "recall_chart",
    "share_chart",
    "spectrogram_picture",
    "under_nbconvert",
    "use_style",
    "word_attention",
    "word_links",
]

keep_exports_offline()
