"""A connection to the one collection in which a Milvus holds an index."""

from __future__ import annotations

import logging
import os
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from mmlab.index import milvus_lite
from mmlab.index.ledger import Ledger
from mmlab.index.milvus_words import field_of, flag_of
from mmlab.index.protocol import Engine, IndexAbout

COLLECTION = "mmlab"
KINDS: dict[Engine, dict[str, Any]] = {
    "exact": {"index_type": "FLAT"},
    "hnsw": {"index_type": "HNSW", "params": {"M": 16, "efConstruction": 200}},
    "ivf": {"index_type": "IVF_FLAT", "params": {"nlist": 1024}},
}
"""What Milvus calls the engines."""
LEDGER = 0
"""The position of the row that says which rows count; those below 0 say who is writing."""
BEGINNING_SECONDS = 1.0
"""So long a collection without that row may be one that another process is just making."""
FULL = ("[Errno 28]", "No space left", "disk quota")
"""What Milvus says when there is no room."""


class Connection:
    """To Milvus Lite or to a server; its errors are sentences.

    Args:
        address: as of `mmlab.index.milvus.MilvusIndex`.

    Attributes:
        name: the address without a password.
        folder: of Milvus Lite, None for a server.
        newest: whether every query waits for what other processes have written.

    Raises:
        ValueError: another process has Milvus Lite open.
        OSError: the server does not answer.
        ImportError: pymilvus or milvus-lite is missing.
    """

    def __init__(self, address: str) -> None:
        self.name, self.folder = address.rpartition("@")[2], lite_folder(address)
        self.newest = False
        try:
            from pymilvus import MilvusClient
            from pymilvus.exceptions import MilvusException

            uri = milvus_lite.start(self.folder) if self.folder else address.partition(":")[2]
        except ImportError as error:
            missing = f"{error.name} is missing; run: pip install 'mmlab[milvus]'"
            raise ImportError(missing) from error
        for logger in ("pymilvus", "milvus_lite"):  # they print tracebacks of what we tell
            logging.getLogger(logger).setLevel(logging.CRITICAL)
        self._refused, self._client = MilvusException, None
        token = "" if self.folder else os.environ.get("MILVUS_TOKEN", "")
        try:
            self._client = MilvusClient(uri, token=token)
        except MilvusException as error:
            self.close()
            raise OSError(f"{self.name} does not answer ({error.message:.200})") from None

    def ask(self, method: str, **given: Any) -> Any:
        """What Milvus answers to a call of its client about the collection.

        Raises:
            OSError: it refuses, for example as its disk is full.
        """
        try:
            return getattr(self._client, method)(COLLECTION, **given)
        except self._refused as error:
            full = any(word in error.message for word in FULL)
            mend = "; free some space and run the same command again" if full else ""
            told = f"{self.name} refuses to {method} ({error.message:.300}){mend}"
            raise OSError(told) from None

    def query(
        self, wanted: str, fields: list[str], *, newest: bool = False
    ) -> list[dict[str, Any]]:
        """The rows that a filter lets through.

        Args:
            wanted: the filter.
            fields: to be read of each row.
            newest: wait for all that any other process has written; a writer always does.
        """
        level = "Strong" if newest or self.newest else "Session"
        return self.ask("query", filter=wanted, output_fields=fields, consistency_level=level)

    def ledger(self) -> Ledger | None:
        """What counts, None if there is no index or one is only being made.

        Raises:
            ValueError: there is something else.
        """
        if not self.ask("has_collection"):
            return None
        vectors = [one for one in self._fields() if one.startswith(field_of(""))]
        if len(self.ask("list_indexes")) < len(vectors):
            return None  # it could not be loaded
        self.ask("load_collection")
        return self.read_ledger()

    def _fields(self) -> set[str]:
        fields = {field["name"] for field in self.ask("describe_collection")["fields"]}
        if not fields > {"position", "clip_id", "columns"}:
            raise ValueError(f"{self.name}: holds something else; choose another database")
        return fields

    def read_ledger(self, *, patient: bool = True) -> Ledger | None:
        """What counts in a collection that is there; None if nobody has said that yet.

        Args:
            patient: another process, which a server has, may be about to say it.
        """
        give_up = time.monotonic() + (BEGINNING_SECONDS if patient and not self.folder else 0)
        while True:
            if rows := self.query(f"position in [{LEDGER}]", ["columns"]):
                return Ledger.read(rows[0]["columns"])
            if time.monotonic() > give_up:
                return None
            time.sleep(0.05)

    def write_ledger(self, ledger: Ledger) -> None:
        """From here on it is this that counts."""
        self.write_row(LEDGER, ledger.stored(), ledger.about)

    def write_row(self, position: int, columns: dict[str, Any], about: IndexAbout) -> None:
        """A row that is no clip, and that no question finds."""
        nothing = np.zeros(about.width, np.float32)
        row = {"position": position, "clip_id": "", "columns": columns}
        row |= {field_of(one): nothing for one in about.combinations}
        row |= {flag_of(one): False for one in about.combinations}
        self.ask("upsert", data=[row])

    def prepare(self, about: IndexAbout) -> bool:
        """Make the collection, or what a killed process left out of it; whether it is new.

        Raises:
            ValueError: there is one with other combinations, or something else.
        """
        made = False
        if not self.ask("has_collection"):
            try:
                self._create(about)
                made = True
            except OSError:
                if not self._appears():  # as another process makes it
                    raise
        vectors = {field_of(one) for one in about.combinations}
        if {one for one in self._fields() if one.startswith(field_of(""))} != vectors:
            raise ValueError(
                f"{self.name}: has other combinations than {', '.join(about.combinations)}; "
                "leave them out, or index into another database"
            )
        if len(self.ask("list_indexes")) < len(vectors):
            self._prepare_search(about)
        self.ask("load_collection")
        return made

    def _appears(self) -> bool:
        """Whether there is a collection, now or in a moment."""
        give_up = time.monotonic() + (0 if self.folder else BEGINNING_SECONDS)
        while not (there := self.ask("has_collection")) and time.monotonic() < give_up:
            time.sleep(0.05)
        return there

    def _create(self, about: IndexAbout) -> None:
        from pymilvus import DataType, MilvusClient

        schema = MilvusClient.create_schema(auto_id=False, enable_dynamic_field=False)
        schema.add_field("position", DataType.INT64, is_primary=True)
        schema.add_field("clip_id", DataType.VARCHAR, max_length=65_535)
        schema.add_field("columns", DataType.JSON)
        for one in about.combinations:
            schema.add_field(field_of(one), DataType.FLOAT_VECTOR, dim=about.width)
            schema.add_field(flag_of(one), DataType.BOOL)
        one_shard = {"num_shards": 1, "consistency_level": "Session"}  # changes keep their order
        self.ask("create_collection", schema=schema, **one_shard)

    def _prepare_search(self, about: IndexAbout) -> None:
        """By the engine; milvus is exact in Milvus Lite, and hnsw in a server."""
        from pymilvus import MilvusClient

        usual: Engine = "exact" if self.folder else "hnsw"
        kind = KINDS[usual if about.engine == "milvus" else about.engine]
        for one in about.combinations:
            found_by = MilvusClient.prepare_index_params()
            found_by.add_index(field_of(one), metric_type="IP", **kind)
            with suppress(OSError):  # another process did it meanwhile; else loading says what is
                self.ask("create_index", index_params=found_by, sync=False)  # nothing to wait for

    def close(self) -> None:
        """Let go of the server; Milvus Lite ends, with everything on disk."""
        if self._client is not None:
            self._client.close()
        if self.folder is not None:
            milvus_lite.stop(self.folder)
        self._client = self.folder = None


def lite_folder(address: str) -> Path | None:
    """Where the Milvus Lite of an address keeps its data; None for a server's.

    Raises:
        ValueError: the address is empty, which would be the current folder.
    """
    where = address.removeprefix("milvus:")
    if not where.strip():
        raise ValueError(f"{address!r} names no folder; give one, such as milvus:clips.db")
    return None if "://" in where else Path(where)
