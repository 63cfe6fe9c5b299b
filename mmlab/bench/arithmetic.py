"""How many multiply-adds the model needs, counted from its configuration.

Counted are the matrix products and convolutions; what is done once for each value (norms,
softmax, gates, bias) is not. Either as `shared` work, the least that is left when everything that
two combinations have in common is computed once, or as the published code does it. The
configuration is the paper's main model at any size: no class token, no positions, one transformer.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mmlab.bench.machine import Machine
from mmlab.model import AudioEncoderConfig, ModalityConfig, ModelConfig
from mmlab.types import Combination, Modality

Lengths = Mapping[Modality, Sequence[int]]
"""For each modality the tokens (with an encoder: the frames) of every item of a batch."""

ADAM_BYTES = 28
"""Memory traffic of Adam for each float32 parameter: weight, gradient and two moments are read,
all but the gradient written."""


@dataclass(frozen=True)
class MultiplyAdds:
    """The multiply-adds of one batch.

    Attributes:
        parts: of a forward pass, by part of the model.
        first: how many of them are in layers that read the batch itself.
    """

    parts: dict[str, int]
    first: int

    @property
    def forward(self) -> int:
        """Of a forward pass."""
        return sum(self.parts.values())

    @property
    def training(self) -> int:
        """Of forward and backward pass.

        Each product has two gradients as dear as itself, but nobody needs that of the batch.
        """
        return 3 * self.forward - self.first


def multiply_adds(
    config: ModelConfig, lengths: Lengths, combinations: Sequence[Combination], *, shared: bool
) -> MultiplyAdds:
    """Count the multiply-adds of one batch.

    Args:
        config: of the model.
        lengths: with `shared` the real tokens or frames, else those of the padded batch.
        combinations: what is embedded.
        shared: query, key and value of the first block once for each token, `out` and `mlp_in`
            once for each token and combination, the last block's `mlp_out` and the projections
            for pooled vectors only, and convolutions without the zeros beyond both ends. Else
            all of them for every token of every combination, and those zeros too.
    """
    parts: Counter[str] = Counter()
    tokens: dict[Modality, list[int]] = {}
    first, width = 0, config.token_width
    for modality in config.modalities:
        if not any(modality.name in names for names in combinations):
            continue
        name, counts = modality.name, list(lengths[modality.name])
        if modality.encoder:
            for frames in counts:
                stem, rest = _encoder(modality, modality.encoder, frames, zeros=not shared)
                parts[f"{name} encoder"] += stem + rest
                first += stem
            span = modality.encoder.frames_per_token
            counts = [-(-frames // span) for frames in counts]
        tokens[name] = counts
        into = sum(counts) * modality.token_width * width
        first += 0 if modality.encoder else into
        parts["token projections"] += into
        if config.token_projection == "gated":
            parts["token projections"] += sum(counts) * width**2
    _transformer(parts, config, tokens, combinations, shared)
    pooled = sum(len(names) * len(tokens[names[0]]) for names in combinations)
    out = config.projection_width
    gate = out**2 if config.projection == "gated" else 0
    parts["projections"] = pooled * (width * out + gate)
    return MultiplyAdds(dict(parts), first)


def _transformer(
    parts: Counter[str],
    config: ModelConfig,
    tokens: Mapping[Modality, Sequence[int]],
    combinations: Sequence[Combination],
    shared: bool,
) -> None:
    width, hidden = config.token_width, int(config.token_width * config.mlp_ratio)
    lengths = [  # of every sequence of tokens that look at each other
        sum(counts)
        for names in combinations
        for counts in zip(*(tokens[name] for name in names), strict=True)
    ]
    once, every = sum(map(sum, tokens.values())), sum(lengths)
    pooled = sum(len(names) * len(tokens[names[0]]) for names in combinations)
    for block in range(config.depth):
        last = block == config.depth - 1
        parts["query, key, value"] += (once if shared and block == 0 else every) * 3 * width**2
        parts["attention"] += sum(2 * length**2 for length in lengths) * width
        parts["attention out"] += every * width**2
        parts["mlp in"] += every * width * hidden
        parts["mlp out"] += (pooled if shared and last else every) * hidden * width


def _encoder(
    modality: ModalityConfig, config: AudioEncoderConfig, frames: int, zeros: bool
) -> tuple[int, int]:
    """The stem (1 frame x mel bands) and all residual blocks, for one item."""
    widths, kernel = config.widths, config.kernel_frames
    stem, rest = frames * modality.width * widths[0], 0
    for width_in, width, count in zip(widths, widths[1:], config.blocks, strict=False):
        after = -(-frames // 2)
        rest += _taps(frames, kernel, 2, zeros) * width_in * width
        rest += after * width_in * width  # the shortcut
        rest += (2 * count - 1) * _taps(after, kernel, 1, zeros) * width**2
        frames = after
    return stem, rest


def _taps(frames: int, kernel: int, stride: int, zeros: bool) -> int:
    """How many frames a convolution reads in all; `zeros`: also those beyond both ends."""
    starts = range(-(kernel // 2), frames - kernel // 2, stride)
    if zeros:
        return len(starts) * kernel
    return sum(min(start + kernel, frames) - max(start, 0) for start in starts)


def least_seconds(multiply_adds: int, updated_parameters: int, machine: Machine) -> float:
    """How long the work takes at least: its products, then Adam's way through memory.

    Args:
        multiply_adds: two operations each.
        updated_parameters: how many numbers Adam updates; 0 without training.
        machine: its measured limits.
    """
    products = 2 * multiply_adds / machine.matmul_flops
    return products + ADAM_BYTES * updated_parameters / machine.bytes_per_second
