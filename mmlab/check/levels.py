"""Which clips are black or silent, from the brightness and loudness of their medium.

Every function takes the clips' starts and ends, (clips,) seconds, and returns (clips,) bool; or
None where the medium's levels were not measured.
"""

from __future__ import annotations

import numpy as np

from mmlab.check.shards import Arrays

BLACK_BRIGHTNESS = 0.02
"""Of 1: five of 255 steps. A night scene is brighter."""

SILENT_DECIBEL = -60.0
"""Below full scale, of each second's root mean square."""

SILENT_LOG_MEL_DECIBEL = -70.0
"""Below the file's loudest cell, whose floor is -80; for sound whose loudness was not measured."""


def black_clips(
    arrays: Arrays, rate: float, starts: np.ndarray, ends: np.ndarray
) -> np.ndarray | None:
    """Whether the picture is black all through; `rate` is that of the brightness, per second."""
    brightness = arrays.get("brightness")
    if brightness is None or not brightness.size:
        return None
    return highest(brightness, rate, starts, ends) < BLACK_BRIGHTNESS


def silent_clips(
    arrays: Arrays, log_mel_rate: float | None, starts: np.ndarray, ends: np.ndarray
) -> np.ndarray | None:
    """Whether the sound is silent all through.

    Args:
        arrays: of the medium.
        log_mel_rate: of the audio tokens if they are a log-mel spectrogram, which tells it where
            loudness was not measured.
        starts: of the clips.
        ends: of the clips.
    """
    loudness, log_mel = arrays.get("loudness"), arrays.get("audio")
    if loudness is not None and loudness.size:
        return highest(loudness, 1.0, starts, ends) < SILENT_DECIBEL
    if log_mel_rate is None or log_mel is None or not log_mel.size:
        return None
    if np.ptp(log_mel) == 0:  # published spectrograms give a silent file 0 dB all over
        return np.ones(len(starts), bool)
    return highest(log_mel.max(axis=1), log_mel_rate, starts, ends) < SILENT_LOG_MEL_DECIBEL


def highest(values: np.ndarray, rate: float, starts: np.ndarray, ends: np.ndarray) -> np.ndarray:
    """(clips,) the highest of the values that a clip touches; value i covers [i, i + 1) / rate.

    A clip behind the last value gets that one, as it gets the last token.
    """
    first = np.floor(starts * rate).clip(0, len(values) - 1).astype(np.int64)
    last = np.ceil(ends * rate).clip(first + 1, len(values)).astype(np.int64)
    padded = np.append(values.astype(np.float32), -np.inf)  # reduceat takes no end of the array
    borders = np.stack([first, last], axis=1).ravel()
    return np.maximum.reduceat(padded, borders)[::2] if len(borders) else np.zeros(0)
