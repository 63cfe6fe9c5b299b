"""Intervals over seeds and queries: against a plain loop, and how often they cover the truth."""

import numpy as np
import pytest

from mmlab.ablation.statistics import estimate, found


def test_found_is_a_hundred_where_the_match_is_early_enough():
    ranks = np.array([[1.0, 1.5, 5.5, 6.0], [2.0, 10.0, 10.5, 11.0]])
    assert found(ranks, 1).tolist() == [[100, 0, 0, 0], [0, 0, 0, 0]]
    assert found(ranks, 5).tolist() == [[100, 100, 100, 0], [100, 0, 0, 0]]
    assert found(ranks, 10).tolist() == [[100] * 4, [100, 100, 100, 0]]


def test_the_interval_is_that_of_a_plain_loop():
    hits = np.random.default_rng(1).normal(size=(3, 11))
    random = np.random.default_rng(7)
    seed_counts = random.multinomial(3, np.full(3, 1 / 3), 50)
    query_counts = random.multinomial(11, np.full(11, 1 / 11), 50)
    drawn = []
    for own_seeds, own_queries in zip(seed_counts, query_counts, strict=True):
        queries = np.repeat(np.arange(11), own_queries)
        every = np.mean([hits[seed][queries].mean() for seed in range(3)])
        some = np.mean([hits[s][queries].mean() for s in np.repeat(np.arange(3), own_seeds)])
        drawn.append(every + (3 / 2) ** 0.5 * (some - every))
    result = estimate(hits, resamples=50, seed=7)
    assert result.value == pytest.approx(hits.mean())
    assert [result.low, result.high] == pytest.approx(np.percentile(drawn, [2.5, 97.5]).tolist())
    assert result.by_seed == pytest.approx(hits.mean(axis=1).tolist())


def test_the_same_for_everything_has_no_spread():
    result = estimate(np.full((3, 20), 40.0))
    assert (result.value, result.low, result.high) == pytest.approx((40.0, 40.0, 40.0))


def test_seeds_that_differ_widen_it_even_if_every_query_is_alike():
    hits = np.repeat([[10.0], [20.0], [30.0]], 50, axis=1)
    result = estimate(hits)
    assert result.low < 14 < 26 < result.high


def test_what_makes_a_query_hard_for_both_sides_cancels_out():
    random = np.random.default_rng(0)
    hard = 100.0 * (random.random(300) < 0.5)
    one = np.stack([np.where(random.random(300) < 0.03, 100.0, hard) for _ in range(3)])
    other = np.stack([np.where(random.random(300) < 0.03, 0.0, hard) for _ in range(3)])
    paired, alone = estimate(one - other), estimate(one)
    assert paired.high - paired.low < 0.6 * (alone.high - alone.low)
    assert paired.low > 0


def test_one_seed_gives_the_interval_over_its_queries():
    hits = 100.0 * (np.random.default_rng(0).random((1, 400)) < 0.3)
    result = estimate(hits)
    expected = 1.96 * np.sqrt(hits.mean() * (100 - hits.mean()) / 400)
    assert (result.high - result.low) / 2 == pytest.approx(expected, rel=0.1)


@pytest.mark.parametrize("seed_spread", [0.0, 2.0])
def test_intervals_cover_the_truth(seed_spread):
    """The truth is 0: both sides find a query with the same chance, apart from their seeds."""
    random = np.random.default_rng(3)
    covered = 0
    for trial in range(100):
        chance = random.random(100)
        sides = [
            100.0 * (random.random((3, 100)) < chance) + random.normal(0, seed_spread, (3, 1))
            for _ in range(2)
        ]
        result = estimate(sides[0] - sides[1], resamples=300, seed=trial)
        covered += result.low <= 0 <= result.high
    assert covered >= 90


@pytest.mark.parametrize("hits", [np.empty((0, 3)), np.empty((3, 0)), np.array([[1.0, np.nan]])])
def test_without_a_number_there_is_no_estimate(hits):
    with pytest.raises(ValueError, match="a number for each seed and query"):
        estimate(hits)
