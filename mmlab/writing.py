"""From any source of features to a dataset, shard by shard; a stopped run goes on."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import numpy as np
import pandas as pd
from tqdm import tqdm

from mmlab.about import About, FeatureInfo
from mmlab.captions import clip_ids, clips_of_captions
from mmlab.dataset import ClipDataset
from mmlab.features.registry import load_text_encoder
from mmlab.finding import find_media, paths_by_id
from mmlab.media_features import MediaFeatures
from mmlab.readers.captions import Captions
from mmlab.shards import (
    Infos,
    MediaRecord,
    identity,
    read_records,
    reason_of,
    save_shard,
    shard_name,
    stored_tensors,
)
from mmlab.tables import Records, Skipped, begin, drop_shards, media_table, replace_tables
from mmlab.types import Modality

MEDIA_PER_SHARD = 64
SHARD_BYTES = 256 << 20
"""A shard is closed when it holds as much: it is put together in memory."""

Load = Callable[[], MediaFeatures]


def write_dataset(
    out: Path,
    media: Mapping[str, Load],
    captions: Captions,
    features: dict[Modality, FeatureInfo],
    *,
    media_root: Path | None = None,
    skipped: Skipped = (),
    progress: bool = True,
) -> ClipDataset:
    """Write features that lie anywhere as a dataset, or continue writing it.

    Media whose features are broken, and captions that fit no medium, are listed in
    `out`/skipped.csv with the reason. Finished shards are kept, their media not loaded again:
    where the features of a medium have changed, delete `out` first.

    Args:
        out: the dataset's folder.
        media: from the id of each medium to what loads it; a ValueError or OSError that it
            raises is the reason why the medium is skipped.
        captions: their "video" is the id of a medium.
        features: what the tokens are; without "text", the default encoder reads the captions.
        media_root: where the media themselves lie, as `<anything>/<id>.<ending>`, if they do.
        skipped: (item, reason) of what could not be used before.
        progress: show a bar.

    Raises:
        ValueError: none of the media can be used.
        OSError: the disk is full or not writable. What was finished is kept.
    """
    out = Path(out)
    begin(out)
    features = {"text": text_info("default")} | features
    with tqdm(total=len(media), unit=" media", disable=not progress) as bar:
        shards = {}
        for name, records in _write_shards(out / "features", media, features):
            shards[name] = records
            bar.update(len(records))
    every = [record for records in shards.values() for record in records]
    if all(record.reason for record in every):
        reasons = "; ".join(f"{record.media_id}: {record.reason}" for record in every[:3])
        raise ValueError(f"{out}: none of {len(every)} media can be used ({reasons})")
    durations = {record.media_id: record.duration_seconds for record in every if not record.reason}
    clips, unused = clips_of_captions(captions.table, durations)
    broken = [(record.media_id, record.reason) for record in every if record.reason]
    listed_ids = {media_id for media_id, _ in broken}
    unused = [(name, reason) for name, reason in unused if name not in listed_ids]
    listed = [*skipped, *captions.skipped, *broken, *unused]
    paths = paths_by_id(find_media(media_root, out)) if media_root else {}
    return finish(out, shards, clips, listed, features, media_root, paths)


def finish(
    out: Path,
    shards: Records,
    clips: pd.DataFrame,
    skipped: Skipped,
    features: dict[Modality, FeatureInfo],
    media_root: Path | None,
    paths: Mapping[str, str],
) -> ClipDataset:
    """Write the tables of a dataset whose shards are written, and open it.

    Args:
        out: the dataset's folder.
        shards: all that belong to it.
        clips: as `mmlab.captions` gives them.
        skipped: what could not be used.
        features: what the tokens are, of the text too.
        media_root: where the media lie, if they are at hand.
        paths: of the media below `media_root`.
    """
    manifest = clips.copy()
    manifest.insert(0, "clip_id", clip_ids(clips))
    manifest.insert(2, "media_path", clips["media_id"].map(paths).fillna("").astype("str"))
    root = os.path.relpath(media_root.absolute(), out.absolute()) if media_root else ""
    replace_tables(out, manifest, media_table(shards, paths), skipped, About(root, features))
    drop_shards(out, shards)
    return ClipDataset.open(out)


def text_info(source: str) -> FeatureInfo:
    """How a text encoder describes text.

    Raises:
        ValueError: there is no such encoder, or it cannot be loaded.
    """
    encoder = load_text_encoder(source)
    return FeatureInfo(encoder.name, encoder.width, None, source=source)


def _write_shards(
    folder: Path, media: Mapping[str, Load], infos: Infos
) -> Iterator[tuple[str, list[MediaRecord]]]:
    """Every shard, by file name, with its content; those that are there are not written again.

    Where a shard ends depends on nothing but what lies in it, so an interrupted run goes on to
    the same shards.
    """
    finished = _finished(folder, infos)
    ids, first = list(media), 0
    while first < len(ids):
        name, records = finished.get(ids[first], ("", []))
        if not records or _ids(records) != ids[first : first + len(records)]:
            next_ones = ids[first : first + MEDIA_PER_SHARD]
            name, records = _write_shard(folder, {one: media[one] for one in next_ones}, infos)
        yield name, records
        first += len(records)


def _ids(records: list[MediaRecord]) -> list[str]:
    return [record.media_id for record in records]


def _finished(folder: Path, infos: Infos) -> dict[str, tuple[str, list[MediaRecord]]]:
    """By their first medium the shards that are there."""
    shards = ((path.name, read_records(path, infos)) for path in folder.glob("*.safetensors"))
    return {records[0].media_id: (name, records) for name, records in shards if records}


def _write_shard(
    folder: Path, media: Mapping[str, Load], infos: Infos
) -> tuple[str, list[MediaRecord]]:
    """Write a shard of the first of some media, as many as fit."""
    records: list[MediaRecord] = []
    tensors: dict[str, np.ndarray] = {}
    for media_id, load in media.items():
        try:
            features = load()
            tensors |= stored_tensors(media_id, features, infos)
            records.append(MediaRecord.of(media_id, features))
        except (ValueError, OSError) as error:
            records.append(MediaRecord(media_id, reason=reason_of(error)))
        size_bytes = sum(tensor.nbytes for tensor in tensors.values())
        if size_bytes >= SHARD_BYTES:
            break
    name = shard_name(identity(infos), _ids(records))
    save_shard(folder / name, infos, records, tensors)
    return name, records
