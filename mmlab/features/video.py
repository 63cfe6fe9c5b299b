"""A picture descriptor that needs no download: colour, texture and motion of every second.

The file is read at 8 frames per second and 144 x 96 pixels (any shape is squeezed to that).
Second i is described by the nine frames at i, i + 1/8, ..., i + 1 in five blocks:

=========  ====================================================================  ======
colour     3 x 3 cells x 40 soft bins: 12 hues x (dark, vivid, pale) and 4 greys    360
texture    6 x 6 cells x 6 unsigned edge orientations, weighted by edge strength    216
energy     4 x 4 cells: mean |change| of brightness between frames                   16
direction  4 x 4 cells x (right, left, down, up): mean Lucas-Kanade speed            64
rhythm     strength at 1, 2, 3, 4 Hz of the change, of the horizontal and of         16
           the vertical speed of what moves; its centre and its spread
=========  ====================================================================  ======

Histograms and energies enter by their square root, so that an object on a few percent of the
picture still counts, and each block is scaled to unit length unless it is weaker than a floor
(so noise stays small and a still, flat or black picture gives zeros, not noise).

What it does not see, by design: the order of colour channels does not matter to anything but
colour (brightness is their plain mean); speed does not change colour, nor contrast direction;
mirroring the picture mirrors the grids and swaps right and left.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from functools import lru_cache

import numpy as np
from scipy.ndimage import gaussian_filter1d

FRAMES = 8  # per second
WIDTH, HEIGHT = 144, 96  # divisible by 2, 3 and 4 after halving
CHUNK_SECONDS = 8  # described at once: more would not fit into a processor's cache
SHORT_REST_SECONDS = 0.1
"""A last rest of a file shorter than this gets no row (sound is often that much longer)."""

HUES, TONES, GREYS = 12, 3, 4
COLOURS = HUES * TONES + GREYS
ORIENTATIONS = 6
TEXTURE_CELLS = 36  # 6 x 6
RHYTHM_HERTZ = 4

BLOCK_WIDTHS = {
    "colour": 9 * COLOURS,
    "texture": TEXTURE_CELLS * ORIENTATIONS,
    "energy": 16,
    "direction": 64,
    "rhythm": 3 * RHYTHM_HERTZ + 4,
}
CHANGE_FLOOR = 0.012
"""Changes of brightness (of 1) below this are compression noise."""


class VideoDescriptor:
    """See the module's docstring. One row per second: a backbone, see `PictureBackbone`."""

    name = "colour-texture-motion-v1"
    width = sum(BLOCK_WIDTHS.values())
    tokens_per_second = 1.0
    window_seconds = 1.0
    frame_offsets = tuple(frame / FRAMES for frame in range(FRAMES + 1))

    def frame_size(self, width: int, height: int) -> tuple[int, int]:
        """Any file is squeezed to (144, 96)."""
        return WIDTH, HEIGHT

    def extract(self, blocks: Iterable[np.ndarray]) -> np.ndarray:
        """(n, 9, 96, 144, 3) uint8 blocks -> (T, width) float32, a row for every second."""
        rows = [
            describe(block[first : first + CHUNK_SECONDS])
            for block in blocks
            for first in range(0, len(block), CHUNK_SECONDS)
        ]
        return np.concatenate([np.empty((0, self.width), dtype=np.float32), *rows])


def describe(frames: np.ndarray) -> np.ndarray:
    """The descriptor of T seconds.

    Args:
        frames: (T, 9, 96, 144, 3) uint8: the frames at 0, 1/8, ..., 1 of each second.

    Returns:
        (T, width) float32, the blocks in the order of `BLOCK_WIDTHS`.
    """
    brightness = frames.sum(axis=-1, dtype=np.uint16).astype(np.float32) / (3 * 255)
    energy, velocity, weight = _flow(brightness)
    blocks = [
        _unit(np.sqrt(_colours(frames[:, :FRAMES:4]))),
        _unit(np.sqrt(_textures(brightness[:, :FRAMES:4])), floor=0.3),
        _unit(np.sqrt(energy.mean(axis=1).reshape(len(frames), -1)), floor=0.1),
        _unit(_directions(velocity), floor=0.2),
        _unit(_rhythm(energy, velocity, weight), floor=0.1),
    ]
    return np.concatenate(blocks, axis=1).astype(np.float32)


def _unit(block: np.ndarray, floor: float = 1e-3) -> np.ndarray:
    """Scale (T, n) rows to length 1; rows shorter than `floor` stay shorter than 1."""
    return block / np.maximum(np.linalg.norm(block, axis=1, keepdims=True), floor)


def _cells(values: np.ndarray, across: int) -> np.ndarray:
    """Mean over an `across` x `across` grid: (..., H, W) -> (..., across, across)."""
    *lead, height, width = values.shape
    split = values.reshape(*lead, across, height // across, across, width // across)
    return split.mean(axis=(-3, -1))


def _colours(frames: np.ndarray) -> np.ndarray:
    """(T, n, H, W, 3) -> (T, 9 * COLOURS): the share of each soft colour in each cell."""
    pixels = frames[:, :, ::2, ::2] >> 3  # 5 bits per channel are enough
    codes = (pixels[..., 0].astype(np.int32) << 10) | (pixels[..., 1].astype(np.int32) << 5)
    codes |= pixels[..., 2]
    seconds, count, height, width = codes.shape
    codes = codes.reshape(seconds, count, 3, height // 3, 3, width // 3)
    codes = codes.transpose(0, 2, 4, 1, 3, 5).reshape(seconds * 9, -1)
    table = _colour_table()
    return np.stack([table[cell].mean(axis=0) for cell in codes]).reshape(seconds, -1)


@lru_cache(maxsize=1)
def _colour_table() -> np.ndarray:
    """(32768, COLOURS): how much of each soft bin a 15-bit RGB code is; rows sum to 1."""
    codes = np.arange(1 << 15)
    rgb = (np.stack([codes >> 10, codes >> 5 & 31, codes & 31], axis=1) + 0.5) / 32
    value, chroma = rgb.max(axis=1), np.ptp(rgb, axis=1)
    colourful = np.clip((chroma - 0.06) / 0.14, 0, 1)
    dark = np.clip((0.75 - value) / 0.4, 0, 1)
    pale = (1 - dark) * np.clip((0.6 - chroma / value) / 0.35, 0, 1)
    tones = np.stack([dark, 1 - dark - pale, pale], axis=1)  # (codes, TONES)
    hues = _soft_bins(_hue(rgb) * HUES, HUES, circular=True)
    greys = _soft_bins(np.clip(value, 0, 1) * (GREYS - 1), GREYS, circular=False)
    coloured = (hues[:, :, None] * tones[:, None]).reshape(len(codes), -1)
    parts = [coloured * colourful[:, None], greys * (1 - colourful[:, None])]
    return np.concatenate(parts, axis=1).astype(np.float32)


def _hue(rgb: np.ndarray) -> np.ndarray:
    """(n, 3) -> (n,) in [0, 1): 0 red, 1/3 green, 2/3 blue."""
    red, green, blue = rgb.T
    angle = np.arctan2(math.sqrt(3) * (green - blue), 2 * red - green - blue)
    return angle / (2 * math.pi) % 1.0


def _soft_bins(position: np.ndarray, bins: int, *, circular: bool) -> np.ndarray:
    """(n,) positions -> (n, bins): shared between the two nearest bin centres 0, 1, 2, ..."""
    distance = np.abs(position[:, None] - np.arange(bins))
    if circular:
        distance = np.minimum(distance, bins - distance)
    return np.clip(1 - distance, 0, None)


def _textures(brightness: np.ndarray) -> np.ndarray:
    """(T, n, H, W) -> (T, 36 * ORIENTATIONS): mean edge strength per cell and orientation."""
    down, across = np.gradient(brightness, axis=(2, 3))
    strength = np.hypot(down, across)
    position = np.arctan2(down, across) / math.pi % 1.0 * ORIENTATIONS
    lower = np.floor(position).astype(np.int32) % ORIENTATIONS
    share = position % 1.0
    cells = np.arange(TEXTURE_CELLS).reshape(6, 6)
    cells = cells.repeat(HEIGHT // 6, axis=0).repeat(WIDTH // 6, axis=1)  # (H, W)
    base = (np.arange(len(brightness))[:, None, None, None] * TEXTURE_CELLS + cells) * ORIENTATIONS
    bins = len(brightness) * TEXTURE_CELLS * ORIENTATIONS
    histogram = np.bincount((base + lower).ravel(), (strength * (1 - share)).ravel(), bins)
    upper = (lower + 1) % ORIENTATIONS
    histogram += np.bincount((base + upper).ravel(), (strength * share).ravel(), bins)
    pixels_per_cell = brightness[0].size / TEXTURE_CELLS
    return histogram.reshape(len(brightness), -1) / pixels_per_cell


def _flow(brightness: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Change and Lucas-Kanade velocity of each cell between neighbouring frames.

    Args:
        brightness: (T, 9, H, W).

    Returns:
        energy (T, 8, 4, 4) mean |change|; velocity (T, 8, 4, 4, 2) pixels of the halved picture
        per frame, right and down; weight (T, 8) mean |change| of the whole picture.
    """
    seconds, count, height, width = brightness.shape
    half = brightness.reshape(seconds, count, height // 2, 2, width // 2, 2).mean(axis=(3, 5))
    smooth = gaussian_filter1d(gaussian_filter1d(half, 1.5, axis=2), 1.5, axis=3)
    change = np.diff(smooth, axis=1)
    change = np.sign(change) * np.maximum(np.abs(change) - CHANGE_FLOOR, 0)
    middle = (smooth[:, 1:] + smooth[:, :-1]) / 2
    down, across = np.gradient(middle, axis=(2, 3))
    xx, yy, xy = _cells(across**2, 4), _cells(down**2, 4), _cells(across * down, 4)
    xt, yt = _cells(across * change, 4), _cells(down * change, 4)
    ridge = 2e-5  # keeps cells without edges at speed 0
    determinant = (xx + ridge) * (yy + ridge) - xy**2
    right = (xy * yt - (yy + ridge) * xt) / determinant
    downward = (xy * xt - (xx + ridge) * yt) / determinant
    energy = _cells(np.abs(change), 4)
    return energy, np.stack([right, downward], axis=-1), energy.mean(axis=(2, 3))


def _directions(velocity: np.ndarray) -> np.ndarray:
    """(T, 8, 4, 4, 2) -> (T, 64): mean speed to the right, left, down and up in each cell."""
    right, down = velocity[..., 0], velocity[..., 1]
    parts = np.stack([right, -right, down, -down], axis=-1)
    return np.maximum(parts, 0).mean(axis=1).reshape(len(velocity), -1)


def _rhythm(energy: np.ndarray, velocity: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """(T, 16): spectra of change and speed over the second, then where the change is."""
    share = energy / np.maximum(weight[..., None, None] * 16, 1e-6)  # (T, 8, 4, 4)
    speed = (velocity * share[..., None]).sum(axis=(2, 3))  # (T, 8, 2)
    mean = weight.mean(axis=1, keepdims=True)
    beat = weight / np.maximum(mean, 1e-3)
    signals = np.concatenate([beat[..., None], speed], axis=-1)  # (T, 8, 3)
    spectrum = np.abs(np.fft.rfft(signals, axis=1))[:, 1 : RHYTHM_HERTZ + 1] / FRAMES
    return np.concatenate(
        [spectrum.transpose(0, 2, 1).reshape(len(energy), -1), _place(energy.mean(axis=1))], axis=1
    )


def _place(energy: np.ndarray) -> np.ndarray:
    """(T, 4, 4) -> (T, 4): centre (right, down; 0 = the middle) and spread of the change."""
    position = (np.arange(4) - 1.5) / 4
    total = np.maximum(energy.sum(axis=(1, 2)), 1e-4)
    columns, rows = energy.sum(axis=1) / total[:, None], energy.sum(axis=2) / total[:, None]
    centre = np.stack([columns @ position, rows @ position], axis=1)
    second = np.stack([columns @ position**2, rows @ position**2], axis=1)
    return np.concatenate([centre, np.sqrt(np.maximum(second - centre**2, 0))], axis=1)
