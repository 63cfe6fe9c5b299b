"""Projections: into the transformer (token projections) and out of it (embedding heads)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mmlab.model.config import SHARED, ModelConfig, ProjectionKind
from mmlab.model.fusion import Parts
from mmlab.types import Combination, Modality


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


def make_projection(kind: ProjectionKind, width_in: int, width_out: int) -> nn.Module:
    """A projection (..., width_in) -> (..., width_out), gated or plainly linear."""
    kinds = {"gated": GatedProjection, "linear": nn.Linear}
    return kinds[kind](width_in, width_out)


class TokenProjection(nn.Module):
    """Bring one modality's tokens to the transformer's width: projection, then LayerNorm."""

    def __init__(
        self, kind: ProjectionKind, width_in: int, token_width: int, dropout: float = 0.0
    ) -> None:
        super().__init__()
        self.projection = make_projection(kind, width_in, token_width)
        self.norm = nn.LayerNorm(token_width, eps=1e-6)
        self.dropout = nn.Dropout(dropout)

    def forward(self, values: Tensor) -> Tensor:
        """(T, width_in) -> (T, D)."""
        return self.dropout(self.norm(self.projection(values)))


class EmbeddingProjections(nn.ModuleDict):
    """The pooled tokens of each combination's modalities to one vector for the combination.

    One projection per modality, or one for all; then the mean over the modalities at unit length.
    """

    def __init__(self, config: ModelConfig) -> None:
        names = [SHARED] if config.shared_projection else config.names
        sizes = config.token_width, config.projection_width
        super().__init__({name: make_projection(config.projection, *sizes) for name in names})
        self.masking_token = config.masking_token

    def forward(
        self,
        parts: Sequence[Parts],
        combinations: Sequence[Combination],
        present: Mapping[Modality, Tensor],
    ) -> dict[Combination, Tensor]:
        """Project and join.

        Args:
            parts: for each combination its pooled modalities, each (B, D).
            combinations: their names.
            present: (B,) bool, which items have a modality.

        Returns:
            (B, P) for each combination: see `Embeddings.raw`.
        """
        return {
            names: self._join(part, names, present)
            for names, part in zip(combinations, self._project(parts), strict=True)
        }

    def _project(self, parts: Sequence[Parts]) -> list[Parts]:
        """(B, D) -> (B, P); each projection runs once, on all that goes through it."""
        through: dict[str, list[tuple[int, str]]] = {}
        for number, part in enumerate(parts):
            for name in part:
                through.setdefault(SHARED if SHARED in self else name, []).append((number, name))
        result: list[Parts] = [{} for _ in parts]
        for head, places in through.items():
            pooled = torch.stack([parts[number][name] for number, name in places])  # (n, B, D)
            projected = self[head](pooled)  # (n, B, P)
            for (number, name), vectors in zip(places, projected.unbind(), strict=True):
                result[number][name] = vectors
        return result

    def _join(self, parts: Parts, names: Combination, present: Mapping[Modality, Tensor]) -> Tensor:
        """The mean (B, P) of what is there."""
        anything = torch.stack([present[name] for name in names]).any(dim=0)
        if self.masking_token:  # then there is always something
            weights = torch.ones(len(parts), len(anything), 1, device=anything.device)
        else:
            there = [present.get(name, anything) for name in parts]
            weights = torch.stack(there)[..., None]  # (parts, B, 1)
        vectors = torch.stack(list(parts.values()))  # (parts, B, P)
        weights = weights.to(vectors.dtype)
        if len(parts) == 1:
            return (vectors * weights)[0]
        units = F.normalize(vectors, dim=-1) * weights
        return units.sum(dim=0) / weights.sum(dim=0).clamp(min=1)
