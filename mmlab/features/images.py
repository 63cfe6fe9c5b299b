"""Image networks that look at one frame of every second: CLIP, SigLIP, DINO, ViT, ResNet, ...

The frame of second i is the one on show at i + 0.5 s: the one that `ffmpeg -vf fps=1` writes
and that the paper's 2D features are made of.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from mmlab.features import pretrained

LONGEST_SHAPE = 8
"""Frames longer than 8 times their height are squeezed to that: some files claim odd sizes."""

Reading = Callable[[Any, Tensor], Tensor]
"""From a network and pixels to one vector for each picture."""


def _joint_space(network: Any, pixels: Tensor) -> Tensor:
    return network.get_image_features(pixel_values=pixels).pooler_output


def _pooled(network: Any, pixels: Tensor) -> Tensor:
    return network(pixel_values=pixels).pooler_output.flatten(1)


def _class_token(network: Any, pixels: Tensor) -> Tensor:
    # Not the pooler: checkpoints with a classifier have none, it would be random.
    return network(pixel_values=pixels).last_hidden_state[:, 0]


READINGS: dict[str, Reading] = {
    "clip": _joint_space,
    "siglip": _joint_space,
    "clip_vision_model": _pooled,
    "siglip_vision_model": _pooled,
    "dinov2": _class_token,
    "dinov2_with_registers": _class_token,
    "dinov3_vit": _class_token,
    "dinov3_convnext": _pooled,
    "vit": _class_token,
    "deit": _class_token,
    "resnet": _pooled,
    "convnext": _pooled,
    "convnextv2": _pooled,
}
"""By the `model_type` of a model's config: where its picture vector is found."""


class FrameProcessor:
    """A model's own resizing, cropping and normalising, as its image processor does it.

    The frames come scaled to `frame_size` by the decoder, so that resizing leaves them as they
    are; normalising is done on the device, for the same numbers.
    """

    def __init__(self, source: str, model_type: str) -> None:
        self._processor = _load_processor(source, model_type)

    def frame_size(self, width: int, height: int) -> tuple[int, int]:
        """The (width, height) that the processor resizes a frame of this size to."""
        size = self._processor.size
        short = size.shortest_edge
        if not self._processor.do_resize:
            return width, height
        if not short:
            return size.width, size.height
        share = getattr(self._processor, "crop_pct", None)
        if share and short >= 384:  # ConvNeXT's processor squeezes from this size on
            return short, short
        return short_side_size(width, height, int(short / share) if share else short)

    def pixels(self, frames: np.ndarray, device: torch.device) -> Tensor:
        """(n, H, W, 3) uint8 -> (n, 3, h, w) float32 on the device."""
        processor = self._processor
        cut = processor(
            list(frames), do_rescale=False, do_normalize=False, input_data_format="channels_last"
        )
        values = np.asarray(cut["pixel_values"])
        pixels = torch.from_numpy(values.reshape(-1, *values.shape[-3:])).to(device).float()
        if processor.do_rescale:
            pixels *= processor.rescale_factor
        if processor.do_normalize:
            pixels = normalised(pixels, processor.image_mean, processor.image_std)
        return pixels


def normalised(pixels: Tensor, mean: Sequence[float], deviation: Sequence[float]) -> Tensor:
    """(n, 3, h, w) with each colour's `mean` taken off, then divided by its `deviation`."""
    return (pixels - pixels.new_tensor(mean)[:, None, None]) / pixels.new_tensor(deviation)[
        :, None, None
    ]


def short_side_size(width: int, height: int, short: int) -> tuple[int, int]:
    """(width, height) of a frame whose shorter side is scaled to `short`, aspect kept."""
    long = min(int(short * max(width, height) / min(width, height)), LONGEST_SHAPE * short)
    return (long, short) if width >= height else (short, long)


def _load_processor(source: str, model_type: str) -> Any:
    transformers = pretrained.transformers_package()
    if model_type.startswith("dinov3"):  # its own class needs torchvision; this one does the same
        from transformers.models.vit.image_processing_pil_vit import ViTImageProcessorPil

        return pretrained.load_part(ViTImageProcessorPil, source)
    return pretrained.load_part(transformers.AutoImageProcessor, source, backend="pil")


class ImageEncoder:
    """One token of unit length for every second, from one frame. See `PictureBackbone`."""

    tokens_per_second = 1.0
    window_seconds = 1.0
    frame_offsets: tuple[float, ...] = (0.5,)

    def __init__(self, source: str, device: str = "auto") -> None:
        """Load the model; `source` and errors as `pretrained.load_part`."""
        model_type = pretrained.read_config(source).model_type
        self._read = READINGS[model_type]
        self._device = pretrained.choose_device(device)
        unused = ("pooler",) if self._read is _class_token else pretrained.TEXT_PARTS
        factory = pretrained.transformers_package().AutoModel
        network = pretrained.load_model(factory, source, unused=unused)
        self.name = pretrained.describe_model(source, network)
        self._network = network.to(self._device)
        self._processor = FrameProcessor(source, model_type)
        self.frame_size = self._processor.frame_size
        self.width = self._encode([np.zeros((1, 64, 64, 3), dtype=np.uint8)]).shape[1]

    def extract(self, blocks: Iterable[np.ndarray]) -> np.ndarray:
        """(n, 1, H, W, 3) uint8 blocks -> (N, width) float32 of unit length."""
        size = pretrained.batch_size(self._device, on_cpu=16, on_gpu=128)
        return pretrained.in_batches(self._encode, pretrained.rows(blocks), self.width, size)

    def _encode(self, frames: list[np.ndarray]) -> np.ndarray:
        pixels = self._processor.pixels(np.concatenate(frames), self._device)
        with pretrained.computing(self._device):
            return pretrained.unit_rows(self._read(self._network, pixels), self.name)
