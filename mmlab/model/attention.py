"""Pre-norm transformer blocks over tokens of any modalities (paper, section 3.2).

No modality is encoded and, unless the configuration asks for it, no position: a token is told
from another only by its content. The first block therefore sees a token alike in every
combination, so its norm, query, key and value are computed once for all of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mmlab.model.packing import Pooling, Sequences
from mmlab.types import Modality


@dataclass(frozen=True)
class Attention:
    """The attention weights of one combination.

    Attributes:
        weights: (B, heads, N, N) for each block; row = the token that looks, rows sum to 1.
        modality: for each of the N tokens, its modality; a class token says "shared".
        position: for each of the N tokens, its number among its modality's tokens.
        mask: (B, N) bool, True = real token.
    """

    weights: list[Tensor]
    modality: list[Modality]
    position: list[int]
    mask: Tensor


class SelfAttention(nn.Module):
    """Multi-head self-attention within each sequence; padding is never attended to."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)

    def forward(self, rows: Tensor, sequences: Sequence[Sequences]) -> Tensor:
        """(T, D) -> (R, D), one row for each real token of each sequence."""
        gathered = self._gather(rows, sequences)
        pairs = zip(gathered, sequences, strict=True)
        return self.out(torch.cat([self._mix(qkv, sequence) for qkv, sequence in pairs]))

    def _gather(self, rows: Tensor, sequences: Sequence[Sequences]) -> list[Tensor]:
        """(T, D) -> for each sequence (3, B, heads, L, d): query, key and value."""
        slots = torch.cat([sequence.slots.flatten() for sequence in sequences])
        qkv = self.qkv(rows).index_select(0, slots)  # (sum of B L, 3 D)
        parts = qkv.split([sequence.slots.numel() for sequence in sequences])
        return [
            part.view(*sequence.mask.shape, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
            for part, sequence in zip(parts, sequences, strict=True)
        ]

    def _mix(self, qkv: Tensor, sequence: Sequences) -> Tensor:
        readable = sequence.readable[:, None, None]  # (B, 1, 1, L)
        query, key, value = qkv.unbind()  # each (B, heads, L, d)
        mixed = F.scaled_dot_product_attention(query, key, value, readable)
        mixed = mixed.transpose(1, 2).flatten(2).flatten(0, 1)  # (B L, D)
        return mixed.index_select(0, sequence.real)

    def weights(self, rows: Tensor, sequence: Sequences) -> Tensor:
        """How much each token (rows) takes from each other: (B, heads, L, L), rows sum to 1."""
        query, key, _ = self._gather(rows, [sequence])[0]
        scores = query @ key.transpose(-2, -1) / query.shape[-1] ** 0.5
        return scores.masked_fill(~sequence.readable[:, None, None], -torch.inf).softmax(dim=-1)


class TransformerBlock(nn.Module):
    """Attention, then an MLP, each on normalised tokens and added to what came in."""

    def __init__(self, width: int, heads: int, mlp_ratio: float) -> None:
        super().__init__()
        hidden = int(width * mlp_ratio)
        self.norm1 = nn.LayerNorm(width, eps=1e-6)
        self.attention = SelfAttention(width, heads)
        self.norm2 = nn.LayerNorm(width, eps=1e-6)
        self.mlp_in = nn.Linear(width, hidden)
        self.mlp_out = nn.Linear(hidden, width)

    def forward(
        self, rows: Tensor, sequences: Sequence[Sequences], pooling: Pooling | None = None
    ) -> Tensor:
        """(T, D) -> (R, D) or, pooled, (G, D).

        The last block is asked for means only. A mean commutes with the last linear map, so that
        map runs on the pooled rows: a handful instead of every token.
        """
        tokens = torch.cat([sequence.rows for sequence in sequences])  # (R,)
        mixed = self.attention(self.norm1(rows), sequences)  # (R, D)
        rows = rows.index_select(0, tokens) + mixed
        hidden = F.gelu(self.mlp_in(self.norm2(rows)))  # (R, hidden)
        if pooling:
            rows, hidden = pooling.mean(rows), pooling.mean(hidden)
        return rows + self.mlp_out(hidden)
