"""The loss against explicit loops, and its edges."""

import math
import re

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from mmlab.losses import (
    combinatorial_loss,
    contrastive_loss,
    disjoint_pairs,
    margin_loss,
    pair_name,
    paper_weights,
)
from mmlab.model import Embeddings
from mmlab.types import all_combinations
from tests.small_models import repeatable

FOUR = ("text", "video", "audio", "depth")


def random_unit(rows: int, seed: int, width: int = 5) -> torch.Tensor:
    values = torch.randn(rows, width, generator=torch.Generator().manual_seed(seed))
    return torch.nn.functional.normalize(values, dim=1)


def embeddings(
    rows: int = 6,
    missing: dict[str, list[int]] | None = None,
    names: tuple[str, ...] = FOUR[:3],
) -> Embeddings:
    """Random vectors with a graph; some items lack a modality."""
    vectors = {
        combination: random_unit(rows, seed).requires_grad_()
        for seed, combination in enumerate(all_combinations(names))
    }
    present = {name: torch.ones(rows, dtype=torch.bool) for name in names}
    for name, items in (missing or {}).items():
        present[name][items] = False
    return Embeddings(vectors, present)


def slow_contrastive(one, other, temperature=1.0, margin=0.0) -> float:
    total = 0.0
    one, other = one.detach(), other.detach()
    for left, right in ((one, other), (other, one)):
        for i in range(len(left)):
            scores = [
                (float(left[i] @ right[j]) - margin * (i == j)) / temperature
                for j in range(len(right))
            ]
            total -= scores[i] - math.log(sum(math.exp(score) for score in scores))
    return total / len(one)


def test_contrastive_loss_equals_the_loop():
    one, other = random_unit(7, 0), random_unit(7, 1)
    expected = slow_contrastive(one, other, 0.05)
    assert contrastive_loss(one, other).item() == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("margin", [0.001, 0.3])
def test_margin_loss_equals_the_loop(margin):
    one, other = random_unit(7, 0), random_unit(7, 1)
    expected = slow_contrastive(one, other, margin=margin)
    assert margin_loss(one, other, margin).item() == pytest.approx(expected, rel=1e-5)


def test_perfect_matches_cost_little_and_uniform_ones_log_b():
    eye = torch.eye(8)
    assert contrastive_loss(eye, eye).item() < 1e-6
    same = torch.ones(8, 4) / 2
    assert contrastive_loss(same, same).item() == pytest.approx(2 * math.log(8))


def test_six_pairs_for_three_modalities_and_25_for_four():
    for number, count in ((1, 0), (2, 1), (3, 6), (4, 25), (5, 90)):
        pairs = disjoint_pairs("abcde"[:number])
        assert len(pairs) == count == (3**number - 2 * 2**number + 1) // 2
        assert len({frozenset(pair) for pair in pairs}) == count
        assert not any(set(one) & set(other) for one, other in pairs)
    names = [pair_name(pair) for pair in disjoint_pairs(FOUR[:3])]
    assert names[0] == "text | video"
    assert "text | video+audio" in names


@st.composite
def missing_items(draw) -> dict[str, list[int]]:
    return {name: draw(st.lists(st.integers(0, 5), unique=True)) for name in FOUR}


@repeatable
@given(missing_items(), st.sampled_from(["softmax", "margin"]), st.integers(0, 2**25 - 1))
def test_total_is_the_weighted_mean_of_the_terms_that_have_an_item(missing, kind, bits):
    """Each pair's weight is 0, 1 or 0.1; an item takes part where it has every modality."""
    found = embeddings(missing=missing, names=FOUR)
    pairs = disjoint_pairs(FOUR)
    weights = {pair_name(pair): [0.0, 1.0, 0.1][(bits >> n) % 3] for n, pair in enumerate(pairs)}
    loss = combinatorial_loss(found, weights=weights, kind=kind, margin=0.2, temperature=0.1)
    total = total_weight = 0.0
    options = {"margin": 0.2} if kind == "margin" else {"temperature": 0.1}
    for pair in pairs:
        absent = {item for side in pair for name in side for item in missing[name]}
        there = [item for item in range(6) if item not in absent]
        weight = weights[pair_name(pair)]
        if not weight:
            assert pair_name(pair) not in loss.terms
            continue
        one, other = (found.vectors[side][there] for side in pair)
        expected = slow_contrastive(one, other, **options) if there else 0.0
        assert loss.terms[pair_name(pair)].item() == pytest.approx(expected, rel=1e-4, abs=1e-5)
        total += weight * expected
        total_weight += weight if there else 0.0
    assert loss.total.item() == pytest.approx(total / (total_weight or 1), rel=1e-4, abs=1e-5)


def test_the_paper_s_weights():
    weights = paper_weights()
    loss = combinatorial_loss(embeddings(), weights=weights)
    expected = sum(weights[name] * term for name, term in loss.terms.items()) / 1.5
    assert loss.total.item() == pytest.approx(expected.item())
    assert len(loss.terms) == 6


def test_items_without_a_modality_stay_out_of_its_terms():
    whole, part = embeddings(), embeddings(missing={"audio": [1, 4]})
    one, other = combinatorial_loss(whole).terms, combinatorial_loss(part).terms
    assert one["text | video"] == other["text | video"]
    keep = [0, 2, 3, 5]
    expected = contrastive_loss(whole.vectors[("text",)][keep], whole.vectors[("audio",)][keep])
    assert other["text | audio"].item() == pytest.approx(expected.item())


def test_an_empty_term_is_a_zero_with_a_graph():
    loss = combinatorial_loss(embeddings(missing={"audio": list(range(6))}))
    assert loss.terms["text | audio"].item() == 0
    assert loss.total.item() == pytest.approx(loss.terms["text | video"].item())
    assert all(term.requires_grad for term in loss.terms.values())


NOTHING = {
    "no two modalities meet": ({"text": [0, 1, 2], "video": [3, 4, 5], "audio": range(6)}, None),
    "one modality": ({"video": range(6), "audio": range(6)}, None),
    "weights of zero": ({}, {"text | video": 0.0}),
    "no weights": ({}, {}),
}


@pytest.mark.parametrize("kind", ["softmax", "margin"])
@pytest.mark.parametrize("case", NOTHING)
def test_a_loss_of_nothing_is_a_zero_with_a_graph(case, kind):
    missing, weights = NOTHING[case]
    missing = {name: list(items) for name, items in missing.items()}
    found = embeddings(missing=missing)
    loss = combinatorial_loss(found, weights=weights, kind=kind)
    assert loss.total.item() == 0
    loss.total.backward()
    gradients = [raw.grad for raw in found.raw.values() if raw.grad is not None]
    assert gradients
    assert all(gradient.abs().sum() == 0 for gradient in gradients)


def test_a_model_of_one_modality_has_a_loss_of_zero_with_a_graph():
    found = embeddings(names=("text",))
    loss = combinatorial_loss(found)
    assert loss.total.item() == 0
    assert loss.terms == {}
    loss.total.backward()
    assert found.raw[("text",)].grad.abs().sum() == 0


@pytest.mark.parametrize("function", [contrastive_loss, margin_loss])
def test_no_rows_cost_nothing(function):
    values = torch.randn(0, 5, requires_grad=True)
    loss = function(values, values)
    loss.backward()
    assert loss.item() == 0
    assert values.grad is not None


def test_a_batch_of_one_is_refused():
    with pytest.raises(ValueError, match="2 items or more, found 1"):
        combinatorial_loss(embeddings(rows=1))


BAD_OPTIONS = {
    "an unknown term": ({"weights": {"text | smell": 1.0}}, "text | smell"),
    "an unknown term of weight 0": (
        {"weights": {"text | smell": 0.0, "text | video": 1.0}},
        "text | smell",
    ),
    "a term the other way round": ({"weights": {"video | text": 1.0}}, "video | text"),
    "an unknown kind": ({"kind": "hinge"}, "hinge"),
    "a temperature of 0": ({"temperature": 0.0}, "temperature"),
}


@pytest.mark.parametrize("case", BAD_OPTIONS)
def test_a_bad_option_is_named(case):
    options, message = BAD_OPTIONS[case]
    with pytest.raises(ValueError, match=re.escape(message)):
        combinatorial_loss(embeddings(), **options)


def test_a_weighted_pair_without_embeddings_is_named():
    found = embeddings()
    del found.raw[("video", "audio")]
    assert len(combinatorial_loss(found).terms) == 5
    with pytest.raises(ValueError, match=r"text \| video\+audio.*there are.*text \| video"):
        combinatorial_loss(found, weights={"text | video+audio": 1.0})


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_finite_in_every_precision(dtype):
    eye = torch.eye(4, dtype=dtype)
    assert contrastive_loss(eye, -eye, temperature=0.01).isfinite()
    assert margin_loss(eye, -eye).isfinite()
