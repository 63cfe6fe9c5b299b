"""How sure a figure is, over the queries that were asked and the seeds that were trained.

Both are samples: other clips could have been asked about, and other random weights would have
given other models. So queries and seeds are drawn again, each with replacement.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from mmlab.evaluation import recall_at

RESAMPLES = 2000


@dataclass(frozen=True)
class Estimate:
    """A figure with the ends of its 95 % interval.

    Attributes:
        value: over all queries and seeds.
        low: 2.5 % of the draws are below.
        high: 2.5 % of the draws are above.
        by_seed: the figure of each seed alone.
    """

    value: float
    low: float
    high: float
    by_seed: tuple[float, ...]


def found(ranks: np.ndarray, k: int) -> np.ndarray:
    """(S, Q) ranks -> (S, Q), 100 where the match is among the first k and else 0."""
    return recall_at(k)(ranks[..., None])


def estimate(hits: np.ndarray, *, resamples: int = RESAMPLES, seed: int = 0) -> Estimate:
    """The mean of a figure that each seed has for each query.

    A mean over few seeds varies by more than drawing them again shows, by S / (S - 1) in its
    variance; the draws are stretched by that much. What only this seed finds for only this query
    is drawn both ways, so the interval is rather too long where seeds differ little. One seed
    says nothing of other seeds: the interval is then over queries alone, and too short.

    Args:
        hits: (S, Q), as `found` gives them; or the difference of two such tables of the same
            queries and seeds, so that what makes a query hard for both cancels out.
        resamples: how many draws.
        seed: of the draws.

    Raises:
        ValueError: no query, no seed, or values that are not numbers.
    """
    if not hits.size or not np.isfinite(hits).all():
        raise ValueError(f"an estimate needs a number for each seed and query, found {hits.shape}")
    seeds, queries = _draws(*hits.shape, resamples, seed)
    by_seed = queries @ hits.T  # (R, S): each seed over the drawn queries
    middle = by_seed.mean(axis=1)
    count = len(hits)
    stretch = (count / (count - 1)) ** 0.5 if count > 1 else 0.0
    drawn = middle + stretch * ((seeds * by_seed).sum(axis=1) - middle)
    low, high = np.percentile(drawn, [2.5, 97.5])
    means = tuple(float(value) for value in hits.mean(axis=1))
    return Estimate(float(hits.mean()), float(low), float(high), means)


@lru_cache(maxsize=4)
def _draws(seeds: int, queries: int, resamples: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """(R, S) and (R, Q): the share that each seed and each query has of a draw."""
    generator = np.random.default_rng(seed)
    shares = [
        generator.multinomial(count, np.full(count, 1 / count), resamples) / count
        for count in (seeds, queries)
    ]
    return shares[0], shares[1]
