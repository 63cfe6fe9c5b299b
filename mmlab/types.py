"""The words of the field as types: modalities, combinations, padded tokens.

A *modality* is a name ("text", "video", "audio", or any other that a model's config lists).
A *combination* is a tuple of modalities in the config's order, printed "video+audio".
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations as subsets

import torch
from torch import Tensor

Modality = str
Combination = tuple[Modality, ...]

MODALITIES: Combination = ("text", "video", "audio")
"""The paper's three modalities in the order in which combinations are printed."""


@dataclass(frozen=True)
class Tokens:
    """The padded tokens of one modality for a batch.

    Attributes:
        values: (B, N, D) floats; what lies under a False mask is never read.
        mask: (B, N) bool, True = real token. An item without this modality has no True.
    """

    values: Tensor
    mask: Tensor

    @property
    def present(self) -> Tensor:
        """(B,) bool: which items have at least one real token."""
        return self.mask.any(dim=1)

    def to(self, device: torch.device | str) -> Tokens:
        """The same tokens on another device."""
        return Tokens(self.values.to(device), self.mask.to(device))


Batch = Mapping[Modality, Tokens]


def pad_tokens(items: Sequence[Tensor], width: int) -> Tokens:
    """Pad one modality's items, each (N_i, D), to one `Tokens`; an empty item has N_i = 0."""
    lengths = torch.tensor([len(item) for item in items], dtype=torch.long)
    longest = max(int(lengths.max()) if len(items) else 0, 1)
    values = torch.empty(len(items), longest, width)
    for row, item in enumerate(items):
        values[row, : len(item)] = item
        values[row, len(item) :] = 0  # only the padding: most of a batch is tokens
    return Tokens(values, torch.arange(longest) < lengths[:, None])


def parse_combination(
    names: str | Iterable[Modality], modalities: Sequence[Modality] = MODALITIES
) -> Combination:
    """Bring "audio+video" or ["audio", "video"] into the canonical ("video", "audio").

    Raises:
        ValueError: an unknown or repeated modality, or none at all.
    """
    parts = names.split("+") if isinstance(names, str) else list(names)
    unknown = [part for part in parts if part not in modalities]
    if unknown or not parts or len(set(parts)) != len(parts):
        raise ValueError(
            f"a combination is one or more different modalities of {', '.join(modalities)} "
            f"joined by '+', found {names!r}"
        )
    return tuple(modality for modality in modalities if modality in parts)


def combination_name(combination: Combination) -> str:
    """Print ("video", "audio") as "video+audio"."""
    return "+".join(combination)


def all_combinations(modalities: Sequence[Modality] = MODALITIES) -> list[Combination]:
    """Every non-empty combination, singles first: 7 for three modalities."""
    sizes = range(1, len(modalities) + 1)
    return [combination for size in sizes for combination in subsets(modalities, size)]
