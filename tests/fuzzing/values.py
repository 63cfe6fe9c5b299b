"""The safe readers by themselves, on files with every kind of value that they admit."""

from __future__ import annotations

import io
import json
import pickle
from collections import OrderedDict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mmlab.readers.safe import read_csv, read_json, read_npy, read_npz, read_pickle
from tests.fuzzing.judging import Files, Format, Reading
from tests.fuzzing.payloads import payload

ARRAY = np.arange(12, dtype=np.float32).reshape(3, 4)
VALUES = {
    "features": ARRAY,
    "half": ARRAY.astype(np.float16),
    "columns": np.asfortranarray(ARRAY.astype(np.float64)),
    "strided": ARRAY[:, ::2],
    "bytes_order": ARRAY.astype(">f4"),
    "empty": np.zeros((0, 2048), np.float32),
    "words": np.array(["a", "böse"]),
    "objects": np.array(["a", {"b": ARRAY}], dtype=object),
    "flags": np.array([True, False]),
    "scalar": np.float32(1.5),
    "integer": np.int64(-3),
    "texts": ["a", "日本", ""],
    "numbers": [0, -1, 255, 256, 65536, -(2**40), 10**30, 1.5, float("inf"), True, False, None],
    "tuples": ((), (1,), (1, 2), (1, 2, 3), (1, 2, 3, 4)),
    "sets": [{1, 2}, frozenset({"a"}), set()],
    "raw": [b"", b"\x00\xff\n", bytearray(b"abc"), 1 + 2j],
    ("a", 1): OrderedDict(x=1),
}


def _reading(read: Callable[[Path], Any], folder: Path) -> Reading:
    read(next(folder.iterdir()))
    return Reading(["read"])


def _one(
    name: str, read: Callable[[Path], Any], build: Callable[[Any], bytes], value: Any
) -> Format:
    def files(entries: Sequence[Any]) -> Files:
        return {f"a.{name}": build(entries[0])}

    is_pickle = read is read_pickle
    return Format(
        f"any {name}", (value,), files, lambda folder: _reading(read, folder),
        payloads=payload if is_pickle else None,
    )  # fmt: skip


def _saved(save: Callable[..., None], *arrays: Any, **named: Any) -> bytes:
    buffer = io.BytesIO()
    save(buffer, *arrays, **named)
    return buffer.getvalue()


VALUE_FORMATS = (
    *(
        _one(f"pickle {protocol}", read_pickle, lambda v, p=protocol: pickle.dumps(v, p), VALUES)
        for protocol in (0, 2, 5)
    ),
    _one("npy", read_npy, lambda v: _saved(np.save, v), ARRAY),
    _one("npz", read_npz, lambda v: _saved(np.savez, **v), {"features": ARRAY, "x": np.arange(3)}),
    _one(
        "packed npz", read_npz, lambda v: _saved(np.savez_compressed, **v),
        {"features": np.zeros((50, 40))},
    ),
    _one("json", read_json, lambda v: json.dumps(v).encode(), {"a": [1, {"b": "ä", "c": None}]}),
    _one("csv", read_csv, str.encode, 'video,text\na,"x, y"\nb,"ä"\n'),
)  # fmt: skip
