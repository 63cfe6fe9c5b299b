"""Tiny real media files for the tests: coloured moving shapes and tones, made with PyAV."""

from __future__ import annotations

import json
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
import torch

import mmlab
from mmlab.runs import model_config

Picture = Callable[[float], np.ndarray]
"""From seconds to an (H, W, 3) uint8 picture."""

Sound = Callable[[np.ndarray], np.ndarray]
"""From an array of seconds to samples in [-1, 1]."""

BACKGROUND = (40, 40, 48)
RED, GREEN, BLUE = (220, 40, 40), (40, 200, 60), (50, 70, 230)


def moving_square(
    colour: tuple[int, int, int] = RED,
    *,
    pixels_per_second: tuple[float, float] = (24.0, 0.0),
    size: tuple[int, int] = (128, 96),
    side: int = 24,
) -> Picture:
    """A square on a dark ground that moves (right, down) and wraps around."""
    width, height = size

    def draw(seconds: float) -> np.ndarray:
        picture = np.full((height, width, 3), BACKGROUND, dtype=np.uint8)
        left = round(10 + pixels_per_second[0] * seconds) + np.arange(side)
        top = round(30 + pixels_per_second[1] * seconds) + np.arange(side)
        picture[np.ix_(top % height, left % width)] = colour
        return picture

    return draw


def grey_clock(size: tuple[int, int] = (64, 48), seconds_to_grey: float = 20.0) -> Picture:
    """A flat picture whose grey says what time it is."""

    def draw(seconds: float) -> np.ndarray:
        return np.full((size[1], size[0], 3), round(20 + seconds * seconds_to_grey), dtype=np.uint8)

    return draw


def tone(hertz: float = 440.0, loudness: float = 0.3) -> Sound:
    """A steady sine."""
    return lambda seconds: loudness * np.sin(2 * np.pi * hertz * seconds)


def write_video(
    path: Path,
    seconds: float = 2.0,
    *,
    picture: Picture | None = None,
    sound: Sound | None = None,
    frames_per_second: int = 25,
    times: np.ndarray | None = None,
    sample_rate: int = 44_100,
    sound_starts_at: float = 0.0,
    codecs: tuple[str, str] = ("libx264", "aac"),
    options: dict[str, str] | None = None,
) -> Path:
    """Write a media file; `times` overrides the even spacing of frames (variable frame rate)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w", options=options or {}) as output:
        video = audio = None
        if picture is not None:
            first = picture(0.0)
            video = output.add_stream(codecs[0], rate=frames_per_second)
            video.width, video.height, video.pix_fmt = first.shape[1], first.shape[0], "yuv420p"
            video.codec_context.time_base = Fraction(1, 1000)
        if sound is not None:
            audio = output.add_stream(codecs[1], rate=sample_rate, layout="mono")
        if video is not None:
            _write_pictures(output, video, picture, _even_times(times, seconds, frames_per_second))
        if audio is not None:
            _write_sound(output, audio, sound, seconds, sample_rate, sound_starts_at)
    return path


def _even_times(times: np.ndarray | None, seconds: float, frames_per_second: int) -> np.ndarray:
    return (
        np.arange(round(seconds * frames_per_second)) / frames_per_second
        if times is None
        else times
    )


def _write_pictures(output, stream, picture: Picture, times: np.ndarray) -> None:
    for seconds in times:
        frame = av.VideoFrame.from_ndarray(picture(float(seconds)), format="rgb24")
        frame.pts, frame.time_base = round(seconds * 1000), Fraction(1, 1000)
        output.mux(stream.encode(frame))
    output.mux(stream.encode(None))


def _write_sound(
    output, stream, sound: Sound, seconds: float, sample_rate: int, starts_at: float
) -> None:
    samples = sound(np.arange(round(seconds * sample_rate)) / sample_rate).astype(np.float32)
    frame = av.AudioFrame.from_ndarray(samples[None], format="fltp", layout="mono")
    frame.sample_rate, frame.pts = sample_rate, round(starts_at * sample_rate)
    resampler = av.AudioResampler(format=stream.format, layout="mono", rate=sample_rate)
    for part in [*resampler.resample(frame), None]:
        output.mux(stream.encode(part))


@pytest.fixture(scope="session")
def media_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four tiny mp4: red to the right, green to the left, a silent blue one, a sound alone."""
    folder = tmp_path_factory.mktemp("médias d'essai")
    write_video(folder / "red right.mp4", 3.0, picture=moving_square(), sound=tone(440))
    left = moving_square(GREEN, pixels_per_second=(-24.0, 0.0))
    write_video(folder / "green left.mp4", 2.5, picture=left, sound=tone(1200))
    write_video(folder / "blue mute.mp4", 2.0, picture=moving_square(BLUE))
    write_video(folder / "only sound.mp4", 2.0, sound=tone(300))
    return folder


def untrained_run(media_folder: Path, folder: Path, clips: str) -> Path:
    """FOLDER/model, a model that has learnt nothing, on FOLDER/dataset.

    Args:
        media_folder: of the media.
        folder: where both are written.
        clips: lines of video,start_seconds,end_seconds,text,split.
    """
    captions = folder / "captions.csv"
    captions.write_text(f"video,start_seconds,end_seconds,text,split\n{clips}")
    dataset = mmlab.ingest(media_folder, captions, folder / "dataset", workers=1, progress=False)
    torch.manual_seed(0)
    mmlab.FusionModel(model_config(dataset.features)).save_pretrained(folder / "model")
    (folder / "model" / "run.json").write_text(json.dumps({"dataset": "../dataset"}))
    return folder / "model"


@pytest.fixture(scope="session")
def tiny_run(media_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An untrained model's run on the four tiny media files."""
    clips = (
        "red right.mp4,0,1.5,a red square,test\n"
        "red right.mp4,1.5,3,moves on,test\n"
        "green left.mp4,0,2.5,<b>green</b> to the left,test\n"
        "blue mute.mp4,0,2,blue without a sound,test\n"
        "only sound.mp4,0,2,nothing to see,test\n"
    )
    return untrained_run(media_folder, tmp_path_factory.mktemp("run"), clips)


@pytest.fixture
def tiny_retriever(tiny_run: Path) -> mmlab.Retriever:
    """The untrained model and all clips of `tiny_run`."""
    return mmlab.Retriever(*mmlab.open_run(tiny_run))
