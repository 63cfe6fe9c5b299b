"""Our own form: a dataset is opened, all of its clips are read, and it is checked."""

from __future__ import annotations

import io
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pandas as pd

from mmlab.about import FeatureInfo, StreamInfo, read_about
from mmlab.check import check
from mmlab.dataset import ClipDataset
from mmlab.media_features import MediaFeatures
from mmlab.readers.captions import usable_captions
from mmlab.shards import MediaRecord, save_shard, stored_tensors
from mmlab.tables import drop_shards, replace_tables
from mmlab.writing import write_dataset
from tests.fuzzing.captions import changed_file, changed_row
from tests.fuzzing.judging import MARKS, Files, Format, Reading

STREAMS = (StreamInfo("2d", 3, 1.0), StreamInfo("3d", 2, 1.5))
FEATURES = {
    "video": FeatureInfo("2d+3d", 5, 1.5, streams=STREAMS),
    "audio": FeatureInfo("log-mel", 4, 10.0),
}


@lru_cache
def _seed() -> tuple[pd.DataFrame, Files]:
    """The manifest and all other files of a dataset with a shard for each of three media."""
    table = {"video": MARKS, "start_seconds": 0.5, "end_seconds": 2.0, "licence": "CC0"}
    captions = pd.DataFrame(table | {"text": [f"a {mark}" for mark in MARKS]})
    media = {mark: _media(seed) for seed, mark in enumerate(MARKS)}
    loads = {mark: (lambda features=features: features) for mark, features in media.items()}
    with TemporaryDirectory() as name:
        folder = Path(name) / "dataset"
        usable = usable_captions(captions, "test")
        dataset = write_dataset(folder, loads, usable, FEATURES, progress=False)
        about, shards = read_about(folder), [f"{mark}.safetensors" for mark in MARKS]
        for shard, (mark, features) in zip(shards, media.items(), strict=True):
            tensors = stored_tensors(mark, features, about.features)
            records = [MediaRecord.of(mark, features)]
            save_shard(folder / "features" / shard, about.features, records, tensors)
        media_table = dataset.media.assign(shard=shards)
        replace_tables(folder, dataset.manifest, media_table, [], about)
        drop_shards(folder, shards)
        paths = [path for path in sorted(folder.rglob("*")) if path.is_file()]
        files = {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}
    return dataset.manifest, files


def _media(seed: int) -> MediaFeatures:
    random = np.random.default_rng(seed)
    tokens = {"video.2d": random.random((3, 3)), "video.3d": random.random((4, 2))}
    tokens["audio"] = random.random((30, 4))
    levels = {"brightness": np.full(3, 0.5), "loudness": np.full(3, -20.0)}
    return MediaFeatures(3.0, tokens, levels=levels)


def _entries() -> tuple[Any, ...]:
    """The rows of the manifest, then the shards."""
    manifest, files = _seed()
    rows = tuple(manifest.itertuples(index=False, name=None))
    return rows + tuple((name, files[name]) for name in files if name.startswith("features/"))


def _build(entries: Sequence[Any]) -> Files:
    manifest, files = _seed()
    half = len(entries) // 2
    buffer = io.BytesIO()
    rows = pd.DataFrame(list(entries[:half]), columns=manifest.columns)
    rows.to_parquet(buffer, index=False)
    return files | {"manifest.parquet": buffer.getvalue()} | dict(entries[half:])


def _changed(entry: tuple[Any, ...], rng: Random) -> tuple[Any, ...]:
    is_file = isinstance(entry[1], bytes)
    return changed_file(entry, rng) if is_file else changed_row(entry, rng)


def read_clips(folder: Path) -> Reading:
    """Every clip that can be read; one that cannot has a reason."""
    dataset = ClipDataset.open(folder)
    items, skipped = [], 0
    for row in range(len(dataset)):
        try:
            clip = dataset[row]
        except (ValueError, OSError) as error:
            if str(folder) not in str(error):
                raise TypeError(f"row {row} is refused without a place: {error}") from error
            skipped += 1
        else:
            tokens = {name: clip.tokens[name].tolist() for name in FEATURES}
            items.append((clip.clip_id, clip.text, tokens))
    return Reading(items, skipped)


def read_and_check(folder: Path) -> Reading:
    """What is damaged is a finding; nothing of these raises."""
    dataset = ClipDataset.open(folder)
    repr(dataset), dataset.summary(), dataset._repr_html_()
    report = check(dataset, progress=False)
    str(report).encode()
    return Reading(read_clips(folder).items, sum(f.severity == "error" for f in report.findings))


def dataset_formats() -> tuple[Format, ...]:
    """The dataset form, read and checked."""
    return (
        Format("mmlab dataset", _entries(), _build, read_clips, _changed),
        Format("mmlab dataset, checked", _entries(), _build, read_and_check, _changed, share=0.1),
    )
