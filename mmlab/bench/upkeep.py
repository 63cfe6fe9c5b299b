"""What a dataset costs besides its features: its manifest, and finding out what is done already."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from mmlab.dataset import ClipDataset
from mmlab.finding import find_media
from mmlab.shards import read_records

ROUNDS = 5


@dataclass(frozen=True)
class Upkeep:
    """Costs that grow with the number of clips, shards and media.

    Attributes:
        manifest_disk_bytes: of one clip in manifest.parquet.
        manifest_memory_bytes: of one clip in an open dataset.
        open_seconds: to open a dataset, by clip.
        header_seconds: to look into a finished shard, as a run that goes on does with each.
        listing_seconds: to find a medium in its folder, as every run does.
    """

    manifest_disk_bytes: float
    manifest_memory_bytes: float
    open_seconds: float
    header_seconds: float
    listing_seconds: float


def measure_upkeep(dataset: ClipDataset, media: Path) -> Upkeep:
    """Measure them on a dataset and on a folder of media, in the page cache.

    Raises:
        ValueError: there are no media in the folder.
    """
    clips, folder = len(dataset), dataset.folder
    shards = sorted((folder / "features").glob("*.safetensors"))
    in_memory = int(dataset.manifest.memory_usage(deep=True).sum())
    files = len(find_media(media, folder))
    return Upkeep(
        (folder / "manifest.parquet").stat().st_size / clips,
        in_memory / clips,
        _seconds(lambda: ClipDataset.open(folder)) / clips,
        _seconds(lambda: [read_records(shard, dataset.features) for shard in shards]) / len(shards),
        _seconds(lambda: find_media(media, folder)) / files,
    )


def _seconds(call: Callable[[], object]) -> float:
    """The median of a few rounds."""
    times = []
    for _ in range(ROUNDS):
        started = time.perf_counter()
        call()
        times.append(time.perf_counter() - started)
    return median(times)
