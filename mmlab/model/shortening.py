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
        tokens: (B, N, D); an item's real tokens come first.
        whole: (B,) long, how many of an item's tokens are covered in full; only these are
            resampled, as published.
        max_tokens: n.
        how: see `ModalityConfig`.

    Returns:
        (B, n, D), or the same tokens if N is no more than n.
    """
    if tokens.mask.shape[1] <= max_tokens:
        return tokens
    values, mask = tokens.values[:, :max_tokens], tokens.mask[:, :max_tokens]
    if how == "clip":
        return Tokens(values, mask)
    items = [
        RESAMPLE[how](item[:count].T[None], max_tokens)[0].T if count > max_tokens else first
        for item, first, count in zip(tokens.values, values, whole.tolist(), strict=True)
    ]
    return Tokens(torch.stack(items), mask)
