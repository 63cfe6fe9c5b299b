"""The paper's audio front end: log-mel frames of 10 ms, and where a second falls in them."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from scipy.sparse import csr_array

SAMPLE_RATE = 16_000
FRAMES_PER_SECOND = 100
MEL_BANDS = 40
WINDOW_SAMPLES = 400  # 25 ms
HOP_SAMPLES = 160  # 10 ms
PREEMPHASIS = 0.97
LOWEST_HERTZ = 20.0
SILENCE_DECIBEL = -80.0
SMALLEST_POWER = 1e-10
BLOCK_FRAMES = 6_000
"""Frames per Fourier transform call (one minute): long files need little memory."""

NAME = "log-mel-40-v1"


def log_mel(
    waveform: np.ndarray, sample_rate: int = SAMPLE_RATE, *, published: bool = False
) -> np.ndarray:
    """Log-mel spectrogram of a whole file, in decibel below its loudest cell.

    The mean is removed, y[n] = x[n] - 0.97 x[n-1], Fourier transform of 400 samples every 160
    with a symmetric Hamming window and mirrored ends, power, 40 Slaney mel bands from 20 Hz.

    Args:
        waveform: (samples,) mono at 16 kHz; none counts as 200 zeros, as published.
        sample_rate: only 16,000 is right.
        published: the published code gives a silent file 0 dB, the loudest value there is
            (everything equals the loudest cell). By default silence is -80 dB.

    Returns:
        (F, 40) float32 in [-80, 0], F = 1 + samples // 160.

    Raises:
        ValueError: another sample rate, or more than one channel.
    """
    import librosa

    if sample_rate != SAMPLE_RATE:
        raise ValueError(f"log_mel needs {SAMPLE_RATE} Hz, found {sample_rate}; resample first")
    if waveform.ndim != 1:
        raise ValueError(f"log_mel needs mono (samples,), found {waveform.shape}; mix down first")
    waveform = waveform.astype(np.float32) if len(waveform) else np.zeros(200, dtype=np.float32)
    power = _mel_power(_preemphasised(waveform - waveform.mean()))
    if power.max() <= SMALLEST_POWER and not published:
        return np.full(power.shape, SILENCE_DECIBEL, dtype=np.float32)
    return librosa.power_to_db(
        power, ref=np.max, amin=SMALLEST_POWER, top_db=-SILENCE_DECIBEL
    ).astype(np.float32)


def seconds_to_frame(seconds: float) -> int:
    """The frame that published code cuts at: 98 for 1 s, never below 0."""
    sample = math.floor(seconds * SAMPLE_RATE)
    return max(0, (sample - WINDOW_SAMPLES // 2) // HOP_SAMPLES)


def _preemphasised(waveform: np.ndarray) -> np.ndarray:
    return np.append(waveform[:1], waveform[1:] - np.float32(PREEMPHASIS) * waveform[:-1])


def _mel_power(waveform: np.ndarray) -> np.ndarray:
    """(F, 40) power, block by block."""
    import librosa

    frames = 1 + len(waveform) // HOP_SAMPLES
    padded = np.pad(waveform, WINDOW_SAMPLES // 2, mode="reflect")
    power = np.empty((frames, MEL_BANDS), dtype=np.float32)
    for first in range(0, frames, BLOCK_FRAMES):
        last = min(first + BLOCK_FRAMES, frames)
        samples = padded[first * HOP_SAMPLES : (last - 1) * HOP_SAMPLES + WINDOW_SAMPLES]
        spectrum = librosa.stft(
            samples,
            n_fft=WINDOW_SAMPLES,
            hop_length=HOP_SAMPLES,
            window=np.hamming(WINDOW_SAMPLES),
            center=False,
        )
        power[first:last] = (_mel_filters() @ np.abs(spectrum) ** 2).T
    return power


@lru_cache(maxsize=1)
def _mel_filters() -> csr_array:
    """(40, 201) sparse: the product needs no BLAS, whose threads would fight in workers."""
    import librosa

    filters = librosa.filters.mel(
        sr=SAMPLE_RATE, n_fft=WINDOW_SAMPLES, n_mels=MEL_BANDS, fmin=LOWEST_HERTZ
    )
    return csr_array(filters)
