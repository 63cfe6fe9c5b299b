"""Shards written by several processes, one of which may crash.

A decoder can take its whole process down (or the system ends it for want of memory). Then the
shards left over are written again one process at a time, and a file on which a process that
works alone dies is skipped like any other broken file.
"""

from __future__ import annotations

import multiprocessing
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import replace

from mmlab.shards import MediaRecord, ShardWork, write_shard

Write = Callable[[ShardWork], list[MediaRecord]]
Result = tuple[ShardWork, list[MediaRecord]]


def write_shards(
    work: list[ShardWork], workers: int, write: Write = write_shard
) -> Iterator[Result]:
    """Write shards in any order; yields each as it is finished.

    One worker, or one shard, needs no other process and gets none.
    """
    if min(workers, len(work)) <= 1:
        yield from ((shard, write(shard)) for shard in work)
        return
    left = dict.fromkeys(shard.target for shard in work)
    try:
        for result in _in_parallel(work, workers, write):
            left.pop(result[0].target)
            yield result
    except BrokenProcessPool:
        for shard in work:
            if shard.target in left:
                yield _alone(shard, write)


def _in_parallel(work: list[ShardWork], workers: int, write: Write) -> Iterator[Result]:
    """Processes are spawned, not forked: decoders and their threads do not survive a fork."""
    pool = _pool(min(workers, len(work)))
    try:
        shards = {pool.submit(write, shard): shard for shard in work}
        for future in as_completed(shards):
            yield shards[future], future.result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _alone(shard: ShardWork, write: Write) -> Result:
    """Write one shard in a process of its own, leaving out the files that kill it."""
    while True:
        try:
            with _pool(1) as pool:
                return shard, pool.submit(write, shard).result()
        except BrokenProcessPool:
            guilty = shard.diary.read_text(encoding="utf-8")
            if guilty in shard.crashing:
                raise
            shard = replace(shard, crashing=shard.crashing | {guilty})


def _pool(workers: int) -> ProcessPoolExecutor:
    context = multiprocessing.get_context("spawn")
    return ProcessPoolExecutor(workers, mp_context=context, initializer=_ignore_interrupt)


def _ignore_interrupt() -> None:
    """Ctrl-C reaches every process of a terminal; the parent alone ends the run."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
