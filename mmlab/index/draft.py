"""The index that a build prepares in a folder, beside the one that answers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

from mmlab.files import UNFINISHED
from mmlab.index.checks import check_folder
from mmlab.index.folder import FolderIndex, remove_unused
from mmlab.index.lock import WriterLock
from mmlab.index.protocol import IndexAbout
from mmlab.index.state import COMPLETE, DRAFT, State, read_state


class FolderDraft(FolderIndex):
    """What is finished of a build; it begins with what the index has."""

    FILE: ClassVar[str] = DRAFT

    def __init__(self, folder: Path, lock: WriterLock) -> None:
        super().__init__(folder)
        self._lock = lock

    def finish(self, about: IndexAbout) -> None:
        """Put it in place of the index."""
        self.prepare()
        state = self._newest().state
        complete = replace(about, complete=True)
        replace(state, about=complete, generation=state.generation + 1).save(self.folder / COMPLETE)
        (self.folder / DRAFT).unlink()
        remove_unused(self.folder)


@contextmanager
def draft_in(folder: Path, about: IndexAbout) -> Iterator[FolderDraft]:
    """Begin a build, or go on with the one that was stopped; nobody else writes meanwhile.

    Raises:
        ValueError: another process writes there, the folder holds something else or is a file.
    """
    check_folder(folder)
    if state_in(folder) is None and not _is_free(folder):
        raise ValueError(f"{folder}: holds something else than an index; choose an empty folder")
    (folder / "segments").mkdir(parents=True, exist_ok=True)
    lock = WriterLock(folder)
    with lock:
        before = state_in(folder) or State(about)
        if before.about.engine != about.engine:
            before = replace(before, graphs="", graphed=0)
        replace(before, about=about).save(folder / DRAFT)
        remove_unused(folder)
        yield FolderDraft(folder, lock)


def _is_free(folder: Path) -> bool:
    """Whether it holds no more than a build leaves that was killed at its very beginning."""
    return all(
        path.is_dir() or path.name == "lock" or path.match(f"{DRAFT}.*{UNFINISHED}")
        for path in folder.rglob("*")
    )


def state_in(folder: Path) -> State | None:
    """What a build begins with: the draft of one that was stopped, else the index, if any."""
    paths = (folder / name for name in (DRAFT, COMPLETE))
    return next((read_state(path) for path in paths if path.exists()), None)
