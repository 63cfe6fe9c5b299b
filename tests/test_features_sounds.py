"""CLAP and AST: windows and tokens against the slow definitions."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from mmlab.features.backbone import SoundBackbone
from mmlab.features.registry import load_sound_backbone
from mmlab.features.sounds import sound_windows
from tests.tiny_models import SOUND_MODELS, noise, save_models

transformers = pytest.importorskip("transformers")


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Tiny models, each in a folder of its name."""
    return save_models(tmp_path_factory.mktemp("models"), SOUND_MODELS)


@pytest.mark.parametrize("name", SOUND_MODELS)
def test_sound_tokens_do_not_depend_on_how_the_file_is_read(folders, name):
    backbone = load_sound_backbone(str(folders / name), "cpu")
    assert isinstance(backbone, SoundBackbone)
    assert backbone.width == SOUND_MODELS[name][2]
    sound = noise(7.3, backbone.sample_rate)
    whole = backbone.extract([sound])
    assert len(whole) == np.ceil(7.3 * backbone.tokens_per_second)
    assert (whole.dtype, np.isfinite(whole).all()) == (np.float32, True)
    np.testing.assert_allclose(np.linalg.norm(whole, axis=1), 1, rtol=1e-5)
    assert np.abs(np.diff(whole, axis=0)).max(axis=1).min() > 1e-4
    generator = np.random.default_rng(4)
    for count in (1, 3, 40):
        cuts = np.sort(generator.integers(0, len(sound), count))
        np.testing.assert_array_equal(backbone.extract(np.split(sound, cuts)), whole)


@pytest.mark.parametrize("name", SOUND_MODELS)
def test_short_and_empty_sounds(folders, name):
    backbone = load_sound_backbone(str(folders / name), "cpu")
    rate, each = backbone.sample_rate, 1 / backbone.tokens_per_second
    assert backbone.extract([]).shape == (0, backbone.width)
    assert backbone.extract([np.zeros(0, np.float32)]).shape == (0, backbone.width)
    for seconds, expected in ((0.001, 1), (each, 1), (each + 0.05, 1), (each + 0.2, 2)):
        assert len(backbone.extract([noise(seconds, rate)])) == expected, seconds
    broken = np.full(rate, np.nan, np.float32)
    silent = np.zeros(rate, np.float32)
    np.testing.assert_array_equal(backbone.extract([broken]), backbone.extract([silent]))


def test_clap_hears_two_seconds_repeated_by_its_own_processor(folders):
    backbone = load_sound_backbone(str(folders / "clap"), "cpu")
    sound = noise(4, 48_000)
    model = transformers.ClapModel.from_pretrained(folders / "clap").eval()
    extractor = transformers.ClapFeatureExtractor.from_pretrained(folders / "clap")
    expected = []
    for start in (0, 2):
        part = sound[start * 48_000 : (start + 2) * 48_000]
        inputs = extractor(np.tile(part, 5), sampling_rate=48_000, return_tensors="pt")
        with torch.inference_mode():
            expected.append(model.get_audio_features(**inputs).pooler_output[0].numpy())
    np.testing.assert_allclose(backbone.extract([sound]), expected, atol=1e-4)


def test_ast_tokens_are_means_over_the_patches_of_each_second(folders):
    """Windows of 324 frames start every 3 s; a patch is 16 frames wide, one every 10 frames."""
    backbone = load_sound_backbone(str(folders / "ast"), "cpu")
    sound = noise(5, 16_000)
    model = transformers.ASTModel.from_pretrained(folders / "ast").eval()
    extractor = transformers.ASTFeatureExtractor.from_pretrained(folders / "ast")
    expected = []
    for start, seconds in ((0, 3), (3, 2)):
        window = sound[start * 16_000 : start * 16_000 + 323 * 160 + 400]
        inputs = extractor(window, sampling_rate=16_000, return_tensors="pt")
        with torch.inference_mode():
            patches = model(**inputs).last_hidden_state[0, 2:].reshape(2, 31, 16)
        for second in range(seconds):
            near = [i for i in range(31) if second <= (10 * i + 8) / 100 < second + 1]
            expected.append(F.normalize(patches[:, near].mean(dim=(0, 1)), dim=0).numpy())
    np.testing.assert_allclose(backbone.extract([sound]), expected, atol=1e-5)


def test_sound_windows_by_the_slow_definition():
    generator = np.random.default_rng(0)
    for _ in range(200):
        samples = generator.normal(size=generator.integers(0, 60)).astype(np.float32)
        hop, rest = int(generator.integers(1, 12)), int(generator.integers(0, 4))
        span = hop + int(generator.integers(0, 5))
        starts = [s for s in range(0, 60, hop) if len(samples) - s > (rest if s else 0)]
        expected = [samples[start : start + span] for start in starts]
        blocks = np.split(samples, np.sort(generator.integers(0, len(samples) + 1, 3)))
        windows = list(sound_windows(blocks, span, hop, rest))
        assert len(windows) == len(expected)
        for window, slow in zip(windows, expected, strict=True):
            np.testing.assert_array_equal(window, slow)
