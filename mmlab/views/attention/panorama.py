"""What is seen and heard over a span of time, as pictures that lie on the time axis."""

from __future__ import annotations

import io

import matplotlib
import numpy as np
from PIL import Image

from mmlab.explanation import TokenMap
from mmlab.views.posters import Span, film_strip, wave_strip

MOST_COLUMNS = 1600
"""Of a spectrogram and a wave: more than a screen shows, whatever the clip's length."""

WAVE_HEIGHT = 36
FILM, SPECTROGRAM, WAVE = "film", "spectrogram", "wave"

Pictures = dict[str, np.ndarray]
"""From FILM, SPECTROGRAM and WAVE to (H, W, 3 or 4) uint8; what a clip lacks is not there."""


def panorama(token_map: TokenMap, span: Span) -> Pictures:
    """Film strip, spectrogram and waveform of a part of a clip, of the modalities that it has.

    Args:
        token_map: whose clip.
        span: start and end in seconds, within its span.
    """
    found = {}
    if "video" in token_map.modality and token_map.media_path is not None:
        found[FILM] = film_strip(token_map.media_path, span)
    if "audio" in token_map.modality:
        found[SPECTROGRAM] = spectrogram_image(_log_mel_of(token_map, span))
        if token_map.media_path is not None:
            size = {"width": MOST_COLUMNS, "height": WAVE_HEIGHT}
            found[WAVE] = wave_strip(token_map.media_path, span, **size)
    return {name: image for name, image in found.items() if image.size}


def spectrogram_image(log_mel: np.ndarray) -> np.ndarray:
    """(F, bands) decibels to an image (bands, F, 3) uint8, low sounds at the bottom."""
    bright = np.clip((log_mel.T[::-1] + 80) / 80, 0, 1)
    return (matplotlib.colormaps["magma"](bright)[..., :3] * 255).astype(np.uint8)


def webp(image: np.ndarray) -> bytes:
    """An image as bytes that every browser shows."""
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, format="WEBP", quality=85)
    return buffer.getvalue()


def _log_mel_of(token_map: TokenMap, span: Span) -> np.ndarray:
    """The frames within the span; where they are too many, the loudest of each few."""
    frames = len(token_map.log_mel)
    start, end = token_map.span
    per_second = frames / max(end - start, 1e-6)
    first, last = (round((second - start) * per_second) for second in span)
    part = token_map.log_mel[max(first, 0) : max(last, first + 1)]
    if len(part) <= MOST_COLUMNS:
        return part
    edges = np.linspace(0, len(part), MOST_COLUMNS, endpoint=False).astype(int)
    return np.maximum.reduceat(part, edges, axis=0)
