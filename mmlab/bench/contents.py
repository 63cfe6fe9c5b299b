"""What the loading benchmark reads: a dataset, and the same features in one .npz per video."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from mmlab.about import FeatureInfo, StreamInfo
from mmlab.dataset import ClipDataset
from mmlab.features.audio import FRAMES_PER_SECOND, MEL_BANDS
from mmlab.media_features import MediaFeatures
from mmlab.readers.captions import Captions
from mmlab.writing import write_dataset

PUBLISHED_RATES = {"2d": 1.0, "3d": 1.5}
CLIP_SECONDS = 8
WORDS = (
    *("add", "the", "onion", "to", "a", "hot", "pan", "and", "stir", "until", "it", "is", "soft"),
    *("then", "pour", "some", "water", "in", "now", "you", "want", "cut", "this", "so", "we"),
)
WORDS_PER_CLIP = 9
"""As many as real captions have: 9.4 in MSR-VTT's test captions, 8.7 in YouCook2's."""

Save = Callable[..., None]
SAVERS: dict[str, Save] = {"npz": np.savez, "compressed npz": np.savez_compressed}
"""How the published files may be packed; which of them they are is not known here."""


@dataclass(frozen=True)
class Content:
    """A dataset beside published-style files of the very same numbers.

    Attributes:
        name: for the report.
        dataset: to read with mmlab.
        folders: for each way of packing, where the .npz files lie.
        rates: features per second of "2d" and, if there, "3d".
        unit_norm: whether a reader is to bring each part of a token to norm 1.
    """

    name: str
    dataset: ClipDataset
    folders: Mapping[str, Path]
    rates: Mapping[str, float]
    unit_norm: bool

    def files(self) -> dict[str, list[Path]]:
        """The files that each way of reading reads."""
        shards = {"mmlab": sorted((self.dataset.folder / "features").iterdir())}
        return shards | {
            name: sorted(folder.rglob("*.npz")) for name, folder in self.folders.items()
        }


@dataclass(frozen=True)
class VideoSizes:
    """The synthetic videos; the defaults are HowTo100M's: 397 s in the mean, 2048-d features."""

    videos: int = 64
    seconds: int = 390
    width_2d: int = 2048
    width_3d: int = 2048


def synthetic_content(folder: Path, sizes: VideoSizes, seed: int = 0) -> Content:
    """Write videos with random features of the published kinds, cut into clips of 8 seconds."""
    media = {
        f"video{number:04}": partial(_random_video, sizes, (seed, number))
        for number in range(sizes.videos)
    }
    video = FeatureInfo(
        "published-2d+3d",
        sizes.width_2d + sizes.width_3d,
        PUBLISHED_RATES["3d"],
        streams=(
            StreamInfo("2d", sizes.width_2d, PUBLISHED_RATES["2d"]),
            StreamInfo("3d", sizes.width_3d, PUBLISHED_RATES["3d"]),
        ),
    )
    dataset = write_dataset(
        folder / "dataset",
        media,
        Captions(_random_captions(list(media), sizes.seconds, seed), [], "synthetic"),
        {"video": video, "audio": FeatureInfo("published-log-mel", MEL_BANDS, FRAMES_PER_SECOND)},
        progress=False,
    )
    arrays = ((name, load().tokens) for name, load in media.items())
    folders = _write_published(folder, arrays)
    name = f"{sizes.videos} videos of {sizes.seconds} s, {sizes.width_2d}+{sizes.width_3d} wide"
    return Content(name, dataset, folders, PUBLISHED_RATES, unit_norm=True)


def content_of(dataset: ClipDataset, folder: Path) -> Content:
    """An existing dataset with one stream of picture features, beside the same in .npz files."""
    name = f"{len(dataset.media)} media of {dataset.folder.parent.name}/{dataset.folder.name}"
    arrays = ((media_id, dataset.media_tokens(media_id)) for media_id in dataset.media.media_id)
    rate = dataset.features["video"].tokens_per_second or 1.0
    return Content(name, dataset, _write_published(folder, arrays), {"2d": rate}, unit_norm=False)


def _write_published(
    folder: Path, arrays: Iterator[tuple[str, Mapping[str, np.ndarray]]]
) -> dict[str, Path]:
    """`ID_2d.npz`, `ID_3d.npz` and `ID_spec.npz` of every video, packed in each way."""
    folders = {name: folder / name.replace(" ", "-") for name in SAVERS}
    for video, tokens in arrays:
        for name, save in SAVERS.items():
            target = folders[name] / video
            target.parent.mkdir(parents=True, exist_ok=True)
            for modality, values in tokens.items():
                if modality == "audio":
                    save(f"{target}_spec.npz", values.T.astype(np.float16))
                else:
                    kind = modality.partition(".")[2] or "2d"
                    save(f"{target}_{kind}.npz", features=values.astype(np.float16))
    return folders


def _random_video(sizes: VideoSizes, seed: tuple[int, int]) -> MediaFeatures:
    """Pooled activations are not negative; log-mel lies between -80 and 0 dB."""
    generator = np.random.default_rng(seed)

    def pooled(rate: float, width: int) -> np.ndarray:
        shape = (int(sizes.seconds * rate), width)
        return np.abs(generator.standard_normal(shape, dtype=np.float32)).astype(np.float16)

    mel = generator.random((sizes.seconds * FRAMES_PER_SECOND, MEL_BANDS), dtype=np.float32)
    return MediaFeatures(
        float(sizes.seconds),
        {
            "video.2d": pooled(PUBLISHED_RATES["2d"], sizes.width_2d),
            "video.3d": pooled(PUBLISHED_RATES["3d"], sizes.width_3d),
            "audio": (-80 * mel).astype(np.float16),
        },
    )


def _random_captions(videos: list[str], seconds: int, seed: int) -> pd.DataFrame:
    """A clip every 8 seconds: there the two ways of cutting published features agree."""
    rows = [
        (video, float(start), float(start + CLIP_SECONDS))
        for video in videos
        for start in range(0, seconds - CLIP_SECONDS + 1, CLIP_SECONDS)
    ]
    table = pd.DataFrame(rows, columns=["video", "start_seconds", "end_seconds"])
    return table.assign(text=_random_texts(len(rows), seed), split="all")


def random_manifest(like: pd.DataFrame, clips: int, clips_per_video: int = 100) -> pd.DataFrame:
    """A manifest with the columns of another, of videos with ids as long as those of YouTube."""
    numbers = np.arange(clips)
    videos = [f"{number:011}" for number in numbers // clips_per_video]
    starts = (numbers % clips_per_video) * float(CLIP_SECONDS)
    columns: dict[str, Any] = {
        "clip_id": [f"{video}#{start:.2f}" for video, start in zip(videos, starts, strict=True)],
        "media_id": videos,
        "media_path": "",
        "start_seconds": starts,
        "end_seconds": starts + CLIP_SECONDS,
        "text": _random_texts(clips, seed=0),
        "split": "all",
    }
    return pd.DataFrame({name: columns[name] for name in like.columns})


def _random_texts(count: int, seed: int) -> list[str]:
    generator = np.random.default_rng(seed)
    return [" ".join(row) for row in generator.choice(WORDS, (count, WORDS_PER_CLIP))]
