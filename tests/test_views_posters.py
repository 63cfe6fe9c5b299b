import numpy as np
import pytest

from mmlab.media import read_audio
from mmlab.views import posters
from mmlab.views.posters import (
    film_strip,
    loudness_bars,
    poster_image,
    poster_jpeg,
    wave_png,
    wave_strip,
)
from tests.conftest import write_video


@pytest.fixture(scope="module")
def growing(tmp_path_factory):
    """Two seconds of sound that grows louder."""
    path = tmp_path_factory.mktemp("sound") / "growing.mp4"
    return write_video(path, 2.0, sound=lambda t: 0.4 * t * np.sin(2 * np.pi * 300 * t))


def test_sound_alone_has_a_drawn_wave(media_folder):
    tile = poster_image(media_folder / "only sound.mp4", (0.0, 2.0))
    assert tile.size == (320, 180)
    assert len(tile.getcolors(100_000)) > 16


def test_a_missing_poster_comes_back_with_its_file(media_folder, tmp_path):
    path = tmp_path / "late.mp4"
    missing = poster_jpeg(path, (0.0, 1.0))
    path.write_bytes((media_folder / "red right.mp4").read_bytes())
    assert poster_jpeg(path, (0.0, 1.0)) != missing


def test_film_strip_is_true_to_time(media_folder):
    strip = film_strip(media_folder / "red right.mp4", (0.0, 3.0), height=24)
    frames = 10  # 128 x 96 pictures: 14 * 96 / 128 of them
    assert strip.shape == (24, frames * 32, 3)
    reds = [
        part[..., 0].astype(int).sum(0).argmax()
        for part in strip.reshape(24, 10, 32, 3).swapaxes(0, 1)
    ]
    assert reds == sorted(reds)  # the square moves to the right all the time


def test_film_strip_of_sound_or_nothing_is_empty(media_folder, tmp_path):
    assert film_strip(media_folder / "only sound.mp4", (0.0, 2.0)).size == 0
    assert film_strip(tmp_path / "gone.mp4", (0.0, 2.0)).size == 0


def test_no_file_at_all_is_a_tile():
    assert poster_image(None, (0.0, 1.0)).size == (320, 180)


def test_bars_are_the_greatest_loudness_of_their_parts(growing):
    bars = loudness_bars(growing, (0.5, 1.5), 10)
    samples = np.abs(read_audio(growing, start_seconds=0.5, end_seconds=1.5))
    expected = [samples[1600 * n : 1600 * (n + 1)].max() for n in range(10)]
    np.testing.assert_allclose(bars, np.array(expected) / max(expected), rtol=1e-5)
    assert bars.max() == 1.0
    assert np.all(np.diff(bars) > 0)


def test_a_long_sound_is_heard_in_places(growing, monkeypatch):
    whole = loudness_bars(growing, (0.0, 2.0), 4)
    monkeypatch.setattr(posters, "LONG_SECONDS", 1.0)
    posters._loudness.cache_clear()
    places = loudness_bars(growing, (0.0, 2.0), 4)  # each bar is just as long as it is heard
    posters._loudness.cache_clear()
    np.testing.assert_allclose(places, whole, atol=0.02)


def test_a_wave_strip_is_clear_around_its_bars(growing):
    strip = wave_strip(growing, (0.0, 2.0), width=120, height=30)
    assert strip.shape == (30, 120, 4)
    opaque = strip[..., 3] > 0
    assert opaque[15, 1::6].all()  # every bar crosses the middle
    heights = opaque.sum(axis=0)[1::6]
    assert heights[-1] > 4 * heights[0]
    assert not opaque[:, 5::6].any()  # and nothing is between them


def test_a_wave_is_small(growing):
    assert 0 < len(wave_png(growing, (0.0, 2.0))) < 2_000


@pytest.mark.parametrize("name", ["blue mute.mp4", "gone.mp4"])
def test_without_sound_there_is_no_wave(media_folder, name):
    assert wave_strip(media_folder / name, (0.0, 2.0)).size == 0
    assert wave_png(media_folder / name, (0.0, 2.0)) == b""
    assert loudness_bars(media_folder / name, (0.0, 2.0), 10).size == 0
