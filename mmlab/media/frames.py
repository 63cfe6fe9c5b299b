"""Pictures by seconds: decord first, PyAV where decord is missing or cannot read the file.

decord keeps about 5 kB for every frame that it has decoded, and indexes a file to the end before
it gives the first; so long files are PyAV's.

The frame of second t is the last one whose own time stamp is at or before t, so a variable
frame rate is right; a time past the end gives the last frame, one before the start the first.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from itertools import islice, repeat
from pathlib import Path

import av
import numpy as np
from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.reformatter import Interpolation, VideoReformatter
from av.video.stream import VideoStream
from PIL import Image

from mmlab.media.probe import (
    MediaError,
    decoded_frames,
    last_packet_end,
    open_media,
    picture_stream,
    probe,
    start_of,
    stream_start,
)

TOLERANCE_SECONDS = 1e-3
"""Time stamps are rounded in many containers: a frame this little late counts as on time."""

BLOCK_FRAMES = 32
"""Frames that decord decodes per call; the most that is held in memory while streaming."""

SEEK_AHEAD_SECONDS = 10.0
"""PyAV jumps to a key frame rather than decode through a gap longer than this."""

DECORD_SECONDS, DECORD_FRAMES = 600.0, 36_000
"""Files that claim more than either are read by PyAV alone."""

CUT_SHORT_SECONDS = 1.0
"""So much less than its header promises may be missing at the end of a whole file."""

Size = tuple[int, int]


def read_frames(
    path: Path | str, at_seconds: Sequence[float] | np.ndarray, *, size: Size | None = None
) -> np.ndarray:
    """The frames on show at the given seconds, in any order, repeated ones included.

    Args:
        path: any file that PyAV can open.
        at_seconds: N times from the start of the file.
        size: (width, height) to scale to; as stored if None.

    Returns:
        (N, H, W, 3) uint8 RGB, turned upright if the file asks for rotation.

    Raises:
        MediaError: not readable, without a picture, or cut short before the wanted time.
    """
    wanted, inverse = np.unique(np.asarray(at_seconds, dtype=np.float64), return_inverse=True)
    if len(wanted) == 0:
        width, height = size or _stored_size(path)
        return np.empty((0, height, width, 3), dtype=np.uint8)
    return np.stack(list(_frames_at(Path(path), wanted, size)))[inverse]


def stream_frames(
    path: Path | str, at_seconds: np.ndarray, *, size: Size | None = None, chunk: int = 64
) -> Iterator[np.ndarray]:
    """Like `read_frames` for rising times, as chunks (up to `chunk`, H, W, 3) in small memory."""
    if np.any(np.diff(at_seconds) < 0):
        raise ValueError("stream_frames reads forward: at_seconds must not fall")
    frames = _frames_at(Path(path), np.asarray(at_seconds, dtype=np.float64), size)
    while block := list(islice(frames, chunk)):
        yield np.stack(block)


def stream_windows(
    path: Path | str,
    starts_seconds: np.ndarray,
    offsets_seconds: Sequence[float],
    *,
    size: Size | None = None,
    windows: int = 8,
) -> Iterator[np.ndarray]:
    """The frames of rising windows, which may overlap; each frame is decoded once.

    Args:
        path: any file that PyAV can open.
        starts_seconds: (N,) where the windows start.
        offsets_seconds: K times after a window's start at which it looks at a frame.
        size: (width, height) to scale to; as stored if None.
        windows: how many are given at a time.

    Yields:
        (up to `windows`, K, H, W, 3) uint8 RGB.

    Raises:
        MediaError: see `read_frames`.
    """
    times = np.asarray(starts_seconds)[:, None] + np.asarray(offsets_seconds)  # (N, K)
    unique, places = np.unique(times, return_inverse=True)
    places = places.reshape(times.shape)
    frames = enumerate(_frames_at(Path(path), unique, size))
    kept: dict[int, np.ndarray] = {}
    read = 0
    for first in range(0, len(times), windows):
        wanted = places[first : first + windows]
        kept = {place: frame for place, frame in kept.items() if place >= wanted.min()}
        kept.update(islice(frames, int(wanted.max()) + 1 - read))
        read = int(wanted.max()) + 1
        yield np.stack([[kept[place] for place in window] for window in wanted])


def poster(path: Path | str, at_seconds: float, *, width: int = 256) -> Image.Image:
    """The frame on show at one second as a picture `width` pixels wide."""
    info = probe(path)
    height = max(1, round(info.height * width / max(info.width, 1)))
    return Image.fromarray(read_frames(path, [at_seconds], size=(width, height))[0])


def _stored_size(path: Path | str) -> Size:
    info = probe(path)
    return info.width, info.height


def _frames_at(path: Path, seconds: np.ndarray, size: Size | None) -> Iterator[np.ndarray]:
    """One frame per time (rising); where decord gives up, PyAV goes on from there."""
    with open_media(path) as container:
        stream = picture_stream(container)
        if stream is None:
            raise MediaError(path, "has no picture", "choose a video file, or use its sound only")
        if len(seconds) == 0:
            return
        done = 0
        try:
            for frame in _by_decord(path, container, stream, seconds, size):
                yield frame
                done += 1
        except _DecordCannotError:
            yield from _by_pyav(path, container, stream, seconds[done:], size)


class _DecordCannotError(Exception):
    """decord is not installed, or cannot read this file rightly."""


def _by_decord(
    path: Path,
    container: InputContainer,
    stream: VideoStream,
    seconds: np.ndarray,
    size: Size | None,
) -> Iterator[np.ndarray]:
    seconds_claimed = (container.duration or 0) / av.time_base
    if not (0 < seconds_claimed <= DECORD_SECONDS and 0 <= stream.frames <= DECORD_FRAMES):
        raise _DecordCannotError
    try:
        import decord
    except (ImportError, OSError) as error:  # OSError: its shared library does not load
        raise _DecordCannotError from error
    try:
        decord.logging.set_level(decord.logging.QUIET)
        width, height = size or (-1, -1)
        reader = decord.VideoReader(
            os.fspath(path.absolute()), ctx=decord.cpu(0), num_threads=1, width=width, height=height
        )
        starts = _frame_starts(reader) + stream_start(container, stream)
        _check_not_cut_short(path, container, stream, starts[-1], seconds[-1])
        indices = np.searchsorted(starts, seconds + TOLERANCE_SECONDS, side="right") - 1
        unique, repeats = np.unique(indices.clip(0), return_counts=True)
        for first in range(0, len(unique), BLOCK_FRAMES):
            block = slice(first, first + BLOCK_FRAMES)
            frames = reader.get_batch(unique[block]).asnumpy()
            for frame, times in zip(frames, repeats[block], strict=True):
                yield from repeat(frame, times)
    except (decord.DECORDError, RuntimeError, IndexError) as error:
        raise _DecordCannotError from error


def _frame_starts(reader: object) -> np.ndarray:
    """(frames,) seconds since the first frame. Old AVI files have none: then decord cannot."""
    starts = reader.get_frame_timestamp(range(len(reader)))[:, 0].astype(np.float64)  # type: ignore
    if len(starts) == 0 or not np.all(np.diff(starts) > 0) or abs(starts[0]) > 1e6:
        raise _DecordCannotError
    return starts - starts[0]


def _by_pyav(
    path: Path,
    container: InputContainer,
    stream: VideoStream,
    seconds: np.ndarray,
    size: Size | None,
) -> Iterator[np.ndarray]:
    """Decode forward, keeping the newest frame until one later than the wanted time comes."""
    to_array = _ToArray(size)
    frames = _timed_frames(container, stream, float(seconds[0]))
    shown_until, shown = _first(path, frames)
    upcoming = next(frames, None)
    picture, source = to_array(shown), shown
    for wanted in seconds:
        if upcoming and wanted - upcoming[0] > SEEK_AHEAD_SECONDS:
            frames = _timed_frames(container, stream, wanted)
            shown_until, shown = _first(path, frames)
            upcoming = next(frames, None)
        while upcoming and upcoming[0] <= wanted + TOLERANCE_SECONDS:
            shown_until, shown = upcoming
            upcoming = next(frames, None)
            if upcoming is None:
                _check_not_cut_short(path, container, stream, shown_until, float(seconds[-1]))
        if shown is not source:
            picture, source = to_array(shown), shown
        yield picture


def _first(path: Path, frames: Iterator[tuple[float, VideoFrame]]) -> tuple[float, VideoFrame]:
    first = next(frames, None)
    if first is None:
        raise MediaError(path, "no frame can be decoded", "convert it to H.264 mp4")
    return first


def _timed_frames(
    container: InputContainer, stream: VideoStream, from_seconds: float
) -> Iterator[tuple[float, VideoFrame]]:
    """(seconds, frame) from the key frame before `from_seconds`; damaged packets are left out.

    Times never fall: some AVI files stamp their frames in the order of decoding.
    """
    start, latest = start_of(container), 0.0
    target = max(0.0, from_seconds - TOLERANCE_SECONDS) + start
    with suppress(av.error.FFmpegError):  # without an index: from where it is
        container.seek(int(target * av.time_base))
    for frame in decoded_frames(container.demux(stream)):
        pts = frame.pts if frame.pts is not None else frame.dts
        latest = max(latest, _seconds(pts, stream) - start)
        yield latest, frame


def _check_not_cut_short(
    path: Path, container: InputContainer, stream: VideoStream, last: float, wanted: float
) -> None:
    """A header that promises much more than the file holds: it was truncated.

    A last frame may be on show for long, and sound may go on without a picture; so before
    anything is said, all packets are looked through.

    Args:
        path: for the message.
        container: read to its end by this.
        stream: the picture.
        last: the second of its last frame.
        wanted: the last second that is asked for.
    """
    promised = (container.duration or 0) / av.time_base
    if stream.duration is not None:
        promised = _seconds(stream.start_time, stream) + _seconds(stream.duration, stream)
        promised -= start_of(container)
    if min(wanted, promised) - last <= CUT_SHORT_SECONDS:
        return
    end = max(last, last_packet_end(container))
    if promised - end > CUT_SHORT_SECONDS:
        problem = f"is truncated: its picture ends at {last:.1f} s of {promised:.1f} s"
        raise MediaError(path, problem, "download or record it again")


def _seconds(ticks: int | None, stream: VideoStream) -> float:
    return float((ticks or 0) * stream.time_base) if stream.time_base else 0.0


class _ToArray:
    """Frames as upright RGB arrays of one size, with what scaling needs set up only once."""

    def __init__(self, size: Size | None) -> None:
        self._size = size
        self._reformatter = VideoReformatter()

    def __call__(self, frame: VideoFrame) -> np.ndarray:
        """(H, W, 3) uint8; without a size all have that of the first."""
        turns = round(frame.rotation / 90) % 4
        if self._size is None:
            self._size = (
                (frame.width, frame.height) if turns % 2 == 0 else (frame.height, frame.width)
            )
        width, height = self._size if turns % 2 == 0 else self._size[::-1]
        scaled = self._reformatter.reformat(
            frame, width, height, "rgb24", interpolation=Interpolation.BILINEAR
        )
        return np.rot90(scaled.to_ndarray(), turns) if turns else scaled.to_ndarray()
