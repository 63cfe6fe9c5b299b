"""Projections: into the transformer (token projections) and out of it (embedding heads)."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class GatedProjection(nn.Module):
    """A linear map, each output weighted by a gate computed from all of them: y = x σ(Wx + b)."""

    def __init__(self, width_in: int, width_out: int) -> None:
        super().__init__()
        self.linear = nn.Linear(width_in, width_out)
        self.gate = nn.Linear(width_out, width_out)

    def forward(self, values: Tensor) -> Tensor:
        """(..., width_in) -> (..., width_out)."""
        projected = self.linear(values)
        return projected * torch.sigmoid(self.gate(projected))


class TokenProjection(nn.Module):
    """Bring one modality's tokens to the transformer's width: gated projection, then LayerNorm."""

    def __init__(self, width_in: int, token_width: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.projection = GatedProjection(width_in, token_width)
        self.norm = nn.LayerNorm(token_width, eps=1e-6)
        self.dropout = nn.Dropout(dropout)

    def forward(self, values: Tensor) -> Tensor:
        """(B, N, width_in) -> (B, N, D)."""
        return self.dropout(self.norm(self.projection(values)))
