"""The views: each works live in Jupyter and also stands still as a picture with a sentence.

Read in this order: theme -> static -> posters -> player -> search -> space -> map -> lanes ->
attention -> timeline -> explain -> charts -> training_curves -> training_picture -> training ->
training_form -> plain.
"""

from mmlab.views.ablation_picture import ablation_picture, claims_picture
from mmlab.views.attention import AttentionView, clip_attention, word_attention, word_links
from mmlab.views.charts import recall_chart
from mmlab.views.explain import circle_picture, fusion_picture, parts_table
from mmlab.views.map import EmbeddingMap
from mmlab.views.plain import bar_chart, film_picture, share_chart, spectrogram_picture
from mmlab.views.player import ClipPlayer
from mmlab.views.recall_matrix import recall_matrix
from mmlab.views.search import SearchBox
from mmlab.views.space import clip_points, nearest, project
from mmlab.views.static import Picture, keep_exports_offline, under_nbconvert
from mmlab.views.theme import colour_of, use_style
from mmlab.views.timeline import StepTimeline
from mmlab.views.training import LiveTraining
from mmlab.views.training_form import TrainingForm
from mmlab.views.training_picture import training_picture

__all__ = [
    "AttentionView",
    "ClipPlayer",
    "EmbeddingMap",
    "LiveTraining",
    "Picture",
    "SearchBox",
    "StepTimeline",
    "TrainingForm",
    "ablation_picture",
    "bar_chart",
    "circle_picture",
    "claims_picture",
    "clip_attention",
    "clip_points",
    "colour_of",
    "film_picture",
    "fusion_picture",
    "nearest",
    "parts_table",
    "project",
    "recall_chart",
    "recall_matrix",
    "share_chart",
    "spectrogram_picture",
    "training_picture",
    "under_nbconvert",
    "use_style",
    "word_attention",
    "word_links",
]

keep_exports_offline()
