"""The views: each works live in Jupyter and also stands still as a picture with a sentence.

Read in this order: theme -> static -> stamp -> posters -> player -> gallery -> map ->
gap_picture -> recall_picture -> recall_matrix -> attention -> explain -> charts ->
training_curves -> training_picture -> training -> training_form -> plain -> reopen.
Those with which one asks are in `mmlab.workbench`.
"""

from mmlab.views.ablation_picture import ablation_picture, claims_picture
from mmlab.views.attention import AttentionView
from mmlab.views.charts import recall_chart
from mmlab.views.explain import circle_picture, fusion_picture, parts_table
from mmlab.views.gallery import ClipGallery
from mmlab.views.gap_picture import gap_panel
from mmlab.views.map import EmbeddingMap, LinkedMaps, link_maps, side_by_side
from mmlab.views.plain import bar_chart, film_picture, share_chart, spectrogram_picture
from mmlab.views.player import ClipPlayer, Segment
from mmlab.views.recall_matrix import RecallMatrix, recall_matrix
from mmlab.views.reopen import reopen
from mmlab.views.stamp import Stamp
from mmlab.views.static import Picture, keep_exports_offline, under_nbconvert
from mmlab.views.theme import colour_of, use_style
from mmlab.views.training import LiveTraining
from mmlab.views.training_form import TrainingForm
from mmlab.views.training_picture import training_picture

__all__ = [
    "AttentionView",
    "ClipGallery",
    "ClipPlayer",
    "EmbeddingMap",
    "LinkedMaps",
    "LiveTraining",
    "Picture",
    "RecallMatrix",
    "Segment",
    "Stamp",
    "TrainingForm",
    "ablation_picture",
    "bar_chart",
    "circle_picture",
    "claims_picture",
    "colour_of",
    "film_picture",
    "fusion_picture",
    "gap_panel",
    "link_maps",
    "parts_table",
    "recall_chart",
    "recall_matrix",
    "reopen",
    "share_chart",
    "side_by_side",
    "spectrogram_picture",
    "training_picture",
    "under_nbconvert",
    "use_style",
]

keep_exports_offline()
