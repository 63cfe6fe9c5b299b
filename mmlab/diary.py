"""What a worker notes of its progress, for the bar and for the case that it crashes."""

from __future__ import annotations

import json
import os
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from mmlab.media import MediaError, probe

SECONDS_BETWEEN_NOTES = 1.0


@dataclass(frozen=True)
class Note:
    """How far a worker is with its shard.

    Attributes:
        media_id: the file that it reads.
        fraction: of that file.
        files: of the shard that are done, `size_bytes` and `media_seconds` with the part that
            is done of the one it reads.
    """

    media_id: str
    fraction: float
    files: int
    size_bytes: int
    media_seconds: float


class Diary:
    """The notes of one shard; each replaces the one before."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._files, self._bytes, self._seconds = 0, 0, 0.0
        self._file, self._media_id, self._file_bytes = path, "", 0
        self._file_seconds: float | None = None
        self._noted = 0.0

    def begin(self, file: Path, media_id: str, size_bytes: int) -> None:
        """A file is about to be read: from now on it is the one to blame."""
        self._file, self._media_id, self._file_bytes = file, media_id, size_bytes
        self._file_seconds = None
        self._write(0.0)

    def progress(self, fraction: float) -> None:
        """So much of the file is done; noted once a second at most."""
        if time.monotonic() - self._noted >= SECONDS_BETWEEN_NOTES:
            if self._file_seconds is None:  # only files that take long need to know
                self._file_seconds = _duration(self._file)
            self._write(min(max(fraction, 0.0), 1.0))

    def end(self, media_seconds: float) -> None:
        """The file is done."""
        self._files += 1
        self._bytes += self._file_bytes
        self._seconds += media_seconds

    def _write(self, fraction: float) -> None:
        done_bytes = self._bytes + round(fraction * self._file_bytes)
        done_seconds = self._seconds + fraction * (self._file_seconds or 0.0)
        note = Note(self._media_id, fraction, self._files, done_bytes, done_seconds)
        fresh = self._path.with_name(f"{self._path.name}.{os.getpid()}.part")
        fresh.write_text(json.dumps(asdict(note)), encoding="utf-8")
        os.replace(fresh, self._path)
        self._noted = time.monotonic()


def _duration(file: Path) -> float:
    try:
        return probe(file).duration_seconds
    except MediaError:
        return 0.0


def read_note(diary: Path) -> Note | None:
    """The last note, or None where there is none."""
    try:
        return Note(**json.loads(diary.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None
