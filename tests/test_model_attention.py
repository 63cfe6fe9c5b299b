"""The attention weights that are shown are the ones that the model uses."""

import pytest
import torch

from mmlab.types import all_combinations
from tests.slow_model import SlowModel
from tests.small_models import MIXED, VARIANTS, batch_of, mixed_batch, model_of, random_items, small

SHOWN = [
    "main",
    "depth 2, wide MLP",
    "class token, depth 2",
    "no transformer",
    "positions, class token, depth 2",
    "masking token, everything",
    "per modality, depth 2",
    "four modalities",
    "as published, shortened",
]


def combinations_of(config) -> list[tuple[str, ...]]:
    every = all_combinations(config.names)
    return [names for names in every if len(names) == 1 or not config.transformer_per_modality]


@pytest.mark.parametrize("variant", SHOWN)
def test_weights_are_those_of_the_slow_model(variant):
    config = VARIANTS[variant]
    model, batch = model_of(config), mixed_batch(config)
    slow = SlowModel(model)
    tokens = {name: slow.tokens(name, batch) for name in config.names}
    for names in combinations_of(config):
        shown = model.attention(batch, names)
        assert len(shown.weights) == config.depth
        owner = names[0] if config.transformer_per_modality else "shared"
        for item, real in enumerate(shown.mask):
            parts = {name: tokens[name][item] for name in names}
            if not sum(len(own) for own in parts.values()):
                continue
            _, expected = slow.fuse(owner, torch.cat(list(parts.values())))
            for weights, own in zip(shown.weights, expected, strict=True):
                found = weights[item][:, real][:, :, real]
                torch.testing.assert_close(found, own, atol=1e-5, rtol=1e-5)
            labels = [("shared", 0)] if config.class_token else []
            labels += [(name, n) for name in names for n in range(len(parts[name]))]
            columns = zip(shown.modality, shown.position, real.tolist(), strict=True)
            assert [(name, n) for name, n, there in columns if there] == labels


@pytest.mark.parametrize("variant", SHOWN)
def test_rows_sum_to_one_and_padding_gets_nothing(variant):
    config = VARIANTS[variant]
    model, batch = model_of(config), mixed_batch(config)
    for names in combinations_of(config):
        shown = model.attention(batch, names)
        someone = shown.mask.any(dim=1)
        for weights in shown.weights:
            assert weights.shape == (len(MIXED), config.heads, *[len(shown.modality)] * 2)
            torch.testing.assert_close(weights.sum(dim=-1), torch.ones(weights.shape[:-1]))
            padding = ~shown.mask[someone][:, None, None].expand_as(weights[someone])
            assert weights[someone][padding].abs().sum() == 0


def test_asking_for_weights_changes_nothing():
    model, batch = model_of(VARIANTS["depth 2, wide MLP"]), mixed_batch(VARIANTS["main"])
    before = model.embed(batch).raw
    model.train()
    try:
        shown = model.attention(batch, "audio+text")
        assert model.training
    finally:
        model.eval()
    assert set(shown.modality) == {"text", "audio"}
    assert not shown.weights[0].requires_grad
    assert all(torch.equal(raw, before[names]) for names, raw in model.embed(batch).raw.items())


def test_a_long_sound_has_a_column_for_each_token():
    config = VARIANTS["main"]
    batch = batch_of(config, random_items(config, [{"text": 2, "audio": 641}, {"text": 3}]))
    shown = model_of(config).attention(batch, "text+audio")
    assert shown.modality == ["text"] * 3 + ["audio"] * 11
    assert shown.position == [0, 1, 2, *range(11)]
    assert shown.mask.sum(dim=1).tolist() == [13, 3]


def test_modalities_that_never_meet_have_no_attention_between_them():
    config = VARIANTS["per modality"]
    with pytest.raises(ValueError, match="transformer_per_modality"):
        model_of(config).attention(mixed_batch(config), "text+video")


def test_attention_over_what_the_batch_lacks_is_named():
    batch = mixed_batch(small())
    del batch["audio"]
    with pytest.raises(ValueError, match="no audio"):
        model_of(small()).attention(batch, "video+audio")
