"""What a media file holds, and one way to open it that fails with a clear message."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import av
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.stream import Disposition
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

MOST_HOURS = 24
"""A file that claims to be longer has damaged time stamps."""

DOUBTED_BYTES_PER_SECOND, FEWEST_BYTES_PER_SECOND = 100, 1
"""For more than an hour: with fewer, a header's word is looked into; with fewer still, refused."""

PLAYLISTS = ("hls", "concat", "dash")

MOST_PIXELS = 1 << 26
"""A picture that claims to be larger (8K has half of that) would fill the memory."""


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
        has_video: whether there is a picture of which at least one frame can be decoded.
        has_audio: whether there is a sound stream.
        width: in pixels as shown, after the file's rotation is applied.
        height: likewise.
        frames_per_second: the average; the true times of frames may vary.
        picture_start_seconds: when the first picture is; 0 without one.
        sound_start_seconds: when the sound begins; 0 without sound.
        notes: what of the file cannot be used although the rest can, each a sentence's part.
    """

    duration_seconds: float
    has_video: bool
    has_audio: bool
    width: int
    height: int
    frames_per_second: float
    picture_start_seconds: float = 0.0
    sound_start_seconds: float = 0.0
    notes: tuple[str, ...] = ()


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
            _refuse_other_than_media(path, container)
            yield container
    except av.error.FFmpegError as error:
        problem = f"is damaged ({error.strerror})"
        raise MediaError(path, problem, "download or record it again") from error


def stream_start(container: InputContainer, stream: VideoStream | AudioStream) -> float:
    """The second of the file at which one of its streams begins."""
    if stream.start_time is None or stream.time_base is None:
        return 0.0
    return max(0.0, float(stream.start_time * stream.time_base) - start_of(container))


def decoded_frames(packets: Iterable[av.Packet]) -> Iterator[VideoFrame]:
    """The frames of a picture's packets; damaged packets are left out."""
    for packet in readable(packets):
        try:
            yield from packet.decode()  # type: ignore[misc]
        except av.error.FFmpegError:
            continue


def readable(packets: Iterable[av.Packet]) -> Iterator[av.Packet]:
    """Packets up to where the container is damaged so that nothing behind can be found."""
    try:
        yield from packets
    except av.error.FFmpegError:
        return


def _why_unreadable(path: Path) -> tuple[str, str]:
    if path.is_dir():
        return "is a folder", "name a file in it"
    if path.stat().st_size == 0:
        return "is empty (0 bytes)", "download or record it again"
    return "is truncated, damaged or not a media file", "download or record it again"


def _refuse_other_than_media(path: Path | str, container: InputContainer) -> None:
    """FFmpeg also opens images, as films of one frame, and lists of other files."""
    kind = container.format.name
    if kind.endswith("_pipe") or kind == "image2":
        raise MediaError(path, "is a still image, not a video", "leave it out")
    if kind in PLAYLISTS:
        raise MediaError(path, "is a playlist, not a video", "name the files it lists")


def picture_stream(container: InputContainer) -> VideoStream | None:
    """The file's main video stream that can be decoded; an album's cover is not a video."""
    streams = [container.streams.best("video"), *container.streams.video]
    for stream in streams:
        if (
            isinstance(stream, VideoStream)
            and stream.codec_context is not None
            and Disposition.attached_pic not in stream.disposition
        ):
            return stream
    return None


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
    """Read a file's header and first frame (and its packets' times, if it gives no duration).

    A file whose picture cannot be decoded counts as sound alone, with a note.

    Raises:
        MediaError: the file cannot be opened or holds neither picture nor sound.
    """
    with open_media(path) as container:
        picture, sound = picture_stream(container), sound_stream(container)
        if picture is None and sound is None:
            raise MediaError(path, "holds no picture and no sound", "convert it to mp4")
        seconds = _duration(Path(path), container)
        notes: tuple[str, ...] = ()
        frame = _first_frame(path, container, picture) if picture else None
        if picture and frame is None:
            if sound is None:
                raise MediaError(path, "no frame can be decoded", "convert it to H.264 mp4")
            picture, notes = None, ("its picture cannot be decoded",)
        width, height = _size_as_shown(picture, frame) if picture and frame else (0, 0)
        return MediaInfo(
            duration_seconds=seconds,
            has_video=picture is not None,
            has_audio=sound is not None,
            width=width,
            height=height,
            frames_per_second=float(picture.average_rate or 0) if picture else 0.0,
            picture_start_seconds=stream_start(container, picture) if picture else 0.0,
            sound_start_seconds=stream_start(container, sound) if sound else 0.0,
            notes=notes,
        )


def last_packet_end(container: InputContainer) -> float:
    """The second at which the last packet of any stream ends; goes back to the start."""
    ends = [
        float((packet.pts + (packet.duration or 0)) * packet.time_base)
        for packet in readable(container.demux())
        if packet.pts is not None
    ]
    container.seek(0)
    return max(ends, default=0.0) - start_of(container)


def _duration(path: Path, container: InputContainer) -> float:
    """The header's word, unless there is none or the file is far too small for it."""
    seconds, size_bytes = (container.duration or 0) / av.time_base, path.stat().st_size
    if not 0 < seconds <= _longest(size_bytes / DOUBTED_BYTES_PER_SECOND):
        seconds = last_packet_end(container)
    if seconds <= 0:
        raise MediaError(path, "holds nothing to play (0 s)", "download or record it again")
    if seconds > _longest(size_bytes / FEWEST_BYTES_PER_SECOND):
        problem = f"claims to last {seconds / 3600:,.0f} hours: its time stamps are damaged"
        raise MediaError(path, problem, "convert it to mp4")
    return seconds


def _longest(seconds: float) -> float:
    """What may be believed if a file is large enough for that many seconds."""
    return min(max(3600.0, seconds), 3600.0 * MOST_HOURS)


def _first_frame(
    path: Path | str, container: InputContainer, picture: VideoStream
) -> VideoFrame | None:
    width, height = picture.codec_context.width, picture.codec_context.height
    if width * height > MOST_PIXELS:
        problem = f"claims a picture of {width} x {height} pixels"
        raise MediaError(path, problem, "scale it down, or leave it out if it is damaged")
    return next(decoded_frames(container.demux(picture)), None)


def _size_as_shown(picture: VideoStream, frame: VideoFrame) -> tuple[int, int]:
    """Width and height after rotation, which is known only once a frame is decoded."""
    width, height = picture.codec_context.width, picture.codec_context.height
    return (height, width) if frame.rotation % 180 else (width, height)
