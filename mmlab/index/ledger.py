"""What counts of the rows of an index in a Milvus; it changes in one step."""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from typing import Any

import pyarrow as pa

from mmlab.index.protocol import FINGERPRINT, IndexAbout


@dataclass(frozen=True)
class Ledger:
    """One generation of an index in a Milvus.

    Attributes:
        about: what it is of.
        columns: of the clips, a serialised pyarrow.Schema; "" before there are any.
        clips: how many there are.
        end: rows at this position and behind it do not count.
        reserved: up to here a writer puts new rows.
        gone: positions of rows that do not count, and are being deleted.
        generation: counts the changes of which rows count.
    """

    about: IndexAbout
    columns: str = ""
    clips: int = 0
    end: int = 1
    reserved: int = 1
    gone: tuple[int, ...] = ()
    generation: int = 0

    @classmethod
    def read(cls, stored: dict[str, Any]) -> Ledger:
        """From what `stored` gave."""
        about, gone = stored["about"], tuple(stored["gone"])
        about = IndexAbout(**about | {"combinations": tuple(about["combinations"])})
        known = {key: value for key, value in stored.items() if key != "writer"}  # of earlier ones
        return cls(**known | {"about": about, "gone": gone})

    def stored(self) -> dict[str, Any]:
        """As JSON can hold it."""
        return asdict(self)

    @property
    def schema(self) -> pa.Schema:
        """The columns of the clips and what they hold."""
        if not self.columns:
            return pa.schema([(name, pa.string()) for name in ("clip_id", FINGERPRINT)])
        return pa.ipc.read_schema(pa.py_buffer(b64decode(self.columns)))

    @property
    def counting(self) -> str:
        """The filter of the rows that count."""
        gone = f" and position not in {list(self.gone)}" if self.gone else ""
        return f"position < {self.end}{gone}"

    @property
    def dead(self) -> list[str]:
        """The filters of rows that nobody needs."""
        gone = [f"position in {list(self.gone)}"] if self.gone else []
        left = [f"position >= {self.end}"] if self.reserved > self.end else []
        return gone + left

    def begun(self, rows: int) -> Ledger:
        """Somebody is going to add rows, now that the dead ones are deleted."""
        return replace(self, reserved=self.end + rows, gone=())

    def ended(self, added: pa.Table | None, gone: Iterable[int]) -> Ledger:
        """The rows that were added count, and those that are gone do not."""
        columns, rows = self.columns, 0
        if added is not None:
            known = [self.schema] if columns else []
            schema = pa.unify_schemas([*known, added.schema], promote_options="permissive")
            columns = b64encode(schema.remove_metadata().serialize()).decode()
            rows = len(added)
        left, end = tuple(gone), self.end + rows
        clips, generation = self.clips + rows - len(left), self.generation + 1
        return Ledger(self.about, columns, clips, end, end, left, generation)
