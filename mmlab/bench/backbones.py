"""How fast the paper's picture networks run here, with random weights: speed does not ask which."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch
from torch import nn

from mmlab.bench.machine import synchronize
from mmlab.features.pretrained import transformers_package
from mmlab.features.registry import PUBLISHED_2D, PUBLISHED_3D, load_picture_backbone

FRAME_WIDTH, FRAME_HEIGHT = 640, 360
"""The size of a file whose frames are scaled as each network wants them."""


@dataclass(frozen=True)
class BackboneSpeed:
    """What a network does in a second.

    Attributes:
        name: of the network.
        device: "cpu" or the GPU's name.
        width: of a token.
        frames_per_token: that it looks at.
        tokens_per_media_second: that it makes of a second of a file.
        tokens_per_second: that it made here in a second of wall time, on `threads` threads.
        tokens_per_core_second: in a second of one core's time; of a GPU None.
        threads: of the processor.
    """

    name: str
    device: str
    width: int
    frames_per_token: int
    tokens_per_media_second: float
    tokens_per_second: float
    tokens_per_core_second: float | None
    threads: int


def measure_backbones(
    device: str, *, tokens: int = 8, rounds: int = 3, names: tuple[str, ...] | None = None
) -> list[BackboneSpeed]:
    """Time the networks on frames in memory; decoding is not in it.

    Args:
        device: "cpu" or "cuda".
        tokens: made in a round, after one round to warm up.
        rounds: of which the median counts.
        names: of `BUILDERS`; default: all.

    Raises:
        ImportError: transformers is not installed.
    """
    found = []
    for name in names or tuple(BUILDERS):
        with tempfile.TemporaryDirectory() as folder:
            source = BUILDERS[name](Path(folder))
            found.append(_measure(name, source, device, tokens, rounds))
    return found


def _measure(name: str, source: str, device: str, tokens: int, rounds: int) -> BackboneSpeed:
    backbone = load_picture_backbone.__wrapped__(source, device)  # not kept afterwards
    assert backbone is not None  # only "none" is
    width, height = backbone.frame_size(FRAME_WIDTH, FRAME_HEIGHT)
    frames = len(backbone.frame_offsets)
    generator = np.random.default_rng(0)
    block = generator.integers(0, 256, (tokens, frames, height, width, 3), dtype=np.uint8)
    backbone.extract([block])
    walls, cores = [], []
    for _ in range(rounds):
        started, busy = time.perf_counter(), time.process_time()
        backbone.extract([block])
        synchronize(device)
        walls.append(time.perf_counter() - started)
        cores.append(time.process_time() - busy)
    on_gpu = device == "cuda"
    return BackboneSpeed(
        name,
        torch.cuda.get_device_name() if on_gpu else "cpu",
        backbone.width,
        frames,
        backbone.tokens_per_second,
        tokens / median(walls),
        None if on_gpu else tokens / median(cores),
        torch.get_num_threads(),
    )


def _resnet152(folder: Path) -> str:
    transformers = transformers_package()
    model = transformers.ResNetModel(transformers.ResNetConfig(depths=[3, 8, 36, 3]))
    _save(_damped(model), folder)
    return f"{PUBLISHED_2D}{folder}"


def _resnext101(folder: Path) -> str:
    from safetensors.torch import save_file

    from mmlab.features.resnext3d import ResNeXt3D

    path = folder / "resnext101.safetensors"
    save_file(_damped(ResNeXt3D()).state_dict(), path)
    return f"{PUBLISHED_3D}{path}"


def _clip_vit_b_32(folder: Path) -> str:
    from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

    transformers = transformers_package()
    _save(transformers.CLIPModel(transformers.CLIPConfig()), folder)  # its defaults are ViT-B/32
    CLIPImageProcessorPil().save_pretrained(folder)
    return str(folder)


def _save(model: Any, folder: Path) -> None:
    """Without the progress bar that a console shows."""
    progress = transformers_package().utils.logging
    shown = progress.is_progress_bar_enabled()
    progress.disable_progress_bar()
    model.save_pretrained(folder)
    if shown:
        progress.enable_progress_bar()


def _damped(model: nn.Module) -> nn.Module:
    """Random residual blocks double what passes through them, in the end up to infinity."""
    for module in model.modules():
        if isinstance(module, (nn.BatchNorm2d, nn.BatchNorm3d)):
            nn.init.constant_(module.weight, 0.5)
    return model


BUILDERS: dict[str, Callable[[Path], str]] = {
    "ResNet-152": _resnet152,
    "ResNeXt-101, 16 frames": _resnext101,
    "CLIP ViT-B/32": _clip_vit_b_32,
}
"""Each writes a model's files into a folder; what `load_picture_backbone` takes to read them."""
