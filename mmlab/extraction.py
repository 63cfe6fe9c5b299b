"""From a media file to its features: one pass over its picture, one or two over its sound.

Decoded frames and samples go to the backbones in small blocks, so that the length of a file
hardly matters: two hours need little more memory than their tokens.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mmlab.about import FeatureInfo
from mmlab.features.backbone import Backbone, PictureBackbone, SoundBackbone
from mmlab.features.registry import load_picture_backbone, load_sound_backbone
from mmlab.features.video import SHORT_REST_SECONDS
from mmlab.media import MediaError, MediaInfo, SoundBlocks, probe, stream_windows
from mmlab.media_features import MediaFeatures
from mmlab.types import Modality

BLOCK_BYTES = 16 << 20
"""Of the frames that go to a picture backbone at a time."""

BLOCK_SECONDS = 60
"""Of the sound that goes to a sound backbone at a time; whole, for the loudness per second."""

KEPT_SECONDS = 600
"""Sound up to this long is kept for a backbone's second look (38 MB), longer is decoded again."""

QUIETEST_DECIBEL = -100.0

PICTURE_SHARE = 0.8
"""Of the work on a file with picture and sound, for the progress that is told."""

WRONG_SECONDS = 1.0
"""Where a file of sound alone is so much longer or shorter than its header says, it counts."""


Tell = Callable[[float], object]
"""Is given how much is done, from 0 to 1."""


@dataclass(frozen=True)
class Extractors:
    """What makes features; sent to worker processes.

    Attributes:
        video: for `load_picture_backbone`; "none" leaves pictures out.
        audio: for `load_sound_backbone`; "none" leaves sound out.
        device: where networks run: "auto", "cpu", "cuda", "cuda:1".
    """

    video: str = "default"
    audio: str = "default"
    device: str = "auto"


DEFAULT = Extractors()


def feature_infos(extractors: Extractors = DEFAULT) -> dict[Modality, FeatureInfo]:
    """What `extract` makes with these extractors.

    Raises:
        ValueError: a backbone cannot be loaded, or there is none at all.
    """
    picture, sound = _backbones(extractors)
    infos = {}
    if picture:
        infos["video"] = _info(picture, extractors.video)
    if sound:
        infos["audio"] = _info(sound, extractors.audio)
    return infos


def extract(
    path: Path | str, extractors: Extractors = DEFAULT, on_progress: Tell | None = None
) -> MediaFeatures:
    """The tokens of one file.

    Video tokens cover the file to its end, also where its sound is longer than its picture.
    Where only the picture or only the sound can be decoded, that is what there is, and a
    warning is logged.

    Args:
        path: any file that FFmpeg can read.
        extractors: what makes the tokens.
        on_progress: told the share that is done, from 0 to 1.

    Raises:
        MediaError: the file cannot be read, is truncated, or has nothing that is asked for.
        ValueError: a backbone cannot be loaded.
    """
    picture, sound = _backbones(extractors)
    info, tell = probe(path), on_progress or _tell_nobody
    duration, notes = info.duration_seconds, [*info.notes]
    tokens: dict[str, np.ndarray] = {}
    levels: dict[str, np.ndarray] = {}
    share = _picture_share(info, picture, sound)
    if picture and info.has_video:
        seen = _see(path, picture, info, lambda part: tell(share * part))
        tokens["video"], levels["brightness"] = seen
    if sound and info.has_audio:
        heard = _Heard(path, sound, info, lambda part: tell(share + (1 - share) * part))
        tokens["audio"], levels["loudness"] = heard.tokens(), heard.loudness()
        duration, more = _true_duration(info, heard.seconds)
        notes += more
    _check(path, tokens)
    tell(1.0)
    return MediaFeatures(
        duration_seconds=duration,
        tokens=tokens,
        levels=levels,
        width=info.width,
        height=info.height,
        frames_per_second=info.frames_per_second,
        picture_start_seconds=info.picture_start_seconds,
        sound_start_seconds=info.sound_start_seconds,
        notes=tuple(notes),
    )


def token_count(duration_seconds: float, tokens_per_second: float) -> int:
    """How many picture tokens a file gets: one for every begun step, but for a short last rest."""
    return max(1, math.ceil((duration_seconds - SHORT_REST_SECONDS) * tokens_per_second))


def _backbones(extractors: Extractors) -> tuple[PictureBackbone | None, SoundBackbone | None]:
    picture = load_picture_backbone(extractors.video, extractors.device)
    sound = load_sound_backbone(extractors.audio, extractors.device)
    if picture is None and sound is None:
        raise ValueError("video and audio are both 'none'; give a backbone for one of them")
    return picture, sound


def _info(backbone: Backbone, source: str) -> FeatureInfo:
    rate, window = backbone.tokens_per_second, backbone.window_seconds
    return FeatureInfo(backbone.name, backbone.width, rate, window, source)


def _tell_nobody(part: float) -> None:
    """Stands in where no progress is asked for."""


def _picture_share(
    info: MediaInfo, picture: PictureBackbone | None, sound: SoundBackbone | None
) -> float:
    """How much of the work the picture is."""
    sees, hears = bool(picture and info.has_video), bool(sound and info.has_audio)
    return PICTURE_SHARE if sees and hears else float(sees)


def _see(
    path: Path | str, backbone: PictureBackbone, info: MediaInfo, tell: Tell
) -> tuple[np.ndarray, np.ndarray]:
    """(N, width) tokens and (N,) brightness in 0..1, the mean of each token's frames."""
    starts = np.arange(token_count(info.duration_seconds, backbone.tokens_per_second))
    width, height = backbone.frame_size(info.width, info.height)
    windows = max(1, BLOCK_BYTES // (3 * width * height * len(backbone.frame_offsets)))
    blocks = stream_windows(
        path,
        starts / backbone.tokens_per_second,
        backbone.frame_offsets,
        size=(width, height),
        windows=windows,
    )
    brightness: list[float] = []

    def watched() -> Iterator[np.ndarray]:
        for block in blocks:
            brightness.extend(frames.mean() / 255 for frames in block)
            yield block
            tell(len(brightness) / len(starts))

    return backbone.extract(watched()), np.array(brightness, dtype=np.float32)


class _Heard:
    """A file's sound on its way to a backbone, which may iterate over it more than once.

    Attributes:
        seconds: how much of it there is, known after the first iteration.
    """

    def __init__(
        self, path: Path | str, backbone: SoundBackbone, info: MediaInfo, tell: Tell
    ) -> None:
        self.seconds = 0.0
        self._backbone = backbone
        self._blocks = SoundBlocks(path, backbone.sample_rate, BLOCK_SECONDS)
        self._said_seconds, self._tell, self._told_seconds = info.duration_seconds, tell, 0.0
        self._levels: list[np.ndarray] = []
        self._kept: list[np.ndarray] = []

    def tokens(self) -> np.ndarray:
        """(N, width); none where nothing can be decoded."""
        tokens = self._backbone.extract(self)
        return tokens if self.seconds else tokens[:0]

    def loudness(self) -> np.ndarray:
        """(begun seconds,) root mean square of each in dBFS."""
        return np.concatenate([np.empty(0, dtype=np.float32), *self._levels])

    def __iter__(self) -> Iterator[np.ndarray]:
        if self._kept:
            return iter(self._kept)
        return self._decoded()

    def _decoded(self) -> Iterator[np.ndarray]:
        rate, samples = self._blocks.sample_rate, 0
        kept: list[np.ndarray] = []
        self._levels = []
        for block in self._blocks:
            samples += len(block)
            self._levels.append(decibels_per_second(block, rate))
            kept = [*kept, block] if samples <= KEPT_SECONDS * rate else []
            yield block
            self._told_seconds += len(block) / rate
            self._tell(min(1.0, self._told_seconds / self._said_seconds / 2))  # of two iterations
        self.seconds, self._kept = samples / rate, kept


def decibels_per_second(samples: np.ndarray, sample_rate: int) -> np.ndarray:
    """(begun seconds,) float32 root mean square of each second in dBFS, not below -100."""
    starts = np.arange(0, len(samples), sample_rate)
    power = np.add.reduceat(np.square(samples, dtype=np.float64), starts)
    power /= np.diff(np.append(starts, len(samples)))
    floor = 10 ** (QUIETEST_DECIBEL / 10)
    return (10 * np.log10(np.maximum(power, floor))).astype(np.float32)


def _true_duration(info: MediaInfo, heard_seconds: float) -> tuple[float, list[str]]:
    """The file's length and what is to be said of it, once its sound has been decoded.

    Headers of sound alone often guess the length from the first seconds.
    """
    said = info.duration_seconds
    if not heard_seconds:
        return said, ["its sound cannot be decoded"]
    if info.has_video or abs(heard_seconds - said) <= WRONG_SECONDS:
        return said, []
    return heard_seconds, [f"lasts {heard_seconds:.1f} s, not {said:.1f} s as its header says"]


def _check(path: Path | str, tokens: dict[str, np.ndarray]) -> None:
    if not any(map(len, tokens.values())):
        problem = "has neither picture nor sound that is asked for and can be decoded"
        raise MediaError(path, problem, "convert it to mp4 or leave it out")
    if not all(np.isfinite(values.sum()) for values in tokens.values()):
        raise MediaError(path, "gives features that are not finite", "convert it to mp4")
