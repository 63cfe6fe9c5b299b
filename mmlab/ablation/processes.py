"""Many runs at a time, each in a process of its own."""

from __future__ import annotations

import multiprocessing
import os
import sys
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from multiprocessing.connection import wait
from multiprocessing.process import BaseProcess
from typing import Any

import torch

from mmlab.ablation.runs import ABOUT, Result, Run, complete, is_finished
from mmlab.files import write_atomically

ERROR = "error.txt"
INTERRUPTED = 130
"""What a process ends with after Ctrl-C, as shells have it."""


def complete_all(runs: Sequence[Run], workers: int, threads: int) -> Iterator[Result]:
    """Complete runs; one that fails is reported and takes none of the others down.

    Args:
        runs: of different folders.
        workers: processes that work at the same time; 1: this process itself.
        threads: of each of several processes.

    Yields:
        Each run's result as it comes; first those that were finished before.

    Raises:
        ValueError: a run was made with other settings.
        KeyboardInterrupt: somebody stopped it, or one of its processes.
    """
    left: deque[Run] = deque()
    for run in runs:
        if is_finished(run):
            yield Result(run, fresh=False)
        else:
            left.append(run)
    if workers <= 1:
        yield from map(_here, left)
    else:
        yield from _in_processes(left, workers, threads)


def _here(run: Run) -> Result:
    try:
        complete(run)
    except (ValueError, OSError, RuntimeError) as error:
        return Result(run, error=f"{type(error).__name__}: {error}")
    return Result(run)


def _in_processes(left: deque[Run], workers: int, threads: int) -> Iterator[Result]:
    """A process for each run: spawned, so that none inherits another's threads."""
    context = multiprocessing.get_context("spawn")
    busy: dict[Any, tuple[BaseProcess, Run]] = {}
    try:
        while left or busy:
            while left and len(busy) < workers:
                run = left.popleft()
                started = context.Process(target=_alone, args=(run, threads), daemon=True)
                started.start()
                busy[started.sentinel] = started, run
            for sentinel in wait(list(busy)):
                process, run = busy.pop(sentinel)
                process.join()
                yield _result_of(run, process.exitcode)
    finally:
        for process, _ in busy.values():
            process.terminate()  # training stops after the step and keeps everything
        for process, _ in busy.values():
            process.join()


def _alone(run: Run, threads: int) -> None:
    """Runs in a process of its own."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    torch.set_num_threads(threads)
    (run.folder / ERROR).unlink(missing_ok=True)
    try:
        result = _here(run)
    except KeyboardInterrupt:  # the parent stops the others
        sys.exit(INTERRUPTED)
    if result.error:
        run.folder.mkdir(parents=True, exist_ok=True)
        write_atomically(run.folder / ERROR, result.error.encode())


def _result_of(run: Run, code: int | None) -> Result:
    if code == INTERRUPTED:
        raise KeyboardInterrupt
    if (run.folder / ERROR).exists():
        return Result(run, error=(run.folder / ERROR).read_text())
    if not (run.folder / ABOUT).exists():
        return Result(run, error=f"its process ended with code {code}, perhaps for want of memory")
    return Result(run)


def _end_with_parent() -> None:
    """An orphan would go on in a folder that the same command, started again, takes up."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)
