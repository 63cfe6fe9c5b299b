"""Retrieval: the rank of the matching item, recall at k, and how sure we are of it.

Ranks count from 1; items that tie with the match share their mean rank, as published.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

Statistic = Callable[[np.ndarray], np.ndarray]

CUTOFFS = (1, 5, 10)


def rank_of_match(
    queries: Tensor, gallery: Tensor, targets: Tensor | None = None, *, block: int = 1024
) -> np.ndarray:
    """Rank every query's match among the gallery by dot product.

    Args:
        queries: (Q, P).
        gallery: (K, P).
        targets: (Q,) row of each query's match in the gallery; default: the same row.
        block: queries compared at a time, so that Q x K never lies in memory whole.

    Returns:
        (Q,) ranks from 1; k.5 where ties are averaged.

    Raises:
        ValueError: NaN or infinite embeddings, which have no rank.
    """
    if not (queries.isfinite().all() and gallery.isfinite().all()):
        raise ValueError("embeddings hold NaN or infinite values, so their ranks are undefined")
    targets = torch.arange(len(queries)) if targets is None else targets
    ranks = []
    for rows, wanted in zip(queries.split(block), targets.split(block), strict=True):
        similarity = rows @ gallery.T  # (block, K)
        match = similarity.gather(1, wanted[:, None])
        better = (similarity > match).sum(1)
        tied = (similarity == match).sum(1)  # the match itself is one of them
        ranks.append(better + (tied + 1) / 2)
    return torch.cat(ranks).numpy().astype(float) if ranks else np.empty(0)


def retrieval_scores(ranks: np.ndarray, *, total: int | None = None) -> dict[str, float]:
    """Recall at 1, 5 and 10 in percent, median and mean rank, of (Q,) ranks.

    Args:
        ranks: (Q,) from 1.
        total: queries of the complete data set; those without a rank count as misses in the
            recalls (not in the ranks), as published. Default: Q.

    Raises:
        ValueError: no query at all.
    """
    if not len(ranks):
        raise ValueError("no queries to score: the split is empty")
    share = len(ranks) / (total or len(ranks))
    scores = {f"R@{k}": float(recall_at(k)(ranks) * share) for k in CUTOFFS}
    return scores | {"MedR": float(np.median(ranks)), "MeanR": float(ranks.mean())}


def recall_at(k: int) -> Statistic:
    """Recall at k in percent along the last axis, for the bootstrap.

    As published, a tie across the cut-off counts as found, except at k = 1.
    """
    limit = 1 if k == 1 else k + 0.5
    return lambda ranks: 100 * (ranks <= limit).mean(axis=-1)


def median_rank(ranks: np.ndarray) -> np.ndarray:
    """The median along the last axis, for the bootstrap."""
    return np.median(ranks, axis=-1)


def bootstrap_interval(
    ranks: np.ndarray, statistic: Statistic, *, resamples: int = 2000, seed: int = 0
) -> tuple[float, float]:
    """95 % percentile interval of a statistic over queries drawn with replacement.

    Args:
        ranks: (Q,).
        statistic: maps (..., Q) ranks to (...) values.
        resamples: how many draws.
        seed: of the draws.
    """
    rows = np.random.default_rng(seed).integers(len(ranks), size=(resamples, len(ranks)))
    low, high = np.percentile(statistic(ranks[rows]), [2.5, 97.5])
    return float(low), float(high)


def difference_interval(
    ranks: np.ndarray,
    others: np.ndarray,
    statistic: Statistic,
    *,
    resamples: int = 2000,
    seed: int = 0,
) -> tuple[float, float, float]:
    """How much `statistic` is larger for `ranks` than for `others`, over the same queries.

    Queries are drawn in pairs, so that what makes a query hard for both cancels out.

    Returns:
        The difference and the ends of its 95 % interval.
    """
    rows = np.random.default_rng(seed).integers(len(ranks), size=(resamples, len(ranks)))
    drawn = statistic(ranks[rows]) - statistic(others[rows])
    low, high = np.percentile(drawn, [2.5, 97.5])
    return float(statistic(ranks) - statistic(others)), float(low), float(high)
