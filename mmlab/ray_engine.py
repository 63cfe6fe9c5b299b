"""Shards written over a cluster with Ray Data; the same shards as `mmlab.workers` writes.

Every machine has mmlab installed and sees the media and the dataset's folder under the same path
(a shared file system). A shard is written once and atomically by whoever does it, and only its
records travel back. So a stopped driver or a lost machine leaves finished shards behind, and the
next run goes on from them.

Ray starts a task again whose worker died or whose machine is gone. The diary that such a worker
leaves beside its shard tells the next one to be careful: it writes in a process of its own, which
finds the file that kills it, if it was a file.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from mmlab.extraction import Extractors
from mmlab.shards import MediaRecord, ShardWork, write_shard
from mmlab.workers import Result, Write, write_alone

WITHOUT_GPU = {"default", "none"}
"""Backbones that have no use for one."""


@dataclass(frozen=True)
class _Outcome:
    """What a worker sends back of one shard."""

    shard: ShardWork
    records: list[MediaRecord]
    error: Exception | None = None


def write_shards_ray(
    work: list[ShardWork], workers: int | None = None, write: Write = write_shard
) -> Iterator[Result]:
    """Write shards on the cluster at $RAY_ADDRESS, else on a Ray of this machine's own.

    Args:
        work: paths in it must mean the same on every machine.
        workers: shards written at the same time; default: one for each processor of the cluster.
        write: writes one shard.

    Yields:
        Each shard as it is finished, in any order.

    Raises:
        ImportError: ray is not installed.
        OSError: a shard could not be written. The others have been.
    """
    if not work:
        return
    left = {shard.target for shard in work}
    first_error: Exception | None = None
    with _cluster() as ray:
        count = workers or max(1, int(ray.cluster_resources().get("CPU", 1)))
        for outcome in _run(ray, work, count, write):
            left.discard(outcome.shard.target)
            if outcome.error is None:
                yield outcome.shard, outcome.records
            first_error = first_error or outcome.error
    if first_error:
        raise first_error
    if left:
        raise OSError(f"Ray lost {len(left)} of {len(work)} shards; run the same command to go on")


@contextmanager
def _cluster() -> Iterator[ModuleType]:
    """Ray, connected; what was connected before stays so."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # it would report to its makers
    try:
        import ray
        import ray.data
    except ImportError as error:
        raise ImportError(f"{error.name} is missing; run: pip install 'mmlab[ray]'") from error
    logging.getLogger("ray.data").setLevel(logging.ERROR)
    if ray.is_initialized():
        yield ray
        return
    address = os.environ.get("RAY_ADDRESS", "local")
    ray.init(address, include_dashboard=False, log_to_driver=False, logging_level=logging.ERROR)
    try:
        yield ray
    finally:
        ray.shutdown()


def _run(ray: ModuleType, work: list[ShardWork], workers: int, write: Write) -> Iterator[_Outcome]:
    """A block for each shard: a task writes one, and what it says comes back at once."""

    def task(row: dict[str, ShardWork]) -> dict[str, _Outcome]:
        return {"outcome": _outcome(row["shard"], write)}

    with ray.data.DataContext.current(_settings(ray)):
        shards = ray.data.from_items(
            [{"shard": shard} for shard in work], override_num_blocks=len(work)
        )
        done = shards.map(
            task,
            compute=ray.data.TaskPoolStrategy(size=workers),
            num_gpus=_gpus_per_worker(ray, work[0].extractors, workers),
        )
        for row in done.iter_rows():
            yield row["outcome"]


def _settings(ray: ModuleType) -> Any:
    settings = ray.data.DataContext.get_current().copy()
    settings.max_errored_blocks = -1  # what befalls one shard does not end the others
    settings.execution_no_progress_timeout_s = -1  # a shard of long videos may take an hour
    settings.enable_progress_bars = False
    settings.print_on_execution_start = False
    return settings


def _gpus_per_worker(ray: ModuleType, extractors: Extractors, workers: int) -> float:
    """An even share of the cluster's GPUs; Ray hides them from workers that ask for none."""
    if extractors.device == "cpu" or {extractors.video, extractors.audio} <= WITHOUT_GPU:
        return 0.0
    gpus = ray.cluster_resources().get("GPU", 0.0)
    return min(1.0, int(1000 * gpus / workers) / 1000)


def _outcome(shard: ShardWork, write: Write) -> _Outcome:
    """Runs in a worker."""
    try:
        if shard.diary.exists():
            shard, records = write_alone(shard, write)
        else:
            records = write(shard)
    except Exception as error:  # it would end in Ray's log
        return _Outcome(shard, [], error)
    return _Outcome(shard, records)
