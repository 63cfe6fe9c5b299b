"""A shard: the features of about sixteen media files in one safetensors file.

Shards are the truth of a dataset. Each is written once and atomically, its header says what it
holds, what was skipped and why, so everything else in a dataset's folder can be made from them.
The same media files give the same bytes.
"""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from mmlab.features import audio
from mmlab.features.video import VideoDescriptor
from mmlab.files import UNFINISHED, write_atomically
from mmlab.media import MediaError, MediaInfo, probe, read_audio

MEDIA_PER_SHARD = 16
LARGE_FILE_BYTES = 32 << 20
"""A larger file gets a shard of its own: a worker holds one shard's features in memory."""


@dataclass(frozen=True)
class MediaFile:
    """A file found in the media folder; `media_id` is its path inside it, with "/"."""

    media_id: str
    size_bytes: int


@dataclass(frozen=True)
class MediaRecord:
    """What a shard says of one file; `reason` is why it was skipped, or empty."""

    media_id: str
    size_bytes: int
    reason: str = ""
    duration_seconds: float = 0.0
    has_video: bool = False
    has_audio: bool = False


@dataclass(frozen=True)
class ShardWork:
    """One worker's task.

    Attributes:
        media_folder: absolute.
        target: the shard to write, absolute.
        files: what it will hold.
        crashing: media_id of files known to take their process down; they are skipped.
    """

    media_folder: Path
    target: Path
    files: tuple[MediaFile, ...]
    crashing: frozenset[str] = frozenset()

    @property
    def diary(self) -> Path:
        """Where the worker notes which file it reads, for the case that it crashes."""
        return self.target.with_name(f"{self.target.name}.reading{UNFINISHED}")


def plan_shards(media_folder: Path, features: Path, files: list[MediaFile]) -> list[ShardWork]:
    """Split files into shards named after what they will hold.

    Only the last shard of small files is not full. So when any of the shards are done, the
    remaining files are split as before, and an interrupted run continues to the same shards.
    """
    small = [file for file in files if file.size_bytes <= LARGE_FILE_BYTES]
    groups: list[tuple[MediaFile, ...]] = [
        (file,) for file in files if file.size_bytes > LARGE_FILE_BYTES
    ]
    groups += [
        tuple(small[first : first + MEDIA_PER_SHARD])
        for first in range(0, len(small), MEDIA_PER_SHARD)
    ]
    return [ShardWork(media_folder, features / _shard_name(group), group) for group in groups]


def _shard_name(files: tuple[MediaFile, ...]) -> str:
    content = json.dumps([[file.media_id, file.size_bytes] for file in files])
    return f"{hashlib.blake2b(content.encode(), digest_size=8).hexdigest()}.safetensors"


def write_shard(work: ShardWork) -> list[MediaRecord]:
    """Extract the features of every file of a shard and write it.

    Broken files are recorded with their reason and do not stop the others.

    Raises:
        OSError: the shard cannot be written.
    """
    records, tensors = [], {}
    for file in work.files:
        work.diary.write_text(file.media_id, encoding="utf-8")
        try:
            if file.media_id in work.crashing:
                raise MediaError(file.media_id, "crashes its decoder", "convert it to mp4")
            info, values = extract(work.media_folder / file.media_id)
        except MediaError as error:
            reason = f"{error.problem}; {error.mend}"
            records.append(MediaRecord(file.media_id, file.size_bytes, reason))
            continue
        for modality, array in values.items():
            tensors[f"{file.media_id}/{modality}"] = array.astype(np.float16)
        found = (info.duration_seconds, info.has_video, info.has_audio)
        records.append(MediaRecord(file.media_id, file.size_bytes, "", *found))
    header = {"features": feature_names(), "media": [asdict(record) for record in records]}
    # One metadata key only: safetensors writes several in random order.
    metadata = {"mmlab": json.dumps(header, ensure_ascii=False)}
    write_atomically(work.target, save(tensors, metadata))
    work.diary.unlink()
    return records


def extract(path: Path) -> tuple[MediaInfo, dict[str, np.ndarray]]:
    """The tokens of one file: "video" (T, D) and "audio" (F, 40); a missing one is (0, ...).

    Raises:
        MediaError: the file cannot be read.
    """
    info = probe(path)
    video = VideoDescriptor()
    values = {
        "video": np.empty((0, video.width), dtype=np.float32),
        "audio": np.empty((0, audio.MEL_BANDS), dtype=np.float32),
    }
    if info.has_video:
        values["video"] = video.extract(path)
    if info.has_audio and len(waveform := read_audio(path)):
        values["audio"] = audio.log_mel(waveform)
    if not any(len(tokens) for tokens in values.values()):
        raise MediaError(path, "nothing of its sound can be decoded", "convert it to mp4")
    if not all(math.isfinite(float(tokens.sum())) for tokens in values.values()):
        raise MediaError(path, "gives features that are not finite", "convert it to mp4")
    return info, values


def feature_names() -> dict[str, str]:
    """What shards are made with; shards made with something else are made anew."""
    video = VideoDescriptor
    return {"video": f"{video.name} {video.width}", "audio": f"{audio.NAME} {audio.MEL_BANDS}"}


def read_records(shard: Path) -> list[MediaRecord] | None:
    """What a shard holds, or None if it is damaged or made with other features."""
    try:
        with safe_open(shard, framework="np") as file:
            header = json.loads((file.metadata() or {}).get("mmlab", "{}"))
        if header.get("features") != feature_names():
            return None
        return [MediaRecord(**record) for record in header["media"]]
    except (SafetensorError, OSError, ValueError, KeyError, TypeError):
        return None
