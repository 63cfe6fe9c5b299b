"""Video networks that see a short clip at once: VideoMAE (16 frames) and X-CLIP (8 frames).

Every token looks at the frames of its own two seconds, spread evenly: for VideoMAE about the
pace it was trained at (16 frames, every fourth of 30 per second: 2.1 s), and no token sees
what lies outside a clip that is cut between tokens.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from torch import Tensor

from mmlab.features import pretrained
from mmlab.features.images import FrameProcessor

WINDOW_SECONDS = 2.0


def _videomae(network: Any, pixels: Tensor) -> Tensor:
    # VideoMAE has no class token; its own classifier also reads the mean of all tokens.
    return network(pixel_values=pixels).last_hidden_state.mean(dim=1)


def _xclip(network: Any, pixels: Tensor) -> Tensor:
    return network.get_video_features(pixel_values=pixels).pooler_output


READINGS = {"videomae": _videomae, "xclip": _xclip}
"""By the `model_type` of a model's config: where its vector of a clip is found."""


class ClipEncoder:
    """One token of unit length for every two seconds. See `PictureBackbone`."""

    tokens_per_second = 1 / WINDOW_SECONDS
    window_seconds = WINDOW_SECONDS

    def __init__(self, source: str, device: str = "auto") -> None:
        """Load the model; `source` and errors as `pretrained.load_part`."""
        config = pretrained.read_config(source)
        self._read = READINGS[config.model_type]
        self._device = pretrained.choose_device(device)
        frames = getattr(config, "vision_config", config).num_frames
        self.frame_offsets = tuple((k + 0.5) * WINDOW_SECONDS / frames for k in range(frames))
        factory = pretrained.transformers_package().AutoModel
        network = pretrained.load_model(factory, source, unused=pretrained.TEXT_PARTS)
        self.name = pretrained.describe_model(source, network)
        self._network = network.to(self._device)
        self._processor = FrameProcessor(source, config.model_type)
        self.frame_size = self._processor.frame_size
        self.width = self._encode([np.zeros((frames, 64, 64, 3), dtype=np.uint8)]).shape[1]

    def extract(self, blocks: Iterable[np.ndarray]) -> np.ndarray:
        """(n, frames, H, W, 3) uint8 blocks -> (N, width) float32 of unit length."""
        size = pretrained.batch_size(self._device, on_cpu=2, on_gpu=32)
        return pretrained.in_batches(self._encode, pretrained.rows(blocks), self.width, size)

    def _encode(self, clips: list[np.ndarray]) -> np.ndarray:
        pixels = self._processor.pixels(np.concatenate(clips), self._device)
        pixels = pixels.unflatten(0, (len(clips), -1))  # (n, frames, 3, h, w)
        with pretrained.computing(self._device):
            return pretrained.unit_rows(self._read(self._network, pixels), self.name)
