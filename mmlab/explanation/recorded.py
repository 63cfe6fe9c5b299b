"""Attention weights of any model, written down while it runs.

Whoever mixes tokens by `torch.nn.functional.scaled_dot_product_attention` is listened to; no
model's code is touched and no hook is placed. Torch's own layers do so, except where an
`nn.MultiheadAttention` is asked for its weights, which are then at hand anyway. Fused kernels
never write the weights out, so inside the block they are computed in the open: more memory, the
same result.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.overrides import TorchFunctionMode


@contextmanager
def recorded_attention(*, gradients: bool = False) -> Iterator[list[Tensor]]:
    """Record the weights of every attention that is computed inside the block.

    Args:
        gradients: make the weights part of the graph also where nothing else asks for it, so
            that `torch.autograd.grad(score, recorded)` and `relevance` work with frozen models.

    Yields:
        A list that fills up with (B, heads, N, N) float32 (or float64) weights, one for each
        call and in their order; row = the token that looks, rows sum to 1.

    Example:
        >>> with recorded_attention() as recorded:
        ...     model(batch)
        >>> recorded[-1].mean(dim=1)  # the last block's, mean over its heads
    """
    recorded: list[Tensor] = []
    with _Recording(recorded, gradients):
        yield recorded


class _Recording(TorchFunctionMode):
    def __init__(self, recorded: list[Tensor], gradients: bool) -> None:
        super().__init__()
        self.recorded, self.gradients = recorded, gradients

    def __torch_function__(
        self,
        function: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        if function is F.scaled_dot_product_attention:
            return self._attend_exactly(*args, **(kwargs or {}))
        if function is F.multi_head_attention_forward:
            return self._listen_within(function, *args, **(kwargs or {}))
        return function(*args, **(kwargs or {}))

    def _listen_within(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Torch shuts a mode's ears inside of a function, and this one attends within."""
        own = F.scaled_dot_product_attention
        F.scaled_dot_product_attention = self._attend_exactly
        try:
            return function(*args, **kwargs)
        finally:
            F.scaled_dot_product_attention = own

    def _attend_exactly(self, query: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        with torch.autocast(query.device.type, enabled=False):
            return self._attend(query, *args, **kwargs)

    def _attend(
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        attn_mask: Tensor | None = None,
        dropout_p: float = 0.0,
        is_causal: bool = False,
        scale: float | None = None,
        enable_gqa: bool = False,
    ) -> Tensor:
        """As torch documents it, the weights in float32 at least."""
        if enable_gqa:  # several heads share a key
            shared = query.shape[-3] // key.shape[-3]
            key, value = (one.repeat_interleave(shared, dim=-3) for one in (key, value))
        exact = torch.promote_types(query.dtype, torch.float32)
        scale = query.shape[-1] ** -0.5 if scale is None else scale
        scores = (query.to(exact) * scale) @ key.to(exact).transpose(-2, -1)
        if is_causal:
            readable = torch.ones(scores.shape[-2:], dtype=torch.bool, device=scores.device).tril()
            scores = scores.masked_fill(~readable, -torch.inf)
        if attn_mask is not None and attn_mask.dtype == torch.bool:
            scores = scores.masked_fill(~attn_mask, -torch.inf)
        elif attn_mask is not None:
            scores = scores + attn_mask
        weights = scores.softmax(dim=-1)
        if self.gradients and not weights.requires_grad:
            weights.requires_grad_()
        self.recorded.append(weights)
        return (F.dropout(weights, dropout_p) @ value.to(exact)).to(value.dtype)
