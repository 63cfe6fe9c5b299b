"""One writer at a time in a Milvus, which has no locks.

Whoever is going to write adds a row that says so, and only then looks for such rows of others. Of
two who come at once at least one sees the other, and only the one with the smaller number goes on.
"""

from __future__ import annotations

import os
import random
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timedelta

from mmlab.index.milvus_connection import Connection
from mmlab.index.protocol import IndexAbout

PATIENCE = timedelta(minutes=10)
"""So long a writer on another machine is waited for, of which nothing is heard."""
WITHDRAWING_SECONDS = 2.0
"""So long the smaller of two who come at once waits for the other to withdraw."""

_HELD: set[int] = set()
"""The numbers of the claims that this process holds."""


def _now() -> str:
    return datetime.now().astimezone().isoformat(" ", "seconds")


@dataclass(frozen=True)
class Writer:
    """Who is writing.

    Attributes:
        machine: its name.
        process: its number there.
        since: when it began, ISO 8601.
        heard: when it last said that it lives, ISO 8601.
        number: below 0, the position of the row that says this.
    """

    machine: str = field(default_factory=socket.gethostname)
    process: int = field(default_factory=os.getpid)
    since: str = field(default_factory=_now)
    heard: str = field(default_factory=_now)
    number: int = field(default_factory=lambda: -random.SystemRandom().randrange(1, 1 << 62))

    @property
    def lives(self) -> bool:
        """Whether it writes, or may."""
        if self.machine != socket.gethostname():
            return datetime.now().astimezone() - datetime.fromisoformat(self.heard) < PATIENCE
        return self.number in _HELD if self.process == os.getpid() else _runs(self.process)


def _runs(process: int) -> bool:
    try:
        os.kill(process, 0)  # which does nothing but look
    except ProcessLookupError:
        return False
    except PermissionError:  # somebody else's
        return True
    return True


class Claim:
    """The right to write an index, which one connection has at a time.

    Args:
        milvus: the connection.
    """

    def __init__(self, milvus: Connection) -> None:
        self._milvus = milvus
        self._held: tuple[Writer, IndexAbout] | None = None

    @contextmanager
    def held(self, about: IndexAbout) -> Iterator[None]:
        """Have it; whoever has it may ask for it again.

        Args:
            about: what the index is of, which says what a row holds.

        Raises:
            ValueError: another writer has it; says who, and since when.
        """
        if self._held:
            yield
            return
        self._refuse(self._writers())  # who is refused writes nothing
        me = Writer()
        self._held = me, about
        _HELD.add(me.number)
        self._milvus.newest = True
        try:
            self._say()
            self._settle(me)
            yield
        finally:
            self._withdraw(me)

    def renew(self) -> None:
        """`check`, and let those on other machines hear of it."""
        self.check()
        self._say()

    def check(self) -> None:
        """Raise a ValueError if another writer has taken over; before every change."""
        assert self._held
        me, _ = self._held
        writers = self._writers()
        if me.number not in {one.number for one in writers}:
            minutes = PATIENCE // timedelta(minutes=1)
            raise ValueError(
                f"{self._milvus.name}: nothing was heard of this process for {minutes} minutes, "
                "and another one took over; what was finished is kept, run the same command again"
            )
        self._refuse([one for one in writers if one.number < me.number])

    def _settle(self, me: Writer) -> None:
        """Withdraw before a smaller number; let a larger one do so."""
        give_up = time.monotonic() + WITHDRAWING_SECONDS
        while others := [one for one in self._writers() if one.number != me.number]:
            if time.monotonic() > give_up or min(one.number for one in others) < me.number:
                self._refuse(others)
            time.sleep(0.05)

    def _say(self) -> None:
        assert self._held
        me, about = self._held
        self._milvus.write_row(me.number, asdict(replace(me, heard=_now())), about)

    def _withdraw(self, me: Writer) -> None:
        _HELD.discard(me.number)
        self._held, self._milvus.newest = None, False
        with suppress(OSError):  # then others find out that it is dead
            self._forget([me])

    def _writers(self) -> list[Writer]:
        """Those that live; the rows of the others are removed."""
        rows = self._milvus.query("position < 0", ["columns"], newest=True)
        writers = [Writer(**row["columns"]) for row in rows]
        alive = [one for one in writers if self._lives(one)]
        if dead := [one for one in writers if one not in alive]:
            self._forget(dead)
        return alive

    def _lives(self, writer: Writer) -> bool:
        alone = self._milvus.folder is not None  # Milvus Lite lets only one process in
        return writer.number in _HELD if alone else writer.lives

    def _forget(self, writers: list[Writer]) -> None:
        numbers = [one.number for one in writers]
        self._milvus.ask("delete", filter=f"position in {numbers}")

    def _refuse(self, writers: list[Writer]) -> None:
        if writers:
            first = min(writers, key=lambda one: one.since)
            raise ValueError(
                f"{self._milvus.name} is being written by process {first.process} on "
                f"{first.machine} since {first.since}; try again when that has ended"
            )
