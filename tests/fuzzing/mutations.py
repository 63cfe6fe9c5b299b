"""Random damage: to bytes, to text, and to values before they are written."""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from random import Random
from typing import Any

import numpy as np

ODD_WORDS = (
    *('"', "'", ",", ";", "\t", "\n", "\r", "\r\n", "\n\n", ":", ".", "..", "../..", "/", "\\"),
    *("nan", "NaN", "inf", "-inf", "-1", "-0", "0", "1e999", "1e-999", "9" * 30, "9" * 400),
    *("0x10", "1_000", "١٢", "½", "00:00:01,000", "1:75", "-->", "--> ", "\n-->\n", "<", "<b>"),
    *("&amp;", "{\\an8}", "<00:00:00.500>", "WEBVTT", "NOTE", "STYLE", "{", "}", "[", "]", "[[["),
    *("null", "None", "true", "{}", "[]", '""', '"a":', "\\u0000", "\\ud800", "\\N", "%s", "{0}"),
    *(
        "\ufeff",
        "\u2028",
        "\x85",
        "\x0b",
        "\x1c",
        "\u200b",
        "🙂",
        "é",
        "é",
        "ا",
        "\x7f",
        "\x1b[31m",
    ),
    *("unknown", "start", "end", "text", "video", "video_id", "clip_id", "media_id", "split"),
    *("background", "features", "arr_0", "PAR1", "RIFF", "$(touch ran)", "`touch ran`", "x" * 3000),
)
"""The dictionary: what has a meaning in some format, or breaks naive readers."""

ODD_BYTES = (
    *(b"\x00", b"\xff", b"\xff\xfe", b"\xef\xbb\xbf", b"\xc3\x28", b"\xed\xa0\x80", b"\x80\x04"),
    *(
        b"\x80\x02",
        b"PK\x03\x04",
        b"PK\x01\x02",
        b"PK\x05\x06",
        b"PAR1",
        b"\x93NUMPY",
        b"\x00" * 64,
    ),
    *(b"\x1f\x8b\x08", b"RIFF", b"fLaC", b"OggS", b"ID3", b"moov", b"\x1a\x45\xdf\xa3", b"\n"),
    *(struct.pack("<I", 2**32 - 1), struct.pack("<Q", 2**63 - 1), struct.pack(">I", 2**31 - 1)),
    *(struct.pack("<d", np.nan), struct.pack("<d", -1.0), struct.pack("<f", np.inf)),
    *(b"\x8e" + struct.pack("<Q", 2**40), b"B\xff\xff\xff\xff", b"\x95" + b"\xff" * 8),
    *(b"cos\nsystem\n(Vtouch ran\ntR", b"c__builtin__\nexec\n(Vopen('ran', 'w')\ntR", b"i", b"o"),
)

ODD_VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1, 2**31, 2**63, 10**400, 0.5, -2.5, 1e308, float("nan")),
    *(float("inf"), float("-inf"), "", " ", "nan", "-1", "1:02.5", "x" * 3000, "a/b", "../up", "/"),
    *("\u2028", "\ufeff", "🙂", "$(touch ran)", [], {}, [[]], [None], ["a", 1], {"a": {"b": []}}),
)

Damage = Callable[[bytearray, Random], None]
MOST_BYTES = 1 << 20
"""Damage does not make files larger than this."""


def damaged_bytes(data: bytes, rng: Random, others: Sequence[bytes] = ()) -> bytes:
    """One to four kinds of damage; `others` are files from which pieces are taken."""
    if rng.random() < 0.02:
        return rng.choice((b"", b"\n", data[:1], data[: len(data) // 2] * 2, bytes(len(data))))
    if rng.random() < 0.03:
        return _other_encoding(data, rng)
    result = bytearray(data)
    for _ in range(rng.choice((1, 1, 1, 2, 4))):
        if others and rng.random() < 0.05:
            _piece_of(result, rng, rng.choice(others))
        else:
            rng.choice(_DAMAGES)(result, rng)
    return bytes(result[:MOST_BYTES])


def damaged_text(text: str, rng: Random) -> str:
    """The same for text that stays text: no zero bytes, no broken characters."""
    for _ in range(rng.choice((1, 1, 1, 2, 4))):
        at, stop = sorted((rng.randrange(len(text) + 1), rng.randrange(len(text) + 1)))
        kind = rng.randrange(7)
        odd = rng.choice(ODD_WORDS)
        if kind == 0:
            text = text[:at]
        elif kind == 1:
            text = text[:at] + odd + text[at:]
        elif kind == 2:
            text = text[:at] + text[min(stop, at + 12) :]
        elif kind == 3:
            text = text[:at] + text[at:stop] + text[at:]
        elif kind == 4:
            text = text[:at] + chr(rng.randrange(1, 0x250)) + text[at + 1 :]
        elif kind == 5:
            text = _with_another_number(text, rng)
        else:
            text = text[:at] + odd + text[stop:]
    return text


def _with_another_number(text: str, rng: Random) -> str:
    """A number in place of another: later times, negative ones, captions that overlap."""
    digits = [place for place, character in enumerate(text) if character.isdigit()]
    if not digits:
        return text
    at = rng.choice(digits)
    stop = at
    while stop < len(text) and (text[stop].isdigit() or text[stop] == "."):
        stop += 1
    number = rng.choice(("-1", "0", "nan", "inf", "1e9", "1e999", "99", "0.0001", "", "1,5", "7 7"))
    return text[:at] + number + text[stop:]


def _other_encoding(data: bytes, rng: Random) -> bytes:
    text = data.decode("utf-8", "replace")
    encoding = rng.choice(("utf-16", "utf-16-le", "utf-32", "latin-1", "utf-7", "utf-8-sig"))
    return ("é" * rng.randrange(2) + text).encode(encoding, "replace")


def _piece_of(data: bytearray, rng: Random, other: bytes) -> None:
    at, start = rng.randrange(len(data) + 1), rng.randrange(len(other) + 1)
    data[at:at] = other[start : start + rng.choice((8, 64, 1024))]


def _truncate(data: bytearray, rng: Random) -> None:
    del data[rng.randrange(len(data) + 1) :]


def _flip(data: bytearray, rng: Random) -> None:
    for _ in range(rng.choice((1, 1, 8)) if data else 0):
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)


def _overwrite(data: bytearray, rng: Random) -> None:
    at = rng.randrange(len(data) + 1)
    content = rng.randbytes(rng.randrange(1, 20))
    data[at : at + len(content)] = content


def _delete(data: bytearray, rng: Random) -> None:
    at = rng.randrange(len(data) + 1)
    del data[at : at + rng.choice((1, 4, 20, 200))]


def _double(data: bytearray, rng: Random) -> None:
    at, start = rng.randrange(len(data) + 1), rng.randrange(len(data) + 1)
    data[at:at] = data[start : start + rng.choice((4, 40, 400, 4000))] * rng.choice((1, 1, 30))


def _swap(data: bytearray, rng: Random) -> None:
    a, b, c = sorted(rng.randrange(len(data) + 1) for _ in range(3))
    data[a:c] = data[b:c] + data[a:b]


def _insert(data: bytearray, rng: Random) -> None:
    word = rng.choice(ODD_WORDS).encode() if rng.random() < 0.5 else rng.choice(ODD_BYTES)
    at = rng.randrange(len(data) + 1)
    data[at : at + rng.choice((0, 0, len(word)))] = word


def _declare(data: bytearray, rng: Random) -> None:
    """Another size where a size may stand: near the start, or near the end as in archives."""
    form = rng.choice(("<H", "<I", "<Q", ">I", ">Q"))
    size = struct.calcsize(form)
    value = rng.choice((0, 1, 2 ** (8 * size) - 1, 2 ** (8 * size - 1), rng.randrange(2**16)))
    near = rng.choice((min(len(data), 128), len(data)))
    at = rng.randrange(near + 1)
    at = len(data) - at if rng.random() < 0.3 else at
    data[at : at + size] = struct.pack(form, value % 2 ** (8 * size))


def _renumber(data: bytearray, rng: Random) -> None:
    text = bytes(data).decode("latin-1")
    data[:] = _with_another_number(text, rng).encode("latin-1")


_DAMAGES: tuple[Damage, ...] = (
    *(_truncate, _flip, _flip, _overwrite, _delete, _double, _swap, _insert, _insert),
    *(_declare, _renumber),
)


def damaged_value(value: Any, rng: Random, depth: float = 0.7) -> Any:
    """A copy in which one part is of a wrong type, missing, doubled, or odd in another way."""
    if isinstance(value, dict) and value and rng.random() < depth:
        return _damaged_dictionary(value, rng)
    if isinstance(value, (list, tuple)) and value and rng.random() < depth:
        return type(value)(_damaged_list(list(value), rng))
    if isinstance(value, np.ndarray) and rng.random() < 0.9:
        return damaged_array(value, rng)
    if isinstance(value, bytes):
        return damaged_bytes(value, rng)
    if isinstance(value, str) and rng.random() < 0.5:
        return damaged_text(value, rng)
    return rng.choice(ODD_VALUES)


def _damaged_dictionary(value: dict[Any, Any], rng: Random) -> dict[Any, Any]:
    key = rng.choice(list(value))
    kind = rng.randrange(8)
    result = dict(value)
    if kind == 0:
        del result[key]
    elif kind == 1:
        result["unknown"] = rng.choice(ODD_VALUES)
    elif kind == 2:
        result[damaged_text(str(key), rng)] = result.pop(key)
    else:
        result[key] = damaged_value(value[key], rng)
    return result


def _damaged_list(value: list[Any], rng: Random) -> list[Any]:
    at = rng.randrange(len(value))
    kind = rng.randrange(8)
    if kind == 0:
        return value[:at] + value[at + 1 :]
    if kind == 1:
        return value[:at] + [rng.choice(ODD_VALUES)] + value[at:]
    if kind == 2:
        return value[:at] + value[at:] * 2
    return value[:at] + [damaged_value(value[at], rng)] + value[at + 1 :]


def damaged_array(array: np.ndarray, rng: Random) -> np.ndarray:
    """Another type or shape, or numbers that are none."""
    kinds: tuple[Callable[[np.ndarray], Any], ...] = (
        lambda a: a.T,
        lambda a: a.ravel(),
        lambda a: a[None],
        lambda a: a[:0],
        lambda a: a[:, :-1] if a.ndim == 2 else a,
        lambda a: a.reshape(-1)[0] if a.size else a,
        lambda a: a.astype(">f8"),
        lambda a: a.astype(complex),
        lambda a: a.astype(np.int8),
        lambda a: a.astype("U9"),
        lambda a: a.astype(bool),
        lambda a: a.astype(np.float64) * 1e300,
        lambda a: np.asfortranarray(a),
        lambda a: a.astype("M8[s]"),
        lambda a: np.array([(1, 2.0)], "i4,f4"),
        lambda a: a.astype(object),
        lambda a: _with_odd_numbers(a, rng),
        lambda a: _with_odd_numbers(a, rng),
    )
    with np.errstate(all="ignore"):
        return np.asarray(rng.choice(kinds)(array))


def _with_odd_numbers(array: np.ndarray, rng: Random) -> np.ndarray:
    result = array.astype(np.float32)
    if result.size:
        result.flat[rng.randrange(result.size)] = rng.choice((np.nan, np.inf, -1.0, 1e38, 0.5))
    return result
