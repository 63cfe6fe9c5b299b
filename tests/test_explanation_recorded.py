"""Recorded attention against torch's own and against the model's, and what it leaves untouched."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from mmlab.explanation import recorded_attention
from tests.small_models import VARIANTS, batch_of, model_of, random_items

SHAPE = (2, 4, 5, 8)
MASK = torch.rand(2, 1, 1, 5, generator=torch.Generator().manual_seed(3)) > 0.4
MASK[..., 0] = True
OPTIONS = {
    "plain": {},
    "bool mask": {"attn_mask": MASK},
    "float mask": {"attn_mask": torch.linspace(-2, 1, 25).view(5, 5)},
    "causal": {"is_causal": True},
    "scale": {"scale": 0.3},
}


def inputs(dtype=torch.float32, key_heads=4):
    generator = torch.Generator().manual_seed(0)
    shapes = SHAPE, (2, key_heads, 5, 8), (2, key_heads, 5, 8)
    return [torch.randn(shape, generator=generator).to(dtype) for shape in shapes]


@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
def test_output_is_that_of_torch_and_rows_sum_to_one(options):
    query, key, value = inputs()
    plain = F.scaled_dot_product_attention(query, key, value, **options)
    with recorded_attention() as recorded:
        found = F.scaled_dot_product_attention(query, key, value, **options)
    torch.testing.assert_close(found, plain, atol=1e-6, rtol=0)
    torch.testing.assert_close(recorded[0].sum(-1), torch.ones(SHAPE[:-1]))
    torch.testing.assert_close(recorded[0] @ value, plain, atol=1e-6, rtol=0)


def test_heads_that_share_a_key():
    query, key, value = inputs(key_heads=2)
    plain = F.scaled_dot_product_attention(query, key, value, enable_gqa=True)
    with recorded_attention():
        found = F.scaled_dot_product_attention(query, key, value, enable_gqa=True)
    torch.testing.assert_close(found, plain, atol=1e-6, rtol=0)


def test_half_precision_keeps_its_type_and_writes_down_float32():
    query, key, value = inputs(torch.float16)
    with recorded_attention() as recorded:
        found = F.scaled_dot_product_attention(1e3 * query, 1e3 * key, value)  # overflows float16
    assert found.dtype == torch.float16
    assert recorded[0].dtype == torch.float32
    assert found.isfinite().all()


@pytest.mark.parametrize("name", [n for n, c in VARIANTS.items() if c.depth and "per" not in n])
def test_the_model_says_the_same_of_itself(name):
    config, model = VARIANTS[name], model_of(VARIANTS[name])
    items = random_items(config, [{"text": 3, "video": 2, "audio": 100, "depth": 2}])
    batch = batch_of(config, items)
    with recorded_attention() as recorded:
        embedded = model.embed(batch, [config.names])
    for own, found in zip(model.attention(batch, config.names).weights, recorded, strict=True):
        torch.testing.assert_close(found, own, atol=1e-6, rtol=0)
    plain = model.embed(batch, [config.names])
    torch.testing.assert_close(
        embedded.raw[config.names], plain.raw[config.names], atol=1e-5, rtol=0
    )


@pytest.mark.parametrize("training", [True, False])
def test_torchs_own_layers_are_heard_and_only_inside_the_block(training):
    torch.manual_seed(0)
    layer = nn.TransformerEncoderLayer(8, 2, dropout=0.0, batch_first=True).train(training)
    encoder = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False).train(training)
    tokens = torch.randn(1, 3, 8)
    with recorded_attention(gradients=True) as recorded:
        found = encoder(tokens)
    torch.testing.assert_close(found, encoder(tokens))
    assert [tuple(weights.shape) for weights in recorded] == [(1, 2, 3, 3)] * 2
    assert all(one.any() for one in torch.autograd.grad(found[0, 0, 0], recorded))
    F.scaled_dot_product_attention(*inputs())
    assert len(recorded) == 2


def test_it_stops_listening_after_an_error():
    with pytest.raises(RuntimeError, match="stop"), recorded_attention() as recorded:
        raise RuntimeError("stop")
    F.scaled_dot_product_attention(*inputs())
    assert not recorded


def test_gradients_of_a_frozen_model_and_no_others():
    query, key, value = inputs()
    with recorded_attention(gradients=True) as recorded:
        score = F.scaled_dot_product_attention(query, key, value).sum()
    (gradient,) = torch.autograd.grad(score, recorded)
    torch.testing.assert_close(gradient, value.sum(-1)[:, :, None].expand_as(gradient))
    assert all(one.grad is None for one in (query, key, value))
