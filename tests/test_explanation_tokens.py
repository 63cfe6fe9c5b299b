"""When each token is, and clips without some tokens against clips cut by hand."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from mmlab.clip_features import ClipFeatures
from mmlab.explanation.tokens import fused_tokens, merged_seconds, shortened_seconds, token_seconds
from mmlab.model.config import ModalityConfig
from mmlab.model.shortening import shorten
from mmlab.types import Tokens, combination_name
from tests.small_models import VARIANTS, batch_of, model_of, random_items, small

ITEM = {"text": 3, "video": 2, "audio": 100, "depth": 2}
ASKED = [name for name, config in VARIANTS.items() if config.depth and "per" not in name]


def clip_of(config, lengths=ITEM):
    tokens = random_items(config, [lengths])[0]
    times = {
        name: np.stack([np.arange(len(own)), np.arange(len(own)) + 1], axis=1) / rate
        for name, own in tokens.items()
        if (rate := 100 if name == "audio" else 1) and name != "text"
    }
    return ClipFeatures("a clip", "a", 0.0, 2.0, "x y z", ["x", "y", "z"], tokens, times)


def embedded(config, clip, names):
    batch = batch_of(config, [clip.tokens])
    return model_of(config).embed(batch, [names]).vectors[names]


@pytest.mark.parametrize("name", ASKED)
def test_columns_are_those_of_the_models_attention(name):
    config = VARIANTS[name]
    clip = clip_of(config)
    tokens = fused_tokens(model_of(config), clip, config.names)
    told = model_of(config).attention(batch_of(config, [clip.tokens]), config.names)
    assert [told.modality[column] for column in tokens.columns] == tokens.modality
    assert [told.modality[column] for column in tokens.words] == ["text"] * len(tokens.words)
    real = int(told.mask.sum()) - int(config.class_token)
    assert len(tokens.words) + len(tokens.columns) == real
    torch.testing.assert_close(tokens.embed(), embedded(config, clip, config.names))


@pytest.mark.parametrize("missing", ["text", "video", "audio"])
@pytest.mark.parametrize("name", ["main", "class token", "masking token"])
def test_a_missing_modality_has_no_token(name, missing):
    config = VARIANTS[name]
    clip = clip_of(config, ITEM | {missing: 0})
    tokens = fused_tokens(model_of(config), clip, config.names)
    assert missing not in tokens.modality
    told = model_of(config).attention(batch_of(config, [clip.tokens]), config.names)
    assert [told.modality[column] for column in tokens.columns] == tokens.modality
    torch.testing.assert_close(tokens.embed(), embedded(config, clip, config.names))


@pytest.mark.parametrize("name", ["main", "depth 2, wide MLP", "class token", "four modalities"])
def test_without_tokens_it_is_the_clip_that_never_had_them(name):
    config = replace(
        VARIANTS[name],
        modalities=tuple(replace(one, encoder=None) for one in VARIANTS[name].modalities),
    )
    clip = clip_of(config, {"text": 3, "video": 4, "audio": 5, "depth": 2})
    tokens = fused_tokens(model_of(config), clip, config.names)
    kept = np.random.default_rng(0).random((9, len(tokens.modality))) > 0.5
    kept[0], kept[1] = True, np.array(tokens.modality) == "audio"
    found = tokens.embed_kept(kept)
    for row, mask in enumerate(kept):
        left = {
            one: own if one == "text" else own[mask[np.array(tokens.modality) == one]]
            for one, own in clip.tokens.items()
        }
        expected = embedded(config, replace(clip, tokens=left), config.names)
        torch.testing.assert_close(found[row], expected[0], atol=1e-5, rtol=0)


@pytest.mark.parametrize("name", ["main", "class token", "masking token", "as published"])
def test_each_token_alone_equals_keeping_only_it(name):
    config = VARIANTS[name]
    tokens = fused_tokens(model_of(config), clip_of(config), ("video", "audio"))
    one_by_one = tokens.embed_kept(np.eye(len(tokens.modality), dtype=bool))
    torch.testing.assert_close(tokens.embed_alone(), one_by_one, atol=1e-5, rtol=0)
    nothing = tokens.embed_kept(np.zeros((1, len(tokens.modality)), bool))
    assert nothing.any() == config.masking_token  # which stands in for what is not there


def test_training_mode_and_parameters_stay_as_they_were():
    config = small(dropout=0.5)
    model = model_of(config)
    model.train()
    model.encoders.eval()
    before = {name: module.training for name, module in model.named_modules()}
    tokens = fused_tokens(model, clip_of(config), ("video", "audio"))
    kept = np.ones((1, len(tokens.modality)), bool)
    torch.testing.assert_close(tokens.embed_kept(kept), tokens.embed_kept(kept))
    assert {name: module.training for name, module in model.named_modules()} == before
    model.eval()


def test_nothing_to_fuse_is_a_sentence():
    config = small()
    clip = clip_of(config, {"text": 3, "video": 0, "audio": 0})
    with pytest.raises(ValueError, match="a clip has no video and no audio"):
        fused_tokens(model_of(config), clip, ("video", "audio"))


def test_seconds_of_sound_tokens():
    config = small()
    clip = clip_of(config)
    seconds = token_seconds(model_of(config), clip, "audio")
    np.testing.assert_allclose(seconds, [[0, 0.64], [0.64, 1.0]])
    np.testing.assert_allclose(token_seconds(model_of(config), clip, "video"), [[0, 1], [1, 2]])
    assert merged_seconds(np.zeros((0, 2)), 64).shape == (0, 2)


@pytest.mark.parametrize("how", ["clip", "nearest", "max", "average"])
@pytest.mark.parametrize("count", [3, 4, 5, 7, 12, 13])
@pytest.mark.parametrize("whole_less", [0, 1])
def test_seconds_of_shortened_tokens(how, count, whole_less):
    """Tokens that hold their own numbers, shortened, tell which they came from."""
    limit, whole = 4, count - whole_less
    numbers = torch.arange(count, dtype=torch.float32)
    seconds = np.stack([numbers.numpy(), numbers.numpy() + 1], axis=1)
    modality = ModalityConfig("video", 2, max_tokens=limit, shorten=how)
    values = torch.stack([numbers, -numbers], dim=1)[None]  # the most and, as less, the least
    batch = Tokens(values, torch.ones(1, count, dtype=torch.bool))
    found = shortened_seconds(seconds, whole, modality)
    tokens = shorten(batch, torch.tensor([whole]), limit, how).values[0]
    if how == "average":  # of evenly spaced numbers the middle
        np.testing.assert_allclose(found.mean(axis=1) - 0.5, tokens[:, 0], atol=1e-5)
    else:
        np.testing.assert_allclose(found[:, 1] - 1, tokens[:, 0])
        np.testing.assert_allclose(found[:, 0], -tokens[:, 1])


def test_merged_tokens_cannot_be_removed():
    config = VARIANTS["shortened: average"]
    tokens = fused_tokens(model_of(config), clip_of(config, ITEM | {"video": 9}), ("video",))
    assert tokens.shortened == "video"
    assert len(tokens.modality) == 2
    for call in (tokens.embed_alone, lambda: tokens.embed_kept(np.ones((1, 2), bool))):
        with pytest.raises(ValueError, match="tokens of video cannot be removed"):
            call()
    assert combination_name(tokens.names) == "video"
