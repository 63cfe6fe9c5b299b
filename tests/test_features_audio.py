"""The audio front end against a direct transcription of its definition."""

from __future__ import annotations

import json
from pathlib import Path

import librosa
import numpy as np
import pytest

from mmlab.features import audio
from mmlab.features.audio import LogMel, log_mel, seconds_to_frame
from mmlab.features.backbone import SoundBackbone
from mmlab.media import SoundBlocks, read_audio
from tests.conftest import write_video

REFERENCE = Path(__file__).parents[1].parent / "shared" / "reference" / "data_and_metrics.npz"


def noise(samples: int) -> np.ndarray:
    return np.random.default_rng(0).normal(0, 0.1, samples).astype(np.float32)


def slow_log_mel(waveform: np.ndarray) -> np.ndarray:
    """Frame by frame, as the definition reads."""
    signal = waveform - waveform.mean()
    signal = np.append(signal[0], signal[1:] - 0.97 * signal[:-1])
    padded = np.pad(signal, 200, mode="reflect")
    window = 0.54 - 0.46 * np.cos(2 * np.pi * np.arange(400) / 399)
    filters = librosa.filters.mel(sr=16_000, n_fft=400, n_mels=40, fmin=20)
    power = np.array(
        [
            filters @ np.abs(np.fft.rfft(window * padded[start : start + 400])) ** 2
            for start in range(0, len(signal) + 1, 160)
        ]
    )
    decibel = 10 * np.log10(np.maximum(power, 1e-10) / power.max())
    return np.maximum(decibel, -80)


@pytest.mark.parametrize("samples", [16_000, 4_799, 4_800, 401, 250])
def test_log_mel_is_its_definition(samples):
    waveform = noise(samples)
    np.testing.assert_allclose(log_mel(waveform), slow_log_mel(waveform), atol=2e-3)


def test_blocks_change_nothing(monkeypatch):
    waveform = noise(20_000)
    whole = log_mel(waveform)
    monkeypatch.setattr(audio, "BLOCK_FRAMES", 7)
    np.testing.assert_allclose(log_mel(waveform), whole, atol=1e-4)


def librosa_log_mel(waveform: np.ndarray) -> np.ndarray:
    """The whole waveform at once, by librosa's own functions."""
    signal = librosa.effects.preemphasis(waveform - waveform.mean(), coef=0.97, zi=[0.0])
    power = librosa.feature.melspectrogram(
        y=signal,
        sr=16_000,
        n_fft=400,
        hop_length=160,
        window=np.hamming(400),
        pad_mode="reflect",
        n_mels=40,
        fmin=20,
    )
    return librosa.power_to_db(power, ref=np.max, top_db=80).T


@pytest.mark.parametrize("offset", [0.0, 0.3])
@pytest.mark.parametrize("length", [1, 7, 160, 201, 400, 1_000, 40_001])
def test_blocks_of_sound_give_what_the_whole_gives(length, offset):
    """A faint tone under noise that comes and goes, and a constant that must be taken off."""
    seconds = np.arange(40_001) / 16_000
    loudness = 0.1 * np.sin(seconds) ** 4 + 1e-5
    waveform = noise(40_001) * loudness + 0.01 * np.sin(6_000 * seconds) + offset
    waveform = waveform.astype(np.float32)
    blocks = [waveform[first : first + length] for first in range(0, len(waveform), length)]
    frames = LogMel().extract(blocks)
    np.testing.assert_allclose(frames, librosa_log_mel(waveform), atol=1e-3)
    np.testing.assert_allclose(frames, log_mel(waveform), atol=1e-3)


@pytest.mark.parametrize("samples", [1, 2, 159, 160, 199, 200, 201, 202, 399, 400, 560])
def test_short_sound_is_mirrored_as_numpy_does(samples):
    waveform = noise(samples) if samples > 1 else np.array([0.5], dtype=np.float32)
    halves = [waveform[: samples // 2], waveform[samples // 2 :]]
    frames = LogMel().extract(halves)
    assert frames.shape == (1 + samples // 160, 40)
    if samples > 1:
        np.testing.assert_allclose(frames, slow_log_mel(waveform), atol=2e-3)


def test_a_file_in_blocks_gives_what_it_gives_whole(tmp_path):
    hum = noise(16_000)
    path = write_video(tmp_path / "a.mp4", 5.0, sound=lambda seconds: np.resize(hum, len(seconds)))
    blocks = SoundBlocks(path, 16_000, block_seconds=0.7)
    np.testing.assert_allclose(
        LogMel().extract(blocks), librosa_log_mel(read_audio(path)), atol=1e-3
    )


def test_is_a_sound_backbone():
    backbone = LogMel()
    assert isinstance(backbone, SoundBackbone)
    assert (backbone.width, backbone.tokens_per_second) == (40, 100.0)
    assert backbone.extract([]).shape == (2, 40)


def test_range_shape_and_untouched_input():
    waveform = noise(32_000)
    before = waveform.copy()
    frames = log_mel(waveform)
    assert frames.shape == (201, 40)
    assert frames.dtype == np.float32
    assert frames.max() == 0
    assert frames.min() >= -80
    np.testing.assert_array_equal(waveform, before)


def test_silence_is_quiet_unless_as_published():
    silence = np.zeros(16_000, dtype=np.float32)
    assert (log_mel(silence) == -80).all()
    assert (log_mel(silence + 0.5) == -80).all()
    assert (log_mel(silence, published=True) == 0).all()


def test_nothing_counts_as_two_hundred_zeros():
    assert log_mel(np.empty(0, dtype=np.float32)).shape == (2, 40)


def test_a_tone_lights_the_band_of_its_pitch():
    seconds = np.arange(16_000) / 16_000
    low, high = (log_mel(np.sin(2 * np.pi * hertz * seconds)) for hertz in (300, 3000))
    centres = librosa.mel_frequencies(42, fmin=20, fmax=8000)[1:-1]
    assert abs(centres[low[20:80].mean(axis=0).argmax()] - 300) < 100
    assert abs(centres[high[20:80].mean(axis=0).argmax()] - 3000) < 200


def test_wrong_input_is_refused():
    with pytest.raises(ValueError, match="resample"):
        log_mel(noise(100), 44_100)
    with pytest.raises(ValueError, match="mix down"):
        log_mel(noise(100).reshape(2, 50))


def test_seconds_to_frame_known_values():
    assert [seconds_to_frame(seconds) for seconds in (0.0, 0.01, 1.0, 8.0)] == [0, 0, 98, 798]


@pytest.mark.skipif(not REFERENCE.exists(), reason=f"no {REFERENCE}")
def test_cutting_agrees_with_the_published_code():
    values = np.load(REFERENCE)
    cases = [case for case in json.loads(str(values["meta"])) if case["case"].startswith("audio/")]
    assert len(cases) == 3
    for case in cases:
        first, last = seconds_to_frame(case["start"]), seconds_to_frame(case["end"])
        cut = values["audio/mel_head"][:, first:last][:, : case["max_frames"]]
        assert cut.shape[1] == case["n_frames"]
        np.testing.assert_array_equal(cut, values[f"{case['case']}/spec"][:, : case["n_frames"]])
