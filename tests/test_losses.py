"""The loss against explicit loops, and its edges."""

import math

import pytest
import torch

from mmlab.losses import combinatorial_loss, contrastive_loss, disjoint_pairs, paper_weights
from mmlab.model import Embeddings
from mmlab.types import all_combinations


def random_unit(rows: int, seed: int, width: int = 5) -> torch.Tensor:
    values = torch.randn(rows, width, generator=torch.Generator().manual_seed(seed))
    return torch.nn.functional.normalize(values, dim=1)


def embeddings(rows: int = 6, missing: dict[str, list[int]] | None = None) -> Embeddings:
    vectors = {names: random_unit(rows, seed) for seed, names in enumerate(all_combinations())}
    present = {name: torch.ones(rows, dtype=torch.bool) for name in ("text", "video", "audio")}
    for name, items in (missing or {}).items():
        present[name][items] = False
    return Embeddings(vectors, present)


def slow_contrastive(one, other, temperature):
    total = 0.0
    for left, right in ((one, other), (other, one)):
        for i in range(len(left)):
            scores = [float(left[i] @ right[j]) / temperature for j in range(len(right))]
            total -= scores[i] - math.log(sum(math.exp(score) for score in scores))
    return total / len(one)


def test_contrastive_loss_equals_the_loop():
    one, other = random_unit(7, 0), random_unit(7, 1)
    expected = slow_contrastive(one, other, 0.05)
    assert contrastive_loss(one, other).item() == pytest.approx(expected, rel=1e-5)


def test_perfect_matches_cost_little_and_uniform_ones_log_b():
    eye = torch.eye(8)
    assert contrastive_loss(eye, eye).item() < 1e-6
    same = torch.ones(8, 4) / 2
    assert contrastive_loss(same, same).item() == pytest.approx(2 * math.log(8))


def test_six_pairs_for_three_modalities_and_25_for_four():
    assert len(disjoint_pairs(("text", "video", "audio"))) == 6
    assert len(disjoint_pairs("abcd")) == (3**4 - 2 * 2**4 + 1) // 2


def test_total_is_the_weighted_mean():
    loss = combinatorial_loss(embeddings(), weights=paper_weights())
    weights = paper_weights()
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
    values = torch.randn(0, 5, requires_grad=True)
    contrastive_loss(values, values).backward()
    assert values.grad is not None


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_finite_in_every_precision(dtype):
    eye = torch.eye(4, dtype=dtype)
    assert contrastive_loss(eye, -eye, temperature=0.01).isfinite()
