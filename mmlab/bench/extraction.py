"""How many times faster than real time media become features, and where the time goes."""

from __future__ import annotations

import multiprocessing
import os
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from mmlab import extraction
from mmlab.features.registry import load_picture_backbone, load_sound_backbone
from mmlab.finding import find_media
from mmlab.media import SoundBlocks
from mmlab.shards import MediaRecord, ShardWork, plan_shards, write_shard

PICTURES, DESCRIBING = "decoding pictures", "picture descriptor"
SOUND, LISTENING = "decoding sound", "log-mel"
LEVELS = "brightness, loudness"
REST = "opening, checking, writing"


@dataclass(frozen=True)
class Stage:
    """A part of the work and the core time that it took, in seconds."""

    name: str
    core_seconds: float


@dataclass(frozen=True)
class Extraction:
    """How one folder of media was turned into shards.

    Attributes:
        media: the folder's name.
        files: how many; `media_seconds` and `media_bytes` are theirs together.
        width: of the first file's picture, in pixels; `height` and `frames_per_second` likewise.
        features: the names of the backbones.
        feature_bytes: size of the shards.
        stages: of one process.
        core_seconds: of all stages: the processor time of one process with all its threads.
        per_core: seconds of media in one core second.
        decoding_share: of the core time.
        one_process: seconds of media in one second of wall time, working alone.
        processes: as many as there are cores.
        all_processes: seconds of media in a second, by as many processes, already started.
    """

    media: str
    files: int
    media_seconds: float
    media_bytes: int
    width: int
    height: int
    frames_per_second: float
    features: list[str]
    feature_bytes: int
    stages: list[Stage]
    core_seconds: float
    per_core: float
    decoding_share: float
    one_process: float
    processes: int
    all_processes: float


class Clock:
    """Core time by stage; time inside an inner stage is not the outer's."""

    def __init__(self) -> None:
        self.seconds: defaultdict[str, float] = defaultdict(float)
        self._stages, self._since = [REST], time.process_time()

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """What happens inside is charged to a stage."""
        self.charge()
        self._stages.append(name)
        try:
            yield
        finally:
            self.charge()
            self._stages.pop()

    def charge(self) -> None:
        """Charge what has passed since the last time to the present stage."""
        now = time.process_time()
        self.seconds[self._stages[-1]] += now - self._since
        self._since = now


@dataclass(frozen=True)
class _TimedBlocks:
    """Decoded blocks whose making is charged to a stage; as often iterable as they are."""

    blocks: Iterable[np.ndarray]
    clock: Clock
    stage: str

    def __iter__(self) -> Iterator[np.ndarray]:
        blocks = iter(self.blocks)
        while True:
            with self.clock.stage(self.stage):
                block = next(blocks, None)
            if block is None:
                return
            yield block


def measure_extraction(folder: Path, name: str, most_files: int) -> Extraction:
    """Turn media into shards, first in this process, then in one process for each core.

    Every pass is made twice, and the second one counts: then code is loaded, files are cached.

    Raises:
        ValueError: none of the media can be read.
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    with tempfile.TemporaryDirectory(prefix="mmlab-bench-") as out:
        files = find_media(folder, Path(out))[:most_files]
        work = plan_shards(folder.absolute(), Path(out), files)
        _write_all(work)
        clock, started = Clock(), time.perf_counter()
        with _watched(clock):
            records = _write_all(work)
        wall = time.perf_counter() - started
        clock.charge()
        written = sum(shard.target.stat().st_size for shard in work)
        parallel = _parallel_seconds(work, cores or 1)
    good = [record for record in records if not record.reason]
    if not good:
        raise ValueError(f"{folder}: none of {len(files)} media can be read: {records[0].reason}")
    media_seconds = sum(record.duration_seconds for record in good)
    core_seconds = sum(clock.seconds.values())
    stages = (PICTURES, DESCRIBING, SOUND, LISTENING, LEVELS, REST)
    return Extraction(
        media=name,
        files=len(good),
        media_seconds=media_seconds,
        media_bytes=sum(record.size_bytes for record in good),
        width=good[0].width,
        height=good[0].height,
        frames_per_second=good[0].frames_per_second,
        features=[backbone.name for backbone in _backbones()],
        feature_bytes=written,
        stages=[Stage(stage, clock.seconds[stage]) for stage in stages],
        core_seconds=core_seconds,
        per_core=media_seconds / core_seconds,
        decoding_share=(clock.seconds[PICTURES] + clock.seconds[SOUND]) / core_seconds,
        one_process=media_seconds / wall,
        processes=cores or 1,
        all_processes=media_seconds / parallel,
    )


def _write_all(work: list[ShardWork]) -> list[MediaRecord]:
    return [record for shard in work for record in write_shard(shard)]


def _backbones() -> list[Any]:
    """The default ones, as every worker loads them."""
    return [load_picture_backbone(), load_sound_backbone()]


@contextmanager
def _watched(clock: Clock) -> Iterator[None]:
    """Let the clock see decoders and default backbones at work."""
    picture, sound = map(type, _backbones())
    with (
        _replaced(extraction, "stream_windows", partial(_timed_decoding, clock, PICTURES)),
        _replaced(SoundBlocks, "__iter__", partial(_timed_decoding, clock, SOUND)),
        _replaced(picture, "extract", partial(_timed_computing, clock, DESCRIBING)),
        _replaced(sound, "extract", partial(_timed_computing, clock, LISTENING)),
    ):
        yield


@contextmanager
def _replaced(owner: Any, name: str, make: Callable[[Any], Any]) -> Iterator[None]:
    original = getattr(owner, name)
    setattr(owner, name, make(original))
    try:
        yield
    finally:
        setattr(owner, name, original)


def _timed_decoding(clock: Clock, stage: str, original: Any) -> Any:
    def decode(*arguments: Any, **options: Any) -> Iterator[np.ndarray]:
        return iter(_TimedBlocks(original(*arguments, **options), clock, stage))

    return decode


def _timed_computing(clock: Clock, stage: str, original: Any) -> Any:
    """What happens to a block between decoder and backbone is the measuring of levels."""

    def extract(self: Any, blocks: Iterable[np.ndarray], **options: Any) -> np.ndarray:
        with clock.stage(stage):
            return original(self, _TimedBlocks(blocks, clock, LEVELS), **options)

    return extract


def _parallel_seconds(work: list[ShardWork], processes: int) -> float:
    """Wall time of the second of two passes of the same processes."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, mp_context=context) as pool:
        _pass(pool, work)
        started = time.perf_counter()
        _pass(pool, work)
        return time.perf_counter() - started


def _pass(pool: Executor, work: list[ShardWork]) -> None:
    for future in [pool.submit(write_shard, shard) for shard in work]:
        future.result()
