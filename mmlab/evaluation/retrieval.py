"""The measures of retrieval, made of the ranks that `mmlab.evaluation.ranking` finds.

They are those of the paper's code, with the figures that it leaves out beside them.
"""

from __future__ import annotations

import numpy as np

from mmlab.evaluation.intervals import Interval, Statistic, bootstrap_intervals

CUTOFFS = (1, 5, 10, 50)

MEAN_OF = (1, 5, 10)
"""The recalls whose geometric mean is a figure of its own."""


def retrieval_scores(ranks: np.ndarray, *, total: int | None = None) -> dict[str, float]:
    """The measures of (Q,) ranks.

    Args:
        ranks: (Q,) from 1.
        total: queries of the complete benchmark; those without a rank count as misses in the
            recalls (not in MedR and MeanR), as published. Default: Q.

    Returns:
        R@1, R@5, R@10, R@50 and gmean (the geometric mean of the first three) in percent; MedR
        and MeanR over the queries that have a rank, as published; and "MedR corrected" and "MeanR
        corrected", for which each missing query ranks last, at `total`.

    Raises:
        ValueError: no query at all, more than `total`, or a rank that is NaN.
    """
    missing = _missing(ranks, total)
    share = len(ranks) / (len(ranks) + missing)
    scores = {f"R@{k}": float(recall_at(k)(ranks) * share) for k in CUTOFFS}
    complete = np.r_[ranks, np.full(missing, float(len(ranks) + missing))]
    return scores | {
        "gmean": float(geometric_mean(ranks) * share),
        "MedR": float(np.median(ranks)),
        "MeanR": float(ranks.mean()),
        "MedR corrected": float(np.median(complete)),
        "MeanR corrected": float(complete.mean()),
    }


def score_intervals(
    ranks: np.ndarray, *, total: int | None = None, resamples: int = 2000, seed: int = 0
) -> dict[str, Interval]:
    """95 % bootstrap intervals of `retrieval_scores` (without the corrected ones), by name.

    Recalls are drawn among all `total` queries, ranks among those that have one.
    """
    missing = _missing(ranks, total)
    recalls: dict[str, Statistic] = {f"R@{k}": recall_at(k) for k in CUTOFFS}
    recalls["gmean"] = geometric_mean
    places: dict[str, Statistic] = {"MedR": median_rank, "MeanR": mean_rank}
    if not missing:
        return bootstrap_intervals(ranks, recalls | places, resamples=resamples, seed=seed)
    complete = np.r_[ranks, np.full(missing, np.inf)]
    found = bootstrap_intervals(complete, recalls, resamples=resamples, seed=seed)
    return found | bootstrap_intervals(ranks, places, resamples=resamples, seed=seed)


def _missing(ranks: np.ndarray, total: int | None) -> int:
    if not len(ranks):
        raise ValueError("no queries to score: the split is empty")
    if np.isnan(ranks).any():
        raise ValueError(f"{int(np.isnan(ranks).sum())} of {len(ranks)} ranks are NaN")
    if total is not None and total < len(ranks):
        raise ValueError(f"the benchmark has {total} queries in all, but {len(ranks)} have a rank")
    return 0 if total is None else total - len(ranks)


def recall_at(k: int) -> Statistic:
    """Recall at k in percent along the last axis, for the bootstrap.

    As published, where ranks count from 0: below k. So a tie across the cut-off counts as found
    if its mean rank, from 1, is below k + 1; except at k = 1, for which the rank is 1 exactly.
    """
    if k == 1:
        return lambda ranks: 100 * (ranks == 1).mean(axis=-1)
    return lambda ranks: 100 * (ranks < k + 1).mean(axis=-1)


def geometric_mean(ranks: np.ndarray) -> np.ndarray:
    """The geometric mean of R@1, R@5 and R@10 along the last axis; 0 if one of them is."""
    recalls = np.stack([recall_at(k)(ranks) for k in MEAN_OF])
    return np.prod(recalls, axis=0) ** (1 / len(MEAN_OF))


def median_rank(ranks: np.ndarray) -> np.ndarray:
    """The median along the last axis, for the bootstrap."""
    return np.median(ranks, axis=-1)


def mean_rank(ranks: np.ndarray) -> np.ndarray:
    """The mean along the last axis, for the bootstrap."""
    return ranks.mean(axis=-1)
