"""Still pictures of media for the views: a frame, a drawn sound wave, or a sentence instead.

A view never fails because a media file is gone: it shows a tile that says so.
"""

from __future__ import annotations

import io
from functools import lru_cache
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from mmlab.media import MediaError, poster, probe, read_audio, read_frames
from mmlab.views.theme import AUDIO, MUTED

Span = tuple[float, float]
"""Start and end in seconds of the media file."""

STRIP_RATIO = 14
"""Width of a film strip in units of its height."""


def poster_jpeg(path: Path, span: Span, width: int = 320) -> bytes:
    """One still for a span of media as JPEG: its middle frame, or the wave of a sound file.

    Args:
        path: the media file.
        span: start and end in seconds.
        width: pixels; the height follows the picture, 16:9 for a wave.
    """
    try:
        return _still(path, span, width)
    except (MediaError, OSError):
        return _jpeg(_word_tile("no picture", width))


def poster_image(path: Path, span: Span, width: int = 320) -> Image.Image:
    """`poster_jpeg` as an image."""
    return Image.open(io.BytesIO(poster_jpeg(path, span, width)))


def film_strip(path: Path, span: Span, *, height: int = 90) -> np.ndarray:
    """Frames evenly over a span, side by side, about fourteen times as wide as high.

    Each frame is the middle of the stretch of time that it stands over, so the strip lies truly
    on a time axis.

    Returns:
        (height, width, 3) uint8; (0, 0, 3) for media without a readable picture.
    """
    try:
        info = probe(path)
        if not info.has_video:
            return np.zeros((0, 0, 3), np.uint8)
        count = max(1, round(STRIP_RATIO * info.height / info.width))
        middles = span[0] + (np.arange(count) + 0.5) * (span[1] - span[0]) / count
        size = (round(height * info.width / info.height), height)
        return np.concatenate(list(read_frames(path, middles.tolist(), size=size)), axis=1)
    except (MediaError, OSError):
        return np.zeros((0, 0, 3), np.uint8)


@lru_cache(maxsize=2048)  # about 20 MB; failures are not kept, so a mended file shows at once
def _still(path: Path, span: Span, width: int) -> bytes:
    if probe(path).has_video:
        return _jpeg(poster(path, sum(span) / 2, width=width).convert("RGB"))
    return _jpeg(_wave_tile(read_audio(path, start_seconds=span[0], end_seconds=span[1]), width))


def _jpeg(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format="JPEG", quality=82)
    return buffer.getvalue()


def _wave_tile(samples: np.ndarray, width: int) -> Image.Image:
    """The loudness of mono samples over time as bars, 16:9, on a pale ground."""
    tile = Image.new("RGB", (width, width * 9 // 16), "#F6F3EC")
    pencil = ImageDraw.Draw(tile)
    bars = width // 6
    loudness = np.array([np.abs(part).max(initial=0) for part in np.array_split(samples, bars)])
    heights = tile.height * 0.42 * loudness / max(loudness.max(), 1e-6)
    for bar, half in enumerate(np.maximum(heights, 1)):
        left = 6 * bar + 1
        pencil.rounded_rectangle(
            (left, tile.height / 2 - half, left + 3, tile.height / 2 + half), 1.5, fill=AUDIO
        )
    return tile


def _word_tile(words: str, width: int) -> Image.Image:
    tile = Image.new("RGB", (width, width * 9 // 16), "#EDEDED")
    pencil = ImageDraw.Draw(tile)
    pencil.text((width / 2, tile.height / 2), words, fill=MUTED, anchor="mm", font_size=width // 14)
    return tile
