"""Ranks by counting, against sorting every row."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st

from mmlab.evaluation import ranking
from mmlab.evaluation.ranking import rank_of_match
from tests.small_models import repeatable


def slow_rank(similarity: np.ndarray, right: np.ndarray) -> float:
    """The mean place of the first right candidate over all orders of those that tie with it."""
    best = similarity[right].max()
    better = (similarity > best).sum()
    tied, correct = (similarity == best).sum(), (similarity[right] == best).sum()
    if correct == 1:
        return float((np.flatnonzero(np.sort(-similarity) == -best)).mean() + 1)
    generator = np.random.default_rng(0)
    orders = [generator.permutation(tied)[:correct].min() for _ in range(20_000)]
    return float(better + 1 + np.mean(orders))


def numbers(rows: int, width: int, seed: int) -> torch.Tensor:
    """Small integers: many ties, and no rounding."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(-2, 3, (rows, width), generator=generator).float()


@pytest.mark.parametrize("block", [None, 1, 7, 1000])
def test_ranks_equal_sorting(block):
    queries, gallery = numbers(23, 3, 0), numbers(40, 3, 1)
    targets = torch.randint(40, (23,), generator=torch.Generator().manual_seed(2))
    found = rank_of_match(queries, gallery, targets, block=block)
    similarity = (queries @ gallery.T).numpy()
    expected = [
        slow_rank(row, np.array([one])) for row, one in zip(similarity, targets, strict=True)
    ]
    np.testing.assert_array_equal(found, expected)


@repeatable
@given(seed=st.integers(0, 1000), rows=st.integers(1, 12), width=st.integers(1, 3))
def test_with_several_right_candidates_the_best_one_counts(seed, rows, width):
    generator = np.random.default_rng(seed)
    queries, gallery = numbers(5, width, seed), numbers(rows, width, seed + 1)
    targets = [
        generator.choice(rows, generator.integers(1, rows + 1), replace=False) for _ in range(5)
    ]
    found = rank_of_match(queries, gallery, targets)
    similarity = (queries @ gallery.T).numpy()
    expected = [slow_rank(row, right) for row, right in zip(similarity, targets, strict=True)]
    np.testing.assert_allclose(found, expected, atol=0.06)  # the slow one throws dice


def test_one_right_candidate_in_a_list_is_the_same_as_in_a_tensor():
    queries, gallery = numbers(9, 2, 0), numbers(9, 2, 1)
    alone = rank_of_match(queries, gallery)
    lists = [np.array([row]) for row in range(9)]
    np.testing.assert_array_equal(rank_of_match(queries, gallery, lists), alone)


@pytest.mark.parametrize("several", [False, True])
def test_identical_candidates_tie_exactly_whatever_the_rounding(several):
    generator = torch.Generator().manual_seed(0)
    different = F.normalize(torch.randn(200, 384, generator=generator), dim=1)
    copies = torch.randint(200, (1001,), generator=generator)  # every one about five times
    queries = F.normalize(different + 0.3 * torch.randn(200, 384, generator=generator), dim=1)
    target = (copies == torch.arange(200)[:, None]).float().argmax(dim=1)
    gallery = different[copies]
    right = [np.array([one, one]) for one in target] if several else target
    found = rank_of_match(queries, gallery, right)
    near = (queries.double() @ gallery.double().T).numpy()
    best = near[np.arange(200), target]
    better = (near > best[:, None] + 1e-7).sum(axis=1)
    tied = (np.abs(near - best[:, None]) <= 1e-7).sum(axis=1)
    share = 3 if several else 2  # two of those that tie are right, or one
    np.testing.assert_allclose(found, better + (tied + 1) / share)
    assert tied.max() > 1


def test_the_order_of_candidates_does_not_matter():
    queries, gallery = numbers(30, 3, 4), numbers(30, 3, 5)
    order = torch.randperm(30, generator=torch.Generator().manual_seed(1))
    moved = rank_of_match(queries, gallery[order], order.argsort())
    np.testing.assert_array_equal(moved, rank_of_match(queries, gallery))


def test_blocks_follow_from_the_size_of_the_gallery(monkeypatch):
    queries, gallery = numbers(50, 3, 0), numbers(50, 3, 1)
    expected = rank_of_match(queries, gallery)
    for most in (1, 120, 49 * 50):
        monkeypatch.setattr(ranking, "MOST_SIMILARITIES", most)
        np.testing.assert_array_equal(rank_of_match(queries, gallery), expected)


def test_inputs_stay_as_they_were_and_gradients_are_let_go():
    queries, gallery = numbers(4, 3, 0).requires_grad_(), numbers(4, 3, 1)
    kept = queries.detach().clone(), gallery.clone()
    rank_of_match(queries, gallery)
    assert torch.equal(queries.detach(), kept[0])
    assert torch.equal(gallery, kept[1])


def test_no_query_has_no_rank():
    assert rank_of_match(torch.empty(0, 3), torch.ones(2, 3), []).shape == (0,)
    assert rank_of_match(torch.empty(0, 3), torch.empty(0, 3)).shape == (0,)


@pytest.mark.parametrize(
    ("queries", "gallery", "targets", "message"),
    [
        (torch.full((2, 3), torch.nan), torch.ones(2, 3), None, "2 of 2 queries hold NaN"),
        (torch.ones(2, 1), torch.tensor([[1.0], [torch.inf]]), None, r"1 of 2 candidates.*\[1\]"),
        (torch.ones(2, 3), torch.ones(3, 3), None, "2 queries and 3 candidates are no pairs"),
        (torch.ones(2, 3), torch.ones(3, 3), torch.tensor([0]), "as many targets, found 1"),
        (torch.ones(1, 3), torch.ones(3, 3), torch.tensor([3]), "0 to 2 of the gallery, found 3"),
        (torch.ones(1, 3), torch.ones(3, 3), torch.tensor([-1]), "found -1 to -1"),
        (torch.ones(1, 3), torch.ones(3, 3), [np.array([], int)], r"queries \[0\] have no target"),
    ],
)
def test_what_has_no_rank_is_named(queries, gallery, targets, message):
    with pytest.raises(ValueError, match=message):
        rank_of_match(queries, gallery, targets)
