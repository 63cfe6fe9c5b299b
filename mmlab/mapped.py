"""A safetensors file as arrays that lie in the file: what is not used is not read."""

from __future__ import annotations

import json
import math
import mmap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

DTYPES: dict[str, np.dtype[Any]] = {"F16": np.dtype("<f2"), "F32": np.dtype("<f4")}
LONGEST_HEADER_BYTES = 100 << 20
"""As in safetensors itself."""


Place = tuple[np.dtype[Any], tuple[int, ...], int]
"""Type, shape and offset in the file of a tensor."""


class MappedTensors:
    """The tensors of one file by name.

    The arrays are private to the process: writing to them changes neither the file nor what
    other processes see. (Writable arrays become torch tensors without a copy or a warning.)

    Raises:
        ValueError: the file is damaged.
    """

    def __init__(self, path: Path) -> None:
        try:
            with path.open("rb") as file:
                self._map = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)
            length = int.from_bytes(self._map[:8], "little")
            if length > min(LONGEST_HEADER_BYTES, len(self._map) - 8):
                raise ValueError(f"a header of {length} bytes")
            entries = json.loads(self._map[8 : 8 + length])
            entries.pop("__metadata__", None)
            self._places = {
                name: _place(entry, 8 + length, len(self._map)) for name, entry in entries.items()
            }
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise ValueError(
                f"{path}: is damaged ({error!r:.200}); run the same `mmlab ingest` again"
            ) from None

    def __contains__(self, name: str) -> bool:
        return name in self._places

    def __getitem__(self, name: str) -> np.ndarray:
        """The whole tensor."""
        dtype, shape, offset = self._places[name]
        flat = np.frombuffer(self._map, dtype, math.prod(shape), offset)
        return flat.reshape(shape)

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)


def _place(
    entry: dict[str, Any], data_start: int, file_bytes: int
) -> tuple[np.dtype[Any], tuple[int, ...], int]:
    """Where a tensor lies, checked against the file."""
    dtype, shape = DTYPES[entry["dtype"]], tuple(int(size) for size in entry["shape"])
    begin, end = entry["data_offsets"]
    whole = 0 <= begin <= end <= file_bytes - data_start
    if not whole or min(shape, default=0) < 0 or math.prod(shape) * dtype.itemsize != end - begin:
        raise ValueError(f"a tensor {entry['shape']} at {entry['data_offsets']}")
    return dtype, shape, data_start + begin
