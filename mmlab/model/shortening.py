"""Many tokens to few, for clips that are longer than a model with positions can take.

The paper's strategies for long clips of sound; the main model needs none, it takes any length.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from mmlab.model.config import Shortening
from mmlab.types import Tokens

RESAMPLE: dict[Shortening, Callable[[Tensor, int], Tensor]] = {
    "nearest": lambda tokens, count: F.interpolate(tokens, size=count, mode="nearest"),
    "max": F.adaptive_max_pool1d,
    "average": F.adaptive_avg_pool1d,
}
"""(1, D, N) tokens and a smaller number n -> (1, D, n)."""


def shorten(tokens: Tokens, whole: Tensor, max_tokens: int, how: Shortening) -> Tokens:
    """Bring every item down to at most `max_tokens`.

    Args:
        tokens: (B, N, D).
        whole: (B,) long, how many of an item's tokens are covered in full; only these are
            resampled, as published.
        max_tokens: n.
        how: see `ModalityConfig`.

    Returns:
        (B, n, D) with an item's real tokens first, or the same tokens if N is no more than n.
    """
    if tokens.mask.shape[1] <= max_tokens:
        return tokens
    items = [
        _shorten(item[mask], count, max_tokens, how)
        for item, mask, count in zip(tokens.values, tokens.mask, whole.tolist(), strict=True)
    ]
    lengths = torch.tensor([len(item) for item in items], device=tokens.mask.device)
    values = [F.pad(item, (0, 0, 0, max_tokens - len(item))) for item in items]
    columns = torch.arange(max_tokens, device=lengths.device)
    return Tokens(torch.stack(values), columns < lengths[:, None])


def _shorten(item: Tensor, whole: int, max_tokens: int, how: Shortening) -> Tensor:
    """One item's real tokens, (N, D) -> (n or fewer, D)."""
    if how == "clip" or whole <= max_tokens:
        return item[:max_tokens]
    return RESAMPLE[how](item[:whole].T[None], max_tokens)[0].T
