"""The shards of a dataset, read one medium at a time; a damaged shard does not stop the others."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open
from tqdm import tqdm

from mmlab.about import FeatureInfo
from mmlab.dataset import ClipDataset
from mmlab.types import Modality

PROGRESS_AFTER_SECONDS = 1.0

Arrays = dict[str, np.ndarray]
"""The tensors of one medium: "video", "audio", "video.2d", "video.seconds", "brightness", …"""


@dataclass(frozen=True)
class Stream:
    """One kind of tokens as it is stored.

    Attributes:
        key: "video", or "video.2d" where several streams make the modality.
        modality: which it belongs to.
        width: of a token.
        tokens_per_second: token i starts at i / tokens_per_second.
        window_seconds: how long a token lasts.
    """

    key: str
    modality: Modality
    width: int
    tokens_per_second: float
    window_seconds: float


def stored_streams(features: dict[Modality, FeatureInfo]) -> list[Stream]:
    """Which tokens the shards hold. Text is not stored, its words have no times."""
    streams = []
    for modality, info in features.items():
        rate = info.tokens_per_second
        for part in info.streams:
            pace = part.tokens_per_second
            streams.append(Stream(f"{modality}.{part.name}", modality, part.width, pace, 1 / pace))
        if rate and not info.streams:
            window = info.window_seconds or 1 / rate
            streams.append(Stream(modality, modality, info.width, rate, window))
    return streams


@contextmanager
def open_shard(path: Path) -> Iterator[Any]:
    """An open safetensors file.

    Raises:
        ValueError: it is missing or damaged, also where the block itself finds that out.
    """
    try:
        with safe_open(path, framework="np") as file:
            yield file
    except FileNotFoundError:
        raise ValueError("is missing") from None
    except (SafetensorError, OSError, TypeError) as error:  # TypeError: no such type in numpy
        raise ValueError(f"is damaged ({error})") from error


def damaged_shards(dataset: ClipDataset) -> dict[str, str]:
    """The shards that cannot be opened, with the reason."""
    reasons = {}
    for shard in dataset.media.shard.astype(str).unique():
        try:
            with open_shard(dataset.folder / "features" / shard):
                pass
        except ValueError as error:
            reasons[shard] = str(error)
    return reasons


def read_media(
    dataset: ClipDataset, damaged: dict[str, str], *, progress: bool = True
) -> Iterator[tuple[str, Arrays]]:
    """Every medium's id with all that is stored of it, shard by shard.

    Args:
        dataset: whose media are read.
        damaged: is filled with the shards that cannot be read, and why.
        progress: show a bar if it takes more than a second.
    """
    media = dataset.media
    by_shard = media.media_id.astype(str).groupby(media.shard.astype(str), sort=False)
    with tqdm(
        total=len(media), unit=" media", desc="checking", leave=False,
        delay=PROGRESS_AFTER_SECONDS, disable=not progress,
    ) as bar:  # fmt: skip
        for shard, media_ids in by_shard:
            try:
                with open_shard(dataset.folder / "features" / str(shard)) as file:
                    yield from _media_of(file, list(media_ids))
            except ValueError as error:
                damaged[str(shard)] = str(error)
            bar.update(len(media_ids))


def _media_of(file: Any, media_ids: list[str]) -> Iterator[tuple[str, Arrays]]:
    names: dict[str, list[str]] = defaultdict(list)
    for key in file.keys():  # noqa: SIM118, the file is no dictionary
        media_id, _, name = key.rpartition("/")
        names[media_id].append(name)
    for media_id in media_ids:
        own = sorted(names.get(media_id, []))
        yield media_id, {name: file.get_tensor(f"{media_id}/{name}") for name in own}
