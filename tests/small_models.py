"""Small models of every kind with random weights, and random batches for them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache

import torch
from hypothesis import HealthCheck, settings

from mmlab.model import AudioEncoderConfig, FusionModel, ModalityConfig, ModelConfig
from mmlab.types import Modality, Tokens, pad_tokens

Lengths = Mapping[Modality, int]
"""How many tokens (or frames) an item has of each modality; 0 = it lacks it."""

repeatable = settings(
    max_examples=25, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
"""For hypothesis: the same examples in every run, however slow the machine."""

ENCODER = AudioEncoderConfig(widths=(4, 4, 6, 6, 8, 8, 10), blocks=(1,) * 6, kernel_frames=3)
SHALLOW = AudioEncoderConfig(widths=(4, 6, 8), blocks=(2, 1), kernel_frames=5)
PUBLISHED = replace(ENCODER, mask_padding=False)
V1 = AudioEncoderConfig(widths=(4, 4, 6, 6, 8), blocks=(2, 2, 2, 2))

TEXT, VIDEO = ModalityConfig("text", 5), ModalityConfig("video", 7)
AUDIO, DEPTH = ModalityConfig("audio", 4, ENCODER), ModalityConfig("depth", 6)


def small(*modalities: ModalityConfig, **changes) -> ModelConfig:
    """A configuration of a few thousand parameters; text, video and audio by default."""
    chosen = modalities or (TEXT, VIDEO, AUDIO)
    sizes = {"token_width": 16, "heads": 2, "projection_width": 8}
    return ModelConfig(chosen, **{**sizes, **changes})


def limited(shorten: str = "nearest", encoder: AudioEncoderConfig = ENCODER):
    """Text, video and audio of at most 3, 2 and 2 tokens."""
    audio = ModalityConfig("audio", 4, encoder, max_tokens=2, shorten=shorten)
    text, video = replace(TEXT, max_tokens=3), replace(VIDEO, max_tokens=2)
    return replace(text, shorten=shorten), replace(video, shorten=shorten), audio


CLASS = {"class_token": True, "shared_projection": True}

VARIANTS: dict[str, ModelConfig] = {
    "main": small(),
    "linear token projection": small(token_projection="linear"),
    "linear projection": small(projection="linear"),
    "linear both, shared": small(
        token_projection="linear", projection="linear", shared_projection=True
    ),
    "shared projection": small(shared_projection=True),
    "class token": small(**CLASS),
    "class token, depth 0": small(depth=0, **CLASS),
    "class token, depth 2": small(depth=2, **CLASS),
    "no transformer": small(depth=0),
    "depth 2, wide MLP": small(depth=2, mlp_ratio=2.0),
    "depth 3, narrow MLP, one head": small(depth=3, mlp_ratio=0.5, heads=1),
    "positions": small(*limited(), positions=True),
    "positions, class token, depth 2": small(*limited(), positions=True, depth=2, **CLASS),
    "shortened: clip": small(*limited("clip")),
    "shortened: nearest": small(*limited("nearest")),
    "shortened: max": small(*limited("max")),
    "shortened: average": small(*limited("average")),
    "per modality": small(transformer_per_modality=True),
    "per modality, depth 2": small(transformer_per_modality=True, depth=2),
    "per modality, class token": small(transformer_per_modality=True, **CLASS),
    "masking token": small(masking_token=True),
    "masking token, everything": small(
        *limited("max"), masking_token=True, positions=True, depth=2, **CLASS
    ),
    "masking token per modality": small(masking_token=True, transformer_per_modality=True),
    "audio v1": small(TEXT, VIDEO, replace(AUDIO, encoder=V1)),
    "two modalities": small(TEXT, VIDEO),
    "video and audio": small(VIDEO, AUDIO),
    "one modality": small(TEXT),
    "four modalities": small(TEXT, VIDEO, AUDIO, DEPTH, depth=2),
    "as published": small(TEXT, VIDEO, replace(AUDIO, encoder=PUBLISHED), masking_token=True),
    "as published, shortened": small(
        *limited("average", PUBLISHED), masking_token=True, positions=True
    ),
}


@cache
def model_of(config: ModelConfig) -> FusionModel:
    """An untrained model whose norms do something: no weight is 1 and no bias 0."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = FusionModel(config)
        with torch.no_grad():
            for name, value in model.state_dict().items():
                if name.endswith("running_var"):
                    value.uniform_(0.5, 1.5)
                elif value.ndim == 1:
                    value.add_(0.2 * torch.randn(value.shape))
    return model.eval()


def random_items(
    config: ModelConfig, lengths: Sequence[Lengths], seed: int = 0
) -> list[dict[Modality, torch.Tensor]]:
    """Random tokens (N, width) of each modality for each item."""
    generator = torch.Generator().manual_seed(seed)
    return [
        {
            m.name: torch.randn(item.get(m.name, 0), m.width, generator=generator)
            for m in config.modalities
        }
        for item in lengths
    ]


def batch_of(
    config: ModelConfig, items: Sequence[Mapping[Modality, torch.Tensor]]
) -> dict[Modality, Tokens]:
    """Pad items to a batch."""
    return {
        m.name: pad_tokens([item[m.name] for item in items], m.width) for m in config.modalities
    }


MIXED: list[Lengths] = [
    {"text": 5, "video": 2, "audio": 200, "depth": 1},
    {"text": 1, "video": 0, "audio": 77, "depth": 2},
    {"text": 0, "video": 5, "audio": 0, "depth": 0},
    {"text": 3, "video": 3, "audio": 64, "depth": 3},
    {"text": 4, "video": 1, "audio": 0, "depth": 0},
    {"text": 2, "video": 0, "audio": 300, "depth": 4},
]
"""Every item with its own subset of the modalities, and lengths of its own."""


def mixed_batch(config: ModelConfig, seed: int = 0) -> dict[Modality, Tokens]:
    """`MIXED` for this configuration, without items that have none of its modalities."""
    lengths = [item for item in MIXED if any(item[name] for name in config.names)]
    return batch_of(config, random_items(config, lengths, seed))
