"""Published features of many videos: finding out what a file or folder holds.

| source | what it is |
|---|---|
| a `.pkl` or `.pickle` | MSR-VTT or YouCook2: a list with one dictionary of features per clip |
| a folder of `ID_2d.npz`, `ID_3d.npz`, `ID_spec.npz` | HowTo100M, in a folder per video or not |
| a folder of `ID_2d.npy`, `ID_3d.npy`, or `ID.npz` | the prepared CrossTask, MiningYouTube |
| a folder of `ID.npy` with rows of 3200 | CrossTask: I3D, ResNet-152, VGGish each second |
| a folder of `ID.npy` with rows of 2048 | MiningYouTube: a row for every second frame |
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath

import numpy as np
import pandas as pd

from mmlab.about import FeatureInfo
from mmlab.features.audio import LogMel
from mmlab.readers.captions import NO_SPLIT, Captions, read_captions, usable_captions
from mmlab.readers.feature_folders import (
    CROSSTASK_PARTS,
    FeatureFolders,
    read_crosstask_features,
    read_paths,
)
from mmlab.readers.items import PublishedItem, feature_rows, read_items
from mmlab.readers.safe import read_npy

PROBED_VIDEOS = 100
"""At most so many `.npy` files are looked at to find out whose they are."""

SPLIT_WORDS = {"train": "train", "val": "validation", "test": "test"}
"""What the name of a pickle tells about its split."""

CROSSTASK_WIDTH = CROSSTASK_PARTS["audio"].stop
TSN_WIDTH = 2048

LOG_MEL = FeatureInfo(LogMel.name, LogMel.width, LogMel.tokens_per_second, source="default")
"""The published spectrograms are those that mmlab makes by default."""

Streams = dict[str, np.ndarray]


@dataclass(frozen=True)
class Source:
    """Published features, found and not yet read.

    Attributes:
        streams: how to read each video's video streams and its audio, under "audio".
        captions: what the features' own file says; None if it says nothing.
        skipped: what was found and cannot be used.
        has_audio: whether any of the videos has sound.
        audio: what the audio is.
    """

    streams: Mapping[str, Callable[[], Streams]]
    captions: Captions | None
    skipped: list[tuple[str, str]]
    has_audio: bool
    audio: FeatureInfo = LOG_MEL


def find_source(
    source: Path, paths: Path | None, aligned: Sequence[Path], folders: FeatureFolders
) -> Source:
    """Find out what `source` is and how to read its videos.

    Args:
        source: a pickle or a folder.
        paths: csv of the videos to take from a folder; by default all that have a file.
        aligned: pickles that belong to the pickle `source`.
        folders: where the features of a folder are.

    Raises:
        OSError: a file cannot be opened.
        ValueError: it is none of the known sources.
    """
    if source.is_file() and source.suffix in (".pkl", ".pickle"):
        try:
            return _pickle_source(source, aligned)
        except ValueError:
            _refuse_captions(source)
            raise
    if aligned:
        raise ValueError(f"{source}: aligned pickles belong to a pickle; give that as the source")
    if source.is_dir():
        wanted = read_paths(paths) if paths else None
        videos = folders.paths() if wanted is None else wanted
        if any(folders.find(kind, path) for path in videos for kind in ("2d", "3d", "audio")):
            return _folders_source(folders, videos)
        files = _npy_files(source, wanted)
        widths = map(_width, files[:PROBED_VIDEOS])
        width = next((width for width in widths if width in (CROSSTASK_WIDTH, TSN_WIDTH)), None)
        if width is not None:
            return _npy_source(files, width)
    if not source.exists():
        raise FileNotFoundError(f"{source}: there is no such file or folder")
    _refuse_captions(source)
    raise ValueError(
        f"{source}: holds no published features that are known here; convert reads a pickle of "
        f"MSR-VTT or YouCook2, a folder of HowTo100M (ID_2d.npz, ID_3d.npz, ID_spec.npz), of the "
        f"prepared CrossTask or MiningYouTube (ID_2d.npy, ID_3d.npy, ID.npz), and folders of "
        f"ID.npy as CrossTask (3200 columns) and MiningYouTube (2048 columns) publish them"
    )


def _refuse_captions(source: Path) -> None:
    """Say so where captions were given in place of features.

    Raises:
        ValueError: they were.
    """
    try:
        name = read_captions(source).format
    except (OSError, ValueError):
        return
    raise ValueError(
        f"{source}: holds captions ({name}) and no features; pass it with --captions and give "
        f"the features as the source"
    )


def _pickle_source(source: Path, aligned: Sequence[Path]) -> Source:
    items, skipped = read_items(source, aligned)
    streams = {item.item_id: partial(_item_streams, item) for item in items}
    has_audio = any(len(item.audio) for item in items)
    return Source(streams, _item_captions(source, items), skipped, has_audio)


def _item_streams(item: PublishedItem) -> Streams:
    return item.streams | {"audio": item.audio}


def _folders_source(folders: FeatureFolders, videos: Sequence[str]) -> Source:
    has_audio = any(folders.find("audio", path) for path in videos)
    kinds = [*_usual_kinds(folders, videos), *(["audio"] if has_audio else [])]
    by_id, skipped = _by_id(videos)
    streams = {
        video_id: partial(_folder_streams, folders, kinds, path) for video_id, path in by_id.items()
    }
    return Source(streams, None, skipped, has_audio)


def _usual_kinds(folders: FeatureFolders, videos: Sequence[str]) -> tuple[str, ...]:
    """The kinds of video features that most of the videos have that have any."""
    found = (tuple(kind for kind in ("2d", "3d") if folders.find(kind, path)) for path in videos)
    (usual, _), *_ = Counter(kinds for kinds in found if kinds).most_common(1) or [((), 0)]
    return usual


def _folder_streams(folders: FeatureFolders, kinds: Sequence[str], path: str) -> Streams:
    """The features of one video; a video may lack sound, but none of the other streams."""
    return {
        kind: folders.read(kind, path)
        for kind in kinds
        if kind != "audio" or folders.find(kind, path)
    }


def _by_id(paths: Iterable[str]) -> tuple[dict[str, str], list[tuple[str, str]]]:
    found: dict[str, str] = {}
    skipped = []
    for path in paths:
        if found.setdefault(PurePosixPath(path).name, path) != path:
            skipped.append((path, "a video of this name is there already"))
    return found, skipped


def _npy_files(source: Path, wanted: Sequence[str] | None) -> list[Path]:
    if wanted is None:
        return sorted(source.rglob("*.npy"))
    return [source / f"{path}.npy" for path in wanted]


def _width(file: Path) -> int:
    """Of the features in a `.npy`; 0 if there are none."""
    try:
        values = read_npy(file)
    except (OSError, ValueError):
        return 0
    return values.shape[1] if values.ndim == 2 else 0


def _npy_source(files: Sequence[Path], width: int) -> Source:
    by_id, skipped = _by_id(file.with_suffix("").as_posix() for file in files)
    read = read_crosstask_features if width == CROSSTASK_WIDTH else _tsn_features
    streams = {video_id: partial(read, Path(f"{path}.npy")) for video_id, path in by_id.items()}
    vggish_width = width - CROSSTASK_PARTS["audio"].start
    vggish = FeatureInfo("vggish", vggish_width, 1.0)
    return Source(streams, None, skipped, width == CROSSTASK_WIDTH, vggish)


def _tsn_features(file: Path) -> Streams:
    return {"tsn": feature_rows(read_npy(file), f"{file}")}


def _column(name: str) -> str:
    """The source's id and times are not the clip's."""
    return name if name in ("task", "text_sim") else f"source_{name}"


def _item_captions(source: Path, items: Sequence[PublishedItem]) -> Captions:
    """The texts in a pickle: the one to test with if there is one, else each of them."""
    by_name = next((split for word, split in SPLIT_WORDS.items() if word in source.name), NO_SPLIT)
    rows = [
        {
            "video": item.item_id,
            "text": text,
            "split": "test" if item.test_caption else by_name,
            **{_column(name): value for name, value in item.columns.items()},
        }
        for item in items
        for text in ((item.test_caption,) if item.test_caption else item.captions or ("",))
    ]
    table = pd.DataFrame(rows, columns=None if rows else ["video", "text", "split"])
    return usable_captions(table.fillna(""), f"captions in {source.name}")
