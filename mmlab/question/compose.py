"""One vector of a question: its parts' embeddings, their weights, and what is not wanted.

In joint fusion a weight is the chance that the model sees the part: with e(S) the embedding of
the subset S fused in one pass, the question is the multilinear extension of e (Owen 1972),

    normalise( Σ_S  Π_{i in S} w_i  Π_{i not in S} (1 - w_i)  e(S) ),  S non-empty.

So all weights 1 are plain joint fusion, a weight of 0 is the question without that part, and what
lies between is continuous; a slider needs no new pass.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from mmlab.question.parts import Fusion, Part, Question
from mmlab.question.subsets import Subset


@dataclass(frozen=True)
class Composed:
    """A question whose parts are embedded.

    Attributes:
        question: what was asked.
        parts: those that are on and weigh something; their places here are the numbers below.
        subsets: (P,) of unit length for each non-empty subset of the parts, fused in one pass.
        negatives: (k, P) of unit length, one for each sentence of `question.without`.
        notes: sentences about words that are not known.
    """

    question: Question
    parts: tuple[Part, ...]
    subsets: dict[Subset, Tensor]
    negatives: Tensor
    notes: tuple[str, ...] = ()

    @property
    def weights(self) -> tuple[float, ...]:
        """Of the parts."""
        return tuple(part.weight for part in self.parts)

    @property
    def against(self) -> Tensor:
        """(P,) strength times the sum of what is not wanted; zeros if there is nothing."""
        return self.question.strength * self.negatives.sum(dim=0)

    def vector(
        self, fusion: Fusion | None = None, weights: Sequence[float] | None = None
    ) -> Tensor:
        """What clips are compared with: the fused parts less `against`.

        Its inner product with a clip's embedding is the clip's score. It is not of unit length
        where something is not wanted, so that the shares of a score add up.

        Args:
            fusion: default: the question's.
            weights: of each part, from 0 to 1; default: their own.

        Returns:
            (P,).
        """
        return self._fused(fusion, self.weights if weights is None else weights) - self.against

    def vector_of(self, subset: Iterable[int], fusion: Fusion | None = None) -> Tensor:
        """What the question would be of these parts alone, with their weights.

        Args:
            subset: numbers of parts.
            fusion: default: the question's.

        Returns:
            (P,) of unit length, without what is not wanted; zeros of no part.
        """
        kept = set(subset)
        return self._fused(
            fusion, [weight if n in kept else 0.0 for n, weight in enumerate(self.weights)]
        )

    def _fused(self, fusion: Fusion | None, weights: Sequence[float]) -> Tensor:
        if len(weights) != len(self.parts):
            raise ValueError(
                f"weights has {len(weights)} numbers, there are {len(self.parts)} parts"
            )
        late = (fusion or self.question.fusion) == "late"
        shares = _late_shares(weights) if late else _joint_shares(weights, self.subsets)
        vectors = torch.stack([self.subsets[subset] for subset in shares])  # (S, P)
        largest = max(shares.values()) or 1.0  # tiny weights alone are lost in float32
        of_largest = torch.tensor([share / largest for share in shares.values()])
        return F.normalize(of_largest @ vectors, dim=0)


def _late_shares(weights: Sequence[float]) -> dict[Subset, float]:
    return {frozenset({number}): weight for number, weight in enumerate(weights)}


def _joint_shares(weights: Sequence[float], subsets: Iterable[Subset]) -> dict[Subset, float]:
    """The chance of each subset, if each part is seen with the chance of its weight."""
    w = np.asarray(weights, dtype=float)
    return {
        subset: float(np.where([n in subset for n in range(len(w))], w, 1 - w).prod())
        for subset in subsets
    }
