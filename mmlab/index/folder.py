"""An index in a folder of this machine: no server, searched exactly.

`index.json` names the segments that count. A change writes a new segment, or a new note of which
rows are alive, and then puts another index.json in place: what happens before is of no effect,
and a reader, who looks there before every search, sees all of it or nothing.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar, TypeVar

import numpy as np
import pandas as pd

from mmlab.files import UNFINISHED, replacing
from mmlab.index.checks import (
    check_clips,
    check_combination,
    check_folder,
    check_question,
    clips_table,
)
from mmlab.index.graphs import GRAPHED_ROWS, write_graphs
from mmlab.index.lock import WriterLock
from mmlab.index.merging import new_name, settled
from mmlab.index.protocol import Found, IndexAbout
from mmlab.index.segment import write_array, write_segment
from mmlab.index.snapshot import Snapshot
from mmlab.index.state import COMPLETE, DRAFT, State, open_segments, read_state

MOST_LACKING = 0.05
"""Of the clips that graphs cover, as many may come or go before the graphs are made anew."""

Answer = TypeVar("Answer")


class FolderIndex:
    """The index that `mmlab.index.build_index` keeps in a folder; see `VectorIndex`.

    Args:
        folder: where it lies.

    Raises:
        FileNotFoundError: there is none.
        ValueError: it is damaged, its first build is not finished, or it is a file.
    """

    FILE: ClassVar[str] = COMPLETE

    def __init__(self, folder: Path | str) -> None:
        self.folder = Path(folder)
        self._lock = WriterLock(self.folder)
        self._read: tuple[object, Snapshot] | None = None
        self._newest()

    @classmethod
    def begin(cls, folder: Path | str, about: IndexAbout) -> FolderIndex:
        """A new one without clips.

        Raises:
            FileExistsError: the folder is there.
        """
        folder = Path(folder)
        (folder / "segments").mkdir(parents=True)
        State(replace(about, complete=True)).save(folder / COMPLETE)
        return cls(folder)

    @property
    def about(self) -> IndexAbout:
        """What it is of, as of now."""
        return self._newest().state.about

    @property
    def columns(self) -> list[str]:
        """The columns that `where` may name; clip_id is the first."""
        return self._ask(lambda read: read.columns)

    def __len__(self) -> int:
        return int(self._newest().alive.sum())

    def ids(self) -> list[str]:
        """Every clip_id."""
        return self._ask(lambda read: read.ids.filter(read.alive).to_pylist())

    def table(self, columns: Sequence[str] | None = None) -> pd.DataFrame:
        """The clips' columns, all or some, in the order of `ids`."""
        return self._ask(lambda read: read.table(columns).filter(read.alive).to_pandas())

    def search(
        self,
        combination: str,
        vectors: np.ndarray,
        top: int,
        *,
        where: Mapping[str, Any] | None = None,
    ) -> Found:
        """The clips whose vectors have the largest inner products with (Q, P) vectors."""
        questions = check_question(self.about, combination, vectors, top)
        return self._ask(lambda read: read.search(combination, questions, top, where or {}))

    def vectors(self, combination: str, clip_ids: Sequence[str]) -> np.ndarray:
        """(n, P) float32, a row for each of `clip_ids`; KeyError if there is no such clip."""
        check_combination(self.about, combination)
        return self._ask(lambda read: read.vectors(combination, _rows(read, clip_ids)))

    def add(self, vectors: Mapping[str, np.ndarray], table: pd.DataFrame) -> None:
        """Add clips, or replace those that are there; all of them or, if that fails, none."""
        vectors = check_clips(self.about, vectors, table)
        if not len(table):
            return
        with self._writing() as read:
            clips = clips_table(table, [segment.schema for segment in read.segments])
            replaced = read.rows_of(table["clip_id"].tolist())
            alive = np.append(read.alive, np.ones(len(clips), bool))
            alive[replaced[replaced >= 0]] = False
            name = new_name()
            write_segment(self.folder / "segments", name, vectors.items(), clips)
            segments, rows = (*read.state.segments, name), (*read.state.rows, len(clips))
            self._commit(replace(read.state, segments=segments, rows=rows), alive)

    def delete(self, clip_ids: Sequence[str]) -> int:
        """Forget clips; how many of them were there."""
        with self._writing() as read:
            rows = read.rows_of(list(dict.fromkeys(clip_ids)))
            alive = read.alive.copy()
            alive[rows[rows >= 0]] = False
            gone = int(read.alive.sum() - alive.sum())
            if gone:
                self._commit(read.state, alive)
            return gone

    def prepare(self) -> None:
        """Make the engine's graphs, anew if they lack much; `build_index` does it.

        Clips that were added since are compared exactly: right, but slower the more they are.

        Raises:
            ImportError: the engine's package is missing.
        """
        with self._writing() as read:
            engine, covered = read.state.about.engine, sum(read.state.rows[: read.state.graphed])
            lacking = len(read.alive) - read.alive[:covered].sum()
            small = read.alive.sum() < GRAPHED_ROWS
            if engine == "exact" or small or lacking <= MOST_LACKING * covered:
                return
            state = replace(read.state, graphs="", graphed=0)
            state, alive = settled(self.folder, state, read.alive, most_dead=0)
            name = new_name()
            segments = open_segments(self.folder, state)
            graphs = self.folder / "graphs" / name
            write_graphs(graphs, engine, segments, state.about.combinations, alive)
            self._commit(replace(state, graphs=name, graphed=len(segments)), alive)

    def close(self) -> None:
        """Forget what was read; files are open only while they are read."""
        self._read = None

    def _ask(self, question: Callable[[Snapshot], Answer]) -> Answer:
        """Of the newest generation; a writer may remove the files of the one before meanwhile."""
        while True:
            read = self._newest()
            try:
                return question(read)
            except FileNotFoundError as error:
                if self._newest() is read:
                    raise _loss(error) from None

    def _newest(self) -> Snapshot:
        while True:
            seen = self._stamp()
            if self._read and self._read[0] == seen:
                return self._read[1]
            try:
                state = read_state(self.folder / self.FILE)
                graphs = self._read[1].graphs if self._read else None
                self._read = seen, Snapshot(self.folder, state, graphs)
            except FileNotFoundError as error:
                if self._stamp() == seen:
                    raise _loss(error) from None

    def _stamp(self) -> tuple[int, int]:
        """Differs when another generation is in place."""
        try:
            found = (self.folder / self.FILE).stat()
        except (FileNotFoundError, NotADirectoryError):
            raise self._absence() from None
        return found.st_ino, found.st_mtime_ns

    def _absence(self) -> Exception:
        check_folder(self.folder)
        again = f"`mmlab index RUN --to {self.folder}`"
        if not (self.folder / DRAFT).exists():
            return FileNotFoundError(f"{self.folder}: holds no index; make one with {again}")
        return ValueError(
            f"{self.folder}: its index is not finished; wait for the build, or, if it was stopped, "
            f"go on with the same {again}"
        )

    @contextmanager
    def _writing(self) -> Iterator[Snapshot]:
        """The newest generation, while nobody else writes; then what is of no use is removed."""
        with self._lock:
            if self.FILE == COMPLETE and (self.folder / DRAFT).exists():
                raise ValueError(
                    f"{self.folder}: a build was stopped before its end; go on with the same "
                    f"`mmlab index RUN --to {self.folder}` before clips are added or deleted"
                )
            read = self._newest()
            try:
                yield read
            except FileNotFoundError as error:
                raise _loss(error) from None
            finally:
                remove_unused(self.folder)

    def _commit(self, state: State, alive: np.ndarray) -> None:
        """Put a generation in place."""
        state, alive = settled(self.folder, state, alive)
        name = "" if alive.all() else f"alive-{new_name()}.npy"
        if name:
            with replacing(self.folder / name) as unfinished:
                write_array(unfinished, alive)
        state = replace(state, generation=state.generation + 1, alive=name)
        state.save(self.folder / self.FILE)


def _loss(error: FileNotFoundError) -> ValueError:
    return ValueError(
        f"{error.filename}: is lost, so the index is damaged; delete the index and run "
        "`mmlab index` again"
    )


def _rows(read: Snapshot, clip_ids: Sequence[str]) -> np.ndarray:
    rows = read.rows_of(clip_ids)
    if (rows < 0).any():
        raise KeyError(f"no clip {clip_ids[int(np.argmin(rows))]!r} in the index")
    return rows


def remove_unused(folder: Path) -> None:
    """Remove what neither the index nor a draft names; only while nobody else writes."""
    states = [read_state(folder / name) for name in (COMPLETE, DRAFT) if (folder / name).exists()]
    used = {f"segments/{name}" for state in states for name in state.segments}
    used |= {f"graphs/{state.graphs}" for state in states}
    for path in (*folder.glob("segments/*"), *folder.glob("graphs/*")):
        if path.relative_to(folder).as_posix() not in used:
            shutil.rmtree(path, ignore_errors=True)  # the next writer tries again
    for path in (*folder.glob("alive-*.npy"), *folder.glob(f"*{UNFINISHED}")):
        if path.name not in {state.alive for state in states}:
            path.unlink()
