"""From one media file or sentence to tokens, one module per modality.

Every extractor has a `name` (stored with the features, so that datasets made by different
ones are not mixed up), a `width`, and where it applies `tokens_per_second`. The `load_*`
functions find one by its name; networks are imported only when one is asked for.
"""

from mmlab.features.audio import FRAMES_PER_SECOND, MEL_BANDS, LogMel, log_mel, seconds_to_frame
from mmlab.features.backbone import Backbone, PictureBackbone, SoundBackbone
from mmlab.features.registry import (
    load_picture_backbone,
    load_sound_backbone,
    load_text_encoder,
)
from mmlab.features.text import HashedWordVectors, TextEncoder, WordVectorFile, words
from mmlab.features.video import VideoDescriptor

__all__ = [
    "FRAMES_PER_SECOND",
    "MEL_BANDS",
    "Backbone",
    "HashedWordVectors",
    "LogMel",
    "PictureBackbone",
    "SoundBackbone",
    "TextEncoder",
    "VideoDescriptor",
    "WordVectorFile",
    "load_picture_backbone",
    "load_sound_backbone",
    "load_text_encoder",
    "log_mel",
    "seconds_to_frame",
    "words",
]
