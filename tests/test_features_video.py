"""What the descriptor sees and, as important, what it does not."""

from __future__ import annotations

import colorsys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from mmlab.features import video
from mmlab.features.backbone import PictureBackbone
from mmlab.features.video import BLOCK_WIDTHS, HEIGHT, WIDTH, VideoDescriptor, describe
from mmlab.media import probe, stream_windows
from tests.conftest import RED, moving_square

TIMES = np.arange(9) / 8


def film(draw: Callable[[float], np.ndarray], seconds: int = 1) -> np.ndarray:
    """(T, 9, 96, 144, 3) frames as `describe` takes them."""
    return np.stack([[draw(second + time) for time in TIMES] for second in range(seconds)])


def square(colour=RED, speed: tuple[float, float] = (0.0, 0.0)):
    return moving_square(colour, pixels_per_second=speed, size=(WIDTH, HEIGHT))


def block(row: np.ndarray, name: str) -> np.ndarray:
    start = 0
    for other, width in BLOCK_WIDTHS.items():
        if other == name:
            return row[start : start + width]
        start += width
    raise KeyError(name)


def speeds(row: np.ndarray) -> np.ndarray:
    """Right, left, down, up, summed over the grid."""
    return block(row, "direction").reshape(16, 4).sum(axis=0)


def test_blocks_have_at_most_unit_length_and_fill_the_width():
    rows = describe(film(square(speed=(40, 10)), 2))
    assert rows.shape == (2, VideoDescriptor.width)
    assert sum(BLOCK_WIDTHS.values()) == VideoDescriptor.width
    for name in BLOCK_WIDTHS:
        assert np.linalg.norm(block(rows[0], name)) <= 1 + 1e-5


def test_still_picture_has_no_motion():
    row = describe(film(square()))[0]
    for name in ("energy", "direction", "rhythm"):
        assert not block(row, name).any()
    assert np.linalg.norm(block(row, "colour")) == pytest.approx(1)


@pytest.mark.parametrize("grey", [0, 128, 255])
def test_flat_picture_has_only_colour(grey):
    row = describe(np.full((1, 9, HEIGHT, WIDTH, 3), grey, dtype=np.uint8))[0]
    assert np.count_nonzero(row) == np.count_nonzero(block(row, "colour")) > 0


@pytest.mark.parametrize(
    ("speed", "direction"), [((30, 0), 0), ((-30, 0), 1), ((0, 30), 2), ((0, -30), 3)]
)
def test_direction_of_motion(speed, direction):
    found = speeds(describe(film(square(speed=speed)))[0])
    assert found.argmax() == direction
    assert found[direction] > 2 * np.delete(found, direction).max()


def test_faster_motion_has_more_energy_until_the_block_is_full():
    slow, fast = (
        np.linalg.norm(block(describe(film(square(speed=(speed, 0))))[0], "energy"))
        for speed in (3, 40)
    )
    assert 0 < slow < fast <= 1 + 1e-5


def test_energy_lies_where_the_motion_is():
    def draw(seconds: float) -> np.ndarray:
        picture = np.full((HEIGHT, WIDTH, 3), 60, dtype=np.uint8)
        left = round(5 + 20 * seconds)
        picture[4:20, left : left + 12] = 220
        return picture

    energy = block(describe(film(draw))[0], "energy").reshape(4, 4)
    assert energy[0, :2].sum() > 0.9 * energy.sum()
    right, down = block(describe(film(draw))[0], "rhythm")[-4:-2]
    assert right < 0
    assert down < 0


@pytest.mark.parametrize("hertz", [1, 2, 3])
def test_rhythm_finds_the_frequency_of_shaking(hertz):
    def draw(seconds: float) -> np.ndarray:
        return (
            square()(0.0)
            if hertz == 0
            else moving_square(size=(WIDTH, HEIGHT))(
                0.2 * np.sin(2 * np.pi * hertz * seconds + 0.4)
            )
        )

    rhythm = block(describe(film(draw))[0], "rhythm")
    horizontal, vertical = rhythm[4:8], rhythm[8:12]
    assert horizontal.argmax() == hertz - 1
    assert horizontal.max() > 3 * vertical.max()


def test_swapping_colours_changes_nothing_but_the_colour_block():
    frames = film(square((220, 60, 20), speed=(30, 10)))
    one, other = describe(frames)[0], describe(np.ascontiguousarray(frames[..., ::-1]))[0]
    colours = BLOCK_WIDTHS["colour"]
    np.testing.assert_array_equal(one[colours:], other[colours:])
    assert np.linalg.norm(one[:colours] - other[:colours]) > 0.2


def test_a_small_object_of_another_colour_is_told_apart():
    """24 x 24 pixels are four percent of the picture."""
    red, reddish, green = (
        block(describe(film(square(colour)))[0], "colour")
        for colour in (RED, (215, 45, 38), (40, 200, 60))
    )
    assert np.linalg.norm(red - green) > 3 * np.linalg.norm(red - reddish)


def test_colour_table_against_slow_soft_binning():
    table = video._colour_table()
    np.testing.assert_allclose(table.sum(axis=1), 1, atol=1e-5)
    code = (31 << 10) | (0 << 5) | 0
    assert table[code, : video.HUES * video.TONES].argmax() == 1  # hue 0 (red), vivid
    for red, green, blue in [(5, 20, 9), (30, 12, 3), (10, 10, 29)]:
        rgb = np.array([[red, green, blue]], dtype=float)
        slow = colorsys.rgb_to_hsv(red, green, blue)[0]
        distance = abs(float(video._hue(rgb)[0]) - slow)
        assert min(distance, 1 - distance) < 0.02  # hexagon and circle differ a little


def test_edges_are_counted_by_orientation():
    stripes = np.zeros((1, 9, HEIGHT, WIDTH, 3), dtype=np.uint8)
    stripes[..., (np.arange(WIDTH) // 6 % 2).astype(bool), :] = 200
    upright = block(describe(stripes)[0], "texture").reshape(36, 6).sum(axis=0)
    assert upright[0] > 0.99 * upright.sum()  # brightness changes across
    level = np.zeros_like(stripes)
    level[..., (np.arange(HEIGHT) // 6 % 2).astype(bool), :, :] = 200
    lying = block(describe(level)[0], "texture").reshape(36, 6).sum(axis=0)
    assert lying[3] > 0.99 * lying.sum()


def real_rows(path: Path) -> np.ndarray:
    """The descriptor of a real file, a second for each row."""
    backbone = VideoDescriptor()
    starts = np.arange(np.ceil(probe(path).duration_seconds - 0.1))
    size = backbone.frame_size(640, 480)
    return backbone.extract(stream_windows(path, starts, backbone.frame_offsets, size=size))


def test_is_a_picture_backbone():
    backbone = VideoDescriptor()
    assert isinstance(backbone, PictureBackbone)
    assert backbone.frame_offsets == tuple(TIMES)
    assert backbone.frame_size(1920, 1080) == backbone.frame_size(30, 400) == (WIDTH, HEIGHT)


def test_seconds_are_described_alone_and_in_any_blocks(monkeypatch):
    frames = film(square(speed=(30, 10)), 5)
    whole = VideoDescriptor().extract([frames])
    assert whole.shape == (5, VideoDescriptor.width)
    np.testing.assert_array_equal(whole[3:4], describe(frames[3:4]))
    np.testing.assert_array_equal(VideoDescriptor().extract([frames[:1], frames[1:]]), whole)
    monkeypatch.setattr(video, "CHUNK_SECONDS", 2)
    np.testing.assert_array_equal(VideoDescriptor().extract([frames]), whole)


def test_no_blocks_no_rows():
    assert VideoDescriptor().extract([]).shape == (0, VideoDescriptor.width)


def test_a_real_file_moving_right_and_one_moving_left(media_folder):
    right = real_rows(media_folder / "red right.mp4")[1]
    left = real_rows(media_folder / "green left.mp4")[1]
    assert speeds(right).argmax() == 0
    assert speeds(left).argmax() == 1
