"""What a media file holds, and one way to open it that fails with a clear message."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import av
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.stream import Disposition
from av.video.stream import VideoStream


class MediaError(ValueError):
    """A media file cannot be read. The message says which file, what is wrong, what to do."""

    def __init__(self, path: Path | str, problem: str, mend: str) -> None:
        super().__init__(f"{path}: {problem}; {mend}")
        self.path, self.problem, self.mend = path, problem, mend

    def __reduce__(self) -> tuple[type[MediaError], tuple[Path | str, str, str]]:
        """Worker processes send this error back to their parent."""
        return MediaError, (self.path, self.problem, self.mend)


@dataclass(frozen=True)
class MediaInfo:
    """What a file holds; without a picture width, height and frames_per_second are 0.

    Attributes:
        duration_seconds: from the container's start to the end of its longest stream.
        width: in pixels as shown, after the file's rotation is applied.
        height: likewise.
        frames_per_second: the average; the true times of frames may vary.
    """

    duration_seconds: float
    has_video: bool
    has_audio: bool
    width: int
    height: int
    frames_per_second: float


@contextmanager
def open_media(path: Path | str) -> Iterator[InputContainer]:
    """Open a file with PyAV for the length of a `with` block.

    The path is made absolute so that no file name is taken for a protocol ("concat:a.mp4"),
    and a playlist inside the file may not reach out to anything but local files.

    Raises:
        MediaError: missing, unreadable, empty, or not a media file; also where the block itself
            meets damage that it does not handle.
    """
    path = Path(path)
    try:
        container = av.open(
            str(path.absolute()), metadata_errors="ignore", options={"protocol_whitelist": "file"}
        )
    except FileNotFoundError:
        raise MediaError(path, "no such file", "check the path") from None
    except PermissionError:
        raise MediaError(path, "may not be read", "change its permissions") from None
    except (av.error.FFmpegError, OSError, ValueError) as error:
        raise MediaError(path, *_why_unreadable(path)) from error
    try:
        with container:
            yield container
    except av.error.FFmpegError as error:
        problem = f"is damaged ({error.strerror})"
        raise MediaError(path, problem, "download or record it again") from error


def _why_unreadable(path: Path) -> tuple[str, str]:
    if path.is_dir():
        return "is a folder", "name a file in it"
    if path.stat().st_size == 0:
        return "is empty (0 bytes)", "download or record it again"
    return "is truncated, damaged or not a media file", "download or record it again"


def picture_stream(container: InputContainer) -> VideoStream | None:
    """The file's main video stream that can be decoded; an album's cover is not a video."""
    stream = container.streams.best("video")
    if not isinstance(stream, VideoStream) or stream.codec_context is None:
        return None
    return None if Disposition.attached_pic in stream.disposition else stream


def sound_stream(container: InputContainer) -> AudioStream | None:
    """The file's main sound stream that can be decoded, or None."""
    stream = container.streams.best("audio")
    if not isinstance(stream, AudioStream) or stream.codec_context is None:
        return None
    return stream if stream.codec_context.sample_rate else None


def start_of(container: InputContainer) -> float:
    """The container's own time (seconds) at which second 0 of the file lies."""
    return (container.start_time or 0) / av.time_base


def probe(path: Path | str) -> MediaInfo:
    """Read a file's header (and its packets' times, if the header gives no duration).

    Raises:
        MediaError: the file cannot be opened or holds neither picture nor sound.
    """
    with open_media(path) as container:
        picture, sound = picture_stream(container), sound_stream(container)
        if picture is None and sound is None:
            raise MediaError(path, "holds no picture and no sound", "convert it to mp4")
        seconds = (container.duration or 0) / av.time_base or _last_packet_end(container)
        if seconds <= 0:
            raise MediaError(path, "holds nothing to play (0 s)", "download or record it again")
        width, height = _size_as_shown(container, picture) if picture else (0, 0)
        rate = float(picture.average_rate or 0) if picture else 0.0
        return MediaInfo(seconds, picture is not None, sound is not None, width, height, rate)


def _last_packet_end(container: InputContainer) -> float:
    ends = [
        float((packet.pts + (packet.duration or 0)) * packet.time_base)
        for packet in container.demux()
        if packet.pts is not None
    ]
    container.seek(0)
    return max(ends, default=0.0) - start_of(container)


def _size_as_shown(container: InputContainer, picture: VideoStream) -> tuple[int, int]:
    """Width and height after rotation, which is known only once a frame is decoded."""
    try:
        rotation = next(container.decode(picture)).rotation
    except (StopIteration, av.error.FFmpegError):
        rotation = 0
    width, height = picture.codec_context.width, picture.codec_context.height
    return (height, width) if rotation % 180 else (width, height)
