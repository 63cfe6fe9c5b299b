"""One pre-norm transformer block over tokens of any modalities (paper, section 3.2).

No position and no modality is encoded: a token is told from another only by its content.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class SelfAttention(nn.Module):
    """Multi-head self-attention in which padding is never attended to."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)

    def _split(self, tokens: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        batch, count, width = tokens.shape
        qkv = self.qkv(tokens).view(batch, count, 3, self.heads, width // self.heads)
        query, key, value = qkv.permute(2, 0, 3, 1, 4)  # each (B, heads, N, D / heads)
        return query, key, value

    def forward(self, tokens: Tensor, mask: Tensor) -> Tensor:
        """(B, N, D), (B, N) bool -> (B, N, D)."""
        query, key, value = self._split(tokens)
        mixed = F.scaled_dot_product_attention(query, key, value, mask[:, None, None])
        return self.out(mixed.transpose(1, 2).flatten(2))  # (B, N, D)

    def weights(self, tokens: Tensor, mask: Tensor) -> Tensor:
        """How much each token (rows) takes from each other: (B, heads, N, N), rows sum to 1."""
        query, key, _ = self._split(tokens)
        scores = query @ key.transpose(-2, -1) / query.shape[-1] ** 0.5
        return scores.masked_fill(~mask[:, None, None], -torch.inf).softmax(dim=-1)


class TransformerBlock(nn.Module):
    """Attention, then an MLP, each on normalised tokens and added to what came in."""

    def __init__(self, width: int, heads: int, mlp_ratio: float) -> None:
        super().__init__()
        hidden = int(width * mlp_ratio)
        self.norm1 = nn.LayerNorm(width, eps=1e-6)
        self.attention = SelfAttention(width, heads)
        self.norm2 = nn.LayerNorm(width, eps=1e-6)
        self.mlp = nn.Sequential(nn.Linear(width, hidden), nn.GELU(), nn.Linear(hidden, width))

    def forward(self, tokens: Tensor, mask: Tensor) -> Tensor:
        """(B, N, D), (B, N) bool -> (B, N, D)."""
        tokens = tokens + self.attention(self.norm1(tokens), mask)
        return tokens + self.mlp(self.norm2(tokens))
