"""Milvus Lite: a Milvus inside this process, its data in a folder of this machine."""

from __future__ import annotations

import atexit
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from mmlab.index.checks import check_folder

MARKS = frozenset({"LOCK", "collections", "databases"})
"""What lies in every folder that a Milvus Lite has opened."""
OWN = MARKS | {".database-staging", "aliases.json", "database_properties.json"}
"""All that it writes there."""
STRAY = frozenset({".DS_Store", "Thumbs.db"})
"""What a file manager leaves behind wherever somebody looks."""


@dataclass
class _Running:
    address: str
    stop: Callable[[], None]
    users: int = 0


_RUNNING: dict[Path, _Running] = {}
"""Milvus Lite opens a folder once; whoever opens it again in this process shares it."""
_CHANGING = threading.Lock()


def holds_data(folder: Path) -> bool:
    """Whether a folder is Milvus Lite's; no if it is empty or not there.

    Raises:
        ValueError: it is a file, or it holds something else, which nobody may take over.
    """
    check_folder(folder)
    entries = {path.name for path in folder.iterdir()} - STRAY if folder.exists() else set()
    foreign = sorted(one for one in entries if one.removesuffix(".tmp") not in OWN)
    if not foreign and "LOCK" not in entries:  # of one that was killed at its very beginning
        files = (path for path in folder.rglob("*") if path.name not in STRAY)
        foreign = sorted(str(path.relative_to(folder)) for path in files if not path.is_dir())
    if foreign:
        raise ValueError(
            f"{folder}: holds something else than an index of Milvus Lite, such as {foreign[0]}; "
            "choose an empty folder"
        )
    return entries >= MARKS


def start(folder: Path) -> str:
    """The address of the Milvus Lite of a folder, which listens on this machine only.

    It lives in threads of this process, until `stop` has been called as often or the process ends.

    Raises:
        ValueError: another process has it open, it is no folder or holds something else.
        ImportError: milvus-lite is missing.
    """
    path = folder.resolve()
    with _CHANGING:
        if path not in _RUNNING:
            _RUNNING[path] = _started(path)
        _RUNNING[path].users += 1
        return _RUNNING[path].address


def _started(path: Path) -> _Running:
    from milvus_lite.adapter.grpc.server import start_server_in_thread
    from milvus_lite.exceptions import DataDirLockedError

    holds_data(path)  # or will: Milvus Lite itself would write among anybody's files
    try:
        server, database, port = start_server_in_thread(str(path))
    except DataDirLockedError:
        raise ValueError(
            f"another process has {path} open, and Milvus Lite serves one at a time; close it "
            "there, or run a Milvus server and give its address"
        ) from None

    def stop() -> None:
        server.stop(grace=2).wait()
        database.close()

    return _Running(f"http://127.0.0.1:{port}", stop)


def stop(folder: Path) -> None:
    """Let go of a folder; the last one to do so ends its Milvus Lite, with everything on disk."""
    path = folder.resolve()
    with _CHANGING:
        _RUNNING[path].users -= 1
        if not _RUNNING[path].users:
            _RUNNING.pop(path).stop()


@atexit.register
def _stop_all() -> None:
    while _RUNNING:
        _RUNNING.popitem()[1].stop()
