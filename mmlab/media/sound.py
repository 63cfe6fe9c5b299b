"""Sound by seconds: any stream as mono samples at one rate, in step with the picture."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.container import InputContainer

from mmlab.media.probe import MOST_HOURS, open_media, readable, sound_stream, start_of

GAP_SECONDS = 0.05
"""Time stamps jitter by rounding; only a larger jump is a real hole (damage, a late start)."""

Piece = tuple[int, np.ndarray]
"""(index of the first sample, samples)."""


@dataclass(frozen=True)
class SoundBlocks:
    """A file's sound in consecutive blocks, so that a long one is never in memory whole.

    Iterating yields (samples,) float32 in [-1, 1], each `block_seconds` long but for the last;
    nothing where there is no sound. Every iteration decodes anew. Sound that starts after the
    picture is preceded by silence, damaged parts are silent; where time stamps go back, what
    was heard first stays.

    Attributes:
        path: any file that PyAV can open; a MediaError is raised when iterating.
        sample_rate: in Hz.
        block_seconds: of each block.
    """

    path: Path | str
    sample_rate: int = 16_000
    block_seconds: float = 60.0

    def __iter__(self) -> Iterator[np.ndarray]:
        """Decode from the start."""
        pieces = _pieces(self.path, self.sample_rate, 0, None)
        return _in_blocks(pieces, round(self.block_seconds * self.sample_rate))


def read_audio(
    path: Path | str,
    *,
    sample_rate: int = 16_000,
    start_seconds: float = 0.0,
    end_seconds: float | None = None,
) -> np.ndarray:
    """The sound of a file or of a part of it, mixed down to one channel; see `SoundBlocks`.

    Returns:
        (samples,) float32 in [-1, 1]; sample 0 lies at `start_seconds`. Empty if there is no
        sound stream or the part lies behind its end.

    Raises:
        MediaError: the file cannot be opened.
    """
    first = round(start_seconds * sample_rate)
    last = None if end_seconds is None else max(first, round(end_seconds * sample_rate))
    pieces = list(_pieces(path, sample_rate, first, last))
    return np.concatenate(pieces) if pieces else np.empty(0, dtype=np.float32)


def _pieces(
    path: Path | str, sample_rate: int, first: int, last: int | None
) -> Iterator[np.ndarray]:
    """Samples [first, last) in consecutive pieces of any length."""
    with open_media(path) as container:
        stream = sound_stream(container)
        if stream is None:
            return
        if first > sample_rate:  # the decoder needs a little run-up
            seconds = first / sample_rate - 0.5 + start_of(container)
            container.seek(int(seconds * av.time_base))
        yield from _forward(_placed(container, stream, sample_rate), first, last, sample_rate)


def _forward(
    placed: Iterable[Piece], first: int, last: int | None, most: int
) -> Iterator[np.ndarray]:
    """Lay pieces out on [first, last): holes become zeros, in pieces of up to `most` samples."""
    position = first
    for start, samples in placed:
        while position < start and (last is None or position < last):
            stop = start if last is None else min(start, last)
            hole = min(stop - position, most)
            yield np.zeros(hole, dtype=np.float32)
            position += hole
        new = samples[max(0, position - start) :]
        new = new if last is None else new[: max(0, last - position)]
        if len(new):
            yield np.nan_to_num(new, nan=0.0).clip(-1.0, 1.0)
            position += len(new)
        if last is not None and position >= last:
            return


def _placed(container: InputContainer, stream: AudioStream, sample_rate: int) -> Iterator[Piece]:
    """Where each decoded piece lies; a stamp behind the end of the file is damaged and ignored."""
    origin = round(start_of(container) * sample_rate)
    end_seconds = (container.duration or 3600 * MOST_HOURS * av.time_base) / av.time_base + 1.0
    position: int | None = None
    for frame in _resampled(container, stream, sample_rate):
        samples = frame.to_ndarray().reshape(-1)
        stamped = position if frame.time is None else round(frame.time * sample_rate) - origin
        if stamped is None or stamped > end_seconds * sample_rate:
            stamped = position or 0
        if position is None or abs(stamped - position) > GAP_SECONDS * sample_rate:
            position = stamped
        yield position, samples
        position += len(samples)


def _resampled(
    container: InputContainer, stream: AudioStream, sample_rate: int
) -> Iterator[AudioFrame]:
    """Decoded and mixed down; a stream may change its channels or its rate midway."""
    resampler = av.AudioResampler(format="flt", layout="mono", rate=sample_rate)
    form = None
    for frame in _decoded(container, stream):
        new_form = (frame.format.name, frame.layout.name, frame.sample_rate)
        if form not in (None, new_form):
            yield from resampler.resample(None)
            resampler = av.AudioResampler(format="flt", layout="mono", rate=sample_rate)
        form = new_form
        with suppress(av.error.FFmpegError, ValueError):  # no such channel layout: silence
            yield from resampler.resample(frame)
    yield from resampler.resample(None)


def _decoded(container: InputContainer, stream: AudioStream) -> Iterator[AudioFrame]:
    for packet in readable(container.demux(stream)):
        try:
            yield from packet.decode()  # type: ignore[misc]
        except av.error.FFmpegError:
            continue


def _in_blocks(pieces: Iterable[np.ndarray], length: int) -> Iterator[np.ndarray]:
    """The same samples in blocks of one length, the last one shorter."""
    held: list[np.ndarray] = []
    count = 0
    for piece in pieces:
        held.append(piece)
        count += len(piece)
        while count >= length:
            block = np.concatenate(held)
            yield block[:length]
            held, count = [block[length:]], count - length
    if count:
        yield np.concatenate(held)
