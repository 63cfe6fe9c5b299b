"""The fusion transformer of the paper (section 3), in the order of its computation.

config -> audio_encoder (sound frames to tokens) -> shortening -> packing (no padding) -> heads
(projections) -> attention (a transformer block) -> fusion (the transformer) -> model (any set of
modalities to one embedding per combination).
"""

from mmlab.model.attention import Attention
from mmlab.model.config import AudioEncoderConfig, ModalityConfig, ModelConfig
from mmlab.model.embeddings import Embeddings, late_fusion
from mmlab.model.model import FusionModel

__all__ = [
    "Attention",
    "AudioEncoderConfig",
    "Embeddings",
    "FusionModel",
    "ModalityConfig",
    "ModelConfig",
    "late_fusion",
]
