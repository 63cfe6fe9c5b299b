"""What a pickle may build: arrays whose shape agrees with their bytes, and plain values.

`ADMITTED` is the whole list of what a file can call; each is done by a function here that checks
what it is given.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any

import numpy as np

from mmlab.readers.plain import plain_text

_PLAIN_DTYPE = re.compile(r"[<>|=]?(\?|[bBhHiIlLqQefd]|[iufcSU]\d{1,9}|b1|O8?)")
_KEY_TYPES = (str, bytes, int, float, bool, type(None), np.generic)
_MOST_AXES = 32
_HASH_MODULUS = 2**61 - 1
"""Integers below have hashes of their own; with others, a dictionary can be made to take hours."""


class PickleError(ValueError):
    """What is wrong with a pickle; the caller adds the file and the mend."""


def of_type(value: Any, kind: type) -> Any:
    """The value, if its type is `kind`."""
    if type(value) is not kind:
        raise PickleError(f"fills a {type(value).__name__} as if it were a {kind.__name__}")
    return value


def checked_key(value: Any) -> Any:
    """A dictionary key or set member: flat, for hashing recurses; no number that can collide."""
    for part in value if type(value) is tuple else (value,):
        if not isinstance(part, _KEY_TYPES) or (type(part) is int and abs(part) >= _HASH_MODULUS):
            raise PickleError(f"uses a {type(part).__name__} as a key that no feature file needs")
    return value


def pairs_of(items: list[Any]) -> dict[Any, Any]:
    """A dictionary from a key, its value, the next key, and so on."""
    if len(items) % 2:
        raise PickleError("has a key without a value")
    return {checked_key(key): value for key, value in zip(items[::2], items[1::2], strict=True)}


def _empty_array(*_: Any) -> np.ndarray:
    """In place of numpy's _reconstruct: the declared shape is only believed with its bytes."""
    return np.empty(0, np.uint8)


def _dtype(code: Any, *_: Any) -> np.dtype:
    code = code.decode("ascii") if isinstance(code, bytes) else code
    if not isinstance(code, str) or not _PLAIN_DTYPE.fullmatch(code):
        raise PickleError(
            f"has an array of type {str(plain_text(code))[:50]!r}; only plain numbers are admitted"
        )
    return np.dtype(code, copy=True)


def _scalar(dtype: np.dtype, value: Any = None) -> Any:
    return _checked_array((), dtype, False, value)[()]


def _from_buffer(buffer: Any, dtype: np.dtype, shape: Any, order: str) -> np.ndarray:
    return _checked_array(shape, dtype, order == "F", buffer)


def _encode(text: Any, encoding: Any = "latin1") -> bytes:
    """Python 2 protocols write bytes as text with this call."""
    if encoding not in ("latin1", "latin-1"):
        raise PickleError(f"encodes text as {str(plain_text(encoding))[:50]!r}")
    return of_type(text, str).encode("latin-1")


def _bytes(text: Any = "", encoding: Any = "latin1") -> bytes:
    return _encode(text, encoding)


def _bytearray(value: Any = b"", encoding: Any = "latin1") -> bytearray:
    return bytearray(_encode(value, encoding) if isinstance(value, str) else of_type(value, bytes))


def _set(items: Any) -> set[Any]:
    return set(map(checked_key, of_type(items, list)))


def _frozenset(items: Any) -> frozenset[Any]:
    return frozenset(_set(items))


def _dict(pairs: Any = ()) -> dict[Any, Any]:
    if type(pairs) is dict:  # of a Counter; its keys are checked
        return dict(pairs)
    if not isinstance(pairs, (list, tuple)):
        raise PickleError("makes a dictionary of something else than pairs")
    return {checked_key(key): value for key, value in pairs}


def _default_dict(factory: Any = None) -> dict[Any, Any]:
    """What is missing is simply not there, so what would make it is not needed."""
    return {}


def _factory(*_: Any) -> Any:
    raise PickleError("calls a type; only as what a defaultdict makes are they admitted")


def _complex(real: float, imaginary: float) -> complex:
    return complex(real, imaginary)


def _array_class(*_: Any) -> Any:
    raise PickleError("makes an array from its class; only arrays with their bytes are admitted")


ADMITTED: dict[tuple[str, str], Callable[..., Any]] = {
    ("_codecs", "encode"): _encode,
    ("collections", "OrderedDict"): _dict,
    ("collections", "Counter"): _dict,
    ("collections", "defaultdict"): _default_dict,
    ("numpy", "dtype"): _dtype,
    ("numpy", "ndarray"): _array_class,
}
for _package in ("numpy.core", "numpy._core"):  # numpy 1 and 2
    ADMITTED[f"{_package}.multiarray", "_reconstruct"] = _empty_array
    ADMITTED[f"{_package}.multiarray", "scalar"] = _scalar
    ADMITTED[f"{_package}.numeric", "_frombuffer"] = _from_buffer
for _module in ("builtins", "__builtin__"):
    for _name, _function in (
        ("set", _set),
        ("frozenset", _frozenset),
        ("bytes", _bytes),
        ("bytearray", _bytearray),
        ("complex", _complex),
    ):
        ADMITTED[_module, _name] = _function
    for _name in ("list", "dict", "int", "float", "str"):
        ADMITTED[_module, _name] = _factory
FUNCTIONS = frozenset(ADMITTED.values())


def _checked_array(shape: Any, dtype: Any, fortran: bool, raw: Any) -> np.ndarray:
    array = np.empty(0, np.uint8)
    set_array_state(array, (1, shape, dtype, fortran, raw))
    return array


def set_array_state(array: Any, state: Any) -> None:
    """Give an array its contents, if its shape agrees with the bytes that came with it."""
    shape, dtype, fortran, raw = of_type(state, tuple)[-4:]
    if not isinstance(dtype, np.dtype):
        raise PickleError("has an array without a type")
    if not _is_shape(shape):
        raise PickleError("has an array of absurd shape")
    count = math.prod(shape)
    if dtype.hasobject:
        if count != len(of_type(raw, list)):
            raise PickleError(f"declares {count} objects and holds {len(raw)}")
    else:
        raw = _raw_bytes(raw, count * dtype.itemsize)
    array.__setstate__((1, shape, dtype, bool(fortran), raw))


def _is_shape(shape: Any) -> bool:
    if not isinstance(shape, tuple) or len(shape) > _MOST_AXES:
        return False
    return all(type(count) is int and 0 <= count < 1 << 62 for count in shape)


def _raw_bytes(raw: Any, expected: int) -> bytes:
    if isinstance(raw, str):  # from Python 2; see _python_2_text for the two ways it was read
        raw = raw.encode("latin-1" if len(raw) == expected else "utf-8")
    if not isinstance(raw, (bytes, bytearray)) or len(raw) != expected:
        found = len(raw) if isinstance(raw, (bytes, bytearray)) else type(raw).__name__
        raise PickleError(f"declares an array of {expected} bytes and holds {found}")
    return bytes(raw)


def set_dtype_state(dtype: Any, state: Any) -> None:
    """Give a type its byte order and nothing else: no fields, no other size."""
    version, order, subtype, names, fields, size, alignment, _ = of_type(state, tuple)[:8]
    order = order.decode("ascii") if isinstance(order, bytes) else order
    plain = subtype is None and names is None and fields is None
    if not plain or order not in ("<", ">", "|", "=") or size not in (-1, dtype.itemsize):
        raise PickleError("has an array with fields; only plain numbers are admitted")
    if alignment not in (-1, dtype.alignment) or not isinstance(version, int):
        raise PickleError("has an array of unusual layout")
    flags = 63 if dtype.hasobject else 0
    dtype.__setstate__((3, order, None, None, None, size, alignment, flags))
