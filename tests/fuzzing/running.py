"""Many mutations in processes of their own, which may die of them."""

from __future__ import annotations

import faulthandler
import multiprocessing
import os
import resource
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.fuzzing.judging import MOST_SECONDS, Judge, Verdict

STUCK_SECONDS = int(3 * MOST_SECONDS)
"""After this a process is ended from outside, for a decoder that does not listen to alarms."""

MOST_ADDRESSES = 6 << 30
"""Address space of a process, of which threads and mapped libraries take some."""

FIRST_FAILURES = 20

Part = tuple[str, int, int]
"""The name of a format, and which of its mutations."""


@dataclass
class Tally:
    """What became of the mutations of one format."""

    whole: int = 0
    part: int = 0
    refused: int = 0
    crashed: int = 0
    slowest_seconds: float = 0.0
    slowest: int = 0
    failed: int = 0
    failures: list[str] = field(default_factory=list)

    @property
    def mutations(self) -> int:
        return self.whole + self.part + self.refused + self.crashed + self.failed

    def add(self, number: int, verdict: Verdict) -> None:
        """Count one mutation."""
        if verdict.failure:
            self.failed += 1
            if len(self.failures) < FIRST_FAILURES:
                self.failures.append(f"{number}: {verdict.failure}")
        else:
            setattr(self, verdict.outcome, getattr(self, verdict.outcome) + 1)
        if verdict.seconds > self.slowest_seconds:
            self.slowest_seconds, self.slowest = verdict.seconds, number


class _Worker:
    """A process that judges one part after the other, spawned as those of `mmlab.workers` are."""

    def __init__(self) -> None:
        context = multiprocessing.get_context("spawn")
        self.connection, other = context.Pipe()
        self.process = context.Process(target=_serve, args=(other,), daemon=True)
        self.process.start()
        other.close()
        self.part: Part = ("", 0, 0)

    def take(self, part: Part) -> None:
        self.part = part
        self.connection.send(part)

    def verdict(self) -> Verdict | None:
        """The next one; None if the process has died. Waits for it."""
        try:
            return self.connection.recv()
        except (EOFError, OSError):
            self.process.join()
            return None


def judged(parts: Sequence[Part], media: frozenset[str], processes: int = 2) -> Iterator[
    tuple[str, int, Verdict]
]:  # fmt: skip
    """The verdict on each mutation, in any order; a process that dies does not stop the others.

    Args:
        parts: what to judge.
        media: formats whose decoders may take a process down: `mmlab.workers` goes on then.
        processes: how many at a time.
    """
    waiting = [part for part in reversed(parts) if part[1] < part[2]]
    crew: list[_Worker] = []
    try:
        while waiting or crew:
            while waiting and len(crew) < processes:
                crew.append(_Worker())
                crew[-1].take(waiting.pop())
            ready = wait([worker.connection for worker in crew])
            for worker in [worker for worker in crew if worker.connection in ready]:
                name, number, stop = worker.part
                verdict = worker.verdict()
                if verdict is None:
                    crew.remove(worker)
                    verdict = died(worker.process.exitcode, may_die=name in media)
                    waiting += [(name, number + 1, stop)] if number + 1 < stop else []
                elif number + 1 < stop:
                    worker.part = (name, number + 1, stop)
                elif waiting:
                    worker.take(waiting.pop())
                else:
                    crew.remove(worker)
                    worker.process.kill()
                yield name, number, verdict
    finally:
        for worker in crew:
            worker.process.kill()
            worker.process.join()


def died(exit_code: int | None, *, may_die: bool) -> Verdict:
    """What to say of a process that ended.

    A death by a signal is what `mmlab.workers` isolates; one by our own watch is a hang.
    """
    if may_die and exit_code is not None and exit_code < 0:
        return Verdict("crashed", 0.0)
    is_hang = exit_code == 1
    hangs = f"hangs for {STUCK_SECONDS} s (or the judge itself fails)"
    reason = hangs if is_hang else f"kills its process ({exit_code})"
    return Verdict("failed", float(STUCK_SECONDS) if is_hang else 0.0, reason)


def tallies(
    counts: Mapping[str, int], media: frozenset[str], *, processes: int = 2, chunk: int = 500
) -> Iterator[dict[str, Tally]]:
    """The tally of each format so far, after each mutation; formats take turns."""
    result = {name: Tally() for name in counts}
    parts = [
        (name, first, min(first + chunk, count))
        for first in range(0, max(counts.values(), default=0), chunk)
        for name, count in counts.items()
    ]
    for name, number, verdict in judged(parts, media, processes):
        result[name].add(number, verdict)
        yield result


def _serve(connection: Connection) -> None:
    from tests.fuzzing.formats import formats

    warnings.simplefilter("ignore")
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (MOST_ADDRESSES, hard))
    with TemporaryDirectory(prefix="mmlab-fuzz-") as folder, open(os.devnull, "w") as nowhere:
        os.chdir(folder)
        os.dup2(nowhere.fileno(), 2)  # decoders complain a lot
        while True:
            try:
                name, first, stop = connection.recv()
            except EOFError:
                return
            judge = Judge(formats()[name], Path(folder) / "files")
            for number in range(first, stop):
                faulthandler.dump_traceback_later(STUCK_SECONDS, exit=True, file=nowhere)
                verdict = judge.verdict(number)
                faulthandler.cancel_dump_traceback_later()
                connection.send(verdict)
