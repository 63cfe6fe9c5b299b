"""Measures against slow, obvious versions and the published code's numbers."""

import json
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
import torch

from mmlab.evaluation import (
    bootstrap_interval,
    chance_recall,
    difference_interval,
    ordered_assignment,
    rank_of_match,
    retrieval_scores,
    step_recall,
)
from mmlab.evaluation.retrieval import median_rank, recall_at
from mmlab.readers.localization import LocalizationVideo

REFERENCE = Path(__file__).parent / "data" / "reference_data_and_metrics.npz"


def slow_rank(similarity: np.ndarray, target: int) -> float:
    positions = np.flatnonzero(np.sort(-similarity) == -similarity[target])
    return positions.mean() + 1


@pytest.mark.parametrize("block", [1, 7, 1000])
def test_ranks_equal_sorting(block):
    generator = torch.Generator().manual_seed(0)
    queries = torch.randint(-2, 3, (23, 3), generator=generator).float()  # small ints: many ties
    gallery = torch.randint(-2, 3, (40, 3), generator=generator).float()
    targets = torch.randint(40, (23,), generator=generator)
    found = rank_of_match(queries, gallery, targets, block=block)
    similarity = (queries @ gallery.T).numpy()
    expected = [slow_rank(row, target) for row, target in zip(similarity, targets, strict=True)]
    np.testing.assert_array_equal(found, expected)


def test_ranks_equal_the_published_metrics():
    with np.load(REFERENCE) as file:
        cases = [case for case in json.loads(str(file["meta"])) if "metrics" in case]
        similarities = [file[f"{case['case']}/similarity"] for case in cases]
    assert len(cases) >= 5
    for case, values in zip(cases, similarities, strict=True):
        similarity = torch.from_numpy(values)
        ranks = rank_of_match(similarity, torch.eye(similarity.shape[1]))
        scores = retrieval_scores(ranks, total=case["complete_dataset_size"])
        for key, value in scores.items():
            assert value == pytest.approx(case["metrics"][key.replace("R@", "R")]), case["case"]


def test_nan_embeddings_and_empty_splits_are_named():
    with pytest.raises(ValueError, match="NaN"):
        rank_of_match(torch.full((2, 3), torch.nan), torch.ones(2, 3))
    with pytest.raises(ValueError, match="empty"):
        retrieval_scores(np.empty(0))


def test_bootstrap_interval_covers_the_known_spread():
    ranks = np.r_[np.ones(50), np.full(50, 100.0)]
    low, high = bootstrap_interval(ranks, recall_at(1))
    assert low == pytest.approx(50 - 1.96 * 5, abs=2)  # binomial: sd = 5 points for n = 100
    assert high == pytest.approx(50 + 1.96 * 5, abs=2)
    assert bootstrap_interval(np.full(9, 3.0), median_rank) == (3.0, 3.0)


def test_paired_difference_ignores_what_both_share():
    shared = np.random.default_rng(0).integers(1, 20, 200).astype(float)
    better = np.maximum(shared - 1, 1)
    difference, low, high = difference_interval(better, shared, lambda r: r.mean(-1))
    assert low <= difference <= high < 0
    assert difference_interval(shared, shared, recall_at(5)) == (0.0, 0.0, 0.0)


@pytest.mark.parametrize("seed", range(20))
def test_assignment_equals_brute_force(seed):
    generator = np.random.default_rng(seed)
    seconds, steps = generator.integers(4, 9), generator.integers(1, 5)
    scores = generator.normal(size=(seconds, steps))
    best = max(
        combinations(range(seconds), steps),
        key=lambda rows: sum(scores[row, step] for step, row in enumerate(rows)),
    )
    np.testing.assert_array_equal(np.argmax(ordered_assignment(scores), axis=0), best)


def test_assignment_ignores_a_constant_and_places_every_step_once():
    scores = np.random.default_rng(0).normal(size=(30, 6))
    chosen = ordered_assignment(scores)
    np.testing.assert_array_equal(chosen, ordered_assignment(scores + 7))
    assert (chosen.sum(axis=0) == 1).all()
    assert (np.diff(np.argmax(chosen, axis=0)) > 0).all()
    with pytest.raises(ValueError, match="7 steps cannot be placed in 3 seconds"):
        ordered_assignment(np.zeros((3, 7)))


def test_step_recall_counts_only_annotated_steps():
    truth = LocalizationVideo("1", "v", ("a", "b", "c"), ((0, 1.2, 3.1), (2, 5.0, 6.0))).truth(8)
    assert np.flatnonzero(truth[:, 0]).tolist() == [1, 2, 3]
    assert not truth[:, 1].any()
    chosen = np.zeros((8, 3), dtype=bool)
    chosen[[3, 4, 7], [0, 1, 2]] = True
    assert step_recall([chosen], [truth]) == 50.0
    with pytest.raises(ValueError, match="no video has an annotated step"):
        step_recall([chosen], [np.zeros((8, 3), dtype=bool)])


def test_chance_is_between_nothing_and_the_oracle():
    truth = [LocalizationVideo("1", "v", ("a", "b"), ((0, 2, 5), (1, 8, 12))).truth(20)]
    assert step_recall([ordered_assignment(video.astype(float)) for video in truth], truth) == 100
    assert 5 < chance_recall(truth) < 60
