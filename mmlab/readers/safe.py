"""Files from outside, read so that none can run code, hang, or take memory that it does not fill.

Whatever is wrong with a file ends in a ValueError that names the file and the mend; a file that
is not there or cannot be opened ends in an OSError.
"""

from __future__ import annotations

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
_HEADER_BYTES = 64 * 1024  # more than any header of plain numbers takes
_MOST_ARCHIVE_BYTES = 4 << 30  # unpacked; a day of published video features is 0.7 GiB


def read_text(path: Path | str) -> str:
    """A text file in UTF-8, with or without byte-order mark.

    Raises:
        OSError: the file cannot be opened.
        ValueError: it is no UTF-8 text.
    """
    raw = Path(path).read_bytes()
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(
            f"{path}: byte {error.start} is not UTF-8; save the file with the encoding UTF-8"
        ) from None
    if "\0" in text:
        raise ValueError(f"{path}: holds zero bytes, so is no text; save it as UTF-8 text")
    return text


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


def read_npz(path: Path | str) -> dict[str, np.ndarray]:
    """The arrays in an `.npz` file, by name.

    Raises:
        OSError: the file cannot be opened.
        ValueError: it is damaged, holds objects, or would unpack to an absurd size.
    """
    with Path(path).open("rb") as file:
        try:
            with zipfile.ZipFile(file) as archive:
                entries = [entry for entry in archive.infolist() if entry.filename.endswith(".npy")]
                _check_archive(entries, path)
                return {
                    entry.filename.removesuffix(".npy"): _npy_entry(archive, entry, path)
                    for entry in entries
                }
        except ValueError as error:
            if str(error).startswith(f"{path}"):
                raise
            raise ValueError(f"{path}: is a damaged npz ({error}); get it again") from None
        except Exception as error:  # zipfile has no common base of its errors
            raise ValueError(f"{path}: is no npz ({error}); get it again") from None


def _check_archive(entries: list[zipfile.ZipInfo], path: Path | str) -> None:
    total = sum(entry.file_size for entry in entries)
    if total > _MOST_ARCHIVE_BYTES:
        raise ValueError(
            f"{path}: declares {total} bytes unpacked, more than {_MOST_ARCHIVE_BYTES}; "
            f"split it, or get it again"
        )
    packed = sum(entry.compress_size for entry in entries)
    if total > 1100 * packed + _HEADER_BYTES:  # what `deflate` can do at most is 1032
        raise ValueError(f"{path}: declares {total} bytes in {packed}; get it again")


def _npy_entry(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, path: Path | str) -> np.ndarray:
    if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise ValueError(f"{path}: is packed in a way that numpy does not use; save it with numpy")
    raw = bytearray(archive.read(entry))  # not more than its declared size; writable for torch
    name = f"{path}: {entry.filename}"
    shape, fortran, dtype, offset = _npy_header(bytes(raw[:_HEADER_BYTES]), len(raw), name)
    flat = np.frombuffer(raw, dtype, math.prod(shape), offset)
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
    if any(not 0 <= count < 1 << 62 for count in shape) or len(shape) > 32:
        raise ValueError(f"{name}: declares the shape {shape}; get the file again")
    needed = math.prod(shape) * dtype.itemsize
    if needed > size - stream.tell():
        raise ValueError(
            f"{name}: declares {needed} bytes and holds {size - stream.tell()}; get the file again"
        )
    return shape, fortran, dtype, stream.tell()
