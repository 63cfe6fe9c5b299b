"""The combinatorial contrastive loss: everything at once (paper, section 3.3, equations 1-4).

Every two combinations that share no modality describe the same clip, so their embeddings are
pulled together and pushed away from those of the other clips of the batch.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations as pairs_of
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from mmlab.model.model import Embeddings
from mmlab.types import Combination, Modality, all_combinations, combination_name

Pair = tuple[Combination, Combination]


@dataclass(frozen=True)
class LossTerms:
    """The loss and what it is made of: total = weighted mean of the terms, all scalars."""

    total: Tensor
    terms: dict[str, Tensor]


def disjoint_pairs(modalities: Sequence[Modality]) -> list[Pair]:
    """Every two combinations without a common modality: six for three modalities."""
    every = all_combinations(modalities)
    return [(one, other) for one, other in pairs_of(every, 2) if not set(one) & set(other)]


def pair_name(pair: Pair) -> str:
    """Print (("text",), ("video", "audio")) as "text | video+audio"."""
    return " | ".join(combination_name(side) for side in pair)


def paper_weights(modalities: Sequence[Modality] = ("text", "video", "audio")) -> dict[str, float]:
    """The paper's weights on HowTo100M: text | video counts 1, every other pair 0.1."""
    names = [pair_name(pair) for pair in disjoint_pairs(modalities)]
    return {name: 1.0 if name == "text | video" else 0.1 for name in names}


def contrastive_loss(one: Tensor, other: Tensor, temperature: float = 0.05) -> Tensor:
    """Symmetric InfoNCE (NormSoftmax) of matching rows, both directions added.

    Args:
        one: (B, P) of unit length.
        other: (B, P) of unit length; row i matches row i of `one`.
        temperature: divides the cosine similarities.

    Returns:
        A scalar; without any row a zero that keeps the graph.
    """
    return _both_directions(one @ other.T / temperature)


def margin_loss(one: Tensor, other: Tensor, margin: float = 0.001) -> Tensor:
    """Masked margin softmax (MMS): a match has to win by a margin, at temperature 1.

    Arguments and result as of `contrastive_loss`; `margin` is in units of the cosine. Source:
    Ilharco et al. 2019, as the paper's code offers it.
    """
    similarity = one @ other.T
    return _both_directions(similarity - margin * torch.eye(len(one), device=one.device))


def _both_directions(logits: Tensor) -> Tensor:
    """Cross entropy of each row and each column (B, B) with its diagonal."""
    if not len(logits):
        return logits.sum()
    target = torch.arange(len(logits), device=logits.device)
    return F.cross_entropy(logits, target) + F.cross_entropy(logits.T, target)


def combinatorial_loss(
    embeddings: Embeddings,
    *,
    temperature: float = 0.05,
    weights: Mapping[str, float] | None = None,
    kind: Literal["softmax", "margin"] = "softmax",
    margin: float = 0.001,
) -> LossTerms:
    """The weighted mean of the contrastive loss over all disjoint pairs of combinations.

    An item takes part in a pair only if it has every modality of it; a pair without any such
    item is left out of the mean.

    Args:
        embeddings: of one batch, in every combination that a weighted pair needs.
        temperature: of every term of the softmax loss.
        weights: by pair name ("text | video+audio"); a pair that is not named counts 0.
            Default: every pair that the embeddings allow counts 1.
        kind: `contrastive_loss` or `margin_loss`.
        margin: of every term of the margin loss.

    Raises:
        ValueError: a batch of one, a weight for no pair, or a pair without its embeddings.
    """
    batch_size = len(next(iter(embeddings.present.values())))
    if batch_size < 2:
        raise ValueError(f"a contrastive loss needs 2 items or more, found {batch_size}")
    if kind not in ("softmax", "margin") or not temperature > 0:
        raise ValueError(f"unknown {kind=}, or {temperature=} is not above 0")
    pairs = {pair_name(pair): pair for pair in disjoint_pairs(list(embeddings.present))}
    known = {n: p for n, p in pairs.items() if all(side in embeddings.raw for side in p)}
    weights = dict.fromkeys(known, 1.0) if weights is None else weights
    if wrong := {
        name: w for name, w in weights.items() if name not in pairs or not 0 <= w < math.inf
    }:
        raise ValueError(f"weights are 0 or more, of the pairs {list(pairs)}; found {wrong}")
    chosen = {name: weight for name, weight in weights.items() if weight}
    if unknown := set(chosen) - set(known):
        raise ValueError(
            f"no embeddings for the loss terms {sorted(unknown)}; there are {list(known)}"
        )
    terms, total, total_weight = {}, torch.zeros(()), 0.0
    for name, weight in chosen.items():
        pair = known[name]
        items = torch.stack([embeddings.present[m] for side in pair for m in side]).all(dim=0)
        one, other = (embeddings.vectors[side][items] for side in pair)
        if kind == "margin":
            terms[name] = margin_loss(one, other, margin)
        else:
            terms[name] = contrastive_loss(one, other, temperature)
        total = total + weight * terms[name]
        total_weight += weight if items.any() else 0.0
    if not terms:  # a zero that keeps the graph
        total = torch.stack([raw.sum() for raw in embeddings.raw.values()]).sum() * 0
    return LossTerms(total / (total_weight or 1.0), terms)
