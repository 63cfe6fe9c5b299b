"""The paper's own picture features, for whoever has the weights: 2D ResNet-152, 3D ResNeXt-101.

============  ==============================  ==========================================
              2D, "published-resnet152:..."   3D, "published-resnext101:..."
============  ==============================  ==========================================
frames        1 per second (at i + 0.5 s)     24 per second, 16 make a token: 1.5 tokens/s
geometry      shorter side 224, no crop       shorter side 112, centre 112 x 112
values        / 255, ImageNet mean and        0-255 less (110.6, 103.2, 96.3)
              deviation
token         2048, mean over the picture,    2048, mean over the clip, unit length
              unit length
============  ==============================  ==========================================

Where a file ends within 16 frames, the published 3D features were made with frames of zeros
(before the mean is taken off): `black_after_end` asks whoever reads the frames for that. With
the last frame repeated instead, only the last token of a file is another.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from mmlab.features import pretrained
from mmlab.features.images import normalised, short_side_size
from mmlab.features.resnext3d import load_resnext3d

IMAGENET_MEAN, IMAGENET_DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
KINETICS_MEAN = (110.6, 103.2, 96.3)
CLIP_FRAMES, CLIP_FRAMES_PER_SECOND = 16, 24


class PublishedResNet:
    """2D features as published. See the module's docstring and `PictureBackbone`."""

    tokens_per_second = 1.0
    window_seconds = 1.0
    frame_offsets: tuple[float, ...] = (0.5,)

    def __init__(self, source: str, device: str = "auto") -> None:
        """Load a ResNet.

        Args:
            source: a `transformers` model, or a file of weights in torchvision's layout
                (`resnet152-394f9c45.pth`, of which the published features were made).
            device: see `pretrained.choose_device`.

        Raises:
            ValueError: there are no such weights.
        """
        self._device = pretrained.choose_device(device)
        if Path(source).expanduser().is_file():
            network = _resnet_from_torchvision(read_weights(source))
        else:
            factory = pretrained.transformers_package().ResNetModel
            network = pretrained.load_model(factory, source)
        self.width = int(network.config.hidden_sizes[-1])
        self.name = f"published-2d-{pretrained.describe_model(source, network)}"
        self._network = network.to(self._device)

    def frame_size(self, width: int, height: int) -> tuple[int, int]:
        """Shorter side 224."""
        return short_side_size(width, height, 224)

    def extract(self, blocks: Iterable[np.ndarray]) -> np.ndarray:
        """(n, 1, H, W, 3) uint8 blocks -> (N, width) float32 of unit length."""
        size = pretrained.batch_size(self._device, on_cpu=4, on_gpu=64)
        return pretrained.in_batches(self._encode, pretrained.rows(blocks), self.width, size)

    def _encode(self, frames: list[np.ndarray]) -> np.ndarray:
        pixels = _channels_first(np.concatenate(frames), self._device) / 255
        pixels = normalised(pixels, IMAGENET_MEAN, IMAGENET_DEVIATION)
        with pretrained.computing(self._device):
            tokens = self._network(pixel_values=pixels).pooler_output.flatten(1)
            return pretrained.unit_rows(tokens, self.name)


class PublishedResNeXt:
    """3D features as published. See the module's docstring and `PictureBackbone`."""

    tokens_per_second = CLIP_FRAMES_PER_SECOND / CLIP_FRAMES
    window_seconds = CLIP_FRAMES / CLIP_FRAMES_PER_SECOND
    # `ffmpeg -vf fps=24` writes the frame on show in the middle of each 24th of a second.
    frame_offsets = tuple((k + 0.5) / CLIP_FRAMES_PER_SECOND for k in range(CLIP_FRAMES))
    black_after_end = True

    def __init__(self, source: str, device: str = "auto") -> None:
        """Load the network from a file of weights (.pth of plain tensors, or .safetensors).

        Raises:
            ValueError: it is no such file.
        """
        self._device = pretrained.choose_device(device)
        network = load_resnext3d(read_weights(source))
        self.width = network.width
        self.name = f"published-3d-{pretrained.describe_model(source, network)}"
        self._network = network.to(self._device)

    def frame_size(self, width: int, height: int) -> tuple[int, int]:
        """Shorter side 112; `extract` cuts out the middle."""
        return short_side_size(width, height, 112)

    def extract(self, blocks: Iterable[np.ndarray]) -> np.ndarray:
        """(n, 16, H, W, 3) uint8 blocks -> (N, width) float32 of unit length."""
        size = pretrained.batch_size(self._device, on_cpu=2, on_gpu=32)
        return pretrained.in_batches(self._encode, pretrained.rows(blocks), self.width, size)

    def _encode(self, clips: list[np.ndarray]) -> np.ndarray:
        frames = np.concatenate(clips)  # (n * 16, H, W, 3)
        top, left = (frames.shape[1] - 112) // 2, (frames.shape[2] - 112) // 2
        middle = frames[:, top : top + 112, left : left + 112]
        pixels = normalised(_channels_first(middle, self._device), KINETICS_MEAN, (1, 1, 1))
        pixels = pixels.unflatten(0, (-1, CLIP_FRAMES)).transpose(1, 2)  # (n, 3, 16, 112, 112)
        with pretrained.computing(self._device):
            return pretrained.unit_rows(self._network(pixels), self.name)


def read_weights(path: str | Path) -> dict[str, Tensor]:
    """The tensors of a .safetensors or .pth file; no code in it is run.

    A `state_dict` inside a checkpoint is found, the `module.` of parallel training is dropped.

    Raises:
        ValueError: it is no such file, or holds more than plain tensors.
    """
    path = Path(path).expanduser()
    try:
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file

            content: Any = load_file(path)
        else:
            content = torch.load(path, map_location="cpu", weights_only=True)
        weights = dict(content.get("state_dict", content))
    except Exception as error:  # damaged archives raise a dozen types
        reason = str(error).strip().splitlines()[0][:200]
        raise ValueError(
            f"{path}: cannot be read as weights ({reason}); give a .safetensors file or a .pth "
            "file that holds tensors only"
        ) from error
    named = {str(name).removeprefix("module."): value for name, value in weights.items()}
    return {name: value for name, value in named.items() if isinstance(value, Tensor)}


def _resnet_from_torchvision(weights: dict[str, Tensor]) -> Any:
    """A `transformers` ResNet with torchvision's weights: the same network, other names."""
    transformers = pretrained.transformers_package()
    try:
        stages = [f"layer{stage}" for stage in range(1, 5)]
        blocks = [
            {key.split(".")[1] for key in weights if key.startswith(stage)} for stage in stages
        ]
        config = transformers.ResNetConfig(
            embedding_size=len(weights["conv1.weight"]),
            hidden_sizes=[len(weights[f"{stage}.0.conv3.weight"]) for stage in stages],
            depths=[len(names) for names in blocks],
            layer_type="bottleneck",
        )
        network = transformers.ResNetModel(config)
        renamed = {
            _transformers_name(name): value
            for name, value in weights.items()
            if not name.startswith("fc.")
        }
        network.load_state_dict(renamed)
    except (KeyError, RuntimeError, ValueError) as error:
        raise ValueError(
            f"these are not weights of torchvision's ResNet-50, -101 or -152 ({error}); "
            "give resnet152-394f9c45.pth"
        ) from error
    return network.eval().requires_grad_(False)


def _transformers_name(name: str) -> str:
    """layer2.0.bn3.bias -> encoder.stages.1.layers.0.layer.2.normalization.bias."""
    kinds = {"conv": "convolution", "bn": "normalization", "0": "convolution", "1": "normalization"}
    if found := re.fullmatch(r"(conv|bn)1\.(.+)", name):
        return f"embedder.embedder.{kinds[found[1]]}.{found[2]}"
    found = re.fullmatch(r"layer(\d)\.(\d+)\.(?:(conv|bn)(\d)|downsample\.(\d))\.(.+)", name)
    if not found:
        raise KeyError(name)
    stage, block, kind, number, shortcut, rest = found.groups()
    part = f"shortcut.{kinds[shortcut]}" if shortcut else f"layer.{int(number) - 1}.{kinds[kind]}"
    return f"encoder.stages.{int(stage) - 1}.layers.{block}.{part}.{rest}"


def _channels_first(frames: np.ndarray, device: torch.device) -> Tensor:
    """(n, H, W, 3) uint8 -> (n, 3, H, W) float32 in 0..255."""
    return torch.from_numpy(np.ascontiguousarray(frames)).to(device).permute(0, 3, 1, 2).float()
