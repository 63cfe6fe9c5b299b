"""A file of one's own, received in pieces and kept as media: looked into before it is believed.

Its name is only ever text. Where it is kept is called by the hash of what it holds, and its
ending says what it is found to be.
"""

from __future__ import annotations

import errno
import hashlib
import os
import tempfile
import time
import weakref
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import av

from mmlab.files import UNFINISHED
from mmlab.media import MediaError, MediaInfo, probe
from mmlab.paths import data_folder

MOST_BYTES = 200_000_000
MOST_SECONDS = 600.0
"""A longer video is one to look through, by `mmlab localize`, not one to ask by."""

KEPT_BYTES = 4_000_000_000
"""Of all uploads together; those that were not used for longest go."""

ABANDONED_SECONDS = 24 * 3600
"""A process that was killed leaves an unfinished upload behind; the next one removes it then."""

ENDINGS = {
    "aac": ".aac",
    "aiff": ".aiff",
    "asf": ".wmv",
    "avi": ".avi",
    "flac": ".flac",
    "flv": ".flv",
    "matroska,webm": ".webm",
    "mov,mp4,m4a,3gp,3g2,mj2": ".mp4",
    "mp3": ".mp3",
    "mpeg": ".mpg",
    "mpegts": ".ts",
    "ogg": ".ogg",
    "wav": ".wav",
}
"""What may be uploaded, as FFmpeg calls it, and how it is kept."""

NAME_CHARACTERS = 80


@dataclass(frozen=True)
class Upload:
    """A file that was kept.

    Attributes:
        path: where; the same content always lies at the same place.
        seconds: how long it lasts.
        has_video: whether it has a picture.
        has_audio: whether it has sound.
        note: what it is, in words.
    """

    path: Path
    seconds: float
    has_video: bool
    has_audio: bool
    note: str


class Incoming:
    """An upload on its way: `add` its pieces, then `finish`; `cancel`, or forget it, to drop it.

    Args:
        name: what its owner calls it; used in sentences only.
        expected_bytes: how large it says it is; 0 if that is not known.

    Raises:
        ValueError: it is too large, or the disk is full or not writable.
    """

    def __init__(self, name: str, expected_bytes: int = 0) -> None:
        self.name = _as_words(name)
        self.received_bytes = 0
        self._hash = hashlib.blake2b(digest_size=16)
        self._refuse_too_large(expected_bytes)
        with self._disk():
            self._path = _unfinished_file()
        self.cancel = weakref.finalize(self, _remove, self._path)

    def add(self, piece: bytes | memoryview) -> None:
        """Take the next bytes.

        Raises:
            ValueError: it has become too large, or the disk is full.
        """
        self._refuse_too_large(self.received_bytes + len(piece))
        with self._disk(), self._path.open("ab") as file:
            file.write(piece)
        self._hash.update(piece)
        self.received_bytes += len(piece)

    def finish(self) -> Upload:
        """Look into it and keep it.

        Raises:
            ValueError: it is no media file, broken, too long, or cannot be kept; says what to do.
        """
        try:
            ending, info = _ending(self._path), probe(self._path)
            refuse_too_long(self.name, info.duration_seconds)
        except MediaError as error:
            self.cancel()
            raise ValueError(f"{self.name}: {error.problem}; {error.mend}") from error
        except ValueError:
            self.cancel()
            raise
        target = self._path.with_name(self._hash.hexdigest() + ending)
        with self._disk():
            os.replace(self._path, target)
            _forget_the_oldest(target)
        return _upload(target, info)

    def _refuse_too_large(self, size_bytes: int) -> None:
        if size_bytes > MOST_BYTES:
            size, most = f"{size_bytes / 1e6:,.0f} MB", f"{MOST_BYTES / 1e6:,.0f} MB"
            mend = "cut it, or make its picture smaller"
            raise ValueError(f"{self.name}: has {size}, over {most}; {mend}")

    @contextmanager
    def _disk(self) -> Iterator[None]:
        """What the disk refuses is said by the file's own name."""
        try:
            yield
        except OSError as error:
            full = error.errno in (errno.ENOSPC, errno.EDQUOT)
            problem = "the disk is full" if full else error.strerror
            mend = "free some space" if full else f"make {_folder()} writable"
            raise ValueError(f"{self.name}: not kept, {problem}; {mend} and try again") from error


def keep_upload(name: str, pieces: Iterable[bytes]) -> Upload:
    """Keep a file that comes in pieces.

    Args:
        name: what its owner calls it; used in sentences only, never as a path.
        pieces: its bytes in order.

    Raises:
        ValueError: no media file, broken, too large, too long, or the disk is full.

    Example:
        >>> upload = keep_upload("knock.wav", [Path("knock.wav").read_bytes()])
        >>> retriever.search(audio=upload.path)
    """
    incoming = Incoming(name)
    try:
        for piece in pieces:
            incoming.add(piece)
        return incoming.finish()
    finally:
        incoming.cancel()


def refuse_too_long(name: str, seconds: float) -> None:
    """Raise a ValueError if a medium lasts longer than one that is asked by may."""
    if seconds > MOST_SECONDS:
        lasts = f"lasts {seconds / 60:,.0f} minutes, over {MOST_SECONDS / 60:.0f}"
        mend = "cut out what you mean, or look through it with mmlab localize"
        raise ValueError(f"{name}: {lasts}; {mend}")


def describe(path: Path) -> Upload:
    """What a media file is, as `keep_upload` tells it of one that it kept.

    Raises:
        MediaError: it cannot be read.
    """
    return _upload(path, probe(path))


def _upload(path: Path, info: MediaInfo) -> Upload:
    return Upload(path, info.duration_seconds, info.has_video, info.has_audio, _note(info))


def _ending(path: Path) -> str:
    """The ending that fits what a file is; a list of other files is not even opened."""
    allowed = {"protocol_whitelist": "file", "format_whitelist": ",".join(ENDINGS)}
    try:
        with av.open(str(path), metadata_errors="ignore", options=allowed) as container:
            return ENDINGS[container.format.name]
    except (av.error.FFmpegError, ValueError) as error:
        problem = "is empty, damaged or of a kind that is not read here"
        raise MediaError(path, problem, "record it again, or convert it to mp4 or wav") from error


def _note(info: MediaInfo) -> str:
    both = "picture and sound" if info.has_audio else "a picture without sound"
    parts = [both if info.has_video else "sound alone", *info.notes]
    return f"{info.duration_seconds:.1f} s, {', '.join(parts)}"


def _as_words(name: str) -> str:
    """A name as one short line; control characters could make it look like something else."""
    printable = "".join(letter for letter in name if letter.isprintable()).strip()
    return printable[:NAME_CHARACTERS] or "the file"


def _folder() -> Path:
    return data_folder() / "cache" / "uploads"


def _unfinished_file() -> Path:
    folder = _folder()
    folder.mkdir(parents=True, exist_ok=True)
    for path in folder.glob(f"*{UNFINISHED}"):
        if path.stat().st_mtime < time.time() - ABANDONED_SECONDS:
            _remove(path)
    handle, name = tempfile.mkstemp(suffix=UNFINISHED, dir=folder)
    os.close(handle)
    return Path(name)


def _forget_the_oldest(newest: Path) -> None:
    """Keep the folder within its bounds; what was uploaded again counts as new."""
    newest.touch()
    room = KEPT_BYTES
    kept = [path for path in newest.parent.iterdir() if path.suffix != UNFINISHED]
    for path in sorted(kept, key=lambda path: path.stat().st_mtime, reverse=True):
        room -= path.stat().st_size
        if room < 0 and path != newest:
            _remove(path)


def _remove(path: Path) -> None:
    path.unlink(missing_ok=True)
