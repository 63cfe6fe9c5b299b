"""From one media file or sentence to tokens, one module per modality.

Every extractor has a `name` (stored with the features, so that datasets made by different
ones are not mixed up), a `width`, and where it applies `tokens_per_second`.
"""

from mmlab.features.audio import FRAMES_PER_SECOND, MEL_BANDS, log_mel, seconds_to_frame
from mmlab.features.text import HashedWordVectors, TextEncoder, WordVectorFile, words
from mmlab.features.video import VideoDescriptor

__all__ = [
    "FRAMES_PER_SECOND",
    "MEL_BANDS",
    "HashedWordVectors",
    "TextEncoder",
    "VideoDescriptor",
    "WordVectorFile",
    "log_mel",
    "seconds_to_frame",
    "words",
]
