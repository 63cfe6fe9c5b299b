"""Tokens without padding: the transformer's linear layers see each real token once.

A modality's tokens come padded, (B, N, D). Captions of four words would make most of that
padding, so the real tokens are packed into rows (T, D); a *sequence* is then a list of rows, and
the same row may stand in the sequence of every combination that contains its modality.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from mmlab.types import Tokens


@dataclass(frozen=True)
class PackedTokens:
    """The real tokens of one modality for a batch.

    Attributes:
        rows: (T, D), item by item.
        slots: (B, N) long, the row of each token; 0 where there is none.
        mask: (B, N) bool, True = there is a token. N is that of the longest item.
    """

    rows: Tensor
    slots: Tensor
    mask: Tensor

    @property
    def positions(self) -> Tensor:
        """(T,) long: the place of each row among its item's tokens, from 0."""
        places = torch.zeros(len(self.rows), dtype=torch.long, device=self.mask.device)
        places[self.slots[self.mask]] = (self.mask.cumsum(dim=1) - 1)[self.mask]
        return places


def pack(tokens: Tokens) -> PackedTokens:
    """Leave the padding out."""
    width = int(tokens.mask.any(dim=0).nonzero().max()) + 1 if tokens.mask.any() else 1
    mask = tokens.mask[:, :width]
    rows = tokens.values[:, :width].flatten(0, 1).index_select(0, real_slots(mask))
    numbers = mask.flatten().cumsum(0).view_as(mask) - 1
    return PackedTokens(rows, numbers.where(mask, 0), mask)


def real_slots(mask: Tensor) -> Tensor:
    """(B, N) -> (T,) long: where in the flattened (B N) the real tokens lie."""
    return mask.flatten().nonzero()[:, 0]


@dataclass(frozen=True)
class Sequences:
    """The batch's token sequences of one combination.

    Attributes:
        slots: (B, L) long, the row of each token; 0 in the padding.
        mask: (B, L) bool, True = a token, False = padding.
        parts: (L,) long, the part of the combination (its first modality is 0, …) into whose
            mean each column goes; -1 = into none.
    """

    slots: Tensor
    mask: Tensor
    parts: Tensor

    @property
    def real(self) -> Tensor:
        """(R,) long: where in the flattened (B L) the real tokens lie."""
        return real_slots(self.mask)

    @property
    def rows(self) -> Tensor:
        """(R,) long: the rows that the real tokens are, item by item."""
        return self.slots.flatten()[self.real]

    @property
    def part_count(self) -> int:
        """Parts that the sequences are pooled to."""
        return int(self.parts.max()) + 1

    @property
    def group_count(self) -> int:
        """Means that the sequences are pooled to: every part of every item."""
        return len(self.mask) * self.part_count

    @property
    def readable(self) -> Tensor:
        """(B, L) bool: what attention may read.

        A sequence without any token reads its padding, since a softmax over nothing is NaN;
        nobody looks at the result.
        """
        return self.mask | ~self.mask.any(dim=1, keepdim=True)


def renumber(sequences: Sequence[Sequences]) -> list[Sequences]:
    """The same sequences over rows that a block has written: one for each real token, in order."""
    start, result = 0, []
    for sequence in sequences:
        count = int(sequence.mask.sum())
        slots = torch.zeros_like(sequence.slots).flatten()
        slots[sequence.real] = torch.arange(start, start + count, device=slots.device)
        result.append(replace(sequence, slots=slots.view_as(sequence.slots)))
        start += count
    return result


@dataclass(frozen=True)
class Pooling:
    """The mean over the rows of each part of each item.

    Attributes:
        group: (R,) long, the group that each row belongs to; G = to none.
        counts: (G + 1,) rows in each group.
    """

    group: Tensor
    counts: Tensor

    @classmethod
    def over(cls, sequences: Sequence[Sequences]) -> Pooling:
        """One group for each sequence's item and part, in that order."""
        count = sum(sequence.group_count for sequence in sequences)
        start, groups = 0, []
        for sequence in sequences:
            items = torch.arange(len(sequence.mask), device=sequence.mask.device)
            group = start + items[:, None] * sequence.part_count + sequence.parts  # (B, L)
            group = group.where(sequence.parts >= 0, count)
            groups.append(group.flatten()[sequence.real])
            start += sequence.group_count
        every = torch.cat(groups)
        return cls(every, torch.bincount(every, minlength=count + 1))

    def mean(self, rows: Tensor) -> Tensor:
        """(R, D) -> (G, D); zeros where a group has no row."""
        rows = rows.to(torch.promote_types(rows.dtype, torch.float32))  # sums need its range
        total = rows.new_zeros(len(self.counts), rows.shape[1]).index_add(0, self.group, rows)
        return (total / self.counts.clamp(min=1)[:, None])[:-1]
