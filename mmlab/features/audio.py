"""The paper's audio front end: log-mel frames of 10 ms, and where a second falls in them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from functools import lru_cache
from itertools import chain

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
NOTHING_SAMPLES = 200
"""As many zeros stand for no sound at all in published code."""


class LogMel:
    """The spectrogram of `log_mel`, block by block: a backbone, see `SoundBackbone`.

    The sound is gone through twice: for its mean, then for its power.
    """

    name = "log-mel-40-v1"
    width = MEL_BANDS
    tokens_per_second = float(FRAMES_PER_SECOND)
    window_seconds = 1 / FRAMES_PER_SECOND
    sample_rate = SAMPLE_RATE

    def extract(self, blocks: Iterable[np.ndarray], *, published: bool = False) -> np.ndarray:
        """(samples,) blocks -> (F, 40) float32 decibels; `published` as for `log_mel`."""
        mean, samples = _mean(blocks)
        if not samples:
            mean, samples, blocks = 0.0, NOTHING_SAMPLES, [np.zeros(NOTHING_SAMPLES, np.float32)]
        return _decibels(_mel_power(blocks, mean, samples), published)


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
    if sample_rate != SAMPLE_RATE:
        raise ValueError(f"log_mel needs {SAMPLE_RATE} Hz, found {sample_rate}; resample first")
    if waveform.ndim != 1:
        raise ValueError(f"log_mel needs mono (samples,), found {waveform.shape}; mix down first")
    return LogMel().extract([waveform], published=published)


def seconds_to_frame(seconds: float) -> int:
    """The frame that published code cuts at: 98 for 1 s, never below 0."""
    sample = math.floor(seconds * SAMPLE_RATE)
    return max(0, (sample - WINDOW_SAMPLES // 2) // HOP_SAMPLES)


def _mean(blocks: Iterable[np.ndarray]) -> tuple[float, int]:
    """The mean of all samples and their number."""
    total, samples = 0.0, 0
    for block in blocks:
        total += float(block.sum(dtype=np.float64))
        samples += len(block)
    return total / max(samples, 1), samples


def _mel_power(blocks: Iterable[np.ndarray], mean: float, samples: int) -> np.ndarray:
    """(F, 40) power of the sound without its mean."""
    power = np.empty((1 + samples // HOP_SAMPLES, MEL_BANDS), dtype=np.float32)
    done = 0
    for windows in _windows(_mirrored(_preemphasised(blocks, np.float32(mean)))):
        spectrum = _spectrum(windows)
        power[done : done + len(spectrum)] = (_mel_filters() @ np.abs(spectrum.T) ** 2).T
        done += len(spectrum)
    return power


def _preemphasised(blocks: Iterable[np.ndarray], mean: np.float32) -> Iterator[np.ndarray]:
    before = np.zeros(1, dtype=np.float32)
    for block in blocks:
        if len(block):
            signal = np.concatenate([before, block.astype(np.float32) - mean])
            yield signal[1:] - np.float32(PREEMPHASIS) * signal[:-1]
            before = signal[-1:]


def _mirrored(blocks: Iterator[np.ndarray]) -> Iterator[np.ndarray]:
    """Half a window more at both ends, mirrored: the first frame is centred on sample 0."""
    half = WINDOW_SAMPLES // 2
    start = np.empty(0, dtype=np.float32)
    while len(start) <= half and (block := next(blocks, None)) is not None:
        start = np.concatenate([start, block])
    if len(start) <= half:  # shorter than its mirror image: there and back again
        yield np.pad(start, half, mode="reflect")
        return
    yield start[half:0:-1]
    end = start
    for block in chain([start], blocks):
        yield block
        end = np.concatenate([end[-half - 1 :], block])[-half - 1 :]
    yield end[-2::-1]


def _windows(blocks: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
    """Samples in such blocks that every window lies in exactly one."""
    overlap = WINDOW_SAMPLES - HOP_SAMPLES
    held = np.empty(0, dtype=np.float32)
    for block in blocks:
        held = np.concatenate([held, block])
        while len(held) >= WINDOW_SAMPLES:
            frames = min((len(held) - overlap) // HOP_SAMPLES, BLOCK_FRAMES)
            yield held[: frames * HOP_SAMPLES + overlap]
            held = held[frames * HOP_SAMPLES :]


def _spectrum(samples: np.ndarray) -> np.ndarray:
    """(n, 201) complex: the Fourier transforms of the windows in a block."""
    import librosa

    return librosa.stft(
        samples,
        n_fft=WINDOW_SAMPLES,
        hop_length=HOP_SAMPLES,
        window=np.hamming(WINDOW_SAMPLES),
        center=False,
    ).T


def _decibels(power: np.ndarray, published: bool) -> np.ndarray:
    """As librosa's `power_to_db` against the loudest cell, in place: an hour has 58 MB."""
    if power.max() <= SMALLEST_POWER and not published:
        power.fill(SILENCE_DECIBEL)
        return power
    np.maximum(power, SMALLEST_POWER, out=power)
    power /= power.max()
    np.log10(power, out=power)
    power *= 10
    return np.maximum(power, SILENCE_DECIBEL, out=power)


@lru_cache(maxsize=1)
def _mel_filters() -> csr_array:
    """(40, 201) sparse: the product needs no BLAS, whose threads would fight in workers."""
    import librosa

    filters = librosa.filters.mel(
        sr=SAMPLE_RATE, n_fft=WINDOW_SAMPLES, n_mels=MEL_BANDS, fmin=LOWEST_HERTZ
    )
    return csr_array(filters)
