"""Does a heat find the moment? Compare where it falls with when a thing is really there."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

Span = tuple[float, float]


def share_on_spans(
    heat: np.ndarray, seconds: np.ndarray, spans: Sequence[Span]
) -> tuple[float, float]:
    """How much of a heat falls on some spans, and how much would by chance.

    Args:
        heat: (N,), none below 0.
        seconds: (N, 2) start and end of each token.
        spans: a token counts if it touches one.

    Returns:
        The share of the heat on such tokens, and the share of tokens that they are; both the same
        where there is no heat at all, for that says nothing.
    """
    touches = np.zeros(len(heat), bool)
    for start, end in spans:
        touches |= (seconds[:, 0] < end) & (seconds[:, 1] > start)
    chance = float(touches.mean())
    return (float(heat[touches].sum() / heat.sum()) if heat.sum() > 0 else chance), chance


def mean_interval(values: np.ndarray, *, resamples: int = 2000, seed: int = 0) -> Span:
    """95 % bootstrap interval of a mean."""
    rows = np.random.default_rng(seed).integers(len(values), size=(resamples, len(values)))
    low, high = np.percentile(values[rows].mean(axis=1), [2.5, 97.5])
    return float(low), float(high)
