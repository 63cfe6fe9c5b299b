"""Millions of word vectors that open in a moment: files that are mapped into memory, not read.

The first time a word2vec file is opened it is converted, which for GoogleNews (3 million words,
300 wide) takes minutes and 4 GB of memory; the arrays are kept in a folder beside the file, or
in the data folder where that cannot be written. No pickle is written or read.
"""

from __future__ import annotations

import gzip
import os
import shutil
import time
import warnings
import zlib
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np

from mmlab.files import UNFINISHED
from mmlab.paths import data_folder

ENDING = ".cache"
HEADER_BYTES = 64
ROWS_AT_ONCE = 1 << 16
LEFTOVER_SECONDS = 3600
"""Unfinished folders this old belong to no running process."""


@dataclass(frozen=True)
class VectorStore:
    """Words and their vectors; a word is found by bisection, without reading the others.

    Attributes:
        vectors: (V, D) float32 in the order of the word2vec file.
        rows: (V,) int32: for each word, the words sorted by their UTF-8 bytes, its vector's row.
        ends: (V,) int64: where each sorted word ends in `letters`.
        letters: (bytes,) uint8: all sorted words without gaps.
    """

    vectors: np.ndarray
    rows: np.ndarray
    ends: np.ndarray
    letters: np.ndarray

    def __len__(self) -> int:
        return len(self.rows)

    def row(self, word: str) -> int | None:
        """The row of `vectors` for this word, in this case; None if it is not here."""
        sought = word.encode(errors="surrogatepass")
        place = bisect_left(range(len(self)), sought, key=self._word)
        is_here = place < len(self) and self._word(place) == sought
        return int(self.rows[place]) if is_here else None

    def save(self, folder: Path) -> None:
        """Write the arrays into `folder`, which appears when it is complete."""
        unfinished = folder.with_name(f"{folder.name}.{os.getpid()}{UNFINISHED}")
        try:
            unfinished.mkdir(parents=True)
            for field in fields(self):
                np.save(unfinished / f"{field.name}.npy", getattr(self, field.name))
            unfinished.rename(folder)
        finally:
            shutil.rmtree(unfinished, ignore_errors=True)

    @classmethod
    def open(cls, folder: Path) -> VectorStore:
        """Map what `save` wrote.

        Raises:
            OSError: it is not there.
            ValueError: it is damaged.
        """
        # Plain views: slicing an np.memmap costs ten times as much.
        store = cls(
            *(
                np.load(folder / f"{field.name}.npy", mmap_mode="r").view(np.ndarray)
                for field in fields(cls)
            )
        )
        end = store.ends[-1] if len(store) else 0
        if len(store.ends) != len(store) or end != len(store.letters):
            raise ValueError(f"{folder}: its arrays do not belong together")
        return store

    def _word(self, place: int) -> bytes:
        start = self.ends[place - 1] if place else 0
        return self.letters[start : self.ends[place]].tobytes()


def open_word_vectors(path: Path) -> VectorStore:
    """The vectors of a word2vec file, converted the first time.

    Raises:
        ValueError: the file is not in the word2vec format.
        FileNotFoundError: there is no such file.
    """
    about = path.stat()
    name = f"{path.name}.{about.st_size:x}-{about.st_mtime_ns:x}{ENDING}"
    folders = [path.parent / name, data_folder() / "cache" / name]
    for folder in folders:
        try:
            return VectorStore.open(folder)
        except OSError:
            continue
        except ValueError:
            shutil.rmtree(folder, ignore_errors=True)
    store = read_word2vec(path)
    for folder in folders:
        _remove_old(folder.parent, path.name)
        try:
            store.save(folder)
            return VectorStore.open(folder)
        except OSError as error:
            reason = error
    warnings.warn(
        f"{path}: its fast copy could not be written ({reason}), so it is read anew every time; "
        f"free {store.vectors.nbytes >> 20} MB beside it or set MMLAB_DATA",
        stacklevel=2,
    )
    return store


def read_word2vec(path: Path) -> VectorStore:
    """Read a word2vec file: binary if `.bin` is among its endings, else text; `.gz` of either.

    The first of equal words counts; words with NaN or infinity in their vector are left out.

    Raises:
        ValueError: the file is not in that format, or declares more than it holds.
    """
    from gensim.models import KeyedVectors

    binary = ".bin" in path.suffixes
    try:
        _check_size(path, binary)
        table = KeyedVectors.load_word2vec_format(str(path), binary=binary)
    except (ValueError, EOFError, IndexError, gzip.BadGzipFile, zlib.error) as error:
        raise ValueError(
            f"{path}: is not a word2vec file ({error}); give a .bin or a text file that "
            "starts with the number of words and their width"
        ) from error
    vectors = table.vectors
    finite = _finite_rows(vectors)
    found = sorted(
        (word.encode(errors="surrogatepass"), row)
        for word, row in table.key_to_index.items()
        if finite[row]
    )
    lengths = np.array([len(word) for word, _ in found], dtype=np.int64)
    letters = np.frombuffer(b"".join(word for word, _ in found), dtype=np.uint8)
    rows = np.array([row for _, row in found], dtype=np.int32)
    return VectorStore(vectors, rows, np.cumsum(lengths), letters)


def _finite_rows(vectors: np.ndarray) -> np.ndarray:
    """(V,) bool, in blocks: a mask of all numbers would take another gigabyte."""
    blocks = range(0, len(vectors), ROWS_AT_ONCE)
    return np.concatenate(
        [np.isfinite(vectors[first : first + ROWS_AT_ONCE]).all(axis=1) for first in blocks]
    )


def _check_size(path: Path, binary: bool) -> None:
    """Refuse a header that declares more than the file holds, before memory is taken for it."""
    count, width = (int(number) for number in _first_line(path).split())
    if count < 1 or width < 1:
        raise ValueError(f"{count} words of width {width}")
    needed = count * (4 * width + 2 if binary else 2 * width + 2)
    if not _holds(path, needed):
        raise ValueError(f"{count} words of width {width} are declared, the file is smaller")


def _first_line(path: Path) -> bytes:
    with (gzip.open if path.suffix == ".gz" else open)(path, "rb") as file:
        return file.readline(HEADER_BYTES)


def _holds(path: Path, size: int) -> bool:
    """Whether the (unpacked) file has at least `size` bytes."""
    if path.suffix != ".gz":
        return path.stat().st_size >= size
    with gzip.open(path) as file:
        blocks: Iterator[bytes] = iter(lambda: file.read(1 << 20), b"")
        for block in blocks:
            size -= len(block)
            if size <= 0:
                return True
    return False


def _remove_old(folder: Path, name: str) -> None:
    """Delete copies of earlier versions of the file `name`, and what a killed process left."""
    if not folder.is_dir():
        return
    for old in folder.iterdir():
        is_leftover = old.name.endswith(UNFINISHED)
        if not old.name.startswith(f"{name}.") or not (is_leftover or old.name.endswith(ENDING)):
            continue
        if old.is_dir() and (not is_leftover or _age_seconds(old) > LEFTOVER_SECONDS):
            shutil.rmtree(old, ignore_errors=True)


def _age_seconds(path: Path) -> float:
    return time.time() - path.stat().st_mtime
