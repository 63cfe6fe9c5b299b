"""What lies on the clock's time axis: heat in columns, spectrogram and pictures of a part."""

import numpy as np
import pytest

from mmlab.explanation import TokenMap
from mmlab.views.attention.panorama import MOST_COLUMNS, panorama, spectrogram_image
from mmlab.views.attention.picture import COLUMNS, heat_columns


def slow_columns(seconds, heat, span):
    found = np.full((len(heat), COLUMNS), np.nan)
    for column in range(COLUMNS):
        middle = span[0] + (column + 0.5) * (span[1] - span[0]) / COLUMNS
        here = (seconds[:, 0] <= middle) & (middle < seconds[:, 1])
        if here.any():
            found[:, column] = heat[:, here].max(axis=1)
    return found


def test_every_column_is_the_strongest_token_there():
    seconds = np.array([[2, 4], [3, 6], [8, 12.0]])  # two overlap, after them comes a gap
    heat = np.random.default_rng(0).random((4, 3))
    fast, slow = heat_columns(seconds, heat, (2.0, 10.0)), slow_columns(seconds, heat, (2.0, 10.0))
    between = np.isnan(fast) & ~np.isnan(slow)  # the hairlines that keep wide tokens apart
    assert between[0].sum() <= 2 * len(seconds)
    assert not (np.isnan(slow) & ~np.isnan(fast)).any()
    agrees = (fast == slow) | np.isnan(fast)
    assert agrees.mean() > 0.99


def test_a_token_shorter_than_a_column_is_seen():
    found = heat_columns(np.array([[5.0, 5.001]]), np.array([[0.7]]), (0.0, 600.0))
    assert np.nanmax(found) == 0.7


@pytest.mark.parametrize("span", [(0.0, 0.0), (3.0, 4.0)])
def test_columns_of_nothing_are_empty(span):
    assert np.isnan(heat_columns(np.zeros((0, 2)), np.zeros((2, 0)), span)).all()


def test_low_sounds_lie_at_the_bottom():
    loud_below = np.full((7, 40), -80.0)
    loud_below[:, 0] = 0.0
    image = spectrogram_image(loud_below)
    assert image.shape == (40, 7, 3)
    assert image[-1].sum() > image[0].sum()


def clip(frames, span, **changes):
    """A clip that is loud in its second half."""
    log_mel = np.full((frames, 4), -80.0)
    log_mel[frames // 2 :] = 0.0
    seconds, weights = np.array([span]), {"w": np.ones((1, 1))}
    return TokenMap([], ["audio"], seconds, weights, span, log_mel=log_mel, **changes)


def test_a_part_shows_the_frames_of_that_part():
    whole = clip(1000, (10.0, 20.0))
    assert panorama(whole, (10.0, 20.0))["spectrogram"].shape == (4, 1000, 3)
    quiet = panorama(whole, (11.0, 13.0))["spectrogram"]
    loud = panorama(whole, (16.0, 18.0))["spectrogram"]
    assert quiet.shape == loud.shape == (4, 200, 3)
    assert quiet.max() < loud.min()


def test_a_long_sound_keeps_its_loudest_frames():
    long = clip(60_000, (0.0, 600.0))
    image = panorama(long, (0.0, 600.0))["spectrogram"]
    assert image.shape == (4, MOST_COLUMNS, 3)
    assert image[0, 0].sum() < image[0, -1].sum()


def test_what_a_clip_lacks_is_not_there(media_folder):
    assert panorama(clip(0, (0.0, 1.0)), (0.0, 1.0)) == {}
    heard = clip(200, (0.0, 2.0), media_path=media_folder / "only sound.mp4")
    assert panorama(heard, (0.0, 2.0)).keys() == {"spectrogram", "wave"}
