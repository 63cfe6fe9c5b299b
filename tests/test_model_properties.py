"""What must never change a result: padding, the other items, order, and what else is asked for."""

from __future__ import annotations

import copy
from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from mmlab.model import FusionModel, ModelConfig
from mmlab.types import Batch, Tokens, all_combinations
from tests.small_models import (
    VARIANTS,
    Lengths,
    batch_of,
    mixed_batch,
    model_of,
    random_items,
    repeatable,
)

COVERED = [
    "main",
    "class token, depth 2",
    "no transformer",
    "positions, class token, depth 2",
    "shortened: average",
    "per modality, depth 2",
    "masking token, everything",
    "audio v1",
    "four modalities",
]
WITHOUT_ORDER = ["main", "class token, depth 2", "per modality, depth 2", "masking token"]
WITHOUT_STAND_IN = [name for name in COVERED if not VARIANTS[name].masking_token]

variants = st.sampled_from(COVERED)
garbage = st.sampled_from([0.0, 1e30, -7.0, torch.nan, torch.inf])
seeds = st.integers(0, 2**32)
item_lengths = st.fixed_dictionaries(
    {
        "text": st.integers(0, 5),
        "video": st.integers(0, 4),
        "audio": st.just(0) | st.integers(1, 200),
        "depth": st.integers(0, 3),
    }
).filter(lambda item: item["text"] + item["video"] + item["audio"] > 0)
batch_lengths = st.lists(item_lengths, min_size=1, max_size=4)


def random_batch(config: ModelConfig, lengths: list[Lengths]) -> dict[str, Tokens]:
    return batch_of(config, random_items(config, lengths))


def with_padding(tokens: Tokens, columns: int, fill: float) -> Tokens:
    """More columns at the end; every masked value becomes `fill`."""
    values = torch.nn.functional.pad(tokens.values, (0, 0, 0, columns))
    mask = torch.nn.functional.pad(tokens.mask, (0, columns))
    return Tokens(values.masked_fill(~mask[..., None], fill), mask)


def assert_same(found: dict, expected: dict) -> None:
    assert found.keys() == expected.keys()
    for names, vectors in expected.items():
        torch.testing.assert_close(found[names], vectors, atol=1e-5, rtol=1e-5)


@repeatable
@given(variants, batch_lengths, st.data())
def test_padding_at_the_end_and_what_lies_in_it(variant, lengths, data):
    config = VARIANTS[variant]
    batch = random_batch(config, lengths)
    padded = {
        name: with_padding(tokens, data.draw(st.integers(0, 70)), data.draw(garbage))
        for name, tokens in batch.items()
    }
    model = model_of(config)
    assert_same(model.embed(padded).raw, model.embed(batch).raw)


@repeatable
@given(variants, batch_lengths, st.randoms(use_true_random=False))
def test_order_of_the_items(variant, lengths, random):
    config = VARIANTS[variant]
    batch, order = random_batch(config, lengths), list(range(len(lengths)))
    random.shuffle(order)
    shuffled = {name: Tokens(t.values[order], t.mask[order]) for name, t in batch.items()}
    model = model_of(config)
    expected = {names: raw[order] for names, raw in model.embed(batch).raw.items()}
    assert_same(model.embed(shuffled).raw, expected)


@repeatable
@given(variants, batch_lengths)
def test_the_other_items_of_the_batch(variant, lengths):
    config = VARIANTS[variant]
    items, model = random_items(config, lengths), model_of(config)
    together = model.embed(batch_of(config, items)).raw
    for row, item in enumerate(items):
        expected = {names: raw[[row]] for names, raw in together.items()}
        assert_same(model.embed(batch_of(config, [item])).raw, expected)


@repeatable
@given(st.sampled_from(WITHOUT_ORDER), batch_lengths, seeds)
def test_order_of_tokens_without_positions(variant, lengths, seed):
    config, generator = VARIANTS[variant], torch.Generator().manual_seed(seed)
    items = random_items(config, lengths)
    shuffled = [
        {
            name: own if name == "audio" else own[torch.randperm(len(own), generator=generator)]
            for name, own in item.items()
        }
        for item in items
    ]
    model = model_of(config)
    expected = model.embed(batch_of(config, items)).raw
    assert_same(model.embed(batch_of(config, shuffled)).raw, expected)


def with_holes(own: torch.Tensor, places: list[int], fill: float) -> Tokens:
    """One item with a masked token before each of the places."""
    values, mask = list(own), [True] * len(own)
    for place in places:
        values.insert(place, torch.full(own.shape[1:], fill))
        mask.insert(place, False)
    return Tokens(torch.stack(values)[None], torch.tensor([mask]))


@repeatable
@given(variants, item_lengths, st.lists(st.integers(0, 70), min_size=1, max_size=4), garbage)
def test_a_hole_in_a_mask_is_no_token(variant, lengths, places, fill):
    config = VARIANTS[variant]
    item = random_items(config, [lengths])[0]
    batch = batch_of(config, [item])
    holed = {name: with_holes(own, places, fill) for name, own in item.items()}
    holed["audio"] = batch["audio"]  # a hole in sound is silence between two frames
    model = model_of(config)
    assert_same(model.embed(holed).raw, model.embed(batch).raw)


@repeatable
@given(st.sampled_from(WITHOUT_STAND_IN), item_lengths)
def test_what_an_item_lacks_takes_no_part(variant, lengths):
    config = VARIANTS[variant]
    batch, model = random_batch(config, [lengths]), model_of(config)
    there = [name for name in config.names if lengths[name]]
    found = model.embed(batch)
    alone = model.embed({name: batch[name] for name in there})
    for names in all_combinations(config.names):
        left = tuple(name for name in names if name in there)
        expected = alone.vectors[left] if left else torch.zeros_like(found.vectors[names])
        torch.testing.assert_close(found.vectors[names], expected, atol=1e-5, rtol=1e-5)


@repeatable
@given(variants, batch_lengths, st.data())
def test_what_else_is_asked_for(variant, lengths, data):
    config = VARIANTS[variant]
    every = all_combinations(config.names)
    asked = data.draw(st.lists(st.sampled_from(every), min_size=1, unique=True))
    batch, model = random_batch(config, lengths), model_of(config)
    together = model.embed(batch).raw
    assert_same(model.embed(batch, asked).raw, {names: together[names] for names in asked})


def test_modalities_in_any_order_of_the_batch_s_dictionary():
    config = VARIANTS["four modalities"]
    batch, model = mixed_batch(config), model_of(config)
    turned = dict(reversed(batch.items()))
    assert_same(model.embed(turned).raw, model.embed(batch).raw)
    names = ["audio+text", ("depth", "video")]
    assert list(model.embed(turned, names).raw) == [("text", "audio"), ("video", "depth")]


def bits(batch: Batch) -> list[torch.Tensor]:
    """A copy that compares equal also where there is NaN."""
    return [t.values.clone().view(torch.int32) for t in batch.values()] + [
        t.mask.clone() for t in batch.values()
    ]


@pytest.mark.parametrize("variant", COVERED)
def test_the_caller_s_tensors_are_left_alone(variant):
    model = copy.deepcopy(model_of(VARIANTS[variant]))
    batch = {
        name: with_padding(tokens, 3, torch.nan)
        for name, tokens in mixed_batch(model.config).items()
    }
    before = bits(batch)
    model.embed(batch)
    model.train()(batch).raw[("text",)].sum().backward()
    if not model.config.transformer_per_modality:
        model.attention(batch, "text+audio")
    assert all(torch.equal(one, other) for one, other in zip(bits(batch), before, strict=True))


def in_training(config: ModelConfig, batch: Batch) -> tuple[dict, dict]:
    """What a fresh copy of the model says of a batch in training, and its running statistics."""
    model: FusionModel = copy.deepcopy(model_of(config)).train()
    raw = {names: own.detach() for names, own in model(batch).raw.items()}
    return raw, {n: value for n, value in model.named_buffers() if "running" in n}


@repeatable
@given(variants, st.lists(item_lengths, max_size=3), st.data())
def test_padding_in_training(variant, lengths, data):
    config = VARIANTS[variant]
    batch = random_batch(config, [{"text": 3, "audio": 130}, *lengths])
    padded = {
        name: with_padding(tokens, data.draw(st.integers(0, 70)), data.draw(garbage))
        for name, tokens in batch.items()
    }
    for found, expected in zip(
        in_training(config, padded), in_training(config, batch), strict=True
    ):
        assert_same(found, expected)


def test_the_published_model_hears_its_padding():
    published = VARIANTS["as published"]
    batch = mixed_batch(published)
    longer = {**batch, "audio": with_padding(batch["audio"], 64, 0.0)}
    found, expected = (model_of(published).embed(one).raw[("audio",)] for one in (longer, batch))
    assert (found - expected).abs().max() > 1e-3
    encoder = replace(published.modalities[2].encoder, mask_padding=True)
    audio = replace(published.modalities[2], encoder=encoder)
    model = model_of(replace(published, modalities=(*published.modalities[:2], audio)))
    assert_same(model.embed(longer).raw, model.embed(batch).raw)
