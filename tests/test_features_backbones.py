"""The registry of backbones: whole files through networks, defaults, half precision, refusals."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from mmlab.extraction import Extractors, extract, feature_infos
from mmlab.features.backbone import PictureBackbone, SoundBackbone
from mmlab.features.pretrained import choose_device, load_part
from mmlab.features.registry import load_picture_backbone, load_sound_backbone
from tests.conftest import moving_square, tone, write_video
from tests.tiny_models import PICTURE_MODELS, SOUND_MODELS, frames, noise, save_models


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Tiny models, each in a folder of its name."""
    return save_models(tmp_path_factory.mktemp("models"), [*PICTURE_MODELS, *SOUND_MODELS])


@pytest.mark.parametrize("name", [*PICTURE_MODELS, *SOUND_MODELS])
def test_half_precision_as_on_a_gpu_gives_nearly_the_same(folders, name, monkeypatch):
    """bfloat16 has 8 bits: tokens of unit length turn by a few hundredths at most."""
    source = str(folders / name)
    if name in PICTURE_MODELS:
        backbone = load_picture_backbone(source, "cpu")
        blocks = [frames(2, len(backbone.frame_offsets))]
    else:
        backbone = load_sound_backbone(source, "cpu")
        blocks = [noise(3, backbone.sample_rate)]
    full = backbone.extract(blocks)

    @contextmanager
    def half(device: torch.device) -> Iterator[None]:
        with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
            yield

    monkeypatch.setattr("mmlab.features.pretrained.computing", half)
    tokens = backbone.extract(blocks)
    assert tokens.dtype == np.float32
    assert 0 < np.abs(tokens - full).max() < 0.06
    assert (tokens * full).sum(axis=1).min() > 0.99


def test_the_defaults_are_backbones_too():
    picture, sound = load_picture_backbone(), load_sound_backbone()
    assert isinstance(picture, PictureBackbone)
    assert isinstance(sound, SoundBackbone)
    assert (picture.width, sound.width) == (672, 40)


def test_a_file_goes_through_networks_to_tokens(folders, tmp_path):
    path = write_video(tmp_path / "a b.mp4", 4.6, picture=moving_square(), sound=tone())
    for picture, sound, counts in (("clip", "ast", (5, 5)), ("videomae", "clap", (3, 3))):
        extractors = Extractors(str(folders / picture), str(folders / sound), "cpu")
        infos, features = feature_infos(extractors), extract(path, extractors)
        for modality, count in zip(("video", "audio"), counts, strict=True):
            assert features.tokens[modality].shape == (count, infos[modality].width)
            assert infos[modality].source == str(folders / (picture, sound)[modality == "audio"])


# --- what is asked for wrongly


def test_none_and_unknown_sources(folders, tmp_path):
    assert load_picture_backbone("none") is None
    assert load_sound_backbone("none") is None
    with pytest.raises(ValueError, match="'audio-spectrogram-transformer', not a known picture"):
        load_picture_backbone(str(folders / "ast"))
    with pytest.raises(ValueError, match="is a 'clip', not a known sound network"):
        load_sound_backbone(str(folders / "clip"))
    with pytest.raises(ValueError, match="there is no such folder"):
        load_picture_backbone(str(tmp_path / "missing"))
    (tmp_path / "config.json").write_text("{not json")
    with pytest.raises(ValueError, match="cannot be loaded"):
        load_picture_backbone(str(tmp_path))


def test_a_name_that_cannot_be_had_says_how_to_mend_it(monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(ValueError, match="nobody/nothing: cannot be loaded .*hf download"):
        load_picture_backbone("nobody/nothing")


def test_the_cache_is_asked_before_the_network():
    calls = []

    class Factory:
        @staticmethod
        def from_pretrained(source: str, **options: Any) -> str:
            calls.append(options)
            if "local_files_only" in options:
                raise OSError("not in the cache")
            return f"downloaded {source}"

    assert load_part(Factory, "owner/name", backend="pil") == "downloaded owner/name"
    expected = {"trust_remote_code": False, "backend": "pil"}
    assert calls == [expected | {"local_files_only": True}, expected]


@pytest.mark.parametrize("source", ["not a name!", "", "a/b/c", "../models/clip"])
def test_what_cannot_be_a_name_is_refused_without_asking_the_network(source):
    with pytest.raises(ValueError, match="cannot be loaded|no such folder"):
        load_picture_backbone(source)


def test_a_file_is_not_a_model(tmp_path):
    (tmp_path / "film.mp4").write_bytes(b"anything")
    with pytest.raises(ValueError, match="is a file; give the folder"):
        load_picture_backbone(str(tmp_path / "film.mp4"))


def test_missing_weights_are_not_left_random(folders, tmp_path):
    from safetensors.torch import load_file, save_file

    for file in (folders / "dinov2").iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    weights = load_file(tmp_path / "model.safetensors")
    del weights["layernorm.weight"]
    save_file(weights, tmp_path / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ValueError, match=r"do not fit a Dinov2Model: layernorm\.weight"):
        load_picture_backbone(str(tmp_path))


def test_pickled_weights_and_damaged_files_are_refused(folders, tmp_path):
    for file in (folders / "dinov2").iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    content = (tmp_path / "model.safetensors").read_bytes()
    (tmp_path / "model.safetensors").write_bytes(content[: len(content) // 2])
    with pytest.raises(ValueError, match="cannot be loaded"):
        load_picture_backbone(str(tmp_path))
    (tmp_path / "model.safetensors").unlink()
    torch.save({}, tmp_path / "pytorch_model.bin")
    with pytest.raises(ValueError, match="only safetensors weights are read"):
        load_picture_backbone(str(tmp_path))


def test_backbones_are_loaded_once(folders):
    source = str(folders / "clip")
    assert load_picture_backbone(source, "cpu") is load_picture_backbone(source, "cpu")


def test_devices():
    assert choose_device("cpu").type == "cpu"
    assert choose_device("auto").type == ("cuda" if torch.cuda.is_available() else "cpu")
    with pytest.raises(ValueError, match="use 'auto' or 'cpu'"):
        choose_device("toaster")


def test_without_transformers_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(ImportError, match=r"pip install 'mmlab\[backbones\]'"):
        load_picture_backbone("openai/clip-vit-base-patch32")
