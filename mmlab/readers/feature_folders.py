"""Published features in files of their own for each video.

HowTo100M comes as `.npz`, in a folder per video or not; the prepared CrossTask and MiningYouTube
as `.npy` or `.npz`; CrossTask's and MiningYouTube's own releases as one `.npy` for each video.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np

from mmlab.readers.columns import read_columns
from mmlab.readers.items import feature_rows, mel_frames
from mmlab.readers.safe import read_npy, read_npz

LAYOUTS = {
    "2d": ("{path}/{id}_2d.npz", "{path}_2d.npz", "{path}_2d.npy"),
    "3d": ("{path}/{id}_3d.npz", "{path}/{id}.npz", "{path}_3d.npz", "{path}_3d.npy", "{path}.npz"),
    "audio": ("{path}/{id}_spec.npz", "{path}_spec.npz", "{path}.npz"),
}
"""Where the features of a video may lie, looked for in this order."""

KEYS = {"2d": "features", "3d": "features", "audio": "arr_0"}
"""The name of the array in an `.npz` of each kind."""

ENDINGS = ("_2d.npz", "_3d.npz", "_spec.npz", "_2d.npy", "_3d.npy")

CROSSTASK_PARTS = {
    "i3d": slice(0, 1024),
    "resnet152": slice(1024, 3072),
    "audio": slice(3072, 3200),
}
"""Which columns of CrossTask's own (T, 3200) features, one row per second, are what."""


@dataclass(frozen=True)
class FeatureFolders:
    """Where the published features of whole videos lie.

    Attributes:
        video: of the 2D features, and of all others that have no folder of their own.
        video_3d: of the 3D features; None: with the 2D ones.
        audio: of the log-mel frames; None: with the 2D features.
    """

    video: Path
    video_3d: Path | None = None
    audio: Path | None = None

    def find(self, kind: str, path: str) -> Path | None:
        """The file of one kind ("2d", "3d", "audio") for a video such as "food/abc", if any."""
        own = {"3d": self.video_3d, "audio": self.audio}.get(kind)
        layouts = LAYOUTS[kind]
        if kind == "audio" and own is None:
            layouts = layouts[:-1]  # beside the video, a file without an ending is 3D features
        video_id = PurePosixPath(path).name
        candidates = ((own or self.video) / name.format(path=path, id=video_id) for name in layouts)
        return next(filter(os.path.isfile, candidates), None)  # False of a name that is too long

    def read(self, kind: str, path: str) -> np.ndarray:
        """The features of one kind: (N, D), or (F, 40) log-mel for "audio".

        Raises:
            OSError: the file is missing or cannot be opened.
            ValueError: it is damaged or has no array under the published name.
        """
        file = self.find(kind, path)
        if file is None:
            name = LAYOUTS[kind][0].format(path=path, id=PurePosixPath(path).name)
            raise FileNotFoundError(f"the {kind} features are missing, such as {name}")
        return read_features(file, kind)

    def paths(self) -> list[str]:
        """All videos that have a file here, such as "food/abc", sorted."""
        folders = {self.video, self.video_3d or self.video, self.audio or self.video}
        files = [
            (file.relative_to(at), file.name) for at in folders for file in at.rglob("*.np[yz]")
        ]
        found = {
            _path_of(file, ending)
            for file, name in files
            for ending in ENDINGS
            if name.endswith(ending)
        }
        if not found:
            found = {_path_of(file, ".npz") for file, name in files if name.endswith(".npz")}
        return sorted(found)


def _path_of(file: Path, ending: str) -> str:
    """The path "food/abc" of both "food/abc/abc_2d.npz" and "food/abc_2d.npz"."""
    video_id = file.name.removesuffix(ending)
    folder = file.parent
    return (folder if folder.name == video_id else folder / video_id).as_posix()


def read_paths(path: Path) -> list[str]:
    """The videos in a csv with the column path ("food/abc") or video_id; "None/" is left out.

    Raises:
        OSError: the file cannot be opened.
        ValueError: it has neither column, or a path that leads out of the features' folder.
    """
    table, _, _ = read_columns(path, ())
    column = next((name for name in ("path", "video_id") if name in table), None)
    if column is None:
        raise ValueError(f"{path}: has no column path or video_id, found {', '.join(table)[:200]}")
    paths = [value.replace("None/", "") for value in table[column] if value]
    for value in paths:
        if value.startswith(("/", "\\")) or ".." in PurePosixPath(value).parts:
            raise ValueError(
                f"{path}: {value[:100]!r} leads out of the features' folder; remove it"
            )
    return list(dict.fromkeys(paths))


def read_features(file: Path, kind: str) -> np.ndarray:
    """The features in one published file; `kind` is "2d", "3d" or "audio".

    Raises:
        OSError: the file cannot be opened.
        ValueError: it is damaged or has no array under the published name.
    """
    if file.suffix == ".npy":
        name, values = f"{file}", read_npy(file)
    else:
        key = KEYS[kind]
        name, values = f"{file}: {key!r}", read_npz(file, key)[key]
    return mel_frames(values, name) if kind == "audio" else feature_rows(values, name)


def read_crosstask_features(file: Path) -> dict[str, np.ndarray]:
    """The parts of CrossTask's own features of one video, (T, D) each; see `CROSSTASK_PARTS`.

    Raises:
        OSError: the file cannot be opened.
        ValueError: it is damaged or of another width.
    """
    values = feature_rows(read_npy(file), f"{file}")
    width = CROSSTASK_PARTS["audio"].stop
    if values.shape[1] != width:
        raise ValueError(f"{file}: has the width {values.shape[1]}, CrossTask has {width}")
    return {name: values[:, columns] for name, columns in CROSSTASK_PARTS.items()}
