"""Shards written by several processes, any of which may crash.

A decoder can take its whole process down (or the system ends it for want of memory). The others
go on; the shards that fell are written again at the end, one process at a time, and a file on
which a process that works alone dies is skipped like any other broken file.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from multiprocessing.connection import Connection, wait

from mmlab.diary import read_note
from mmlab.shards import MediaRecord, ShardWork, write_shard

Write = Callable[[ShardWork], list[MediaRecord]]
Result = tuple[ShardWork, list[MediaRecord]]

NEVER_BEGAN = (
    "a worker process ended before it began to work; free some memory, or, if this is a script of "
    "yours, call mmlab below `if __name__ == '__main__':`"
)


def write_shards(
    work: list[ShardWork], workers: int, write: Write = write_shard
) -> Iterator[Result]:
    """Write shards in any order; yields each as it is finished.

    One worker is this process itself. Whoever stops listening (Ctrl-C, an error) stops the
    workers at once; shards that they had not finished are not there.

    Raises:
        OSError: a shard cannot be written.
    """
    if workers <= 1:
        yield from ((shard, write(shard)) for shard in work)
        return
    fallen = []
    for shard, records in _in_parallel(work, min(workers, len(work)), write):
        if records is None:
            fallen.append(shard)
        else:
            yield shard, records
    for shard in fallen:
        yield write_alone(shard, write)


def write_alone(shard: ShardWork, write: Write) -> Result:
    """Write one shard in a process of its own, leaving out the files that kill it.

    Raises:
        OSError: the shard cannot be written, or its process dies and no file is to blame.
    """
    while True:
        ((_, records),) = _in_parallel([shard], 1, write)
        if records is not None:
            return shard, records
        note = read_note(shard.diary)
        if note is None or note.media_id in shard.crashing:
            raise OSError(f"{shard.target}: the process that writes it dies of no file; run again")
        shard = replace(shard, crashing=shard.crashing | {note.media_id})


def _in_parallel(
    work: list[ShardWork], workers: int, write: Write
) -> Iterator[tuple[ShardWork, list[MediaRecord] | None]]:
    """Each shard with its records, or with None if its worker died of it."""
    waiting = deque(work)
    crew = [_Worker(write) for _ in range(workers)]
    try:
        busy = {worker.connection: worker for worker in crew if worker.take(waiting)}
        while busy:
            for worker in _ready(busy):
                del busy[worker.connection]
                shard, records = worker.result()
                if records is None and read_note(shard.diary) is None:
                    raise OSError(NEVER_BEGAN)
                yield shard, records
                if not worker.process.is_alive() and waiting:
                    worker = _Worker(write)
                    crew.append(worker)
                if worker.take(waiting):
                    busy[worker.connection] = worker
    finally:
        for worker in crew:
            worker.process.kill()
            worker.process.join()


def _ready(busy: dict[Connection, _Worker]) -> list[_Worker]:
    """Wait until some have finished, or died."""
    answered = wait(list(busy))
    return [worker for connection, worker in busy.items() if connection in answered]


class _Worker:
    """A process that writes one shard after the other.

    It is spawned, not forked: decoders and their threads do not survive a fork.
    """

    def __init__(self, write: Write) -> None:
        context = multiprocessing.get_context("spawn")
        self.connection, other = context.Pipe()
        self.process = context.Process(target=_serve, args=(other, write), daemon=True)
        self.process.start()
        other.close()

    def take(self, waiting: deque[ShardWork]) -> bool:
        """Begin the next shard, if there is one."""
        if not waiting:
            return False
        self.shard = waiting.popleft()
        self.shard.diary.unlink(missing_ok=True)  # of somebody who died before
        with suppress(BrokenPipeError):  # it is dead; `result` finds out
            self.connection.send(self.shard)
        return True

    def result(self) -> tuple[ShardWork, list[MediaRecord] | None]:
        """What became of the shard; waits for it."""
        try:
            answer = self.connection.recv()
        except (EOFError, OSError):
            self.process.join()
            return self.shard, None
        if isinstance(answer, Exception):
            raise answer
        return self.shard, answer


def _serve(connection: Connection, write: Write) -> None:
    """Runs in the worker until its parent closes the connection or is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all; the parent ends the run
    threading.Thread(target=_die_with_parent, daemon=True).start()
    while True:
        try:
            work = connection.recv()
        except EOFError:
            return
        try:
            answer: list[MediaRecord] | Exception = write(work)
        except Exception as error:  # it belongs to the parent, which reports it
            answer = error
        connection.send(answer)


def _die_with_parent() -> None:
    """An orphan would go on writing into a dataset that somebody else may have taken up."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)
