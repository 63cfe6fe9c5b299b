"""A dataset as tar files that training reads as a stream, in the form of WebDataset.

Each clip is three files that stand side by side in a tar: `{key}.json` (the clip's row of the
manifest), `{key}.video.npy` and `{key}.audio.npy` ((N, D) float16; (0, D) where it has none). The
tars are named by what they hold: one that is there is finished and right, so a second run goes on
where the first stopped, and the same dataset gives the same bytes.
"""

from __future__ import annotations

import hashlib
import io
import json
import math
import re
import tarfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from tqdm import tqdm

from mmlab.check.shards import damaged_shards
from mmlab.dataset import ClipDataset, ClipFeatures
from mmlab.features.text import HashedWordVectors
from mmlab.files import UNFINISHED, replacing, write_atomically

INDEX = "index.json"
FORM_VERSION = 1
SHARD_PATTERN = "clips-*-*.tar"

_NOT_IN_KEYS = re.compile(r"[^A-Za-z0-9_-]+")
KEY_CHARACTERS = 60


@dataclass(frozen=True)
class _Tar:
    """One tar file to be: its name tells its place and what it will hold, rows of the manifest."""

    name: str
    rows: range


def export_webdataset(
    dataset: ClipDataset, out: Path, *, clips_per_shard: int = 1000, progress: bool = True
) -> list[Path]:
    """Write the clips of a dataset, or of a selection, as tar files and an index.

    Clips whose shard of features is missing or damaged are left out and listed in the index,
    which is written last. Tars of an earlier, other export into the same folder are removed.

    Args:
        dataset: its clips are written in their order; shuffle it first if the stream's own
            shuffling is not enough (`dataset.select(rows=...)`).
        out: a folder.
        clips_per_shard: the last tar may hold fewer.
        progress: show a bar.

    Returns:
        The tar files in order.

    Raises:
        ValueError: fewer than one clip per tar, a clip id that is not unique, or no clip to write.
        OSError: the disk is full or not writable. What was finished is kept.
    """
    out = Path(out)
    if clips_per_shard < 1:
        raise ValueError(f"clips_per_shard is {clips_per_shard}; one tar holds at least 1 clip")
    doubled = dataset.manifest.clip_id[dataset.manifest.clip_id.duplicated()]
    if len(doubled):
        raise ValueError(
            f"{dataset.folder}: {len(doubled)} clip ids are not unique, such as "
            f"{doubled.iloc[0]!r}; see `mmlab check {dataset.folder}`"
        )
    dataset, left_out = _readable(dataset)
    if not len(dataset):
        raise ValueError(f"{dataset.folder}: holds no clip that could be written ({left_out[:1]})")
    out.mkdir(parents=True, exist_ok=True)
    tars = list(_plan(dataset, clips_per_shard))
    _clear(out, {tar.name for tar in tars})
    with tqdm(total=len(dataset), unit=" clips", disable=not progress) as bar:
        for tar in tars:
            if not (out / tar.name).exists():
                _write_tar(out / tar.name, tar.rows, dataset)
            bar.update(len(tar.rows))
    _write_index(out, dataset, tars, left_out)
    return [out / tar.name for tar in tars]


def clip_key(clip_id: str) -> str:
    """What a clip's files are called: no dots or slashes, the same for the same clip id."""
    readable = _NOT_IN_KEYS.sub("_", clip_id)[:KEY_CHARACTERS].strip("_")
    return f"{readable}-{hashlib.blake2b(clip_id.encode(), digest_size=8).hexdigest()}"


def _readable(dataset: ClipDataset) -> tuple[ClipDataset, list[tuple[str, str]]]:
    """The clips whose features can be read, and (clip id, reason) of the others.

    The captions go out as text, so a small text encoder spares loading the dataset's own.
    """
    manifest = dataset.manifest
    shards = manifest.media_id.map(_shards(dataset))
    reasons = pd.Series("", manifest.index).mask(
        ~np.isfinite(manifest.start_seconds + manifest.end_seconds), "its times are not finite"
    )
    reasons = reasons.mask(shards.isna(), "its medium is not in media.parquet")
    for shard, reason in damaged_shards(dataset).items():
        reasons = reasons.mask(shards == shard, f"features/{shard} {reason}")
    broken = reasons != ""
    kept = ClipDataset(
        dataset.folder,
        manifest[~broken].reset_index(drop=True),
        dataset.media,
        media_root=dataset.media_root,
        features=dataset.features,
        text_encoder=HashedWordVectors(),
    )
    return kept, list(zip(manifest.clip_id[broken], reasons[broken], strict=True))


def _plan(dataset: ClipDataset, clips_per_shard: int) -> Iterator[_Tar]:
    """Split the clips; a tar's name holds a digest of everything that decides its bytes."""
    stored = {name: asdict(dataset.features[name]) for name in _stored(dataset)}
    shards = _shards(dataset)
    for number in range(math.ceil(len(dataset) / clips_per_shard)):
        first = number * clips_per_shard
        rows = range(first, min(first + clips_per_shard, len(dataset)))
        clips = _clips(dataset, rows)
        sources = [shards[clip["media_id"]] for clip in clips]  # themselves named by content
        told = json.dumps([FORM_VERSION, stored, clips, sources], ensure_ascii=False)
        digest = hashlib.blake2b(told.encode(), digest_size=8).hexdigest()
        yield _Tar(f"clips-{number:06}-{digest}.tar", rows)


def _shards(dataset: ClipDataset) -> dict[str, str]:
    """The shard of each medium."""
    return dict(zip(dataset.media.media_id, dataset.media.shard.astype(str), strict=True))


def _stored(dataset: ClipDataset) -> list[str]:
    return [name for name in dataset.features if name != "text"]


def _clips(dataset: ClipDataset, rows: range) -> list[dict[str, Any]]:
    records = dataset.manifest.iloc[rows].to_dict("records")
    return [{str(name): _plain(value) for name, value in row.items()} for row in records]


def _plain(value: Any) -> Any:
    """A cell of the manifest as JSON has it; what JSON cannot say is null or text."""
    if isinstance(value, np.ndarray):
        return [_plain(one) for one in value]
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, (str, int, bool)):
        return value
    return None if pd.api.types.is_scalar(value) and pd.isna(value) else str(value)


def _clear(out: Path, wanted: set[str]) -> None:
    """Remove what a killed run left unfinished, the index, and tars of another export."""
    for path in (*out.glob(f"*{UNFINISHED}"), *out.glob(SHARD_PATTERN)):
        if path.name not in wanted:
            path.unlink()
    (out / INDEX).unlink(missing_ok=True)


def _write_tar(path: Path, rows: range, dataset: ClipDataset) -> None:
    with replacing(path) as unfinished, tarfile.open(unfinished, "w") as tar:
        for row, clip in zip(rows, _clips(dataset, rows), strict=True):
            for ending, content in _files_of(clip, dataset[row], _stored(dataset)):
                member = tarfile.TarInfo(f"{clip_key(clip['clip_id'])}.{ending}")  # mtime is 0
                member.size = len(content)
                tar.addfile(member, io.BytesIO(content))


def _files_of(
    clip: dict[str, Any], features: ClipFeatures, modalities: Sequence[str]
) -> Iterator[tuple[str, bytes]]:
    yield "json", json.dumps(clip, ensure_ascii=False).encode()
    for modality in modalities:
        buffer = io.BytesIO()
        tokens = features.tokens[modality].numpy().astype(np.float16)
        np.lib.format.write_array(buffer, np.ascontiguousarray(tokens), allow_pickle=False)
        yield f"{modality}.npy", buffer.getvalue()


def _write_index(
    out: Path, dataset: ClipDataset, tars: Sequence[_Tar], left_out: Sequence[tuple[str, str]]
) -> None:
    index = {
        "format": "mmlab-webdataset",
        "version": FORM_VERSION,
        "clips": len(dataset),
        "shards": [
            {"url": tar.name, "clips": len(tar.rows), "bytes": (out / tar.name).stat().st_size}
            for tar in tars
        ],
        "features": {name: asdict(dataset.features[name]) for name in _stored(dataset)},
        "left_out": [{"clip_id": str(name), "reason": reason} for name, reason in left_out],
    }
    content = json.dumps(index, indent=2, ensure_ascii=False) + "\n"
    write_atomically(out / INDEX, content.encode())
