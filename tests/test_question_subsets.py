"""All subsets in one batch against one pass for each, with every kind of model."""

from itertools import combinations

import pytest
import torch
import torch.nn.functional as F

from mmlab.question.subsets import embed_subsets, subsets_of
from mmlab.types import pad_tokens
from tests.small_models import VARIANTS, model_of

LENGTHS = {"text": (3, 1), "video": (2, 4), "audio": (130, 70), "depth": (2, 1)}
"""Two parts of each modality, of unlike lengths."""


def random_parts(config, counts):
    generator = torch.Generator().manual_seed(1)
    return [
        (one.name, torch.randn(LENGTHS[one.name][number], one.width, generator=generator))
        for one in config.modalities
        for number in range(counts.get(one.name, 1))
    ]


def one_pass(model, parts, subset):
    """The embedding of these parts alone: a batch of one item with what it has, no more."""
    chosen = [parts[number] for number in sorted(subset)]
    names = [name for name in model.config.names if name in dict(chosen)]
    batch = {}
    for name in names:
        tokens = torch.cat([tokens for own, tokens in chosen if own == name])
        batch[name] = pad_tokens([tokens], tokens.shape[1])
    return F.normalize(model.embed(batch, [tuple(names)]).raw[tuple(names)][0], dim=-1)


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("counts", [{}, {"text": 2, "audio": 2}])
def test_every_subset_is_what_it_is_in_a_pass_of_its_own(variant, counts):
    model = model_of(VARIANTS[variant])
    parts = random_parts(model.config, counts)[:5]
    found = embed_subsets(model, parts)
    assert set(found) == set(subsets_of(range(len(parts))))
    for subset, vector in found.items():
        alone = one_pass(model, parts, subset)
        torch.testing.assert_close(vector, alone, atol=2e-6, rtol=0)


def test_the_order_of_modalities_in_the_question_means_nothing():
    model = model_of(VARIANTS["main"])
    parts = random_parts(model.config, {})
    turned = parts[::-1]
    straight, reversed_ = embed_subsets(model, parts), embed_subsets(model, turned)
    for subset, vector in straight.items():
        mirrored = reversed_[frozenset(len(parts) - 1 - number for number in subset)]
        torch.testing.assert_close(vector, mirrored, atol=2e-6, rtol=0)


def test_parts_are_not_written_to():
    model = model_of(VARIANTS["as published"])
    parts = random_parts(model.config, {})
    before = [tokens.clone() for _, tokens in parts]
    embed_subsets(model, parts)
    assert all(torch.equal(old, new) for old, (_, new) in zip(before, parts, strict=True))


def test_subsets_are_all_of_them_small_ones_first():
    found = subsets_of([4, 7, 9])
    expected = [set(c) for size in (1, 2, 3) for c in combinations([4, 7, 9], size)]
    assert found == expected
    assert len(subsets_of(range(5))) == 31
    assert subsets_of([]) == []
