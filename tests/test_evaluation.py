"""Measures of ranks and their intervals, against slow versions and the published numbers."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from mmlab.evaluation import (
    bootstrap_interval,
    difference_interval,
    intervals,
    rank_of_match,
    recall_at,
    retrieval_scores,
    score_intervals,
)
from mmlab.evaluation.retrieval import geometric_mean, mean_rank, median_rank

REFERENCE = Path(__file__).parent / "data" / "reference_data_and_metrics.npz"
PUBLISHED_NAMES = {"gmean": "geometric_mean_R1-R5-R10"}


def published_cases():
    with np.load(REFERENCE) as file:
        cases = [case for case in json.loads(str(file["meta"])) if "metrics" in case]
        return [(case, file[f"{case['case']}/similarity"]) for case in cases]


@pytest.mark.parametrize(("case", "values"), published_cases())
def test_every_published_measure_of_every_case(case, values):
    similarity = torch.from_numpy(values)
    ranks = rank_of_match(similarity, torch.eye(similarity.shape[1]))
    scores = retrieval_scores(ranks, total=case["complete_dataset_size"])
    found = {PUBLISHED_NAMES.get(name, name.replace("R@", "R")): scores[name] for name in scores}
    for name, value in case["metrics"].items():
        assert found[name] == pytest.approx(value), name


@pytest.mark.parametrize(("available", "complete"), [(968, 1000), (3339, 3350)])
def test_missing_queries_are_misses_and_rank_last_where_corrected(available, complete):
    ranks = np.random.default_rng(0).integers(1, available + 1, available).astype(float)
    scores = retrieval_scores(ranks, total=complete)
    with_missing = np.r_[ranks, np.full(complete - available, complete)]
    for k in (1, 5, 10, 50):
        assert scores[f"R@{k}"] == pytest.approx(100 * (ranks <= k).sum() / complete)
    assert scores["MedR"] == np.median(ranks)
    assert scores["MeanR"] == pytest.approx(ranks.mean())
    assert scores["MedR corrected"] == np.median(with_missing)
    assert scores["MeanR corrected"] == pytest.approx(with_missing.mean())
    assert scores["MeanR corrected"] > scores["MeanR"]


def test_a_recall_counts_mean_ranks_below_k_as_published_from_zero():
    """Behind four candidates, tied with three others: of two right ones the better is at 5.67."""
    scores = torch.tensor([[9.0], [8.0], [7.0], [6.0], [5.0], [5.0], [5.0], [5.0]])
    (rank,) = rank_of_match(torch.ones(1, 1), scores, [np.array([4, 5])])
    assert rank == pytest.approx(5 + 2 / 3)
    ranks = np.array([1.0, 4 / 3, 1.5, 5.0, rank, 5.99, 6.0, 6.5])
    from_zero = ranks - 1
    for k in (5, 10, 50):
        assert recall_at(k)(ranks) == pytest.approx(100 * (from_zero < k).mean())
    assert recall_at(5)(ranks) == 75
    assert recall_at(1)(ranks) == pytest.approx(100 * (from_zero == 0).mean()) == 12.5


def test_without_missing_queries_nothing_is_corrected():
    scores = retrieval_scores(np.array([1.0, 2.5, 7.0]))
    assert scores["MedR corrected"] == scores["MedR"] == 2.5
    assert scores["MeanR corrected"] == scores["MeanR"] == 3.5


def test_the_geometric_mean_is_zero_with_one_of_its_recalls():
    assert retrieval_scores(np.array([2.0, 3.0]))["gmean"] == 0
    assert retrieval_scores(np.array([1.0, 1.0]))["gmean"] == pytest.approx(100)
    several = geometric_mean(np.array([[1.0, 20.0], [2.0, 20.0]]))
    assert several == pytest.approx([50, 0])


@pytest.mark.parametrize(
    ("ranks", "total", "message"),
    [
        ([], None, "the split is empty"),
        ([], 10, "the split is empty"),
        ([1.0, np.nan], None, "1 of 2 ranks are NaN"),
        ([1.0, 2.0, 3.0], 2, "2 queries in all, but 3 have a rank"),
        ([1.0], 0, "0 queries in all, but 1"),
    ],
)
def test_ranks_that_have_no_score_are_named(ranks, total, message):
    with pytest.raises(ValueError, match=message):
        retrieval_scores(np.array(ranks), total=total)
    with pytest.raises(ValueError, match=message):
        score_intervals(np.array(ranks), total=total)


def test_bootstrap_interval_covers_the_known_spread():
    ranks = np.r_[np.ones(50), np.full(50, 100.0)]
    low, high = bootstrap_interval(ranks, recall_at(1))
    assert low == pytest.approx(50 - 1.96 * 5, abs=2)  # binomial: sd = 5 points for n = 100
    assert high == pytest.approx(50 + 1.96 * 5, abs=2)
    assert bootstrap_interval(np.full(9, 3.0), median_rank) == (3.0, 3.0)


def test_paired_difference_ignores_what_both_share():
    shared = np.random.default_rng(0).integers(1, 20, 200).astype(float)
    better = np.maximum(shared - 1, 1)
    difference, low, high = difference_interval(better, shared, mean_rank)
    assert low <= difference <= high < 0
    assert difference_interval(shared, shared, recall_at(5)) == (0.0, 0.0, 0.0)
    with pytest.raises(ValueError, match="same queries, found 200 and 199"):
        difference_interval(shared, shared[1:], recall_at(5))


def test_drawing_in_blocks_changes_nothing(monkeypatch):
    ranks = np.random.default_rng(3).integers(1, 40, 37).astype(float)
    whole = score_intervals(ranks, total=41, resamples=100)
    difference = difference_interval(ranks, ranks[::-1], mean_rank, resamples=100)
    monkeypatch.setattr(intervals, "MOST_DRAWN", 3 * 41)
    assert score_intervals(ranks, total=41, resamples=100) == whole
    assert difference_interval(ranks, ranks[::-1], mean_rank, resamples=100) == difference


def test_intervals_hold_their_figures_and_those_of_a_single_measure():
    ranks = np.random.default_rng(1).integers(1, 60, 200).astype(float)
    scores, ends = retrieval_scores(ranks), score_intervals(ranks)
    assert set(ends) == {"R@1", "R@5", "R@10", "R@50", "gmean", "MedR", "MeanR"}
    for name, (low, high) in ends.items():
        assert low <= scores[name] <= high
    assert ends["R@5"] == bootstrap_interval(ranks, recall_at(5))
    assert ends["MeanR"] == bootstrap_interval(ranks, mean_rank)


def test_intervals_of_recall_count_the_missing_queries():
    ends = score_intervals(np.ones(50), total=100)
    assert ends["R@1"] == bootstrap_interval(np.r_[np.ones(50), np.full(50, 9.0)], recall_at(1))
    assert ends["MedR"] == (1.0, 1.0)
