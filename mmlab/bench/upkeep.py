"""What a dataset costs besides its features: its manifest, and finding out what is done already."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from mmlab.bench.contents import random_manifest
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


def measure_upkeep(dataset: ClipDataset, *, clips: int = 100_000, media: int = 2_000) -> Upkeep:
    """Measure them in the page cache.

    Args:
        dataset: its shards are looked into; its manifest is the model of a larger one.
        clips: rows of that manifest.
        media: in a folder that is searched; empty files, which is all that searching sees.
    """
    shards = sorted((dataset.folder / "features").glob("*.safetensors"))
    with tempfile.TemporaryDirectory(prefix="mmlab-bench-") as name:
        large, videos = Path(name) / "dataset", Path(name) / "videos"
        large.mkdir()
        for table in ("dataset.json", "media.parquet"):
            shutil.copy(dataset.folder / table, large)
        manifest = random_manifest(dataset.manifest, clips)
        manifest.to_parquet(large / "manifest.parquet", index=False)
        videos.mkdir()
        for number in range(media):
            (videos / f"{number:011}.mp4").touch()
        return Upkeep(
            (large / "manifest.parquet").stat().st_size / clips,
            int(ClipDataset.open(large).manifest.memory_usage(deep=True).sum()) / clips,
            _seconds(lambda: ClipDataset.open(large)) / clips,
            _seconds(lambda: [read_records(one, dataset.features) for one in shards]) / len(shards),
            _seconds(lambda: find_media(videos)) / media,
        )


def _seconds(call: Callable[[], object]) -> float:
    """The median of a few rounds."""
    times = []
    for _ in range(ROUNDS):
        started = time.perf_counter()
        call()
        times.append(time.perf_counter() - started)
    return median(times)
