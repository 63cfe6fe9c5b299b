"""Pictures by seconds: decord first, PyAV where decord is missing or cannot read the file.

The frame of second t is the last one whose own time stamp is at or before t, so a variable
frame rate is right; a time past the end gives the last frame, one before the start the first.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice, repeat
from pathlib import Path

import av
import numpy as np
from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.reformatter import Interpolation
from av.video.stream import VideoStream
from PIL import Image

from mmlab.media.probe import MediaError, open_media, picture_stream, probe, start_of

TOLERANCE_SECONDS = 1e-3
"""Time stamps are rounded in many containers: a frame this little late counts as on time."""

BLOCK_FRAMES = 32
"""Frames that decord decodes per call; the most that is held in memory while streaming."""

SEEK_AHEAD_SECONDS = 10.0
"""PyAV jumps to a key frame rather than decode through a gap longer than this."""

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
        offset = max(0.0, _seconds(stream.start_time, stream) - start_of(container))
        done = 0
        try:
            for frame in _by_decord(path, seconds, size, offset):
                yield frame
                done += 1
        except _DecordCannotError:
            yield from _by_pyav(path, container, stream, seconds[done:], size)


class _DecordCannotError(Exception):
    """decord is not installed, or cannot read this file rightly."""


def _by_decord(
    path: Path, seconds: np.ndarray, size: Size | None, offset: float
) -> Iterator[np.ndarray]:
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
        starts = _frame_starts(reader) + offset
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
    frames = _timed_frames(container, stream, float(seconds[0]))
    shown_until, (_, shown) = 0.0, _first(path, frames)
    upcoming = next(frames, None)
    picture, source = _to_array(shown, size), shown
    for wanted in seconds:
        if upcoming and wanted - shown_until > SEEK_AHEAD_SECONDS:
            frames = _timed_frames(container, stream, wanted)
            shown_until, shown = _first(path, frames)
            upcoming = next(frames, None)
        while upcoming and upcoming[0] <= wanted + TOLERANCE_SECONDS:
            shown_until, shown = upcoming
            upcoming = next(frames, None)
        if upcoming is None:
            _check_not_cut_short(path, container, stream, shown_until, float(wanted))
        if shown is not source:
            picture, source = _to_array(shown, size), shown
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
    container.seek(int(target * av.time_base))
    for frame in _decoded(container.demux(stream)):
        pts = frame.pts if frame.pts is not None else frame.dts
        latest = max(latest, _seconds(pts, stream) - start)
        yield latest, frame


def _decoded(packets: Iterable[av.Packet]) -> Iterator[VideoFrame]:
    for packet in packets:
        try:
            yield from packet.decode()  # type: ignore[misc]
        except av.error.FFmpegError:
            continue


def _check_not_cut_short(
    path: Path, container: InputContainer, stream: VideoStream, last: float, wanted: float
) -> None:
    """A header that promises much more picture than the file holds: it was truncated."""
    promised = _seconds(stream.start_time, stream) + _seconds(stream.duration, stream)
    promised -= start_of(container)
    if min(wanted, promised) - last > 1.0:
        problem = f"is truncated: its picture ends at {last:.1f} s of {promised:.1f} s"
        raise MediaError(path, problem, "download or record it again")


def _seconds(ticks: int | None, stream: VideoStream) -> float:
    return float((ticks or 0) * stream.time_base) if stream.time_base else 0.0


def _to_array(frame: VideoFrame, size: Size | None) -> np.ndarray:
    turns = round(frame.rotation / 90) % 4
    width, height = size or (0, 0)
    if turns % 2:
        width, height = height, width
    array = frame.to_ndarray(
        format="rgb24",
        width=width or None,
        height=height or None,
        interpolation=Interpolation.BILINEAR,
    )
    return np.rot90(array, turns) if turns else array
