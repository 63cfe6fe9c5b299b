"""The fusion transformer: tokens of a set of modalities to one vector for each of its parts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mmlab.model.attention import TransformerBlock
from mmlab.model.config import SHARED, ModelConfig
from mmlab.model.packing import PackedTokens, Pooling, Sequences, renumber
from mmlab.types import Combination, Modality

Parts = dict[str, Tensor]
"""For each modality of a combination (or for its class token) the (B, D) it is pooled to."""


class FusionTransformer(nn.Module):
    """Blocks in which all tokens of a combination look at each other, then pooling.

    Pooled is the mean of each modality's own tokens, or the class token.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        width = config.token_width
        self.blocks = nn.ModuleList(
            TransformerBlock(width, config.heads, config.mlp_ratio) for _ in range(config.depth)
        )
        if config.masking_token:
            self.masking_token = nn.Parameter(torch.randn(width) * 0.02)
        self.class_token = nn.Parameter(torch.randn(width) * 0.02) if config.class_token else None

    def stand_in(self, tokens: PackedTokens) -> PackedTokens:
        """Give every item without a token the learned masking token as its first."""
        missing = ~tokens.mask.any(dim=1)
        if not missing.any():
            return tokens
        rows = torch.cat([tokens.rows, self.masking_token[None].to(tokens.rows.dtype)])
        slots, mask = tokens.slots.clone(), tokens.mask.clone()
        slots[missing, 0] = len(rows) - 1
        mask[missing, 0] = True
        return PackedTokens(rows, slots, mask)

    def forward(
        self, tokens: Mapping[Modality, PackedTokens], combinations: Sequence[Combination]
    ) -> list[Parts]:
        """Fuse each combination."""
        rows, sequences = self.arrange(tokens, combinations)
        if not len(rows):  # nobody has any of it
            groups = sum(sequence.group_count for sequence in sequences)
            return self._parts(rows.new_zeros(groups, rows.shape[1]), sequences, combinations)
        pooling = Pooling.over(sequences)
        for block in self.blocks[:-1]:
            rows, sequences = block(rows, sequences), renumber(sequences)
        if self.blocks:
            pooled = self.blocks[-1](rows, sequences, pooling)  # (G, D)
        else:
            pooled = pooling.mean(rows.index_select(0, torch.cat([one.rows for one in sequences])))
        return self._parts(pooled, sequences, combinations)

    def arrange(
        self, tokens: Mapping[Modality, PackedTokens], combinations: Sequence[Combination]
    ) -> tuple[Tensor, list[Sequences]]:
        """All rows (T, D) of the modalities, and each combination's sequences of them."""
        rows = [part.rows for part in tokens.values()]
        starts, start = {}, 0
        for name, part in tokens.items():
            starts[name] = start
            start += len(part.rows)
        moved = {name: replace(p, slots=p.slots + starts[name]) for name, p in tokens.items()}
        if self.class_token is not None:
            rows.append(self.class_token[None])
        return torch.cat(rows), [
            self._sequences([moved[name] for name in names], class_row=start)
            for names in combinations
        ]

    def _sequences(self, parts: Sequence[PackedTokens], class_row: int) -> Sequences:
        """Side by side: the class token, if there is one, and the parts' tokens."""
        slots = torch.cat([part.slots for part in parts], dim=1)  # (B, L)
        mask = torch.cat([part.mask for part in parts], dim=1)  # (B, L)
        slots = slots.where(mask, 0)
        widths = torch.tensor([part.mask.shape[1] for part in parts], device=mask.device)
        columns = torch.arange(len(parts), device=mask.device).repeat_interleave(widths)  # (L,)
        if self.class_token is None:
            return Sequences(slots, mask, columns)
        slots = F.pad(slots, (1, 0), value=class_row)
        columns = F.pad(torch.full_like(columns, -1), (1, 0), value=0)
        return Sequences(slots, F.pad(mask, (1, 0), value=True), columns)

    def _parts(
        self, pooled: Tensor, sequences: Sequence[Sequences], combinations: Sequence[Combination]
    ) -> list[Parts]:
        """Cut the pooled rows (G, D) into each combination's parts (B, D)."""
        counts = [sequence.group_count for sequence in sequences]
        result = []
        for names, sequence, rows in zip(
            combinations, sequences, pooled.split(counts), strict=True
        ):
            keys = names if self.class_token is None else (SHARED,)
            parts = rows.view(len(sequence.mask), len(keys), -1).unbind(dim=1)  # each (B, D)
            result.append(dict(zip(keys, parts, strict=True)))
        return result
