"""Media files through the decoders, which may take their process down."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from functools import lru_cache, partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from mmlab.extraction import extract
from tests.conftest import moving_square, tone, write_video
from tests.fuzzing.judging import Files, Format, Reading

PICTURE_CODECS = {
    "mp4": ("libx264", "aac"),
    "mkv": ("libx264", "aac"),
    "webm": ("libvpx-vp9", "libopus"),
    "avi": ("mpeg4", "mp3"),
}
SOUND_CODECS = {"wav": "pcm_s16le", "flac": "flac", "mp3": "mp3"}


@lru_cache
def _seed(ending: str) -> bytes:
    with TemporaryDirectory() as folder:
        path = Path(folder) / f"seed.{ending}"
        if ending in SOUND_CODECS:
            codecs = ("", SOUND_CODECS[ending])
            return write_video(
                path, 0.5, sound=tone(), sample_rate=16_000, codecs=codecs
            ).read_bytes()
        return write_video(
            path, 1.0, picture=moving_square(size=(32, 24), side=8), sound=tone(),
            frames_per_second=5, sample_rate=48_000, codecs=PICTURE_CODECS[ending],
        ).read_bytes()  # fmt: skip


def _build(ending: str, entries: Sequence[Any]) -> Files:
    return {f"film.{ending}": _seed(ending)}


def _read(folder: Path) -> Reading:
    logging.getLogger("mmlab").setLevel(logging.ERROR)
    features = extract(next(folder.iterdir()))
    assert 0 < features.duration_seconds < np.inf
    assert all(np.isfinite(tokens).all() for tokens in features.tokens.values())
    return Reading([{name: tokens.shape for name, tokens in features.tokens.items()}])


MEDIA_FORMATS = tuple(
    Format(ending, (ending,), partial(_build, ending), _read, is_media=True)
    for ending in (*PICTURE_CODECS, *SOUND_CODECS)
)
