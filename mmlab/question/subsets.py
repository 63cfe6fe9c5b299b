"""The embedding of every subset of some parts, each fused in one pass, all in one batch."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import chain, combinations, product

import torch
import torch.nn.functional as F
from torch import Tensor

from mmlab.evaluation.embedding import embed_present
from mmlab.model import FusionModel
from mmlab.types import Combination, Modality, all_combinations, pad_tokens

Subset = frozenset[int]
"""Some parts of a question, by their numbers."""


def subsets_of(players: Iterable[int]) -> list[Subset]:
    """Every non-empty subset, small ones first: 2^n - 1 of n."""
    every = list(players)
    sizes = range(1, len(every) + 1)
    return [frozenset(some) for size in sizes for some in combinations(every, size)]


def embed_subsets(
    model: FusionModel, parts: Sequence[tuple[Modality, Tensor]]
) -> dict[Subset, Tensor]:
    """Embed every non-empty subset of the parts.

    An item of the batch is a choice of one or more parts of each modality, so that it lacks none:
    it is embedded in every combination, and gives the subsets that are in it. Parts of one
    modality are one sequence, in their order.

    Args:
        model: on any device.
        parts: modality and tokens (N, D) of each, at least one token.

    Returns:
        (P,) of unit length for each subset of the numbers 0, 1, … of the parts.
    """
    names = tuple(name for name in model.config.names if name in {name for name, _ in parts})
    owned = [[number for number, part in enumerate(parts) if part[0] == name] for name in names]
    items = list(product(*(subsets_of(numbers) for numbers in owned)))
    # a network that hears the padding must not be given any
    batches = [[item] for item in items] if _hears_padding(model) else [items]
    found: dict[Subset, Tensor] = {}
    for batch in batches:
        found |= _embed(model, parts, names, batch)
    return found


def _embed(
    model: FusionModel,
    parts: Sequence[tuple[Modality, Tensor]],
    names: Combination,
    items: Sequence[tuple[Subset, ...]],
) -> dict[Subset, Tensor]:
    batch = {
        name: pad_tokens(tokens, tokens[0].shape[1])
        for place, name in enumerate(names)
        for tokens in [[_joined(parts, item[place]) for item in items]]
    }
    found: dict[Subset, Tensor] = {}
    for one, vectors in embed_present(model, batch, all_combinations(names)).items():
        for item, vector in zip(items, F.normalize(vectors, dim=-1), strict=True):
            chosen = (item[names.index(name)] for name in one)
            found[frozenset(chain.from_iterable(chosen))] = vector
    return found


def _joined(parts: Sequence[tuple[Modality, Tensor]], chosen: Subset) -> Tensor:
    return torch.cat([parts[number][1] for number in sorted(chosen)])


def _hears_padding(model: FusionModel) -> bool:
    encoders = [modality.encoder for modality in model.config.modalities]
    return any(encoder is not None and not encoder.mask_padding for encoder in encoders)
