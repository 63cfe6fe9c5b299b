"""One generation of an index folder, for reading: it does not change while it is read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mmlab.index.graphs import MOST_ANSWERS, Graphs
from mmlab.index.protocol import FINGERPRINT, Found
from mmlab.index.scan import nearest
from mmlab.index.segment import gathered, reading
from mmlab.index.state import State, open_segments
from mmlab.selection import rows_where, wanted_values

MOST_FILTERS = 8
"""Those used last are kept, up to 8 bytes for each clip."""


class Snapshot:
    """The clips of one generation; a row is a position in all segments, one behind the other.

    Args:
        folder: of the index.
        state: what the generation is.
        graphs: of the generation before, which are large to read; they may be the same.

    Attributes:
        state: what the generation is.
        segments: opened.
        alive: (rows,) bool, which rows are clips: the others were replaced or deleted.
    """

    def __init__(self, folder: Path, state: State, graphs: Graphs | None = None) -> None:
        self.state = state
        self.segments = open_segments(folder, state)
        self.alive = np.ones(sum(state.rows), bool)
        if state.alive:
            with reading(folder / state.alive) as path:
                self.alive = np.load(path)
        known = graphs if graphs and graphs.folder.name == state.graphs else None
        self.graphs = known or _graphs(folder, state)
        self._filters: dict[str, np.ndarray] = {}

    @property
    def columns(self) -> list[str]:
        """The names of the clips' columns."""
        return self.segments[0].schema.names if self.segments else ["clip_id", FINGERPRINT]

    @cached_property
    def ids(self) -> pa.ChunkedArray:
        """The clip_id of every row."""
        return self.table(["clip_id"])["clip_id"]

    def table(self, columns: Sequence[str] | None = None) -> pa.Table:
        """The columns, all or some, of every row.

        Raises:
            ValueError: there is no such column.
        """
        wanted = list(columns or self.columns)
        if absent := [one for one in wanted if one not in self.columns]:
            raise ValueError(f"no column {absent[0]!r}; there are {', '.join(self.columns)}")
        empty = pa.table({name: pa.array([], pa.string()) for name in wanted})
        tables = [segment.table(wanted) for segment in self.segments]
        return pa.concat_tables(tables, promote_options="permissive") if tables else empty

    def rows_of(self, clip_ids: Sequence[str]) -> np.ndarray:
        """(n,) the row of each clip, -1 where there is none."""
        alive = np.flatnonzero(self.alive)
        wanted = pa.array(list(clip_ids), self.ids.type)
        places = pc.index_in(wanted, value_set=self.ids.take(alive)).fill_null(-1).to_numpy()
        return np.where(places < 0, -1, np.append(alive, -1)[places])

    @cached_property
    def _clips(self) -> np.ndarray:
        """(n,) the rows that are clips."""
        return np.flatnonzero(self.alive)

    @cached_property
    def _graphed(self) -> np.ndarray:
        """(rows,) bool, which of those that the graphs cover are clips."""
        return self.alive[: sum(self.state.rows[: self.state.graphed])]

    def chosen(self, where: Mapping[str, Any]) -> np.ndarray:
        """(n,) the rows of the clips that have the wanted values."""
        if not where:
            return self._clips
        key = repr([(name, wanted_values(one)) for name, one in sorted(where.items())])
        if key not in self._filters:
            while len(self._filters) >= MOST_FILTERS:
                self._filters.pop(next(iter(self._filters)))
            table = self.table(list(where)).to_pandas()
            self._filters[key] = np.flatnonzero(rows_where(table, where) & self.alive)
        return self._filters[key]

    def search(
        self, combination: str, questions: np.ndarray, top: int, where: Mapping[str, Any]
    ) -> Found:
        """As `VectorIndex.search`; what graphs find is compared exactly, as is what they lack."""
        rows = self.chosen(where)
        if self.graphs and not where and top <= MOST_ANSWERS:
            likely = self.graphs.nearest(combination, questions, top, self._graphed)
            others = rows[np.searchsorted(rows, len(self._graphed)) :]
            rows = np.append(likely, others)
        rows, scores = nearest(self.segments, combination, questions, top, rows)
        ids = np.full(rows.shape, "", object)
        ids[rows >= 0] = self.ids.take(rows[rows >= 0]).to_pylist()
        return Found(ids, scores)

    def vectors(self, combination: str, rows: np.ndarray) -> np.ndarray:
        """(n, P) float32 of some rows."""
        found = gathered(self.segments, combination, rows)
        return found.reshape(len(rows), self.state.about.width)


def _graphs(folder: Path, state: State) -> Graphs | None:
    return Graphs(folder / "graphs" / state.graphs) if state.graphs else None
