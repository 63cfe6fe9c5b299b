"""Pickles that try to run code: each would make the file `ran`, or is told by an audit hook."""

from __future__ import annotations

import pickle
import struct
from itertools import pairwise
from random import Random
from typing import Any

import numpy as np
import torch

COMMAND = "touch ran"
PYTHON = "open('ran', 'w').close()"

MODULES_AND_NAMES = (
    *(("os", "system"), ("posix", "system"), ("nt", "system"), ("subprocess", "call")),
    *(("builtins", "exec"), ("builtins", "eval"), ("__builtin__", "eval"), ("builtins", "getattr")),
    *(("torch._utils", "_rebuild_tensor_v2"), ("torch.storage", "_load_from_bytes")),
    *(("numpy", "load"), ("numpy.core.multiarray", "_reconstruct"), ("functools", "partial")),
    *(("numpy._core.multiarray", "scalar"), ("numpy", "ndarray"), ("numpy", "dtype")),
    *(("operator", "attrgetter"), ("importlib", "import_module"), ("runpy", "_run_code")),
    *(
        ("pickle", "loads"),
        ("_pickle", "loads"),
        ("pathlib", "Path"),
        ("copyreg", "_reconstructor"),
    ),
    *(("os", "system.__call__"), ("numpy.f2py.crackfortran", "getlincoef"), ("timeit", "timeit")),
)


class Calls:
    """Asks to be rebuilt with a call."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self.function, self.arguments = function, arguments

    def __reduce__(self) -> Any:
        return self.function, self.arguments


class CallsOnState:
    """Asks for a call when its state is set, or its items are added."""

    def __init__(self, place: int, function: Any, argument: Any) -> None:
        self.place, self.function, self.argument = place, function, argument

    def __reduce__(self) -> Any:
        import collections

        call = Calls(self.function, self.argument)
        parts = (collections.OrderedDict, (), {"state": call}, iter([call]), iter([("key", call)]))
        return tuple(part if n < 2 or n == self.place else None for n, part in enumerate(parts))


def _objects() -> list[Any]:
    import builtins
    import os
    import subprocess

    return [
        Calls(os.system, COMMAND),
        Calls(builtins.exec, PYTHON),
        Calls(builtins.eval, PYTHON),
        Calls(subprocess.call, COMMAND.split()),
        Calls(torch.storage._load_from_bytes, pickle.dumps(Calls(os.system, COMMAND))),
        Calls(pickle.loads, pickle.dumps(Calls(os.system, COMMAND))),
        *(CallsOnState(place, os.system, COMMAND) for place in (2, 3, 4)),
        torch.arange(3.0),
        np.array([Calls(os.system, COMMAND)], dtype=object),
        np.array(["2020-01-01"], "M8[D]"),
        np.array([(1, 2.0)], "i4,f4"),
        np.ma.array([1.0, 2.0]),
    ]


def _spliced(name: tuple[str, str], rng: Random) -> bytes:
    """A call by each of the instructions that can call."""
    module, function = (part.encode() for part in name)
    argument = rng.choice((COMMAND, PYTHON)).encode()
    short = bytes([len(argument)]) + argument
    return rng.choice(
        (
            b"c" + module + b"\n" + function + b"\n(V" + argument + b"\ntR",
            b"(i" + module + b"\n" + function + b"\n",
            b"(V" + argument + b"\ni" + module + b"\n" + function + b"\n",
            b"(c" + module + b"\n" + function + b"\nV" + argument + b"\no",
            b"c" + module + b"\n" + function + b"\n\x8c" + short + b"\x85\x81",
            b"c" + module + b"\n" + function + b"\n)}\x92",
            _global(module, function) + b"\x8c" + short + b"\x85R",
            _global(module, function) + b"\x8c" + short + b"b",
            b"\x82" + bytes([rng.randrange(256)]) + b"\x8c" + short + b"\x85R",
            b"P" + argument + b"\n",
            b"\x8c" + short + b"Q",
        )
    )


def _global(module: bytes, function: bytes) -> bytes:
    return b"".join(b"\x8c" + bytes([len(part)]) + part for part in (module, function)) + b"\x93"


MARKER = b"\x8c\x06MARKER\x94"
FRAME_STOP = 11  # the protocol's two bytes and the nine of a frame, whose length changes


def _nested(rng: Random) -> bytes:
    """A list in a list and so on, thousands deep, or each with the one before twice."""
    depth = rng.choice((3, 40, 900, 3000))
    if rng.random() < 0.5:
        return b"]" * depth + b"a" * (depth - 1)
    places = [struct.pack("<I", 10**6 + number) for number in range(depth)]
    doubled = (b"0(j" + a + b"j" + a + b"lr" + b for a, b in pairwise(places))
    return b"]r" + places[0] + b"".join(doubled)


def _with_nested(rng: Random) -> bytes:
    """Where a value of a feature or caption pickle belongs."""
    speech = {"start": [1.0], "end": [2.0], "text": ["amber"]}
    item = {"id": "amber", "2d": np.ones((2, 3)), "caption": "a", "task": "226", "audio": None}
    honest: dict[str, Any] = rng.choice((speech, item))
    name = rng.choice(list(honest))
    honest[name] = rng.choice(("MARKER", ["MARKER"]))
    whole = pickle.dumps({"birch": honest} if honest is speech else [honest], 4)
    return b"\x80\x04" + whole[FRAME_STOP:].replace(MARKER, _nested(rng))


def payload(rng: Random) -> bytes:
    """A pickle with such a call in it, a huge promise, or a list that nobody can write out."""
    kind = rng.randrange(6)
    if kind == 4:
        return _with_nested(rng)
    if kind == 5:
        name = b"\x8c\x02os"
        parts = [_nested(rng), name]
        rng.shuffle(parts)
        call = rng.choice((b"\x93", b"\x86R", b"c_codecs\nencode\n", b"cnumpy\ndtype\n"))
        return (
            b"\x80\x04"
            + call * (call[:1] == b"c")
            + b"".join(parts)
            + (b"\x86R" if call[:1] == b"c" else call)
            + b"."
        )
    if kind == 0:
        value = rng.choice(_objects())
        whole = rng.choice((value, [value], {"amber": value}, [{"id": "amber", "2d": value}]))
        return pickle.dumps(whole, rng.randrange(6))
    spliced = _spliced(rng.choice(MODULES_AND_NAMES), rng)
    if kind == 1:
        return b"\x80" + bytes([rng.randrange(6)]) + spliced + b"."
    if kind == 2:
        honest = pickle.dumps([{"id": "amber", "2d": np.zeros((2, 2))}], rng.randrange(6))
        at = rng.randrange(len(honest))
        return honest[:at] + spliced + rng.choice((b"", b"0")) + honest[at:]
    size = struct.pack("<Q", rng.choice((2**31, 2**40, 2**62, 2**64 - 1)))
    code = rng.choice((b"\x8e", b"\x8d", b"\x95", b"\x96"))
    return b"\x80\x04" + rng.choice((b"", b"]", b"}", b"(")) + code + size + b"abc."
