"""How sure a figure is: bootstrap intervals over queries drawn with replacement."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

import numpy as np

Statistic = Callable[[np.ndarray], np.ndarray]
"""From (..., Q) values of the queries to (...) figures."""

Interval = tuple[float, float]

MOST_DRAWN = 2**22
"""So many queries are drawn at a time at most, whole resamples: 32 MB of each array."""


def bootstrap_interval(
    ranks: np.ndarray, statistic: Statistic, *, resamples: int = 2000, seed: int = 0
) -> Interval:
    """95 % percentile interval of a statistic over queries drawn with replacement.

    Args:
        ranks: (Q,).
        statistic: maps (..., Q) ranks to (...) values.
        resamples: how many draws.
        seed: of the draws.
    """
    found = bootstrap_intervals(ranks, {"one": statistic}, resamples=resamples, seed=seed)
    return found["one"]


def bootstrap_intervals(
    ranks: np.ndarray,
    statistics: Mapping[str, Statistic],
    *,
    resamples: int = 2000,
    seed: int = 0,
) -> dict[str, Interval]:
    """The intervals of several statistics, all over the same draws; see `bootstrap_interval`."""
    drawn: dict[str, list[np.ndarray]] = {name: [] for name in statistics}
    for rows in _draws(len(ranks), resamples, seed):
        sample = ranks[rows]
        for name, statistic in statistics.items():
            drawn[name].append(statistic(sample))
    return {name: _ends(np.concatenate(values)) for name, values in drawn.items()}


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

    Raises:
        ValueError: the two are not of the same queries.
    """
    if ranks.shape != others.shape:
        raise ValueError(
            f"a paired difference needs ranks of the same queries, found {len(ranks)} and "
            f"{len(others)}"
        )
    drawn = [
        statistic(ranks[rows]) - statistic(others[rows])
        for rows in _draws(len(ranks), resamples, seed)
    ]
    return float(statistic(ranks) - statistic(others)), *_ends(np.concatenate(drawn))


def _draws(queries: int, resamples: int, seed: int) -> Iterator[np.ndarray]:
    """(some, Q) rows at a time, `resamples` in all; the same whatever the block."""
    generator = np.random.default_rng(seed)
    together = max(1, MOST_DRAWN // max(queries, 1))
    for start in range(0, resamples, together):
        count = min(together, resamples - start)
        yield generator.integers(queries, size=(count, queries))


def _ends(values: np.ndarray) -> Interval:
    low, high = np.percentile(values, [2.5, 97.5])
    return float(low), float(high)
