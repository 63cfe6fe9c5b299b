"""Published features: as they are found and read, and as far as into a dataset."""

from __future__ import annotations

import io
import pickle
import shutil
from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Any

import numpy as np

from mmlab.convert import convert_dataset
from mmlab.readers.feature_folders import FeatureFolders, read_paths
from mmlab.readers.feature_sources import find_source
from tests.fuzzing.captions import caption_items, changed_file
from tests.fuzzing.judging import MARKS, Files, Format, Reading
from tests.fuzzing.mutations import damaged_value
from tests.fuzzing.payloads import payload


def read_features(folder: Path) -> Reading:
    """What the streams of each video hold; the bad videos are counted."""
    paths = folder / "paths.csv"
    pickles = list(folder.glob("*.pkl"))
    source = pickles[0] if len(pickles) == 1 else folder
    found = find_source(source, paths if paths.exists() else None, (), FeatureFolders(source))
    if found.captions is not None:
        caption_items(found.captions)
    items, skipped = [], len(found.skipped)
    for media_id, read in found.streams.items():
        try:
            streams = read()
        except (OSError, ValueError) as error:
            str(error).encode()
            skipped += 1
        else:
            items.append((media_id, {name: a.tolist() for name, a in streams.items()}))
    return Reading(items, skipped)


def converted_features(folder: Path) -> Reading:
    """What is in the dataset that is made of them."""
    pickles = list(folder.glob("*.pkl"))
    out = folder.with_name(f"{folder.name}-converted")
    shutil.rmtree(out, ignore_errors=True)
    dataset = convert_dataset(pickles[0] if len(pickles) == 1 else folder, out, progress=False)
    items = [
        (
            clip.clip_id,
            clip.text,
            {name: t.tolist() for name, t in clip.tokens.items() if name != "text"},
        )
        for clip in dataset
    ]
    return Reading(items, (dataset.folder / "skipped.csv").read_text().count("\n") - 1)


def array(seed: int, rows: int, width: int) -> np.ndarray:
    return np.random.default_rng(seed).uniform(0.1, 1, (rows, width)).astype(np.float16)


def saved(save: Any, *arrays: Any, **named: Any) -> bytes:
    buffer = io.BytesIO()
    save(buffer, *arrays, **named)
    return buffer.getvalue()


def _npz(entries: Sequence[Any]) -> Files:
    return {
        name: content
        if isinstance(content, bytes)
        else saved((np.savez, np.savez_compressed)[len(name) % 2], **content)
        for name, content in entries
    }


def _changed_npz(entry: tuple[str, Any], rng: Random) -> tuple[str, Any]:
    name, arrays = entry
    if rng.random() < 0.5:
        return name, damaged_value(arrays, rng)
    return changed_file((name, _npz([entry])[name]), rng)


def _npy(entries: Sequence[Any]) -> Files:
    return {name: a if isinstance(a, bytes) else saved(np.save, a) for name, a in entries}


def _changed_npy(entry: tuple[str, Any], rng: Random) -> tuple[str, Any]:
    name, values = entry
    if rng.random() < 0.3:
        return name, damaged_value(values, rng)
    return changed_file((name, saved(np.save, values)), rng)


def _with_paths(entries: Sequence[Any]) -> Files:
    files = {f"{m}_{k}.npz": saved(np.savez, features=array(n, 2, 3))
             for n, m in enumerate(MARKS) for k in ("2d", "3d")}  # fmt: skip
    return {"paths.csv": ("path,other\n" + "".join(f"{row}\n" for row in entries)).encode()} | files


def _read_paths(folder: Path) -> Reading:
    paths = read_paths(folder / "paths.csv")
    return Reading([*paths, *read_features(folder).items])


def _msrvtt_item(seed: int, mark: str) -> dict[str, Any]:
    return {
        "id": mark, "2d": array(seed, 3, 4), "3d": array(seed + 9, 4, 4),
        "audio": array(seed, 40, 8), "caption": [f"a {mark}", f"the {mark}"],
        "eval_caption": f"test {mark}",
    }  # fmt: skip


def _youcook2_item(seed: int, mark: str) -> dict[str, Any]:
    full = {"2d_full": array(seed, 3, 4), "3d_full": array(seed + 9, 4, 4)}
    pooled = {name[:2]: values.max(axis=0) for name, values in full.items()}
    item = {"id": mark, "caption": f"a {mark}", "audio": array(seed, 40, 8), "task": "226"}
    return item | pooled | full


def _changed_item(entry: dict[str, Any], rng: Random) -> Any:
    """One item with values that pickles may hold; others refuse the pickle as a whole."""
    while True:
        item = damaged_value(entry, rng)
        parts = item.values() if isinstance(item, dict) else [item]
        if not any(isinstance(part, np.ndarray) and part.dtype.kind in "MV" for part in parts):
            return item


def _pickle(name: str) -> Any:
    def build(entries: Sequence[Any]) -> Files:
        return {name: pickle.dumps(list(entries), len(repr(entries)) % 6)}

    return build


def _folders(name: str, read: Any, share: float = 1.0) -> Format:
    kinds = {"2d": ("features", (3, 4)), "3d": ("features", (4, 4)), "spec": ("arr_0", (40, 8))}
    entries = tuple(
        (f"{mark}/{mark}_{kind}.npz", {key: array(seed, *shape)})
        for seed, mark in enumerate(MARKS)
        for kind, (key, shape) in kinds.items()
    )
    return Format(name, entries, _npz, read, _changed_npz, share=share)


def _items(name: str, file: str, item: Any, read: Any, share: float = 1.0) -> Format:
    entries = tuple(item(seed, mark) for seed, mark in enumerate(MARKS))
    return Format(name, entries, _pickle(file), read, _changed_item, payload, share)


FEATURE_FORMATS = (
    _folders("HowTo100M features npz", read_features),
    Format(
        "HowTo100M paths csv", tuple(f"None/{mark},1" for mark in MARKS), _with_paths, _read_paths,
    ),
    _items("MSR-VTT feature pickle", "msrvtt_test.pkl", _msrvtt_item, read_features),
    _items("YouCook2 feature pickle", "youcook_val.pkl", _youcook2_item, read_features),
    Format(
        "CrossTask features npy",
        tuple((f"{mark}.npy", array(seed, 1, 3200)) for seed, mark in enumerate(MARKS)),
        _npy, read_features, _changed_npy,
    ),
)  # fmt: skip

CONVERTED_FORMATS = (
    _folders("HowTo100M npz, converted", converted_features, 0.1),
    _items("MSR-VTT pickle, converted", "msrvtt_test.pkl", _msrvtt_item, converted_features, 0.1),
)
"""Read as far as into a dataset, which takes ten times as long."""
