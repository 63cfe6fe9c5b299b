"""`mmlab serve` in a process of its own, as a shell starts it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import psutil

TOKEN = "a long enough token"
START_SECONDS = 120

START = """import sys
from pathlib import Path
from mmlab.cli.serving import serve
run, port, token, index = sys.argv[1:]
serve(Path(run), port=int(port), token=token, split="all", index=index or None)"""


@dataclass(frozen=True)
class Served:
    """A page that is served.

    Attributes:
        process: of `mmlab serve`.
        address: "http://127.0.0.1:PORT".
        told: the line that it printed.
        said: the file of what it says beside that.
    """

    process: psutil.Process
    address: str
    told: str
    said: Path

    @property
    def page(self) -> str:
        return f"{self.address}/?token={quote(TOKEN)}"

    def kernels(self) -> list[psutil.Process]:
        """The kernels that were started for visitors."""
        children = self.process.children(recursive=True)
        alive = [child for child in children if child.status() != psutil.STATUS_ZOMBIE]
        return [child for child in alive if "ipykernel_launcher" in " ".join(child.cmdline())]


@contextmanager
def serving_page(run: Path, folder: Path, index: str = "") -> Iterator[Served]:
    """Serve a run from a folder until the block ends, then press Ctrl-C.

    What it says beside its address goes to the folder's said.txt.

    Raises:
        AssertionError: it did not end well, or left something behind.
    """
    port = free_port()
    (folder / "temporary").mkdir()
    command = [sys.executable, "-c", START, os.path.relpath(run, folder), str(port), TOKEN]
    with (folder / "said.txt").open("w") as said:
        process = subprocess.Popen(
            [*command, index],
            cwd=folder,  # with relative paths, which hold from there only
            env={**os.environ, "MMLAB_DATA": "data", "TMPDIR": str(folder / "temporary")},
            stdout=subprocess.PIPE,
            stderr=said,
            text=True,
            preexec_fn=_heed_interrupts,
        )
    try:
        told = process.stdout.readline()
        _wait_until_up(port, process, folder / "said.txt")
        address = f"http://127.0.0.1:{port}"
        yield Served(psutil.Process(process.pid), address, told, folder / "said.txt")
    finally:
        process.send_signal(signal.SIGINT)
        status = process.wait(timeout=60)
    left = [path.name for path in (folder / "temporary").iterdir()]
    assert (status, [name for name in left if "mmlab" in name or "voila" in name]) == (0, [])


def _heed_interrupts() -> None:
    """A shell's background jobs, and whatever they start, ignore Ctrl-C otherwise."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _wait_until_up(port: int, process: subprocess.Popen[str], said: Path) -> None:
    give_up = time.monotonic() + START_SECONDS
    while time.monotonic() < give_up and process.poll() is None:
        with socket.socket() as knock:
            if knock.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise AssertionError(f"mmlab serve did not start; it said: {said.read_text()}")
