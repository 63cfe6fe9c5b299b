"""Sound by seconds: any stream as mono samples at one rate, in step with the picture."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.container import InputContainer

from mmlab.media.probe import open_media, sound_stream, start_of

GAP_SECONDS = 0.05
"""Time stamps jitter by rounding; only a larger jump is a real hole (damage, a late start)."""


def read_audio(
    path: Path | str,
    *,
    sample_rate: int = 16_000,
    start_seconds: float = 0.0,
    end_seconds: float | None = None,
) -> np.ndarray:
    """The sound of a file or of a part of it, mixed down to one channel.

    Sound that starts after the picture is preceded by silence, damaged parts are silent.

    Returns:
        (samples,) float32 in [-1, 1]; sample 0 lies at `start_seconds`. Empty if there is no
        sound stream or the part lies behind its end.

    Raises:
        MediaError: the file cannot be opened.
    """
    first = round(start_seconds * sample_rate)
    last = None if end_seconds is None else max(first, round(end_seconds * sample_rate))
    with open_media(path) as container:
        stream = sound_stream(container)
        if stream is None:
            return np.empty(0, dtype=np.float32)
        if start_seconds > 1.0:  # the decoder needs a little run-up
            container.seek(int((start_seconds - 0.5 + start_of(container)) * av.time_base))
        blocks = _placed_blocks(container, stream, sample_rate, last)
        return _lay_out(list(blocks), first, last)


def _placed_blocks(
    container: InputContainer, stream: AudioStream, sample_rate: int, last: int | None
) -> Iterator[tuple[int, np.ndarray]]:
    """(index of the first sample, samples) in rising order until the sample `last` is covered."""
    resampler = av.AudioResampler(format="flt", layout="mono", rate=sample_rate)
    origin = round(start_of(container) * sample_rate)
    position: int | None = None
    for frame in _resampled(container, stream, resampler):
        samples = frame.to_ndarray().reshape(-1)
        stamped = position if frame.time is None else round(frame.time * sample_rate) - origin
        if position is None or abs((stamped or 0) - position) > GAP_SECONDS * sample_rate:
            position = stamped or 0
        yield position, samples
        position += len(samples)
        if last is not None and position >= last:
            return


def _resampled(
    container: InputContainer, stream: AudioStream, resampler: av.AudioResampler
) -> Iterator[AudioFrame]:
    for packet in container.demux(stream):
        try:
            for frame in packet.decode():
                yield from resampler.resample(frame)  # type: ignore[arg-type]
        except (av.error.FFmpegError, ValueError):  # ValueError: the layout changes midway
            continue
    yield from resampler.resample(None)


def _lay_out(blocks: list[tuple[int, np.ndarray]], first: int, last: int | None) -> np.ndarray:
    """Samples [first, last) of blocks on the time line, zeros where no block lies."""
    end = max((position + len(samples) for position, samples in blocks), default=first)
    end = end if last is None else min(end, last)
    sound = np.zeros(max(0, end - first), dtype=np.float32)
    for position, samples in blocks:
        begin, stop = max(position, first), min(position + len(samples), end)
        if stop > begin:
            sound[begin - first : stop - first] = samples[begin - position : stop - position]
    return sound.clip(-1.0, 1.0)
