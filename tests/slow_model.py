"""The model a second time, slowly: one item, one combination and one head after the other.

Nothing is padded, packed, shared or fused into one call, and every map is written out; only the
parameters are the fast model's own, read by name.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from mmlab.model import Embeddings, FusionModel
from mmlab.model.config import AudioEncoderConfig
from mmlab.types import Batch, Combination, Modality


class SlowModel:
    """What `FusionModel.forward` and `.attention` say of a batch."""

    def __init__(self, model: FusionModel) -> None:
        self.config, self.training = model.config, model.training
        self.state = {**dict(model.named_parameters()), **dict(model.named_buffers())}

    def embed(self, batch: Batch, combinations: Sequence[Combination]) -> Embeddings:
        tokens = {name: self.tokens(name, batch) for name in batch}
        size = len(next(iter(batch.values())).mask)
        raw = {
            names: torch.stack([self.vector(tokens, item, names) for item in range(size)])
            for names in combinations
        }
        return Embeddings(raw, {name: batch[name].present for name in batch})

    def vector(self, tokens: dict[Modality, list[Tensor]], item: int, names: Combination) -> Tensor:
        """(P,): the embedding of one item in one combination."""
        there = {name: tokens[name][item] for name in names if len(tokens[name][item])}
        if not there:
            return torch.zeros(self.config.projection_width)
        if self.config.transformer_per_modality:
            pooled = [part for name in there for part in self.pool(name, {name: there[name]})]
        else:
            pooled = self.pool("shared", there)
        vectors = [self.project(name, part) for name, part in pooled]
        fused = self.config.class_token and not self.config.transformer_per_modality
        if len(names) == 1 or fused:
            return vectors[0]
        return sum(vector / vector.norm() for vector in vectors) / len(vectors)

    def pool(self, transformer: str, parts: dict[Modality, Tensor]) -> list[tuple[str, Tensor]]:
        """The (D,) that each modality's tokens end as on average, or the class token."""
        rows, _ = self.fuse(transformer, torch.cat(list(parts.values())))
        if self.config.class_token:
            return [("shared", rows[0])]
        lengths = [len(own) for own in parts.values()]
        means = [own.mean(dim=0) for own in rows.split(lengths)]
        return list(zip(parts, means, strict=True))

    def project(self, name: str, pooled: Tensor) -> Tensor:
        """(D,) -> (P,)."""
        head = "shared" if self.config.shared_projection else name
        return self.projection(self.config.projection, f"projections.{head}", pooled)

    # tokens

    def tokens(self, name: Modality, batch: Batch) -> list[Tensor]:
        """Each item's tokens as the transformer gets them, (N, D); none where it has none."""
        modality = self.config.modalities[self.config.names.index(name)]
        values, mask = batch[name].values.float(), batch[name].mask
        items = [own[real] for own, real in zip(values, mask, strict=True)]
        whole = [len(item) for item in items]
        if modality.encoder:
            span = modality.encoder.frames_per_token
            if not modality.encoder.mask_padding:  # as published: tokens share the frames equally
                frames = mask.shape[1]
                span = math.ceil(frames / math.ceil(frames / span))
            whole = [count // span for count in whole]
            if modality.encoder.mask_padding:
                items = self.encode(name, modality.encoder, items)
            else:  # as published: padding is sound like any other
                silent = list(values.where(mask[..., None], torch.zeros(())))
                counts = [math.ceil(len(item) / span) for item in items]
                encoded = self.encode(name, modality.encoder, silent)
                items = [one[:count] for one, count in zip(encoded, counts, strict=True)]
        if modality.max_tokens:
            items = [
                shortened(item, count, modality.max_tokens, modality.shorten)
                for item, count in zip(items, whole, strict=True)
            ]
        items = [self.project_token(name, item) for item in items]
        if self.config.masking_token:
            owner = name if self.config.transformer_per_modality else "shared"
            stand_in = self.state[f"transformers.{owner}.masking_token"][None]
            items = [item if len(item) else stand_in for item in items]
        if self.config.positions:
            items = [item + self.state[f"positions.{name}"][: len(item)] for item in items]
        return items

    def project_token(self, name: Modality, item: Tensor) -> Tensor:
        prefix = f"token_projections.{name}"
        projected = self.projection(self.config.token_projection, f"{prefix}.projection", item)
        return self.layer_norm(f"{prefix}.norm", projected)

    def encode(
        self, name: Modality, config: AudioEncoderConfig, items: list[Tensor]
    ) -> list[Tensor]:
        """Each item's frames (F, mel) to tokens (N, C); items meet in the batch norm alone."""
        prefix = f"encoders.{name}"
        chosen = [number for number, item in enumerate(items) if len(item)]
        sounds = [self.conv(f"{prefix}.conv1", items[number].T[None]) for number in chosen]
        sounds = [sound.relu() for sound in self.batch_norm(f"{prefix}.bn1", sounds)]
        firsts = [first for count in config.blocks for first in [True] + [False] * (count - 1)]
        for number, first in enumerate(firsts):
            sounds = self.residual(f"{prefix}.blocks.{number}", sounds, stride=2 if first else 1)
        tokens = [item.new_zeros(0, config.widths[-1]) for item in items]
        for number, sound in zip(chosen, sounds, strict=True):
            tokens[number] = sound[0].T
        return tokens

    def residual(self, prefix: str, sounds: list[Tensor], stride: int) -> list[Tensor]:
        hidden = [self.conv(f"{prefix}.conv1", sound, stride) for sound in sounds]
        hidden = [sound.relu() for sound in self.batch_norm(f"{prefix}.bn1", hidden)]
        hidden = [self.conv(f"{prefix}.conv2", sound) for sound in hidden]
        hidden = self.batch_norm(f"{prefix}.bn2", hidden)
        if f"{prefix}.downsample.0.weight" in self.state:
            sounds = [self.conv(f"{prefix}.downsample.0", sound, stride) for sound in sounds]
            sounds = self.batch_norm(f"{prefix}.downsample.1", sounds)
        return [(one + other).relu() for one, other in zip(hidden, sounds, strict=True)]

    # layers

    def conv(self, prefix: str, sound: Tensor, stride: int = 1) -> Tensor:
        weight = self.state[f"{prefix}.weight"]
        return F.conv1d(sound, weight, stride=stride, padding=weight.shape[2] // 2)

    def batch_norm(self, prefix: str, sounds: list[Tensor]) -> list[Tensor]:
        mean, variance = (self.state[f"{prefix}.running_{key}"] for key in ("mean", "var"))
        if self.training and sounds:
            frames = torch.cat([sound[0] for sound in sounds], dim=1)  # (C, all frames)
            mean = frames.mean(dim=1)
            variance = ((frames - mean[:, None]) ** 2).mean(dim=1)
        scale = self.state[f"{prefix}.weight"] / (variance + 1e-5).sqrt()
        shift = self.state[f"{prefix}.bias"] - mean * scale
        return [sound * scale[:, None] + shift[:, None] for sound in sounds]

    def linear(self, prefix: str, values: Tensor) -> Tensor:
        return values @ self.state[f"{prefix}.weight"].T + self.state[f"{prefix}.bias"]

    def projection(self, kind: str, prefix: str, values: Tensor) -> Tensor:
        if kind == "linear":
            return self.linear(prefix, values)
        projected = self.linear(f"{prefix}.linear", values)
        return projected / (1 + (-self.linear(f"{prefix}.gate", projected)).exp())

    def layer_norm(self, prefix: str, rows: Tensor) -> Tensor:
        centred = rows - rows.mean(dim=-1, keepdim=True)
        unit = centred / ((centred**2).mean(dim=-1, keepdim=True) + 1e-6).sqrt()
        return unit * self.state[f"{prefix}.weight"] + self.state[f"{prefix}.bias"]

    # transformer

    def fuse(self, transformer: str, rows: Tensor) -> tuple[Tensor, list[Tensor]]:
        """All tokens of one item (L, D) -> (L, D) and each block's weights (heads, L, L)."""
        prefix = f"transformers.{transformer}"
        if self.config.class_token:
            rows = torch.cat([self.state[f"{prefix}.class_token"][None], rows])
        weights = []
        for number in range(self.config.depth):
            block = f"{prefix}.blocks.{number}"
            mixed, heads = self.attend(block, self.layer_norm(f"{block}.norm1", rows))
            rows = rows + mixed
            hidden = self.linear(f"{block}.mlp_in", self.layer_norm(f"{block}.norm2", rows))
            hidden = hidden * 0.5 * (1 + torch.erf(hidden / math.sqrt(2)))
            rows = rows + self.linear(f"{block}.mlp_out", hidden)
            weights.append(heads)
        return rows, weights

    def attend(self, block: str, rows: Tensor) -> tuple[Tensor, Tensor]:
        """(L, D) -> (L, D) and the weights (heads, L, L)."""
        width, heads = self.config.token_width, self.config.heads
        each = width // heads
        query, key, value = self.linear(f"{block}.attention.qkv", rows).split(width, dim=1)
        mixed, weights = [], []
        for head in range(heads):
            own = slice(head * each, (head + 1) * each)
            scores = (query[:, own] @ key[:, own].T / math.sqrt(each)).exp()
            weights.append(scores / scores.sum(dim=1, keepdim=True))
            mixed.append(weights[-1] @ value[:, own])
        return self.linear(f"{block}.attention.out", torch.cat(mixed, dim=1)), torch.stack(weights)


def shortened(item: Tensor, whole: int, count: int, how: str) -> Tensor:
    """(N, C) -> at most `count` tokens; what is not covered in full is left out first."""
    if whole <= count or how == "clip":
        return item[:count]
    stretches = [
        item[math.floor(i * whole / count) : math.ceil((i + 1) * whole / count)]
        for i in range(count)
    ]
    pick = {
        "nearest": lambda stretch: stretch[0],
        "max": lambda stretch: stretch.max(dim=0).values,
        "average": lambda stretch: stretch.mean(dim=0),
    }
    return torch.stack([pick[how](stretch) for stretch in stretches])
