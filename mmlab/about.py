"""dataset.json: what a dataset's features are and where its media lie."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from mmlab.types import Modality

FORMAT = "mmlab-dataset"
FORMAT_VERSION = 2
PENDING = ".next"
"""Ending of a table that is about to take its place."""


LOWEST_RATE, HIGHEST_RATE = 1e-6, 1e6
"""Tokens per second: beyond these lie damage and numbers that overflow."""


@dataclass(frozen=True)
class StreamInfo:
    """One of several kinds of tokens that together make a modality, such as "2d" and "3d".

    Attributes:
        name: as in the shards, where "2d" of the video is `{media_id}/video.2d`.
        width: of a token.
        tokens_per_second: token i covers [i / rate, (i + 1) / rate).
    """

    name: str
    width: int
    tokens_per_second: float


@dataclass(frozen=True)
class FeatureInfo:
    """How one modality is described.

    Attributes:
        name: of the extractor.
        width: of a token; of the merged one where there are streams.
        tokens_per_second: None for text, whose words have no times.
        window_seconds: token i covers [i / rate, i / rate + window); None: one step, 1 / rate.
        source: from which backbone more can be made, as `load_picture_backbone`,
            `load_sound_backbone` and `load_text_encoder` take it; "" if none can be made here.
        streams: kept apart on disk and merged when a clip is read; the last one sets the times.
        unit_norm: whether merging brings each stream's part of a token to norm 1, as published.
    """

    name: str
    width: int
    tokens_per_second: float | None
    window_seconds: float | None = None
    source: str = ""
    streams: tuple[StreamInfo, ...] = ()
    unit_norm: bool = True


@dataclass(frozen=True)
class About:
    """The content of dataset.json.

    Attributes:
        media_root: where the media lie, relative to the dataset; "" if they are not at hand.
        features: of each modality.
        tables: the digest of each table file that belongs to this state of the dataset.
    """

    media_root: str
    features: dict[Modality, FeatureInfo]
    tables: dict[str, str] = field(default_factory=dict)

    def to_bytes(self) -> bytes:
        """What to write to dataset.json."""
        about = {"format": FORMAT, "version": FORMAT_VERSION} | asdict(self)
        return (json.dumps(about, indent=2, ensure_ascii=False) + "\n").encode()


def read_about(folder: Path) -> About:
    """The content of a dataset's dataset.json.

    Raises:
        FileNotFoundError: `folder` is no dataset, or one that is not finished.
        ValueError: the file is damaged or of another version.
    """
    path = folder / "dataset.json"
    if not path.exists():
        begun = (folder / "features").is_dir()
        state = "is a dataset that was never finished" if begun else "is no dataset"
        mend = "run the same `mmlab ingest` again" if begun else "make one with `mmlab ingest`"
        raise FileNotFoundError(f"{folder}: {state} (no dataset.json); {mend}")
    try:
        about = json.loads(path.read_text(encoding="utf-8"))
        version = about["version"]
        if version == FORMAT_VERSION:
            features = {name: _feature_info(**info) for name, info in about["features"].items()}
            return About(str(about["media_root"]), features, dict(about["tables"]))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError(
            f"{path}: is damaged ({error!r:.200}); run the same `mmlab ingest` again"
        ) from None
    raise ValueError(
        f"{path}: has version {version!r:.50}, this mmlab reads version {FORMAT_VERSION}; "
        "run the same `mmlab ingest` again, which makes it anew"
    )


def _feature_info(**fields: Any) -> FeatureInfo:
    streams = tuple(StreamInfo(**stream) for stream in fields.pop("streams", ()))
    info = FeatureInfo(**fields, streams=streams)
    rates = [info.tokens_per_second, *(stream.tokens_per_second for stream in streams)]
    widths = [info.width, *(stream.width for stream in streams)]
    if not all(rate is None or LOWEST_RATE <= rate <= HIGHEST_RATE for rate in rates):
        raise ValueError(f"tokens_per_second {rates}")
    if not all(isinstance(width, int) and width > 0 for width in widths):
        raise ValueError(f"width {widths}")
    return info


def table_path(folder: Path, about: About, name: str) -> Path:
    """Which file holds a table of the state that `about` describes.

    Tables are written beside their place; putting dataset.json in place makes them valid, all
    in one step; then they are moved. Where a run was stopped before the move, the table still
    lies beside its place.
    """
    pending = folder / (name + PENDING)
    if pending.exists() and digest(pending.read_bytes()) == about.tables.get(name):
        return pending
    return folder / name


def digest(content: bytes) -> str:
    """A short name for some bytes."""
    return hashlib.blake2b(content, digest_size=16).hexdigest()
