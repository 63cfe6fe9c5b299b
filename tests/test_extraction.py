"""From a file to features: streamed, the same as from the whole file in memory."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest

from mmlab import extraction
from mmlab.extraction import Extractors, decibels_per_second, extract, feature_infos, token_count
from mmlab.features.audio import log_mel
from mmlab.features.video import describe
from mmlab.media import MediaError, probe, read_audio, read_frames
from tests.conftest import grey_clock, moving_square, tone, write_video

REAL_CLIPS = Path(__file__).parents[1].parent / "shared" / "real" / "clips"
real_clips = sorted(path for path in REAL_CLIPS.glob("*") if path.suffix != ".tsv")
needs_real_clips = pytest.mark.skipif(not real_clips, reason=f"no real clips in {REAL_CLIPS}")

SOUND_ONLY, PICTURE_ONLY = Extractors(video="none"), Extractors(audio="none")


@pytest.fixture(scope="module")
def film(tmp_path_factory) -> Path:
    """Five seconds of picture and sound."""
    path = tmp_path_factory.mktemp("film") / "film.mp4"
    return write_video(path, 5.0, picture=moving_square(), sound=tone())


def test_tokens_are_those_of_the_whole_file_in_memory(film):
    features = extract(film)
    seconds = np.arange(5)[:, None] + np.arange(9) / 8
    pictures = read_frames(film, seconds.ravel(), size=(144, 96)).reshape(5, 9, 96, 144, 3)
    np.testing.assert_array_equal(features.tokens["video"], describe(pictures))
    np.testing.assert_allclose(features.tokens["audio"], log_mel(read_audio(film)), atol=1e-3)
    brightness = pictures.mean(axis=(1, 2, 3, 4)) / 255
    np.testing.assert_allclose(features.levels["brightness"], brightness, atol=1e-4)
    info = probe(film)
    assert (features.width, features.height) == (info.width, info.height) == (128, 96)
    assert features.duration_seconds == info.duration_seconds
    assert features.frames_per_second == pytest.approx(25, abs=0.1)


def test_blocks_of_any_size_give_the_same(film, monkeypatch):
    whole = extract(film)
    monkeypatch.setattr(extraction, "BLOCK_BYTES", 1)
    monkeypatch.setattr(extraction, "BLOCK_SECONDS", 1)
    monkeypatch.setattr(extraction, "KEPT_SECONDS", 0)
    pieces = extract(film)
    for name, tokens in (whole.tokens | whole.levels).items():
        np.testing.assert_allclose((pieces.tokens | pieces.levels)[name], tokens, atol=1e-3)


@pytest.mark.parametrize("kept_seconds", [0, 600])
def test_progress_rises_to_one(film, monkeypatch, kept_seconds):
    monkeypatch.setattr(extraction, "BLOCK_BYTES", 1)
    monkeypatch.setattr(extraction, "BLOCK_SECONDS", 1)
    monkeypatch.setattr(extraction, "KEPT_SECONDS", kept_seconds)
    told: list[float] = []
    extract(film, on_progress=told.append)
    assert len(told) >= 10
    assert told == sorted(told)
    assert 0 < told[0] < 0.2
    assert told[-1] == 1.0


def test_short_sound_is_decoded_once_and_long_sound_for_every_look(film, monkeypatch):
    decoded = []

    class Counted(extraction.SoundBlocks):
        def __iter__(self):
            decoded.append(self.path)
            return super().__iter__()

    monkeypatch.setattr(extraction, "SoundBlocks", Counted)
    extract(film, SOUND_ONLY)
    assert len(decoded) == 1
    monkeypatch.setattr(extraction, "KEPT_SECONDS", 1)
    extract(film, SOUND_ONLY)
    assert len(decoded) == 3


def test_infos_tell_what_is_extracted(film):
    features, infos = extract(film), feature_infos()
    assert set(infos) == set(features.tokens) == {"video", "audio"}
    for modality, info in infos.items():
        assert features.tokens[modality].shape[1] == info.width
        assert info.source == "default"
    assert infos["video"].tokens_per_second == 1.0
    assert infos["audio"].tokens_per_second == 100.0
    assert set(feature_infos(SOUND_ONLY)) == {"audio"}
    assert pickle.loads(pickle.dumps(SOUND_ONLY)) == SOUND_ONLY


def test_one_modality_may_be_left_out(film, media_folder):
    assert set(extract(film, SOUND_ONLY).tokens) == {"audio"}
    assert set(extract(film, PICTURE_ONLY).tokens) == {"video"}
    with pytest.raises(ValueError, match="both 'none'"):
        extract(film, Extractors("none", "none"))
    with pytest.raises(MediaError, match="neither picture nor sound that is asked for"):
        extract(media_folder / "only sound.mp4", PICTURE_ONLY)


@pytest.mark.parametrize(
    ("duration", "rate", "count"),
    [(0.04, 1, 1), (1.0, 1, 1), (1.1, 1, 1), (1.11, 1, 2), (3.0, 1.5, 5), (8.0, 0.5, 4)],
)
def test_a_token_for_every_begun_step(duration, rate, count):
    assert token_count(duration, rate) == count


def test_one_video_token_per_begun_second(tmp_path):
    lengths = {
        seconds: len(
            extract(write_video(tmp_path / "a.mp4", seconds, picture=moving_square())).tokens[
                "video"
            ]
        )
        for seconds in (0.2, 1.0, 1.04, 1.4)
    }
    assert lengths == {0.2: 1, 1.0: 1, 1.04: 1, 1.4: 2}


class Overlapping:
    """Tokens of 1 s, two in a second, that are the mean grey of their frames."""

    name, width, tokens_per_second, window_seconds = "greys", 3, 2.0, 1.0
    frame_offsets = (0.0, 0.375, 0.875)

    def frame_size(self, width: int, height: int) -> tuple[int, int]:
        return width // 2, height // 2

    def extract(self, blocks):
        return np.concatenate([block.mean(axis=(2, 3, 4)) for block in blocks]).astype(np.float32)


def test_any_rate_and_overlapping_windows(tmp_path, monkeypatch):
    path = write_video(tmp_path / "clock.mp4", 3.0, picture=grey_clock())
    monkeypatch.setattr(extraction, "load_picture_backbone", lambda *_: Overlapping())
    monkeypatch.setattr(extraction, "BLOCK_BYTES", 20_000)
    tokens = extract(path).tokens["video"]
    seconds = np.arange(6)[:, None] / 2 + np.array(Overlapping.frame_offsets)
    np.testing.assert_allclose(tokens, 20 + 20 * seconds.clip(max=2.96), atol=2.5)


def test_loudness_is_the_root_mean_square_of_every_second():
    second = np.full(100, 0.5, dtype=np.float32)
    samples = np.concatenate([second, 0 * second, -second[:10]])
    np.testing.assert_allclose(decibels_per_second(samples, 100), [-6.0206, -100, -6.0206], 1e-4)
    assert decibels_per_second(samples[:0], 100).shape == (0,)


def test_levels_tell_a_dark_and_silent_file(tmp_path):
    dark = grey_clock(seconds_to_grey=0)
    path = write_video(tmp_path / "dark.mp4", 2.0, picture=dark, sound=tone(loudness=0.0))
    levels = extract(path).levels
    assert (levels["brightness"] < 0.1).all()
    np.testing.assert_array_equal(levels["loudness"], -100)


@needs_real_clips
@pytest.mark.parametrize("path", real_clips, ids=lambda path: path.name)
def test_real_clips(path):
    features, info = extract(path), probe(path)
    assert len(features.tokens["video"]) == token_count(info.duration_seconds, 1.0)
    assert ("audio" in features.tokens) == info.has_audio
    if info.has_audio:
        sound = read_audio(path)
        np.testing.assert_allclose(features.tokens["audio"], log_mel(sound), atol=1e-3)
        assert len(features.levels["loudness"]) == -(-len(sound) // 16_000)
    assert all(np.isfinite(tokens).all() for tokens in features.tokens.values())
