"""Relevance against loops, and on a model in which a single token matters."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from mmlab.explanation import recorded_attention, relevance


def three_blocks(tokens):
    """(B, N, D) through three blocks of plain attention, two heads."""
    for _ in range(3):
        heads = tokens.unflatten(-1, (2, -1)).transpose(1, 2)
        mixed = F.scaled_dot_product_attention(heads, heads, heads)
        tokens = tokens + torch.tanh(mixed.transpose(1, 2).flatten(2))
    return tokens


def recorded_score(tokens):
    with recorded_attention(gradients=True) as recorded:
        score = three_blocks(tokens).square().sum(dim=(1, 2))
    return score, recorded


def mixings(score, recorded):
    """Of each block the mean over heads of the positive part of gradient x weights, as loops."""
    gradients = torch.autograd.grad(score.sum(), recorded, retain_graph=True)
    found = []
    for weights, gradient in zip(recorded, gradients, strict=True):
        mixing = np.zeros((4, 4))
        for head, row, column in np.ndindex(2, 4, 4):
            place = (0, head, row, column)
            product = weights[place].item() * gradient[place].item()
            mixing[row, column] += max(product, 0.0) / 2
        found.append(mixing)
    return found


@pytest.mark.parametrize("scale", [0.1, 10.0])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("seed", range(6))
def test_equals_the_rule_written_as_loops(seed, dtype, scale):
    tokens = torch.randn(1, 4, 6, generator=torch.Generator().manual_seed(seed), dtype=dtype)
    score, recorded = recorded_score(tokens)
    found = relevance(score * scale, recorded)[0].numpy()
    first, second, third = mixings(score * scale, recorded)
    assert (second @ first).any()  # blocks that follow each other do meet
    expected = (np.eye(4) + third) @ (np.eye(4) + second) @ (np.eye(4) + first) - np.eye(4)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6 * scale)
    assert (found >= 0).all()


def test_items_of_a_batch_do_not_meddle_and_scores_may_follow_each_other():
    tokens = torch.randn(3, 4, 6, generator=torch.Generator().manual_seed(1))
    score, recorded = recorded_score(tokens)
    together, again = relevance(score, recorded), relevance(score, recorded)
    torch.testing.assert_close(together, again)
    for item in range(3):
        alone = relevance(*recorded_score(tokens[item : item + 1]))
        torch.testing.assert_close(together[item], alone[0])


@pytest.mark.parametrize("place", [0, 4, 9])
def test_a_planted_token_gets_the_heat(place):
    """All tokens are looked at alike; only one carries what the score reads."""
    keys = torch.zeros(1, 1, 10, 3)
    values = torch.zeros(1, 1, 10, 3)
    values[0, 0, place, 2] = 1.0
    with recorded_attention(gradients=True) as recorded:
        score = F.scaled_dot_product_attention(keys, keys, values).mean(dim=2)[0, 0, 2]
    assert (recorded[0] == recorded[0][..., :1]).all()  # raw attention cannot tell
    heat = relevance(score, recorded)[0].mean(dim=0)
    assert heat.argmax() == place
    assert heat.sum() == heat[place] > 0
    assert not relevance(-score, recorded).any()  # what lowers a score is no reason for it


def test_half_precision_does_not_vanish():
    """With 1,500 tokens a gradient is 1e-6, where float16 has few numbers left."""
    values = torch.zeros(1, 1, 1500, 4, dtype=torch.float16)
    values[0, 0, 700, 0] = 1e-2
    with recorded_attention(gradients=True) as recorded:
        mixed = F.scaled_dot_product_attention(values, values, values)
        score = mixed.float().mean(dim=2)[0, 0, 0]
    heat = relevance(score, recorded)[0].mean(dim=0)
    assert heat.argmax() == 700
    assert heat[700] == pytest.approx(1e-2 / 1500 / 1500, rel=0.05)


def test_without_attention_it_says_so():
    with recorded_attention(gradients=True) as recorded:
        score = torch.ones(1, requires_grad=True).exp()
    with pytest.raises(ValueError, match="no transformer block, or none that mixes"):
        relevance(score, recorded)


@pytest.mark.parametrize(
    "shapes",
    [[(1, 2, 3, 5)], [(1, 2, 4, 4), (1, 2, 3, 3)], [(1, 2, 4, 4), (2, 2, 4, 4)], [(2, 4, 4)]],
)
def test_attention_between_other_tokens_is_refused(shapes):
    with pytest.raises(ValueError, match="among the same N tokens.*found"):
        relevance(torch.ones(1), [torch.zeros(shape) for shape in shapes])
