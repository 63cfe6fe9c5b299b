"""Batches that no model can embed, each refused by name; and what looks bad but is not."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
import torch

from mmlab.types import Batch, Tokens, all_combinations
from tests.small_models import AUDIO, TEXT, VARIANTS, VIDEO, mixed_batch, model_of, small

MODEL = model_of(VARIANTS["main"])


def full_batch() -> dict[str, Tokens]:
    """Three items with everything."""
    return {
        name: Tokens(torch.randn(3, count, width), torch.ones(3, count, dtype=torch.bool))
        for name, count, width in (("text", 4, 5), ("video", 2, 7), ("audio", 100, 4))
    }


def changed(name: str, *, values=None, mask=None) -> Batch:
    """The full batch with one modality's values or mask replaced by what the function says."""
    batch = full_batch()
    own = batch[name]
    new_values = own.values if values is None else values(own.values.clone())
    new_mask = own.mask if mask is None else mask(own.mask.clone())
    return {**batch, name: Tokens(new_values, new_mask)}


def put(value: float, dtype: torch.dtype = torch.float32):
    """A function that writes the value into one real token."""

    def write(values: torch.Tensor) -> torch.Tensor:
        values = values.to(dtype)
        values[1, 1, 1] = value
        return values

    return write


def empty_item(batch: Batch) -> Batch:
    for tokens in batch.values():
        tokens.mask[1] = False
    return batch


BAD_BATCHES = {
    "too narrow": (changed("video", values=lambda v: v[..., :5]), ["video", "width 5", "7"]),
    "too wide": (
        changed("audio", values=lambda v: v.repeat(1, 1, 10)),
        ["audio", "width 40", "expected 4"],
    ),
    "short mask": (
        changed("text", mask=lambda m: m[:, :3]),
        ["text", re.escape("(3, 4, 5)"), re.escape("(3, 3)")],
    ),
    "long audio mask": (
        changed("audio", mask=lambda m: m.repeat(1, 2)),
        ["audio", re.escape("(3, 200)")],
    ),
    "mask of fewer items": (changed("text", mask=lambda m: m[:2]), ["text", re.escape("(2, 4)")]),
    "mask (B, N, 1)": (changed("text", mask=lambda m: m[..., None]), ["text", "mask"]),
    "float mask": (changed("video", mask=lambda m: m.float()), ["video", "bool", "float32"]),
    "integer mask": (changed("video", mask=lambda m: m.long()), ["video", "bool", "int64"]),
    "2-D values": (changed("text", values=lambda v: v[:, 0]), ["text", re.escape("(3, 5)")]),
    "4-D values": (changed("text", values=lambda v: v[..., None]), ["text", "values"]),
    "NaN": (changed("text", values=put(torch.nan)), ["text", "NaN"]),
    "infinity": (changed("video", values=put(torch.inf)), ["video", "infinite"]),
    "minus infinity in sound": (changed("audio", values=put(-torch.inf)), ["audio", "infinite"]),
    "infinity in float16": (
        changed("text", values=put(torch.inf, torch.float16)),
        ["text", "infinite"],
    ),
    "an item without anything": (empty_item(full_batch()), [re.escape("[1]"), "text", "audio"]),
    "fewer items": (
        {**full_batch(), "video": Tokens(torch.ones(2, 1, 7), torch.ones(2, 1).bool())},
        ["'text': 3", "'video': 2", "same number of items"],
    ),
    "an unknown modality": ({**full_batch(), "smell": full_batch()["text"]}, ["smell", "text"]),
    "no modality": ({}, ["modality"]),
}


@pytest.mark.parametrize("case", BAD_BATCHES)
def test_a_bad_batch_is_named(case):
    batch, words = BAD_BATCHES[case]
    for refuse in (MODEL, MODEL.embed):
        with pytest.raises(ValueError, match=words[0]) as raised:
            refuse(batch)
        for word in words:
            assert re.search(word, str(raised.value)), (word, str(raised.value))


BAD_COMBINATIONS = {
    "unknown": (["text", "video+smell"], "video.smell"),
    "a modality twice": (["text+text"], "text.text"),
    "empty": ([()], "one or more"),
    "twice": (["video+audio", "video+audio"], r"twice.*video\+audio"),
    "twice in another order": (["audio+video", ("video", "audio")], r"twice.*audio\+video"),
    "not in the batch": (["text", "text+audio"], "no audio.*text.*video"),
}


@pytest.mark.parametrize("case", BAD_COMBINATIONS)
def test_a_bad_combination_is_named(case):
    combinations, message = BAD_COMBINATIONS[case]
    batch = full_batch()
    if case == "not in the batch":
        del batch["audio"]
    with pytest.raises(ValueError, match=message):
        MODEL.embed(batch, combinations)
    with pytest.raises(ValueError, match=message.removeprefix("twice.*")):
        MODEL.embed(batch, [*combinations, "text"] if "twice" in case else combinations)


@pytest.mark.parametrize("name", ["smell", "text+smell", ""])
def test_attention_in_an_unknown_combination_is_named(name):
    with pytest.raises(ValueError, match="text, video, audio"):
        MODEL.attention(full_batch(), name)


def test_bad_values_under_a_false_mask_are_nobody_s_business():
    for name in ("text", "video", "audio"):
        batch = changed(name, values=put(torch.nan))
        batch[name].mask[1, 1:] = False
        assert all(raw.isfinite().all() for raw in MODEL.embed(batch).raw.values())


def test_float16_features_whose_sums_overflow():
    batch = mixed_batch(small())
    half = {
        name: Tokens((tokens.values.sign() * 65504).half(), tokens.mask)
        for name, tokens in batch.items()
    }
    assert not half["text"].values.sum(dim=-1).isfinite().all()
    single = {name: Tokens(tokens.values.float(), tokens.mask) for name, tokens in half.items()}
    found, expected = MODEL.embed(half).raw, MODEL.embed(single).raw
    for names, raw in found.items():
        assert raw.dtype == torch.float32
        assert raw.isfinite().all()
        assert torch.equal(raw, expected[names])


@pytest.mark.parametrize("name", ["text", "video", "audio"])
@pytest.mark.parametrize("variant", ["main", "masking token", "class token, depth 2"])
def test_a_modality_without_a_column_is_one_that_everybody_lacks(variant, name):
    model, batch = model_of(VARIANTS[variant]), full_batch()
    lacking = Tokens(batch[name].values, torch.zeros_like(batch[name].mask))
    nothing = Tokens(batch[name].values[:, :0], batch[name].mask[:, :0])
    expected = model.embed({**batch, name: lacking}).raw
    found = model.embed({**batch, name: nothing}).raw
    for names in all_combinations():
        torch.testing.assert_close(found[names], expected[names], atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("depth", [0, 1, 2])
@pytest.mark.parametrize("per_modality", [False, True])
def test_a_combination_that_nobody_has(depth, per_modality):
    model = model_of(small(depth=depth, transformer_per_modality=per_modality))
    batch = full_batch()
    batch["audio"].mask[:] = False
    embeddings = model.embed(batch, ["audio"])
    assert embeddings.raw[("audio",)].shape == (3, 8)
    assert embeddings.raw[("audio",)].abs().sum() == 0
    assert not embeddings.present["audio"].any()


def test_a_batch_of_a_single_modality_and_one_of_two():
    for names in (["text"], ["video", "audio"], ["audio"]):
        batch = {name: own for name, own in full_batch().items() if name in names}
        assert list(MODEL.embed(batch).raw) == all_combinations(names)


def test_a_modality_beyond_the_first_three_is_checked_alike():
    model = model_of(small(TEXT, VIDEO, AUDIO, replace(TEXT, name="gloss", width=3)))
    batch = {**full_batch(), "gloss": full_batch()["text"]}
    with pytest.raises(ValueError, match="gloss has width 5, expected 3"):
        model(batch)
