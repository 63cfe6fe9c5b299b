"""The fusion transformer of the paper (section 3), in the order of its computation.

config -> audio_encoder (sound frames to tokens) -> heads (projections) -> attention (one
transformer block) -> model (any set of modalities to one embedding per combination).
"""

from mmlab.model.config import AudioEncoderConfig, ModalityConfig, ModelConfig
from mmlab.model.model import Attention, Embeddings, FusionModel

__all__ = [
    "Attention",
    "AudioEncoderConfig",
    "Embeddings",
    "FusionModel",
    "ModalityConfig",
    "ModelConfig",
]
