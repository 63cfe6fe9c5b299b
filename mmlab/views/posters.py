"""Still pictures of media for the views: a frame, a drawn sound wave, or a sentence instead.

A view never fails because a media file is gone: it shows a tile that says so.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from contextlib import suppress
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

BAR_PIXELS = 6
"""From one bar of a drawn sound to the next."""

LONG_SECONDS, HEARD_SECONDS = 600.0, 0.5
"""A longer span's sound is not read whole for a picture of it: so much of each bar is heard."""


def poster_jpeg(path: Path | None, span: Span, width: int = 320) -> bytes:
    """One still for a span of media as JPEG: its middle frame, or the wave of a sound file.

    Args:
        path: the media file; None gives the tile that says so, as a missing file does.
        span: start and end in seconds.
        width: pixels; the height follows the picture, 16:9 for a wave.
    """
    with suppress(MediaError, OSError):
        if path is not None:
            return _still(path, span, width)
    return _jpeg(_word_tile("no picture", width))


def poster_image(path: Path | None, span: Span, width: int = 320) -> Image.Image:
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


def wave_strip(path: Path, span: Span, *, width: int = 284, height: int = 36) -> np.ndarray:
    """The sound of a span as bars on a clear ground, for a card of any colour.

    Returns:
        (height, width, 4) uint8 RGBA; (0, 0, 4) for media without readable sound.
    """
    strip = wave_png(path, span, width=width, height=height)
    return np.array(Image.open(io.BytesIO(strip))) if strip else np.zeros((0, 0, 4), np.uint8)


def wave_png(path: Path, span: Span, *, width: int = 284, height: int = 36) -> bytes:
    """`wave_strip` as a PNG, about a kilobyte; b"" for media without readable sound."""
    with suppress(MediaError, OSError):
        return _wave(path, span, width, height)
    return b""


def loudness_bars(path: Path, span: Span, bars: int) -> np.ndarray:
    """The greatest loudness in each of `bars` equal parts of a span, the loudest part 1.

    Of more than ten minutes each part is heard for half a second in its middle.

    Returns:
        (bars,) 0 to 1; (0,) for media without readable sound.
    """
    with suppress(MediaError, OSError):
        return np.array(_loudness(path, span, bars))
    return np.zeros(0)


@lru_cache(maxsize=2048)  # about 20 MB; failures are not kept, so a mended file shows at once
def _still(path: Path, span: Span, width: int) -> bytes:
    if probe(path).has_video:
        return _jpeg(poster(path, sum(span) / 2, width=width).convert("RGB"))
    tile = Image.new("RGB", (width, width * 9 // 16), "#F6F3EC")
    _draw_bars(tile, _loudness(path, span, width // BAR_PIXELS), share=0.42)
    return _jpeg(tile)


@lru_cache(maxsize=2048)
def _wave(path: Path, span: Span, width: int, height: int) -> bytes:
    loudness = _loudness(path, span, width // BAR_PIXELS)
    if not loudness:
        return b""
    strip = Image.new("RGBA", (width, height))
    _draw_bars(strip, loudness, share=0.48)
    buffer = io.BytesIO()
    strip.save(buffer, format="PNG")
    return buffer.getvalue()


@lru_cache(maxsize=2048)
def _loudness(path: Path, span: Span, bars: int) -> tuple[float, ...]:
    parts = _heard(path, span, bars)
    peaks = [float(np.abs(part).max(initial=0)) for part in parts]
    loudest = max([1e-6, *peaks])
    return tuple(peak / loudest for peak in peaks) if any(map(len, parts)) else ()


def _heard(path: Path, span: Span, bars: int) -> list[np.ndarray]:
    """The samples that each bar stands for."""
    start, end = span
    if end - start <= LONG_SECONDS:
        return np.array_split(read_audio(path, start_seconds=start, end_seconds=end), bars)
    middles = start + (np.arange(bars) + 0.5) * (end - start) / bars
    half = HEARD_SECONDS / 2
    return [
        read_audio(path, start_seconds=middle - half, end_seconds=middle + half)
        for middle in middles
    ]


def _jpeg(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format="JPEG", quality=82)
    return buffer.getvalue()


def _draw_bars(image: Image.Image, loudness: Sequence[float], *, share: float) -> None:
    """Bars around the middle; the loudest reaches up and down by `share` of the height."""
    pencil = ImageDraw.Draw(image)
    middle = image.height / 2
    for bar, loud in enumerate(loudness):
        half = max(1, image.height * share * loud)
        left = BAR_PIXELS * bar + 1
        pencil.rounded_rectangle((left, middle - half, left + 3, middle + half), 1.5, fill=AUDIO)


def _word_tile(words: str, width: int) -> Image.Image:
    tile = Image.new("RGB", (width, width * 9 // 16), "#EDEDED")
    pencil = ImageDraw.Draw(tile)
    pencil.text((width / 2, tile.height / 2), words, fill=MUTED, anchor="mm", font_size=width // 14)
    return tile
