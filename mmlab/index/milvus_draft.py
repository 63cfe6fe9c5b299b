"""The index that a build prepares in a Milvus: one writer for the whole build."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace

from mmlab.index.ledger import Ledger
from mmlab.index.milvus import MOST_GONE, MilvusIndex
from mmlab.index.milvus_connection import Connection
from mmlab.index.protocol import IndexAbout


class MilvusDraft(MilvusIndex):
    """What is finished of a build. It is the index itself, which does not answer meanwhile."""

    def __init__(self, milvus: Connection) -> None:
        self._use(milvus)

    def _check_finished(self, ledger: Ledger) -> None:
        """It need not be."""

    @contextmanager
    def begun(self, about: IndexAbout) -> Iterator[MilvusDraft]:
        """Nobody else writes meanwhile."""
        made = self._milvus.prepare(about)
        with self._claim.held(about):
            before = self._milvus.read_ledger(patient=not made) or Ledger(about)
            if before.about.engine != about.engine:
                raise ValueError(
                    f"{self._milvus.name}: finds by {before.about.engine}, asked is "
                    f"{about.engine}; leave the engine out, or index into another database"
                )
            self._write(replace(before, about=replace(about, complete=False)))
            self._mend()
            yield self

    def _mend(self) -> None:
        """Of a clip that is there twice the last one is kept, and clips are counted anew.

        Two writers at once, as earlier versions let them, left that behind.
        """
        ledger = self._ledger()
        places = self._positions(ledger)
        rows = [row["position"] for row in self._rows(ledger, [])]
        if len(rows) == len(places) == ledger.clips:
            return
        kept = set(places.values())
        twice = [position for position in rows if position not in kept]
        for first in range(0, len(twice), MOST_GONE):
            some = twice[first : first + MOST_GONE]
            self._milvus.ask("delete", filter=f"position in {some}")
        self._write(replace(ledger, clips=len(places), generation=ledger.generation + 1))

    def finish(self, about: IndexAbout) -> None:
        """It is complete: from now on it answers, and is of what `about` says.

        Raises:
            ValueError: it does not hold what was written.
        """
        ledger = self._ledger()
        held = [row["clip_id"] for row in self._rows(ledger, ["clip_id"])]
        if not len(held) == len(set(held)) == ledger.clips:
            raise ValueError(
                f"{self._milvus.name}: holds {len(set(held)):,} clips where {ledger.clips:,} were "
                "written; run the same command again, which adds what is missing"
            )
        self._write(replace(ledger, about=replace(about, complete=True)))
        self._milvus.ask("flush")


@contextmanager
def draft_of(address: str, about: IndexAbout) -> Iterator[MilvusDraft]:
    """Begin a build, or go on with the one that was stopped.

    Raises:
        ValueError: it is of another engine; another process writes, or has Milvus Lite open.
        OSError: the server does not answer, or refuses.
    """
    with closing(MilvusDraft(Connection(address))) as draft, draft.begun(about):
        yield draft
