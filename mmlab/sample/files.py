"""The corpus' files: each is there and whole, or not there."""

from __future__ import annotations

import errno
import os
from pathlib import Path

from mmlab.files import UNFINISHED


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file, and its folder if need be.

    The file is complete when its name appears, but not forced onto the disk: there are a
    thousand small ones, and all can be made again.

    Raises:
        OSError: the disk is full or not writable; the message names the file and the mend.
    """
    unfinished = path.with_name(path.name + UNFINISHED)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished.write_bytes(content)
        os.replace(unfinished, path)
    except OSError as error:
        unfinished.unlink(missing_ok=True)
        reason = error.strerror or "cannot be written"
        mend = "free some space" if error.errno == errno.ENOSPC else "make the folder writable"
        message = f"{reason}; {mend} and run the command again, finished files are kept"
        raise OSError(error.errno, message, str(path)) from error


def write_text(path: Path, content: str) -> None:
    """Write UTF-8 text; see `write_bytes`."""
    write_bytes(path, content.encode())


def remove_unfinished(folder: Path) -> None:
    """Remove what a killed run left behind in a folder."""
    for path in folder.glob(f"*{UNFINISHED}"):
        path.unlink(missing_ok=True)
