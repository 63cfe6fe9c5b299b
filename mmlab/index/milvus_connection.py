"""A connection to the one collection in which a Milvus holds an index."""

from __future__ import annotations

import logging
import os
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
"""The position of the row that says which rows count."""


class Connection:
    """To Milvus Lite or to a server; its errors are sentences.

    Args:
        address: as of `mmlab.index.milvus.MilvusIndex`.

    Raises:
        ValueError: another process has Milvus Lite open.
        OSError: the server does not answer.
        ImportError: pymilvus or milvus-lite is missing.
    """

    def __init__(self, address: str) -> None:
        self.name, self.folder = address.rpartition("@")[2], lite_folder(address)
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
            raise OSError(f"{self.name} refuses to {method} ({error.message:.300})") from None

    def ledger(self) -> Ledger | None:
        """What counts, None if there is no index."""
        if not self.ask("has_collection"):
            return None
        self.ask("load_collection")
        return self.read_ledger()

    def read_ledger(self) -> Ledger:
        """What counts in an index that is there.

        Raises:
            ValueError: it is none of mmlab's.
        """
        rows = self.ask("query", filter=f"position in [{LEDGER}]", output_fields=["columns"])
        if not rows:
            raise ValueError(f"{self.name}: holds something else; choose another database")
        return Ledger.read(rows[0]["columns"])

    def write_ledger(self, ledger: Ledger) -> None:
        """From here on it is this that counts."""
        nothing = np.zeros(ledger.about.width, np.float32)
        row = {"position": LEDGER, "clip_id": "", "columns": ledger.stored()}
        row |= {field_of(one): nothing for one in ledger.about.combinations}
        row |= {flag_of(one): False for one in ledger.about.combinations}
        self.ask("upsert", data=[row])

    def refuse_writer(self, ledger: Ledger) -> None:
        """Raise a ValueError if another process writes; Milvus Lite lets only one in."""
        writer = ledger.writer
        if writer and writer.elsewhere and not self.folder:
            raise ValueError(
                f"{self.name} is being written by process {writer.process} on "
                f"{writer.machine} since {writer.since}; try again when that has ended"
            )

    def create(self, about: IndexAbout) -> None:
        """An index without clips; engine milvus is exact in Milvus Lite, and hnsw in a server."""
        from pymilvus import DataType, MilvusClient

        schema = MilvusClient.create_schema(auto_id=False, enable_dynamic_field=False)
        schema.add_field("position", DataType.INT64, is_primary=True)
        schema.add_field("clip_id", DataType.VARCHAR, max_length=65_535)
        schema.add_field("columns", DataType.JSON)
        found_by = MilvusClient.prepare_index_params()
        usual: Engine = "exact" if self.folder else "hnsw"
        kind = KINDS[usual if about.engine == "milvus" else about.engine]
        for one in about.combinations:
            schema.add_field(field_of(one), DataType.FLOAT_VECTOR, dim=about.width)
            schema.add_field(flag_of(one), DataType.BOOL)
            found_by.add_index(field_of(one), metric_type="IP", **kind)
        one_shard = {"num_shards": 1, "consistency_level": "Session"}  # changes keep their order
        self.ask("create_collection", schema=schema, **one_shard)
        self.ask("create_index", index_params=found_by, sync=False)  # there is nothing to wait for
        self.ask("load_collection")
        self.write_ledger(Ledger(about))

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
