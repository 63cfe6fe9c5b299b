"""A film as heavy to decode as a video from the web: 30 frames a second, 640 x 360, with sound."""

from __future__ import annotations

import shutil
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.audio.stream import AudioStream
from av.container import OutputContainer
from av.video.stream import VideoStream
from scipy.ndimage import gaussian_filter

WIDTH, HEIGHT, FRAMES_PER_SECOND = 640, 360, 30
SCENE_SECONDS = 5
SAMPLE_RATE = 44_100


def write_films(folder: Path, seconds: int, copies: int = 4) -> Path:
    """A folder with copies of one film: work for several processes."""
    write_film(folder / "film0.mp4", seconds)
    for number in range(1, copies):
        shutil.copy(folder / "film0.mp4", folder / f"film{number}.mp4")
    return folder


def write_film(path: Path, seconds: int, seed: int = 0) -> None:
    """Write H.264 and AAC: a camera moves over a new landscape of noise every five seconds."""
    generator = np.random.default_rng(seed)
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as output:
        picture = output.add_stream("libx264", rate=FRAMES_PER_SECOND)
        picture.width, picture.height, picture.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        picture.options = {"preset": "veryfast", "crf": "26"}
        sound = output.add_stream("aac", rate=SAMPLE_RATE, layout="mono")
        _write_pictures(output, picture, seconds, generator)
        _write_sound(output, sound, seconds, generator)


def _write_pictures(
    output: OutputContainer, stream: VideoStream, seconds: int, generator: np.random.Generator
) -> None:
    for number in range(seconds * FRAMES_PER_SECOND):
        time = number / FRAMES_PER_SECOND
        if number % (SCENE_SECONDS * FRAMES_PER_SECOND) == 0:
            scene, direction = _landscape(generator), generator.uniform(-1, 1, 2)
        top, left = (40 * (1 + np.sin(time * direction))).astype(int)
        view = scene[top : top + HEIGHT, left : left + WIDTH]
        grain = generator.integers(0, 4, view.shape, dtype=np.uint8)
        frame = av.VideoFrame.from_ndarray(view + grain, format="rgb24")
        frame.pts, frame.time_base = number, Fraction(1, FRAMES_PER_SECOND)
        output.mux(stream.encode(frame))
    output.mux(stream.encode(None))


def _landscape(generator: np.random.Generator) -> np.ndarray:
    """(H + 80, W + 80, 3) uint8 with coarse and fine structure, below 250."""
    shape = (HEIGHT + 80, WIDTH + 80, 3)
    layers = [gaussian_filter(generator.standard_normal(shape), (s, s, 0)) * s for s in (1, 4, 24)]
    return (125 + 60 * np.tanh(sum(layers))).astype(np.uint8)


def _write_sound(
    output: OutputContainer, stream: AudioStream, seconds: int, generator: np.random.Generator
) -> None:
    times = np.arange(seconds * SAMPLE_RATE) / SAMPLE_RATE
    loudness = 0.2 * (1 + np.sin(2 * np.pi * times / 3)) / 2
    hiss = generator.standard_normal(len(times)) / 6
    samples = (loudness * (np.sin(2 * np.pi * 440 * times) + hiss)).astype(np.float32)
    frame = av.AudioFrame.from_ndarray(samples[None], format="fltp", layout="mono")
    frame.sample_rate, frame.pts = SAMPLE_RATE, 0
    resampler = av.AudioResampler(format=stream.format, layout="mono", rate=SAMPLE_RATE)
    for part in [*resampler.resample(frame), None]:
        output.mux(stream.encode(part))
