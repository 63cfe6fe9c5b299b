"""The index in a Milvus: Milvus Lite in a folder of this machine, or a server by its address.

A clip is a row of one collection: a vector field for each combination, and its columns as JSON. A
row never changes: a clip that is replaced gets another row. Which rows count is said by the ledger,
a row of its own. That changes in one step, and with it the index: what a killed writer left behind
is not seen, and the next one removes it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from mmlab.index.checks import check_clips, check_combination, check_question, clips_table
from mmlab.index.ledger import Ledger
from mmlab.index.milvus_connection import Connection, lite_folder
from mmlab.index.milvus_lite import holds_data
from mmlab.index.milvus_search import MOST_ANSWERS, nearest
from mmlab.index.milvus_words import (
    check_columns,
    condition,
    field_of,
    flag_of,
    read_columns,
    stored_columns,
)
from mmlab.index.milvus_writers import Claim
from mmlab.index.protocol import Found, IndexAbout

REQUEST_BYTES = 32 << 20
"""Of the vectors in a request; a server takes 64 MB."""
PAGE = 50_000
"""Rows that are listed at a time."""
MOST_GONE = 5_000
"""Rows that can be replaced or deleted in one step: the ledger has room for 64 kB."""


class MilvusIndex:
    """The index that `mmlab.index.build_index` keeps in a Milvus; see `VectorIndex`.

    Args:
        address: "milvus:clips.db" for Milvus Lite, whose data are in a folder of that name, or
            "milvus:http://host:19530/database" for a server, to which the environment's
            MILVUS_TOKEN, "user:password", lets in.

    Raises:
        FileNotFoundError: there is none.
        ValueError: its build is not finished; another process has Milvus Lite open; the folder
            holds something else.
        OSError: the server does not answer.
        ImportError: pymilvus or milvus-lite is missing.

    While Milvus Lite is open it listens on the loopback of this machine, without a password.
    """

    def __init__(self, address: str) -> None:
        if (folder := lite_folder(address)) and not holds_data(folder):
            raise _absence(address)  # Milvus Lite itself would make an empty one
        self._use(Connection(address))
        try:
            if (ledger := self._milvus.ledger()) is None:
                raise _absence(self._milvus.name)
            self._check_finished(ledger)
        except (OSError, ValueError):
            self.close()
            raise

    def _use(self, milvus: Connection) -> None:
        self._milvus, self._claim = milvus, Claim(milvus)
        self._places: tuple[int, dict[str, int]] = -1, {}

    def _check_finished(self, ledger: Ledger) -> None:
        if not ledger.about.complete:
            name = self._milvus.name
            raise ValueError(
                f"{name}: its index is not finished; wait for the build, or, if it was stopped, "
                f"go on with the same `mmlab index RUN --to {name}`"
            )

    def _ledger(self) -> Ledger:
        """As of now: somebody else may write."""
        if (ledger := self._milvus.read_ledger()) is None:
            raise _absence(self._milvus.name)
        self._check_finished(ledger)
        return ledger

    @property
    def about(self) -> IndexAbout:
        """What it is of, as of now."""
        return self._ledger().about

    @property
    def columns(self) -> list[str]:
        """The columns that `where` may name; clip_id is the first."""
        return self._ledger().schema.names

    def __len__(self) -> int:
        return self._ledger().clips

    def ids(self) -> list[str]:
        """Every clip_id."""
        return list(self._positions(self._ledger()))

    def table(self, columns: Sequence[str] | None = None) -> pd.DataFrame:
        """The clips' columns, all or some, in the order of `ids`."""
        ledger = self._ledger()
        schema = ledger.schema
        wanted = list(schema.names if columns is None else columns)
        check_columns(wanted, schema.names)
        rows = self._rows(ledger, ["clip_id", "columns"])
        clips = [read_columns(row["clip_id"], row["columns"]) for row in rows]
        return pa.Table.from_pylist(clips, schema).select(wanted).to_pandas()

    def _positions(self, ledger: Ledger) -> dict[str, int]:
        """The row of every clip, in the order of `ids`."""
        if self._places[0] != ledger.generation:
            rows = self._rows(ledger, ["clip_id"])
            found = {row["clip_id"]: row["position"] for row in rows}
            self._places = ledger.generation, found
        return self._places[1]

    def _rows(self, ledger: Ledger, fields: list[str]) -> Iterator[dict[str, Any]]:
        for first in range(1, ledger.end, PAGE):
            page = f"position >= {first} and position < {first + PAGE} and {ledger.counting}"
            rows = self._milvus.query(page, ["position", *fields])
            yield from sorted(rows, key=lambda row: row["position"])

    def search(
        self,
        combination: str,
        vectors: np.ndarray,
        top: int,
        *,
        where: Mapping[str, Any] | None = None,
    ) -> Found:
        """The clips whose vectors have the largest inner products with (Q, P) vectors."""
        ledger = self._ledger()
        questions = check_question(ledger.about, combination, vectors, top)
        if top > MOST_ANSWERS:
            raise ValueError(f"top is at most {MOST_ANSWERS:,} in a Milvus, found {top:,}")
        wanted = condition(where or {}, ledger.schema.names)
        filters = " and ".join([f"{flag_of(combination)} == true", ledger.counting, *wanted])
        clip_ids = np.full((len(questions), top), "", object)
        scores = np.full((len(questions), top), -np.inf, np.float32)
        for row, question in enumerate(questions):
            found = nearest(self._milvus, field_of(combination), question, top, filters)
            clip_ids[row, : len(found)] = [clip_id for _, _, clip_id in found]
            scores[row, : len(found)] = [score for score, _, _ in found]
        return Found(clip_ids, scores)

    def vectors(self, combination: str, clip_ids: Sequence[str]) -> np.ndarray:
        """(n, P) float32, a row for each of `clip_ids`; KeyError if there is no such clip."""
        ledger = self._ledger()
        check_combination(ledger.about, combination)
        field, places = field_of(combination), self._positions(ledger)
        if absent := [one for one in clip_ids if one not in places]:
            raise KeyError(f"no clip {absent[0]!r} in the index")
        found: dict[int, list[float]] = {}
        wanted = [places[one] for one in clip_ids]
        for some in _parts(wanted, ledger.about.width):
            read = self._milvus.query(f"position in {some}", ["position", field])
            found |= {row["position"]: row[field] for row in read}
        vectors = np.array([found[one] for one in wanted], np.float32)
        return vectors.reshape(-1, ledger.about.width)

    def add(self, vectors: Mapping[str, np.ndarray], table: pd.DataFrame) -> None:
        """Add clips, or replace those that are there; all of them or, if that fails, none.

        Of more than `MOST_GONE` clips that are there, so many are replaced in one step.
        """
        with self._claim.held(self.about):
            ledger = self._ledger()
            vectors = check_clips(ledger.about, vectors, table)
            clips = clips_table(table, [ledger.schema] if ledger.columns else [])
            places = self._positions(ledger)
            there = sum(one in places for one in table["clip_id"])
            size = MOST_GONE if there > MOST_GONE else max(1, len(table))
            for first in range(0, len(table), size):
                some = slice(first, first + size)
                self._add({name: rows[some] for name, rows in vectors.items()}, clips[some])

    def _add(self, vectors: Mapping[str, np.ndarray], clips: pa.Table) -> None:
        rows = [
            {"clip_id": clip["clip_id"], "columns": stored_columns(clip)}
            for clip in clips.to_pylist()
        ]
        for name, every in vectors.items():
            for row, vector in zip(rows, every, strict=True):
                row |= {field_of(name): vector, flag_of(name): bool(vector.any())}
        ledger = self._begun(len(rows))
        for position, row in enumerate(rows, ledger.end):
            row["position"] = position
        for some in _parts(rows, ledger.about.width * len(vectors)):
            self._claim.check()
            self._milvus.ask("insert", data=some)
        self._end(ledger, [row["clip_id"] for row in rows], clips)

    def delete(self, clip_ids: Sequence[str]) -> int:
        """Forget clips; how many of them were there."""
        with self._claim.held(self.about):
            places = self._positions(self._ledger())
            there = [one for one in dict.fromkeys(clip_ids) if one in places]
            for first in range(0, len(there), MOST_GONE):
                ledger = self._begun(0)
                self._end(ledger, there[first : first + MOST_GONE])
        return len(there)

    def _begun(self, rows: int) -> Ledger:
        """Reserve rows; what a killed writer left there is removed."""
        self._claim.renew()
        ledger = self._ledger()
        self._sweep(ledger)
        ledger = ledger.begun(rows)
        self._write(ledger)
        return ledger

    def _write(self, ledger: Ledger) -> None:
        self._claim.check()
        self._milvus.write_ledger(ledger)

    def _end(self, ledger: Ledger, clip_ids: list[str], added: pa.Table | None = None) -> None:
        """Let the rows that were added count, and those no more that the clips had before."""
        places = dict(self._positions(ledger))
        gone = [places.pop(one) for one in clip_ids if one in places]
        if added is not None:
            places |= {one: row for row, one in enumerate(clip_ids, ledger.end)}
        ledger = ledger.ended(added, gone)
        self._write(ledger)
        self._places = ledger.generation, places
        if gone:
            self._sweep(ledger)
            self._write(replace(ledger, gone=()))

    def _sweep(self, ledger: Ledger) -> None:
        for dead in ledger.dead:
            self._milvus.ask("delete", filter=dead)

    def close(self) -> None:
        """Let go of the server; Milvus Lite ends, with everything on disk."""
        self._milvus.close()


def about_of(address: str) -> IndexAbout | None:
    """What the index there is of, even if it is not finished; None if there is none."""
    if (folder := lite_folder(address)) and not holds_data(folder):
        return None
    with closing(Connection(address)) as milvus:
        ledger = milvus.ledger()
    return ledger.about if ledger else None


def _absence(name: str) -> FileNotFoundError:
    return FileNotFoundError(f"{name}: holds no index; make one with `mmlab index RUN --to {name}`")


def _parts(rows: Sequence[Any], width: int) -> Iterator[list[Any]]:
    """As many at a time as a request holds, of float32 vectors of a width."""
    size = max(1, REQUEST_BYTES // (4 * width))
    for first in range(0, len(rows), size):
        yield list(rows[first : first + size])
