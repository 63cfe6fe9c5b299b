"""Weights against the formula written out, and what must hold of any weights."""

from math import prod

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st

from mmlab.question import Composed, Part, Question
from mmlab.question.subsets import subsets_of
from tests.small_models import repeatable

weights_of_three = st.lists(st.floats(0, 1, allow_subnormal=False), min_size=3, max_size=3)


def composed(weights=(1.0, 1.0, 1.0), *, without=0, fusion="joint", strength=0.5):
    """Three parts with random unit embeddings of all their subsets."""
    generator = torch.Generator().manual_seed(0)

    def unit(*shape):
        return F.normalize(torch.randn(*shape, 6, generator=generator), dim=-1)

    subsets = {subset: unit() for subset in subsets_of(range(3))}
    terms = tuple("abc"[:without])
    parts = tuple(Part("text", name, weight) for name, weight in zip("xyz", weights, strict=True))
    question = Question(parts, terms, strength, fusion=fusion)
    return Composed(question, parts, subsets, unit(without))


def unit_length(total):
    """Also of a float64 vector so short that its square is 0."""
    scaled = total / (total.abs().max() or 1.0)
    return F.normalize(scaled, dim=0).float()


@repeatable
@given(weights_of_three)
def test_joint_is_the_multilinear_extension(weights):
    some = composed()
    total = torch.zeros(6, dtype=torch.float64)
    for subset, vector in some.subsets.items():
        inside = prod(weights[n] for n in subset)
        outside = prod(1 - weights[n] for n in range(3) if n not in subset)
        total += inside * outside * vector.double()
    torch.testing.assert_close(some.vector(weights=weights), unit_length(total), atol=1e-5, rtol=0)


@repeatable
@given(weights_of_three)
def test_late_is_the_weighted_mean(weights):
    some = composed()
    total = sum(weights[n] * some.subsets[frozenset({n})].double() for n in range(3))
    torch.testing.assert_close(some.vector("late", weights), unit_length(total), atol=1e-5, rtol=0)


def test_all_weights_one_is_one_pass_over_everything():
    some = composed()
    torch.testing.assert_close(some.vector("joint"), some.subsets[frozenset({0, 1, 2})])


@pytest.mark.parametrize("fusion", ["joint", "late"])
def test_a_weight_of_nothing_is_the_question_without_that_part(fusion):
    some = composed((0.7, 0.4, 1.0))
    without = some.vector(fusion, (0.7, 0.0, 1.0))
    torch.testing.assert_close(without, some.vector_of({0, 2}, fusion))
    fewer = composed()
    kept = {frozenset({0}): 0, frozenset({2}): 1, frozenset({0, 2}): (0, 1)}
    subsets = {
        frozenset([place] if isinstance(place, int) else place): fewer.subsets[subset]
        for subset, place in kept.items()
    }
    parts = (Part("text", "x", 0.7), Part("text", "z", 1.0))
    alone = Composed(Question(parts), parts, subsets, torch.zeros(0, 6))
    torch.testing.assert_close(without, alone.vector(fusion))


@pytest.mark.parametrize("fusion", ["joint", "late"])
def test_a_little_more_weight_moves_the_question_a_little(fusion):
    some = composed()
    steps = [some.vector(fusion, (weight / 200, 0.5, 0.8)) for weight in range(201)]
    moves = torch.stack([after @ before for before, after in zip(steps, steps[1:], strict=False)])
    assert moves.min() > 0.9999
    assert steps[0] @ steps[-1] < 0.99


def test_small_equal_weights_of_joint_fusion_tend_to_late_fusion():
    some = composed()
    small = some.vector("joint", (1e-4, 1e-4, 1e-4))
    torch.testing.assert_close(small, some.vector("late"), atol=1e-3, rtol=0)


def test_what_is_not_wanted_is_taken_from_the_score_exactly():
    some = composed((0.5, 1.0, 0.2), without=2, strength=0.3)
    gallery = torch.randn(20, 6, generator=torch.Generator().manual_seed(3))
    whole = gallery @ some.vector()
    parts = gallery @ some.vector_of(range(3))
    taken = sum(0.3 * (gallery @ negative) for negative in some.negatives)
    torch.testing.assert_close(whole, parts - taken, atol=1e-6, rtol=0)
    assert float(some.vector_of(range(3)).norm()) == pytest.approx(1)


def test_no_part_is_nothing():
    some = composed(without=1)
    assert not some.vector_of(()).any()
    torch.testing.assert_close(some.vector(weights=(0, 0, 0)), -some.against)
    assert not composed().against.any()


def test_the_questions_own_fusion_and_weights_are_the_default():
    late = composed((0.5, 0.2, 1.0), fusion="late")
    torch.testing.assert_close(late.vector(), late.vector("late", (0.5, 0.2, 1.0)))
    assert not torch.allclose(late.vector(), late.vector("joint"))


def test_too_few_weights_are_named():
    with pytest.raises(ValueError, match="weights has 2 numbers, there are 3 parts"):
        composed().vector(weights=(1, 1))


@pytest.mark.parametrize("fusion", ["joint", "late"])
@pytest.mark.parametrize("tiny", [1e-13, 1e-40, 1e-300])
def test_tiny_weights_ask_like_larger_ones_of_the_same_ratio(fusion, tiny):
    some = composed()
    large = some.vector("late", (0.5, 0.25, 0.0))  # to which joint fusion tends, too
    small = some.vector(fusion, (2 * tiny, tiny, 0.0))
    torch.testing.assert_close(small, large, atol=1e-6, rtol=0)
    torch.testing.assert_close(some.vector(fusion, (0, tiny, 0)), some.subsets[frozenset({1})])
