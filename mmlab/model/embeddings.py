"""What comes out of a model, half-way and at last: one vector per item and combination."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
import torch.nn.functional as F
from torch import Tensor

from mmlab.types import Combination, Modality, Tokens


@dataclass(frozen=True)
class Encoded:
    """A batch half-way through a model: its tokens, those of sound encoded.

    Attributes:
        tokens: of each modality that is going to be fused.
        whole: (B,) for each of them, how many tokens stand for real input only.
        present: as of `Embeddings`.
    """

    tokens: dict[Modality, Tokens]
    whole: dict[Modality, Tensor]
    present: dict[Modality, Tensor]


@dataclass(frozen=True)
class Embeddings:
    """What a model says of a batch.

    Attributes:
        raw: (B, P) for each combination, as the last projection leaves it: of a single modality
            of any length, of several the mean of their unit vectors. Where an item has none of
            the combination's modalities, a zero row or what the masking tokens give.
        present: (B,) bool for each modality of the batch: which items have it.
    """

    raw: dict[Combination, Tensor]
    present: dict[Modality, Tensor]

    @cached_property
    def vectors(self) -> dict[Combination, Tensor]:
        """(B, P) of unit length for each combination, as losses and search compare them."""
        return {names: F.normalize(raw, dim=-1) for names, raw in self.raw.items()}


def late_fusion(embeddings: Embeddings, combination: Combination) -> Tensor:
    """The paper's comparison, "v+a": the mean of the unit embeddings of modalities seen alone.

    Args:
        embeddings: of one batch, with every single modality of the combination.
        combination: two or more modalities.

    Returns:
        (B, P), not of unit length.
    """
    return torch.stack([embeddings.vectors[(name,)] for name in combination]).mean(dim=0)
