"""What the benchmark runs on: the configuration of each size, and random batches."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import torch
from torch import Tensor

from mmlab.model import ModelConfig
from mmlab.types import Batch, Tokens

Size = Literal["paper", "sample"]

MAX_WORDS = 20
VIDEO_TOKENS = 12
"""Of 8 seconds at 1.5 a second; also how many tokens the sound of a clip becomes."""

SAMPLE_VIDEO_WIDTH, SAMPLE_TEXT_WIDTH = 672, 300


def bench_config(size: Size) -> ModelConfig:
    """The paper's main model, or the sample corpus's model; both in the published way.

    The two sides of a comparison have to compute the same numbers. The baseline knows no dropout
    and reads padding frames as sound, so the sample model is measured without dropout and both
    models with the published treatment of what is missing (`ModelConfig.as_published`).
    """
    if size == "paper":
        return ModelConfig.paper().as_published()
    sample = ModelConfig.sample(SAMPLE_VIDEO_WIDTH, SAMPLE_TEXT_WIDTH)
    return replace(sample, dropout=0.0).as_published()


def random_batch(
    config: ModelConfig, clips: int, *, words: float = 9.0, seed: int = 0, device: str = "cpu"
) -> Batch:
    """Clips of 8 seconds as the paper's training has them, filled with random numbers.

    12 video tokens, sound of as many tokens (768 frames at the paper's size), and a caption
    padded to 20 words. Its number of words is drawn from a normal distribution around `words`
    that leaves two deviations to the nearer of 1 and 20, rounded and kept within them. The
    default, 9 with a deviation of 4, is what real captions have: 9.4 and 4.1 in MSR-VTT's test
    captions, 8.7 and 3.7 in YouCook2's. At `words=20` nothing is padding, which is the worst
    case for code that skips padding.

    Args:
        config: names and widths of the modalities.
        clips: B.
        words: mean words of a caption, 1 to 20.
        seed: same seed, same batch.
        device: where the batch goes.
    """
    if not 1 <= words <= MAX_WORDS:
        raise ValueError(f"words must be 1 to {MAX_WORDS}, found {words}")
    generator = torch.Generator().manual_seed(seed)
    deviation = min(words - 1, MAX_WORDS - words) / 2
    drawn = torch.randn(clips, generator=generator) * deviation + words
    lengths = drawn.round().clamp(1, MAX_WORDS)  # (B,)
    batch = {}
    for modality in config.modalities:
        count = MAX_WORDS if modality.name == "text" else VIDEO_TOKENS
        if modality.encoder:
            count *= modality.encoder.frames_per_token
        values = torch.randn(clips, count, modality.width, generator=generator)
        mask = torch.ones(clips, count, dtype=torch.bool)
        if modality.name == "text":
            mask = torch.arange(count) < lengths[:, None]
            values = values * mask[..., None]
        batch[modality.name] = Tokens(values, mask).to(device)
    return batch


def published_batch(batch: Batch) -> dict[str, Tensor]:
    """The same batch as the published code takes it: masks of floats, sound (B, mel bands, F)."""
    result = {}
    for name, tokens in batch.items():
        sound = name == "audio"
        result[name] = tokens.values.transpose(1, 2).contiguous() if sound else tokens.values
        result[f"{name}_mask"] = tokens.mask.to(tokens.values.dtype)
    return result


def lengths_of(batch: Batch, *, padded: bool) -> dict[str, list[int]]:
    """Tokens or frames of each item; `padded`: with the padding."""
    if padded:
        return {name: [tokens.mask.shape[1]] * len(tokens.mask) for name, tokens in batch.items()}
    return {name: tokens.mask.sum(dim=1).tolist() for name, tokens in batch.items()}
