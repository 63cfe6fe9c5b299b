"""Gradient x attention: what of the mixing of tokens a score really used.

Chefer, Gur and Wolf 2021, "Generic Attention-model Explainability" (arXiv 2103.15679), equations
5 and 6: from block to block R = R + mean over heads of (gradient x weights)+ R. Raw attention
says from where something may come; its product with the gradient of a score keeps what raised
that score. Both leave out what a token gives by itself, past the attention.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

GRADIENT_SCALE = 2.0**10
"""Scores are scaled by it on the way back: gradients of many tokens vanish in float16."""


def relevance(score: Tensor, recorded: Sequence[Tensor]) -> Tensor:
    """What each token took from each other for the sake of a score.

    Args:
        score: (B,) or one number, computed inside of `recorded_attention(gradients=True)`; its
            graph is kept, so that other scores may follow.
        recorded: the (B, heads, N, N) weights of every block, in order.

    Returns:
        (B, N, N) float32 (or float64), none below 0: R less the identity it begins with, which
        would say of every token that it takes from itself, on no common scale with the rest.
        Pooled tokens' rows are to be averaged, a class token's row taken.

    Raises:
        ValueError: no attention was recorded, or not among the same tokens in every block.
    """
    _check(recorded)
    gradients = torch.autograd.grad(
        GRADIENT_SCALE * score.float().sum(), list(recorded), retain_graph=True
    )
    total = torch.zeros_like(recorded[0][:, 0])  # (B, N, N): R - 1, small beside the 1
    for weights, gradient in zip(recorded, gradients, strict=True):
        # a block's own scale goes at once, for blocks are multiplied with each other
        mixing = (weights.detach() * gradient / GRADIENT_SCALE).clamp(min=0).mean(dim=1)
        total = total + mixing + mixing @ total
    return total


def _check(recorded: Sequence[Tensor]) -> None:
    if not recorded:
        raise ValueError(
            "recorded holds no attention: the model has no transformer block, or none that mixes "
            "its tokens by torch.nn.functional.scaled_dot_product_attention"
        )
    shapes = [tuple(one.shape) for one in recorded]
    batch, tokens = shapes[0][0], shapes[0][-1]
    if any(shape != (batch, *shape[1:2], tokens, tokens) for shape in shapes):
        raise ValueError(
            "relevance goes from block to block among the same N tokens: recorded is "
            f"(B, heads, N, N) of every block, found {', '.join(map(str, dict.fromkeys(shapes)))}"
        )
