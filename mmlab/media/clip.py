"""A part of a file as a small mp4 that any browser plays."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.container import OutputContainer
from av.video.frame import VideoFrame

from mmlab.media.frames import stream_frames
from mmlab.media.probe import MediaError, MediaInfo, probe
from mmlab.media.sound import read_audio

SAMPLE_RATE = 44_100
MAX_FRAMES_PER_SECOND = 30.0


def cut_clip(
    path: Path | str, start_seconds: float, end_seconds: float, *, max_width: int = 480
) -> bytes:
    """Transcode [start_seconds, end_seconds) to H.264 + AAC mp4, its index in front.

    Second 0 of the clip is `start_seconds`. A file without picture or sound gives a clip
    without it. A part that reaches behind the end of the file is shortened.

    Raises:
        MediaError: the file cannot be read or nothing of it lies in the part.
    """
    info = probe(path)
    start, end = max(0.0, start_seconds), min(end_seconds, info.duration_seconds)
    if end <= start:
        found = f"ends at {info.duration_seconds:.2f} s"
        raise MediaError(path, found, f"choose a part inside it, not from {start_seconds:.2f} s")
    with tempfile.TemporaryDirectory(prefix="mmlab-clip-") as folder:
        target = Path(folder) / "clip.mp4"
        with av.open(str(target), "w", options={"movflags": "faststart"}) as output:
            _write(output, Path(path), info, start, end, max_width)
        return target.read_bytes()


def _write(
    output: OutputContainer, path: Path, info: MediaInfo, start: float, end: float, max_width: int
) -> None:
    """Declare both streams first (the file's header lists them), then write them."""
    sound = read_audio(path, sample_rate=SAMPLE_RATE, start_seconds=start, end_seconds=end)
    rate = min(info.frames_per_second or MAX_FRAMES_PER_SECOND, MAX_FRAMES_PER_SECOND)
    video = audio = None
    if info.has_video:
        video = output.add_stream("libx264", rate=Fraction(rate).limit_denominator(1001))
        video.width, video.height = _even_size(info, max_width)
        video.pix_fmt, video.options = "yuv420p", {"preset": "superfast", "crf": "28"}
    if len(sound):
        audio = output.add_stream("aac", rate=SAMPLE_RATE, layout="mono")
        audio.options = {"aac_coder": "fast"}
    if video is not None:
        for frame in _video_frames(path, start, end, rate, (video.width, video.height)):
            output.mux(video.encode(frame))
        output.mux(video.encode(None))
    if audio is not None:
        output.mux(audio.encode(_audio_frame(sound)))
        output.mux(audio.encode(None))


def _audio_frame(sound: np.ndarray) -> AudioFrame:
    frame = AudioFrame.from_ndarray(sound[None], format="fltp", layout="mono")
    frame.sample_rate, frame.pts = SAMPLE_RATE, 0
    return frame


def _video_frames(
    path: Path, start: float, end: float, rate: float, size: tuple[int, int]
) -> Iterator[VideoFrame]:
    times = start + np.arange(max(1, round((end - start) * rate))) / rate
    number = 0
    for chunk in stream_frames(path, times, size=size):
        for picture in chunk:
            frame = VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts = number
            number += 1
            yield frame


def _even_size(info: MediaInfo, max_width: int) -> tuple[int, int]:
    """H.264 with 4:2:0 colour needs even sides."""
    width = min(info.width, max_width)
    height = info.height * width / info.width
    return max(2, width // 2 * 2), max(2, round(height / 2) * 2)
