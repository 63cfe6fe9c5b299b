"""A segment: some clips' vectors and columns, written once and never changed."""

from __future__ import annotations

import errno
import os
import shutil
import socket
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.lib import format as npy

from mmlab.files import UNFINISHED
from mmlab.index.codes import CODED_ROWS, encode

FEW_ROWS = 256

CLIPS, CODES, BOUNDS = "clips.parquet", "codes", "bounds"


class Segment:
    """What lies in a segment's folder.

    Files are mapped anew whenever they are needed and let go of afterwards, so that what was read
    once does not stay in memory.

    Args:
        folder: as `write_segment` left it.
        rows: how many clips it has.
    """

    def __init__(self, folder: Path, rows: int) -> None:
        self.folder, self.rows = folder, rows
        self._places: dict[str, tuple[int, int]] = {}

    @property
    def is_coded(self) -> bool:
        """Whether it has `codes`."""
        return self.rows >= CODED_ROWS

    def vectors(self, combination: str) -> np.memmap:
        """(rows, P) float32, memory-mapped."""
        with reading(self.folder / f"{combination}.npy") as path:
            return np.load(path, mmap_mode="r")

    def some_vectors(self, combination: str, rows: np.ndarray) -> np.ndarray:
        """(n, P) float32, those of some rows; a few are read much faster than a map is made."""
        if combination not in self._places or len(rows) > FEW_ROWS:
            vectors = self.vectors(combination)
            self._places[combination] = vectors.offset, vectors.shape[1]
            return vectors[rows]
        offset, width = self._places[combination]
        size = width * np.dtype(np.float32).itemsize
        with (self.folder / f"{combination}.npy").open("rb", buffering=0) as file:
            read = [os.pread(file.fileno(), size, offset + row * size) for row in rows.tolist()]
        return np.frombuffer(b"".join(read), np.float32).reshape(len(rows), width)

    def codes(self, combination: str) -> tuple[np.ndarray, np.ndarray]:
        """What `mmlab.index.codes.encode` made of the vectors; for large segments only."""
        with reading(self.folder / f"{combination}.{CODES}.npy") as path:
            codes = np.load(path, mmap_mode="r")
        with reading(self.folder / f"{combination}.{BOUNDS}.npy") as path:
            return codes, np.load(path)

    @cached_property
    def schema(self) -> pa.Schema:
        """The clips' columns."""
        with reading(self.folder / CLIPS) as path:
            return pq.read_schema(path)

    def table(self, columns: Sequence[str] | None = None) -> pa.Table:
        """The clips' columns, all or some."""
        with reading(self.folder / CLIPS) as path:
            return pq.read_table(path, columns=columns and list(columns))


@contextmanager
def reading(path: Path) -> Iterator[Path]:
    """Say in a sentence that a file of an index is damaged: numpy, pyarrow and faiss do not."""
    try:
        yield path
    except FileNotFoundError:  # whose path Arrow does not tell
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path)) from None
    except (ValueError, EOFError, RuntimeError) as error:
        raise ValueError(
            f"{path}: is damaged ({error!s:.200}); delete the index and run `mmlab index` again"
        ) from None


def write_segment(
    folder: Path, name: str, vectors: Iterable[tuple[str, np.ndarray]], table: pa.Table
) -> Segment:
    """Write a segment, so that it is there whole or not at all.

    Args:
        folder: of all segments.
        name: of this one.
        vectors: the name and (n, P) float32 of every combination.
        table: n rows.

    Raises:
        OSError: for example a full disk; then nothing is left behind.
    """
    unfinished = folder / f"{name}.{socket.gethostname()}-{os.getpid()}{UNFINISHED}"
    try:
        unfinished.mkdir()
        for combination, rows in vectors:
            _write_vectors(unfinished / combination, rows)
        pq.write_table(table, unfinished / CLIPS)
        for path in unfinished.iterdir():
            with path.open("rb") as file:
                os.fsync(file.fileno())
        os.replace(unfinished, folder / name)
    except OSError as error:
        mend = "nothing was changed; free some space, or run again"
        raise OSError(error.errno, f"{error.strerror}; {mend}", str(folder / name)) from error
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    return Segment(folder / name, len(table))


def _write_vectors(path: Path, vectors: np.ndarray) -> None:
    write_array(path.with_name(f"{path.name}.npy"), vectors)
    if len(vectors) >= CODED_ROWS:
        codes, bounds = encode(vectors)
        write_array(path.with_name(f"{path.name}.{CODES}.npy"), codes)
        write_array(path.with_name(f"{path.name}.{BOUNDS}.npy"), bounds)


def write_array(path: Path, array: np.ndarray) -> None:
    """As `np.save`, whose OSError does not say that the disk is full."""
    array = np.ascontiguousarray(array)
    with path.open("wb") as file:
        npy.write_array_header_1_0(file, npy.header_data_from_array_1_0(array))
        file.write(array.data)


def gathered(segments: Sequence[Segment], combination: str, rows: np.ndarray) -> np.ndarray:
    """(n, P) float32, the vectors of some rows; a row is a position in all segments together."""
    found: list[np.ndarray] = []
    places, first, done = np.empty(len(rows), np.int64), 0, 0
    for segment in segments:
        mine = np.flatnonzero((rows >= first) & (rows < first + segment.rows))
        if len(mine):
            found.append(segment.some_vectors(combination, rows[mine] - first))
        places[mine] = np.arange(done, done + len(mine))
        first, done = first + segment.rows, done + len(mine)
    return np.concatenate(found)[places] if found else np.empty((0, 0), np.float32)
