"""Files from outside, read so that none can run code, hang, or take memory that it does not fill.

Whatever is wrong with a file ends in a ValueError that names the file and the mend; a file that
is not there or cannot be opened ends in an OSError.
"""

from __future__ import annotations

import codecs
import io
import json
import math
import mmap
import re
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from mmlab.readers import pickles

_HALF_CHARACTER = re.compile(r"\\u[dD][89a-fA-F]")
_LINE_END = re.compile(r"(\r\n|\r|\n)")
_NO_TEXT = re.compile("[\0\udc80-\udcff]")
_NO_TEXT_REASON = "holds bytes that are not UTF-8 text; save the file with the encoding UTF-8"
_HEADER_BYTES = 64 * 1024  # more than any header of plain numbers takes
_MOST_ARRAY_BYTES = 2 << 30  # unpacked; a day of published video features is 0.7 GiB
_MOST_TIMES_SMALLER = 50  # packed; of arrays above the size of
_BLOCK_BYTES = 1 << 20
_SMALL_ARRAY_BYTES = 64 << 20


def read_text(path: Path | str) -> str:
    """A text file in UTF-8, or in UTF-16 with its byte-order mark.

    Raises:
        OSError: the file cannot be opened.
        ValueError: it is no such text.
    """
    text = _decoded(path, "strict")
    if "\0" in text:
        raise ValueError(f"{path}: holds zero bytes, so is no text; save it as UTF-8 text")
    return text


def read_lines(path: Path | str) -> tuple[str, list[tuple[int, str]]]:
    """A text file whose lines stand for themselves: one that is no text costs only itself.

    Returns:
        The text with those lines empty, and (line number from 1, what is wrong with it) of each.

    Raises:
        OSError: the file cannot be opened.
        ValueError: its first line or half of them are no text, so it is of another encoding.
    """
    parts = _LINE_END.split(_decoded(path, "surrogateescape"))  # lines at even places, else ends
    broken = [at for at in range(0, len(parts), 2) if _NO_TEXT.search(parts[at])]
    if broken and (broken[0] == 0 or 2 * len(broken) >= sum(map(bool, parts[::2]))):
        return read_text(path), []  # which says what is wrong
    for at in broken:
        parts[at] = ""
    return "".join(parts), [(at // 2 + 1, _NO_TEXT_REASON) for at in broken]


def _decoded(path: Path | str, errors: str) -> str:
    raw = Path(path).read_bytes()
    if raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):  # as Excel writes "Unicode text"
        encoding, errors = "utf-16", "strict"
    else:
        encoding = "utf-8-sig"
    try:
        return raw.decode(encoding, errors)
    except UnicodeDecodeError as error:
        name = encoding.removesuffix("-sig").upper()
        raise ValueError(
            f"{path}: byte {error.start} is not {name}; save the file with the encoding UTF-8"
        ) from None


def read_json(path: Path | str) -> Any:
    """The value in a JSON file.

    Raises:
        OSError: the file cannot be opened.
        ValueError: it is damaged, or nested so deeply that no annotation can be meant.
    """
    text = read_text(path)
    try:
        value = json.loads(text)
        return _whole(value) if _HALF_CHARACTER.search(text) else value
    except RecursionError:
        raise ValueError(f"{path}: is nested absurdly deep; get the file again") from None
    except ValueError as error:
        raise ValueError(f"{path}: is damaged JSON ({error}); get the file again") from None


def _whole(value: Any) -> Any:
    """The value with its texts free of halves of characters, which no other file could take."""
    if isinstance(value, str):
        return pickles.whole_text(value)
    if isinstance(value, list):
        return [_whole(item) for item in value]
    if isinstance(value, dict):
        return {_whole(key): _whole(item) for key, item in value.items()}
    return value


def read_csv(path: Path | str, **options: Any) -> pd.DataFrame:
    """A table with commas, or as `options` of `pandas.read_csv` say.

    Raises:
        OSError: the file cannot be opened.
        ValueError: it is no such table.
    """
    text = read_text(path)
    try:
        return pd.read_csv(io.StringIO(text), **options)
    except (ValueError, OverflowError, MemoryError) as error:
        reason = " ".join(str(error).split())
        raise ValueError(f"{path}: is no table with commas ({reason}); repair its lines") from None


def read_pickle(path: Path | str) -> Any:
    """The value in a pickle of numpy arrays and plain values; see `mmlab.readers.pickles`.

    Raises:
        OSError: the file cannot be opened.
        ValueError: it is damaged or asks for any other class, which is named.
    """
    with Path(path).open("rb") as file:
        if not file.seek(0, io.SEEK_END):
            raise ValueError(f"{path}: is empty; get the file again")
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            try:
                return pickles.loads(data)
            except (pickles.PickleError, MemoryError) as error:
                reason = str(error) or "needs more memory than there is"
                raise ValueError(
                    f"{path}: the pickle {reason}; get it again, or save numpy arrays, lists and "
                    f"dictionaries only"
                ) from None


def read_npy(path: Path | str) -> np.ndarray:
    """The array in an `.npy` file.

    Raises:
        OSError: the file cannot be opened.
        ValueError: it is damaged, holds objects, or declares more than it holds.
    """
    with Path(path).open("rb") as file:
        head = file.read(_HEADER_BYTES)
        size = file.seek(0, io.SEEK_END)
        shape, fortran, dtype, offset = _npy_header(head, size, str(path))
        file.seek(offset)
        flat = np.fromfile(file, dtype, math.prod(shape))
    return flat.reshape(shape, order="F" if fortran else "C")


def read_npz(path: Path | str, only: str | None = None) -> dict[str, np.ndarray]:
    """The arrays in an `.npz` file, by name.

    Args:
        path: of the file.
        only: the name of the one array to read; the others are not unpacked.

    Raises:
        OSError: the file cannot be opened.
        ValueError: it is damaged, holds objects, lacks the array `only`, or would unpack to an
            absurd size.
    """
    with Path(path).open("rb") as file:
        try:
            with zipfile.ZipFile(file) as archive:
                entries = {
                    entry.filename.removesuffix(".npy"): entry
                    for entry in archive.infolist()
                    if entry.filename.endswith(".npy")
                }
                if only is not None and only not in entries:
                    found = ", ".join(entries)[:200] or "none"
                    raise ValueError(f"{path}: has no array {only!r}, found {found}")
                wanted = entries if only is None else {only: entries[only]}
                _check_archive(list(wanted.values()), path)
                return {name: _npy_entry(archive, entry, path) for name, entry in wanted.items()}
        except ValueError as error:
            if str(error).startswith(f"{path}"):
                raise
            raise ValueError(f"{path}: is a damaged npz ({error}); get it again") from None
        except Exception as error:  # zipfile has no common base of its errors
            raise ValueError(f"{path}: is no npz ({error}); get it again") from None


def _check_archive(entries: list[zipfile.ZipInfo], path: Path | str) -> None:
    total, packed = (
        sum(getattr(entry, size) for entry in entries) for size in ("file_size", "compress_size")
    )
    if any(entry.file_size > _MOST_ARRAY_BYTES for entry in entries):
        raise ValueError(
            f"{path}: declares {total} bytes unpacked, an array may have {_MOST_ARRAY_BYTES}; "
            f"split it, or get it again"
        )
    if total > max(_SMALL_ARRAY_BYTES, _MOST_TIMES_SMALLER * packed):
        raise ValueError(
            f"{path}: declares {total} bytes in {packed}; get it again, or save it unpacked"
        )


def _npy_entry(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, path: Path | str) -> np.ndarray:
    if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise ValueError(f"{path}: is packed in a way that numpy does not use; save it with numpy")
    name = f"{path}: {entry.filename}"
    with archive.open(entry) as stream:  # gives no more than its declared size
        head = stream.read(_HEADER_BYTES)
        shape, fortran, dtype, offset = _npy_header(head, entry.file_size, name)
        flat = np.empty(math.prod(shape), dtype)
        values, done, block = flat.view(np.uint8), 0, head[offset:]
        while block:  # to the end, where the checksum is compared
            taken = np.frombuffer(block, np.uint8)[: len(values) - done]
            values[done : done + len(taken)] = taken
            done += len(taken)
            block = stream.read(_BLOCK_BYTES)
    if done < len(values):
        raise ValueError(f"{name}: ends after {done} of {len(values)} bytes; get it again")
    return flat.reshape(shape, order="F" if fortran else "C")


def _npy_header(head: bytes, size: int, name: str) -> tuple[tuple[int, ...], bool, np.dtype, int]:
    """The shape, order, type and first byte of an array of `size` bytes with its header."""
    stream = io.BytesIO(head)
    try:
        version = np.lib.format.read_magic(stream)
        read_header = (
            np.lib.format.read_array_header_1_0
            if version == (1, 0)
            else np.lib.format.read_array_header_2_0
        )
        shape, fortran, dtype = read_header(stream)
    except Exception as error:  # the header is parsed as Python, which fails in many ways
        raise ValueError(f"{name}: is no numpy array ({error}); get the file again") from None
    if dtype.hasobject:
        raise ValueError(f"{name}: holds Python objects; save plain numbers")
    if not dtype.itemsize:
        raise ValueError(f"{name}: holds values without size ({dtype.str}); save plain numbers")
    spanned = math.prod(max(count, 1) for count in shape) * dtype.itemsize
    if any(count < 0 for count in shape) or len(shape) > 32 or spanned >= 1 << 62:
        raise ValueError(f"{name}: declares the shape {shape}; get the file again")
    needed = math.prod(shape) * dtype.itemsize
    if needed > size - stream.tell():
        raise ValueError(
            f"{name}: declares {needed} bytes and holds {size - stream.tell()}; get the file again"
        )
    return shape, fortran, dtype, stream.tell()
