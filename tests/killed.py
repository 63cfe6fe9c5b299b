"""An ingest that is killed (kill -9) at a chosen moment, in a process that is quick to start."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable
from multiprocessing.process import BaseProcess
from pathlib import Path

CHANGES = ((os, "replace"), (os, "fsync"), (os, "unlink"), (Path, "touch"))
"""What an ingest does to files, beside writing them."""


def ingest_killed_at(operation: int, folder: Path, captions: Path | None, out: Path) -> bool:
    """Ingest in a process that dies at its nth change of a file; whether it lived to the end."""
    return _lives(_start(folder, captions, out, 1, operation))


def ingest_killed_after(
    seconds: float | None, folder: Path, captions: Path | None, out: Path, workers: int
) -> bool:
    """Ingest in a process that is killed after a time, if any; whether it lived to the end."""
    process = _start(folder, captions, out, workers)
    process.join(seconds)
    process.kill()
    return _lives(process)


def _start(*arguments) -> BaseProcess:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["mmlab.ingest", "librosa"])
    process = context.Process(target=_ingest, args=arguments)
    process.start()
    return process


def _lives(process: BaseProcess) -> bool:
    process.join()
    assert process.exitcode in (0, -signal.SIGKILL)
    return process.exitcode == 0


def _ingest(
    folder: Path, captions: Path | None, out: Path, workers: int, operation: int = 0
) -> None:
    from mmlab import shards
    from mmlab.ingest import ingest

    shards.LARGE_FILE_BYTES = 0  # a shard for each file
    deadly = _Countdown(operation)
    for owner, name in CHANGES:
        setattr(owner, name, deadly.guarded(getattr(owner, name)))
    Path.write_bytes = deadly.half_written(Path.write_bytes)
    ingest(folder, captions, out, workers=workers, progress=False)


class _Countdown:
    def __init__(self, operation: int) -> None:
        self.left = operation

    def is_over(self) -> bool:
        self.left -= 1
        return self.left == 0  # never, if it began at 0

    def guarded(self, real: Callable) -> Callable:
        def change(*arguments, **options):
            if self.is_over():
                os.kill(os.getpid(), signal.SIGKILL)
            return real(*arguments, **options)

        return change

    def half_written(self, real: Callable) -> Callable:
        def write(path: Path, content: bytes) -> int:
            if self.is_over():
                real(path, content[: len(content) // 2])
                os.kill(os.getpid(), signal.SIGKILL)
            return real(path, content)

        return write
