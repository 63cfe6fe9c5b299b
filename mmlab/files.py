"""Writing a file so that a reader sees the old one or the new one, never a half."""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

UNFINISHED = ".part"
"""Ending of files that a killed process may leave behind; the next run removes them."""


def write_atomically(path: Path, content: bytes) -> None:
    """Write `content` beside `path`, then put it in its place in one step.

    Raises:
        OSError: for example a full disk; then `path` is unchanged and nothing is left behind.
    """
    with replacing(path) as unfinished:
        unfinished.write_bytes(content)


def in_words(error: Exception) -> str:
    """What went wrong, for a person: of the system's errors without number and whole path."""
    if isinstance(error, OSError) and error.strerror and error.filename:
        return f"{Path(error.filename).name}: {error.strerror}"
    return str(error) or type(error).__name__  # such as MemoryError, which has no words


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A name beside `path` to write to; what is written there takes its place in one step.

    Raises:
        OSError: as `write_atomically`.
    """
    owner = f"{socket.gethostname()}-{os.getpid()}"  # several machines may share the folder
    unfinished = path.with_name(f"{path.name}.{owner}{UNFINISHED}")
    try:
        yield unfinished
        with unfinished.open("rb") as file:
            os.fsync(file.fileno())
        os.replace(unfinished, path)
    except OSError as error:
        mend = "free some space and run again" if error.errno == errno.ENOSPC else "run again"
        raise OSError(error.errno, f"{error.strerror}; {mend}", str(path)) from error
    finally:
        unfinished.unlink(missing_ok=True)
