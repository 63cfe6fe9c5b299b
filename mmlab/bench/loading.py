"""Clips per second and memory of reading clips from disk: mmlab beside the published way."""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from statistics import median
from typing import Any

import numpy as np
import torch

from mmlab.bench.contents import Content
from mmlab.bench.machine import memory_status
from mmlab.bench.variants import load_baseline
from mmlab.types import Modality, Tokens

MMLAB = "mmlab"
TOLERANCE = 1e-5
"""Both sides turn the same float16 numbers to float32 and, where asked, to norm 1."""

MEMORY_CLIPS = 256
"""So many are read for the memory, in at least two batches."""

Read = Callable[[Sequence[int]], Any]
"""From rows of the manifest to a padded batch."""


@dataclass(frozen=True)
class Memory:
    """What a fresh process holds beyond interpreter and libraries, in bytes.

    Attributes:
        peak: the most it ever held.
        own: its own memory after the last batch.
        mapped: files in the page cache that it looks into then; the system takes them back
            when it needs the space.
    """

    peak: int
    own: int
    mapped: int


@dataclass(frozen=True)
class Reading:
    """How one way of reading did.

    Attributes:
        clips_per_second: at the median of the rounds.
        rounds: seconds of each.
        memory: None if it was not measured.
    """

    clips_per_second: float
    rounds: list[float]
    memory: Memory | None


@dataclass(frozen=True)
class Loading:
    """One content read in one batch size by every side.

    Attributes:
        content: its name.
        clips: in a batch.
        clips_per_video: that follow each other in a batch; published code reads a video's
            files once for them. 1: every clip from a video drawn anew.
        sides: by name: each way of packing published files, and "mmlab".
        ratios: how many times as fast as each other side mmlab is.
    """

    content: str
    clips: int
    clips_per_video: int
    sides: dict[str, Reading]
    ratios: dict[str, float]


def measure_loading(
    content: Content, clips: int, clips_per_video: int, rounds: int, *, memory: bool = True
) -> Loading:
    """Let every side read the same clips by turns.

    All files are in the page cache then, and every side has read a clip of each video.

    Raises:
        ValueError: the sides do not give the same tokens.
    """
    readers = {name: reader(content, name) for name in (*content.folders, MMLAB)}
    batches = _batches(content, clips, clips_per_video, rounds + 1, seed=0)
    check_equal_tokens(content, readers, batches[0])
    _warm(content, readers)
    seconds: dict[str, list[float]] = {name: [] for name in readers}
    for number, rows in enumerate(batches[1:]):
        turn = list(readers) if number % 2 else list(readers)[::-1]
        for name in turn:
            started = time.perf_counter()
            readers[name](rows)
            seconds[name].append(time.perf_counter() - started)
    sides = {
        name: Reading(
            len(batches[0]) / median(times),
            times,
            measure_memory(content, name, clips, clips_per_video) if memory else None,
        )
        for name, times in seconds.items()
    }
    fast = sides[MMLAB].clips_per_second
    ratios = {name: fast / side.clips_per_second for name, side in sides.items() if name != MMLAB}
    return Loading(content.name, len(batches[0]), clips_per_video, sides, ratios)


def reader(content: Content, name: str) -> Read:
    """One side's way from rows to a padded batch; both encode text with the dataset's encoder."""
    if name == MMLAB:
        return content.dataset.batch
    baseline, manifest = load_baseline("published_style_data"), content.dataset.manifest
    columns = ["media_id", "start_seconds", "end_seconds", "text"]
    every = [baseline.Clip(*row) for row in manifest[columns].itertuples(index=False)]
    read = baseline.PublishedStyleReader(
        content.folders[name],
        content.rates,
        _longest(content),
        content.dataset.text_encoder.encode,
        content.unit_norm,
    )
    return partial(_read_published, read, every)


def _read_published(read: Any, every: Sequence[Any], rows: Sequence[int]) -> Any:
    return read.batch([every[row] for row in rows])


def _longest(content: Content) -> dict[Modality, int]:
    """Fixed lengths that cut nothing off."""
    manifest, features = content.dataset.manifest, content.dataset.features
    seconds = float((manifest.end_seconds - manifest.start_seconds).max())
    rate = list(content.rates.values())[-1]
    frames = features["audio"].tokens_per_second or 0.0
    # A token more where a clip begins within one.
    return {"text": 20, "video": int(seconds * rate) + 2, "audio": int(seconds * frames) + 2}


def _batches(
    content: Content, clips: int, clips_per_video: int, count: int, seed: int
) -> list[list[int]]:
    """Random rows; with several clips per video, that many of each of some random videos.

    The last video of a batch gives its clips too: a batch of 16 with 10 clips of each is 20.
    """
    generator = np.random.default_rng(seed)
    groups = [rows.to_numpy() for rows in _rows_by_video(content)]
    batches = []
    for _ in range(count):
        rows: list[int] = []
        while len(rows) < clips:
            group = groups[generator.integers(len(groups))]
            rows += generator.choice(
                group, min(clips_per_video, len(group)), replace=False
            ).tolist()
        batches.append(rows)
    return batches


def _rows_by_video(content: Content) -> list[Any]:
    manifest = content.dataset.manifest
    return list(manifest.groupby("media_id").groups.values())


def _warm(content: Content, readers: dict[str, Read]) -> None:
    """Bring every file into the page cache, and let every side open what it keeps open."""
    for files in content.files().values():
        for path in files:
            with path.open("rb") as file:
                while file.read(1 << 20):
                    pass
    for rows in _rows_by_video(content):
        for read in readers.values():
            read([int(rows[0])])


def check_equal_tokens(content: Content, readers: dict[str, Read], rows: Sequence[int]) -> None:
    """Compare what the sides read.

    Raises:
        ValueError: a side has other tokens than mmlab.
    """
    ours = readers[MMLAB](rows)
    for name in content.folders:
        theirs = readers[name](rows)
        for modality, tokens in ours.items():
            for item in range(len(rows)):
                found = _published_tokens(theirs, modality, item)
                _check_same(tokens, item, found, f"{name}: {modality} of row {rows[item]}")


def _published_tokens(batch: Any, modality: Modality, item: int) -> torch.Tensor:
    count = int(batch[f"{modality}_mask"][item].sum())
    values = batch[modality][item]
    return values[:, :count].T if modality == "audio" else values[:count]


def _check_same(tokens: Tokens, item: int, found: torch.Tensor, where: str) -> None:
    wanted = tokens.values[item][tokens.mask[item]]
    if wanted.shape != found.shape:
        raise ValueError(f"{where} is {tuple(found.shape)}, in mmlab {tuple(wanted.shape)}")
    difference = float((wanted - found).abs().max()) if wanted.numel() else 0.0
    if not difference <= TOLERANCE:  # nor NaN
        raise ValueError(f"{where} differs from mmlab's by {difference:.1e}")


def measure_memory(content: Content, name: str, clips: int, clips_per_video: int) -> Memory | None:
    """Read some batches in a fresh process, keeping none; None where the system does not say."""
    context = multiprocessing.get_context("spawn")  # a fork would begin with our memory
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        return pool.submit(_memory, content, name, clips, clips_per_video).result()


def _memory(content: Content, name: str, clips: int, clips_per_video: int) -> Memory | None:
    start = memory_status()
    read = reader(content, name)
    count = max(2, MEMORY_CLIPS // clips)
    for rows in _batches(content, clips, clips_per_video, count, seed=1):
        read(rows)
    end = memory_status()
    if not start or not end:
        return None
    return Memory(
        peak=max(0, end["VmHWM"] - start["VmHWM"]),
        own=end["RssAnon"] - start["RssAnon"],
        mapped=end["RssFile"] - start["RssFile"],
    )
