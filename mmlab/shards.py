"""A shard: the features of some media in one safetensors file.

Shards are the truth of a dataset. Each is written once and atomically, its header says what it
holds, what was skipped and why, so everything else in a dataset's folder can be made from them.
The same media give the same bytes.
"""

from __future__ import annotations

import errno
import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from mmlab.about import FORMAT_VERSION, FeatureInfo
from mmlab.diary import Diary
from mmlab.extraction import Extractors, extract, feature_infos
from mmlab.files import UNFINISHED, replacing
from mmlab.media import MediaError
from mmlab.media_features import MediaFeatures
from mmlab.types import Modality

MEDIA_PER_SHARD = 16
LEAST_SHARDS = 64
"""Of fewer media than fill these, shards hold less: every worker finds something to do."""

LARGE_FILE_BYTES = 32 << 20
"""A larger file gets a shard of its own: a worker holds one shard's features in memory."""

DIARY_ENDING = f".reading{UNFINISHED}"

Infos = Mapping[Modality, FeatureInfo]


@dataclass(frozen=True)
class MediaFile:
    """A file found in the media folder; `media_id` is its path inside it, with "/"."""

    media_id: str
    size_bytes: int


@dataclass(frozen=True)
class MediaRecord:
    """What a shard says of one medium; `reason` is why it was skipped, or empty.

    The other fields are those of `MediaFeatures`; `size_bytes` is 0 where the features come
    from a published file.
    """

    media_id: str
    size_bytes: int = 0
    reason: str = ""
    duration_seconds: float = 0.0
    has_video: bool = False
    has_audio: bool = False
    width: int = 0
    height: int = 0
    frames_per_second: float = 0.0
    picture_start_seconds: float = 0.0
    sound_start_seconds: float = 0.0
    notes: str = ""

    @classmethod
    def of(cls, media_id: str, features: MediaFeatures, size_bytes: int = 0) -> MediaRecord:
        """The record of a medium that could be read."""
        return cls(
            media_id,
            size_bytes,
            duration_seconds=float(features.duration_seconds),
            has_video=features.has("video"),
            has_audio=features.has("audio"),
            width=int(features.width),
            height=int(features.height),
            frames_per_second=float(features.frames_per_second),
            picture_start_seconds=float(features.picture_start_seconds),
            sound_start_seconds=float(features.sound_start_seconds),
            notes="; ".join(features.notes),
        )


@dataclass(frozen=True)
class ShardWork:
    """One worker's task.

    Attributes:
        media_folder: absolute.
        target: the shard to write, absolute.
        files: what it will hold.
        extractors: what makes the features.
        crashing: media_id of files known to take their process down; they are skipped.
    """

    media_folder: Path
    target: Path
    files: tuple[MediaFile, ...]
    extractors: Extractors = Extractors()
    crashing: frozenset[str] = frozenset()

    @property
    def diary(self) -> Path:
        """Where the worker notes how far it is, also for the case that it crashes."""
        return self.target.with_name(self.target.name + DIARY_ENDING)

    @property
    def size_bytes(self) -> int:
        """Of all its files."""
        return sum(file.size_bytes for file in self.files)


def plan_shards(
    media_folder: Path,
    features: Path,
    files: list[MediaFile],
    *,
    total: int | None = None,
    extractors: Extractors = Extractors(),  # noqa: B008 - it is frozen
) -> list[ShardWork]:
    """Split files into shards named after what they will hold and what makes it.

    Only the last shard of small files is not full. So when any of the shards are done, the
    remaining files are split as before, and an interrupted run continues to the same shards.

    Args:
        media_folder: absolute.
        features: where the shards will lie; absolute.
        files: those still to be read.
        total: how many files there are with those that are done; default: `files` are all.
        extractors: what makes the features.
    """
    per_shard = math.ceil((len(files) if total is None else total) / LEAST_SHARDS)
    per_shard = max(1, min(per_shard, MEDIA_PER_SHARD))
    small = [file for file in files if file.size_bytes <= LARGE_FILE_BYTES]
    groups: list[tuple[MediaFile, ...]] = [
        (file,) for file in files if file.size_bytes > LARGE_FILE_BYTES
    ]
    groups += [tuple(small[first : first + per_shard]) for first in range(0, len(small), per_shard)]
    made_with = identity(feature_infos(extractors))
    return [
        ShardWork(media_folder, features / shard_name(made_with, asked), group, extractors)
        for group in groups
        for asked in [[(file.media_id, file.size_bytes) for file in group]]
    ]


def identity(infos: Infos) -> str:
    """What shards are made with; shards made with something else are made anew."""
    features = {
        name: asdict(replace(infos[name], source="")) for name in sorted(infos) if name != "text"
    }
    return json.dumps([FORMAT_VERSION, features])


def shard_name(made_with: str, content: object) -> str:
    """A file name that tells what a shard holds and what made it."""
    told = json.dumps([made_with, content]).encode()
    return f"{hashlib.blake2b(told, digest_size=8).hexdigest()}.safetensors"


def write_shard(work: ShardWork) -> list[MediaRecord]:
    """Extract the features of every file of a shard and write it.

    Broken files are recorded with their reason and do not stop the others.

    Raises:
        OSError: the shard cannot be written.
    """
    infos = feature_infos(work.extractors)
    diary = Diary(work.diary)
    records: list[MediaRecord] = []
    tensors: dict[str, np.ndarray] = {}
    for file in work.files:
        diary.begin(work.media_folder / file.media_id, file.media_id, file.size_bytes)
        try:
            features = _read(work, file, diary)
            tensors |= stored_tensors(file.media_id, features, infos)
            record = MediaRecord.of(file.media_id, features, file.size_bytes)
        except (ValueError, OSError) as error:
            record = MediaRecord(file.media_id, file.size_bytes, reason_of(error))
        records.append(record)
        diary.end(record.duration_seconds)
    save_shard(work.target, infos, records, tensors)
    work.diary.unlink(missing_ok=True)
    return records


def _read(work: ShardWork, file: MediaFile, diary: Diary) -> MediaFeatures:
    path = work.media_folder / file.media_id
    if file.media_id in work.crashing:
        raise MediaError(path, "crashes its decoder", "convert it to mp4")
    features = extract(path, work.extractors, diary.progress)
    if not any(map(len, features.tokens.values())):
        raise MediaError(path, "nothing of it can be decoded", "convert it to mp4")
    return features


def reason_of(error: ValueError | OSError) -> str:
    """Why a medium is skipped, in one line.

    Raises:
        OSError: the same, if it is the disk that is full.
    """
    if isinstance(error, OSError) and error.errno == errno.ENOSPC:
        raise error
    if isinstance(error, MediaError):
        return f"{error.problem}; {error.mend}"
    return " ".join(str(error).split()) or type(error).__name__


def stored_tensors(media_id: str, features: MediaFeatures, infos: Infos) -> dict[str, np.ndarray]:
    """What a shard keeps of one medium, by tensor name; what it lacks has no tensor.

    Raises:
        ValueError: tokens are not (N, width), or not finite as float16, or out of order in time.
    """
    duration = features.duration_seconds
    if not 0 < duration < math.inf:
        raise ValueError(f"lasts {duration} seconds; give it a length in seconds above 0")
    tensors = {}
    for name, width in _widths(infos).items():
        tokens = features.tokens.get(name)
        if tokens is None or not len(tokens):
            continue
        if tokens.ndim != 2 or tokens.shape[1] != width:
            raise ValueError(f"{name} tokens are {tokens.shape}, expected (N, {width})")
        tensors[name] = _half(name, tokens)
        if (seconds := features.seconds.get(name)) is not None:
            tensors[f"{name}.seconds"] = _checked_seconds(name, seconds, len(tokens))
    tensors |= {name: _half(name, level) for name, level in features.levels.items() if len(level)}
    return {f"{media_id}/{name}": tensor for name, tensor in tensors.items()}


def _widths(infos: Infos) -> dict[str, int]:
    """The width of each tensor of tokens."""
    widths: dict[str, int] = {}
    for modality, info in infos.items():
        if modality != "text":
            streams = {f"{modality}.{stream.name}": stream.width for stream in info.streams}
            widths |= streams or {modality: info.width}
    return widths


def _half(name: str, values: np.ndarray) -> np.ndarray:
    with np.errstate(over="ignore"):
        half = np.ascontiguousarray(values, dtype=np.float16)
    if not np.isfinite(half).all():
        wrong = int((~np.isfinite(half)).sum())
        raise ValueError(f"{wrong} of its {half.size} {name} values are not finite as float16")
    return half


def _checked_seconds(name: str, seconds: np.ndarray, count: int) -> np.ndarray:
    seconds = np.ascontiguousarray(seconds, dtype=np.float32)
    ordered = seconds.shape == (count, 2) and np.isfinite(seconds).all()
    if not ordered or (np.diff(seconds, axis=0) < 0).any() or (np.diff(seconds) < 0).any():
        raise ValueError(f"the seconds of its {count} {name} tokens are not ({count}, 2) in order")
    return seconds


def save_shard(
    target: Path, infos: Infos, records: list[MediaRecord], tensors: dict[str, np.ndarray]
) -> None:
    """Write a shard in one step.

    Raises:
        OSError: it cannot be written.
    """
    header = {"made_with": identity(infos), "media": [asdict(record) for record in records]}
    # One metadata key only: safetensors writes several in random order.
    metadata = {"mmlab": json.dumps(header, ensure_ascii=False)}
    with replacing(target) as unfinished:
        unfinished.touch()
        mode = unfinished.stat().st_mode  # safetensors would let nobody else read it
        save_file(tensors, unfinished, metadata)
        unfinished.chmod(mode)


def read_records(shard: Path, infos: Infos | None = None) -> list[MediaRecord] | None:
    """What a shard holds, or None if it is damaged or not made with `infos`, if they are given."""
    try:
        with safe_open(shard, framework="np") as file:
            header = json.loads((file.metadata() or {}).get("mmlab", "{}"))
        if infos is not None and header.get("made_with") != identity(infos):
            return None
        return [MediaRecord(**record) for record in header["media"]]
    except (SafetensorError, OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
