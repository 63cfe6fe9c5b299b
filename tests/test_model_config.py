"""Configurations as JSON, and those that make no model."""

import json
from dataclasses import FrozenInstanceError, fields, replace

import pytest

from mmlab.model import AudioEncoderConfig, FusionModel, ModalityConfig, ModelConfig
from tests.small_models import AUDIO, TEXT, VARIANTS, VIDEO, model_of, small

PRESETS = {
    "paper": ModelConfig.paper(),
    "S3D": ModelConfig.paper_s3d(),
    "CLIP": ModelConfig.paper_clip(),
    "sample": ModelConfig.sample(video_width=384, text_width=300),
    "published": ModelConfig.sample(video_width=384, text_width=300).as_published(),
    "v1": replace(
        ModelConfig.paper(),
        modalities=(TEXT, ModalityConfig("audio", 40, AudioEncoderConfig.v1(), 48, "max")),
    ),
}


@pytest.mark.parametrize("config", [*PRESETS.values(), *VARIANTS.values()])
def test_json_there_and_back(config):
    text = config.to_json()
    read = ModelConfig.from_json(text)
    assert read == config
    assert hash(read) == hash(config)
    assert read.to_json() == text
    assert set(json.loads(text)) == {field.name for field in fields(ModelConfig)}


def test_the_main_model_is_the_paper_s():
    config = ModelConfig.paper()
    assert config.names == ("text", "video", "audio")
    assert (config.token_width, config.depth, config.heads, config.mlp_ratio) == (4096, 1, 64, 1.0)
    assert config.projection_width == 6144
    audio = config.modalities[2]
    assert (audio.width, audio.token_width, audio.encoder.frames_per_token) == (40, 4096, 64)
    assert AudioEncoderConfig.v1().frames_per_token == 16
    assert AudioEncoderConfig.v2() == AudioEncoderConfig()


def test_as_published_stands_in_for_what_is_missing_and_hears_padding():
    published = PRESETS["sample"].as_published()
    assert published.masking_token
    assert not published.modalities[2].encoder.mask_padding
    assert PRESETS["sample"].modalities[2].encoder.mask_padding
    assert published.as_published() == published


def test_a_configuration_cannot_be_changed():
    for config in (small(), TEXT, AUDIO.encoder):
        with pytest.raises(FrozenInstanceError):
            config.width = 3


BAD_MODELS = {
    "heads that do not divide": (lambda: small(heads=3), "token_width 16.*3"),
    "no heads": (lambda: small(heads=0), "heads"),
    "negative heads": (lambda: small(heads=-2), "heads"),
    "negative depth": (lambda: small(depth=-1), "depth"),
    "no width": (lambda: small(token_width=0), "token_width"),
    "no projection width": (lambda: small(projection_width=0), "projection_width"),
    "an MLP without width": (lambda: small(mlp_ratio=0.0), "mlp_ratio"),
    "negative MLP": (lambda: small(mlp_ratio=-1.0), "mlp_ratio"),
    "dropout above 1": (lambda: small(dropout=1.5), "dropout"),
    "token projection": (lambda: small(token_projection="gatd"), "token_projection.*gated.*'gatd'"),
    "projection": (lambda: small(projection="none"), "projection.*linear.*'none'"),
    "class token": (lambda: small(class_token=True), "class_token needs shared_projection"),
    "positions": (lambda: small(positions=True), "positions needs max_tokens.*text"),
    "no modality": (lambda: ModelConfig(()), "modalities"),
    "a name twice": (lambda: small(TEXT, TEXT), "different names.*text"),
    "shortening": (lambda: replace(TEXT, shorten="median"), "text: shorten.*average.*'median'"),
    "feature width": (lambda: replace(VIDEO, width=0), "video: width"),
    "no tokens": (lambda: replace(VIDEO, max_tokens=0), "video: .*max_tokens"),
    "stages": (lambda: AudioEncoderConfig(widths=(4, 4), blocks=(1, 1)), "2 stages.*2 widths"),
    "even kernel": (lambda: AudioEncoderConfig(kernel_frames=8), "kernel_frames.*8"),
    "negative kernel": (lambda: AudioEncoderConfig(kernel_frames=-1), "kernel_frames.*-1"),
    "a stage without block": (lambda: AudioEncoderConfig((4, 4), (0,)), "blocks"),
    "a stage without width": (lambda: AudioEncoderConfig((4, 0), (1,)), "widths"),
    "a name with a plus": (lambda: small(replace(TEXT, name="a+b")), r"a\+b"),
    "a name with a dot": (lambda: FusionModel(small(replace(TEXT, name="a.b"))), r"a\.b"),
    "no name": (lambda: FusionModel(small(replace(TEXT, name=""))), "name"),
    "a name of the model's own": (lambda: small(TEXT, replace(VIDEO, name="shared")), "shared"),
}


@pytest.mark.parametrize("case", BAD_MODELS)
def test_a_configuration_of_no_model_is_named(case):
    make, message = BAD_MODELS[case]
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize("name", ["depth2", "left ear", "values", "type", "train", "masking_token"])
def test_a_word_names_a_modality_or_is_refused_by_name(name):
    """Torch's containers keep some words for themselves."""
    refusal = ""
    try:
        model_of(small(TEXT, replace(VIDEO, name=name)))
    except ValueError as error:
        refusal = str(error)
    assert not refusal or name in refusal


def edited(**changes) -> str:
    return json.dumps({**json.loads(small().to_json()), **changes})


def edited_audio(**changes) -> str:
    modality = json.loads(small(AUDIO).to_json())["modalities"][0]
    return edited(modalities=[{**modality, "encoder": {**modality["encoder"], **changes}}])


BAD_TEXTS = {
    "an unknown field": (edited(attention_heads=4), "attention_heads"),
    "an unknown field of a modality": (
        edited(modalities=[{"name": "text", "width": 3, "hop": 160}]),
        "hop",
    ),
    "an unknown field of an encoder": (edited_audio(layers=3), "layers"),
    "a missing field": (edited(modalities=[{"name": "text"}]), "width"),
    "no modalities": ('{"token_width": 16}', "modalities"),
    "a bad value": (edited(projection="none"), "projection.*'none'"),
    "a number as text": (edited(heads="two"), "configuration"),
    "modalities that are names": (edited(modalities=["text", "video"]), "configuration"),
    "a list": ("[1, 2]", "configuration"),
    "nothing": ("null", "configuration"),
    "no JSON": ("{heads: 2", "Expecting"),
}


@pytest.mark.parametrize("case", BAD_TEXTS)
def test_a_text_that_is_no_configuration_is_named(case):
    text, message = BAD_TEXTS[case]
    with pytest.raises(ValueError, match=message):
        ModelConfig.from_json(text)
