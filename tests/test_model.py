"""The fast model against the slow one, in every configuration."""

from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from mmlab.losses import combinatorial_loss
from mmlab.model import FusionModel, ModelConfig, late_fusion
from mmlab.types import all_combinations
from tests.slow_model import SlowModel
from tests.small_models import (
    AUDIO,
    DEPTH,
    PUBLISHED,
    SHALLOW,
    TEXT,
    V1,
    VARIANTS,
    VIDEO,
    mixed_batch,
    model_of,
    repeatable,
    small,
)


def assert_as_slow(model: FusionModel, *, tolerance: float = 1e-5) -> None:
    batch = mixed_batch(model.config)
    chosen = all_combinations(model.config.names)
    with torch.no_grad():
        fast, slow = model(batch), SlowModel(model).embed(batch, chosen)
    assert list(fast.raw) == chosen
    for names in chosen:
        torch.testing.assert_close(fast.raw[names], slow.raw[names], atol=tolerance, rtol=tolerance)


@pytest.mark.parametrize("variant", VARIANTS)
def test_every_variant_computes_what_the_slow_one_does(variant):
    assert_as_slow(model_of(VARIANTS[variant]))


@st.composite
def configs(draw) -> ModelConfig:
    """Any configuration that there is, apart from sizes."""
    encoder = st.sampled_from([PUBLISHED, replace(PUBLISHED, mask_padding=True), SHALLOW, V1])
    limit = draw(st.sampled_from([None, 1, 3]))
    shorten = draw(st.sampled_from(["clip", "nearest", "max", "average"]))
    modalities = [TEXT, VIDEO, replace(AUDIO, encoder=draw(encoder)), DEPTH]
    chosen = draw(st.lists(st.sampled_from(modalities), min_size=1, max_size=4, unique=True))
    class_token = draw(st.booleans())
    return small(
        *(replace(modality, max_tokens=limit, shorten=shorten) for modality in chosen),
        depth=draw(st.integers(0, 2)),
        heads=draw(st.sampled_from([1, 2, 4])),
        mlp_ratio=draw(st.sampled_from([0.5, 1.0, 2.0])),
        token_projection=draw(st.sampled_from(["gated", "linear"])),
        projection=draw(st.sampled_from(["gated", "linear"])),
        class_token=class_token,
        shared_projection=class_token or draw(st.booleans()),
        positions=limit is not None and draw(st.booleans()),
        transformer_per_modality=draw(st.booleans()),
        masking_token=draw(st.booleans()),
    )


@repeatable
@given(configs())
def test_any_configuration_computes_what_the_slow_one_does(config):
    assert_as_slow(model_of(config))


GRADIENTS = [
    "main",
    "class token, depth 2",
    "no transformer",
    "positions",
    "shortened: max",
    "per modality, depth 2",
    "masking token, everything",
    "four modalities",
    "as published",
]


@pytest.mark.parametrize("variant", GRADIENTS)
@pytest.mark.parametrize("training", [False, True])
def test_gradients_are_those_of_the_slow_one(variant, training):
    model = model_of(VARIANTS[variant])
    batch, chosen = mixed_batch(model.config), all_combinations(model.config.names)
    names, parameters = zip(*model.named_parameters(), strict=True)
    model.train(training)
    try:
        losses = [
            combinatorial_loss(embeddings, temperature=0.5).total
            for embeddings in (SlowModel(model).embed(batch, chosen), model(batch, chosen))
        ]
    finally:
        model.eval()
    slow, fast = (torch.autograd.grad(loss, parameters, allow_unused=True) for loss in losses)
    largest = max(float(g.norm()) for g in slow if g is not None)
    for name, one, other in zip(names, slow, fast, strict=True):
        one, other = (torch.zeros(1) if g is None else g for g in (one, other))
        assert float((one - other).norm()) < 1e-5 * largest + 1e-4 * float(one.norm()), name


def test_late_fusion_is_the_mean_of_unit_vectors():
    config = VARIANTS["as published"]
    embeddings = model_of(config).embed(mixed_batch(config))
    expected = torch.zeros(6, 8)
    for name in ("video", "audio"):
        raw = embeddings.raw[(name,)]
        expected += raw / raw.norm(dim=1, keepdim=True) / 2
    torch.testing.assert_close(late_fusion(embeddings, ("video", "audio")), expected)


def test_vectors_are_the_raw_ones_at_unit_length():
    embeddings = model_of(VARIANTS["main"]).embed(mixed_batch(VARIANTS["main"]))
    for names, raw in embeddings.raw.items():
        there = torch.stack([embeddings.present[name] for name in names]).any(dim=0)
        torch.testing.assert_close(
            embeddings.vectors[names][there], raw[there] / raw[there].norm(dim=1, keepdim=True)
        )
        assert embeddings.vectors[names][~there].abs().sum() == 0


def test_embedding_leaves_no_trace_in_the_model():
    model = FusionModel(small(dropout=0.5)).train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    one, other = (model.embed(mixed_batch(model.config)).raw for _ in range(2))
    assert model.training
    assert all(torch.equal(one[names], other[names]) for names in one)  # no dropout
    assert not any(raw.requires_grad for raw in one.values())
    assert all(torch.equal(value, before[n]) for n, value in model.state_dict().items())


def test_dropout_is_drawn_in_training_only():
    model = FusionModel(small(TEXT, VIDEO, dropout=0.5)).train()
    one, other = (model(mixed_batch(model.config)).raw[("text",)] for _ in range(2))
    assert not torch.equal(one, other)
