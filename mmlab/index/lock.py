"""One writer at a time, in any process; a process that is gone holds nothing any more."""

from __future__ import annotations

import fcntl
import os
import socket
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import IO


class WriterLock:
    """Hold a folder for writing, as a context; whoever holds it may do so again.

    Args:
        folder: which exists.

    Raises:
        ValueError: another writer holds it; says who, and since when.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / "lock"
        self._file: IO[bytes] | None = None
        self._depth = 0

    def __enter__(self) -> None:
        if self._file is None:
            self._file = self._taken()
        self._depth += 1

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._depth -= 1
        if not self._depth and self._file:
            self._file.close()  # which lets go, as does the end of a process
            self._file = None

    def _taken(self) -> IO[bytes]:
        file = self._path.open("ab", buffering=0)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.close()
            holder = self._path.read_text() or "another process"
            raise ValueError(
                f"{self._path.parent} is being written by {holder}; wait until that ends"
            ) from None
        now = datetime.now().astimezone().isoformat(" ", "seconds")
        try:
            file.truncate(0)
            file.write(f"process {os.getpid()} on {socket.gethostname()} since {now}".encode())
        except OSError as error:
            file.close()
            mend = "free some space and run again"
            raise OSError(error.errno, f"{error.strerror}; {mend}", str(self._path)) from error
        return file
