"""JupyterLab or Notebook 7 on a free loopback port, with settings and files of its own."""

from __future__ import annotations

import json
import os
import secrets
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

START_SECONDS = 180

SETTINGS: dict[str, dict[str, object]] = {
    # All cells stay in the page, so that a test can look at any of them.
    "@jupyterlab/notebook-extension/tracker": {"windowingMode": "none"},
    # Nothing is asked of the net.
    "@jupyterlab/apputils-extension/notification": {
        "fetchNews": "false",
        "checkForUpdates": False,
    },
}


@dataclass(frozen=True)
class Server:
    """A running Jupyter front end that serves one folder.

    Attributes:
        address: "http://127.0.0.1:PORT".
        token: what a page or a request must bring.
        folder: the notebooks that it serves.
        own: its settings and the connection files of its kernels.
        opens: the part of an address that shows one notebook alone.
    """

    address: str
    token: str
    folder: Path
    own: Path
    opens: str

    @property
    def settings(self) -> Path:
        return self.own / "lab" / "user-settings"

    def use_theme(self, theme: str) -> None:
        """ "Light" or "Dark", for notebooks opened from now on."""
        name = "@jupyterlab/apputils-extension/themes"
        write_settings(self.settings, {name: {"theme": f"JupyterLab {theme}"}})

    def page(self, notebook: str) -> str:
        """Where a notebook of the folder is shown alone."""
        return f"{self.address}/{self.opens}/{notebook}?token={self.token}&reset"

    def connection_file(self, notebook: str) -> Path:
        """How another client reaches the kernel of a notebook that is open."""
        kernel = self._sessions()[notebook]["kernel"]["id"]
        return self.own / "runtime" / f"kernel-{kernel}.json"

    def end_kernel(self, notebook: str) -> None:
        """Shut a notebook's kernel down; one holds half a gigabyte, and nobody asks it again."""
        if session := self._sessions().get(notebook):
            self._ask("DELETE", f"sessions/{session['id']}")

    def _sessions(self) -> dict[str, Any]:
        """What runs, by notebook."""
        return {one["path"]: one for one in json.loads(self._ask("GET", "sessions"))}

    def _ask(self, method: str, path: str) -> bytes:
        address = f"{self.address}/api/{path}?token={self.token}"
        with urllib.request.urlopen(urllib.request.Request(address, method=method)) as answer:
            return answer.read()


def write_settings(folder: Path, settings: dict[str, dict[str, object]]) -> None:
    for name, values in settings.items():
        path = folder / f"{name}.jupyterlab-settings"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(values))


@contextmanager
def serving(module: str, opens: str, folder: Path, own: Path) -> Iterator[Server]:
    """Run `python -m MODULE` on a folder of notebooks until the block ends."""
    port, token = _free_port(), secrets.token_hex(16)
    server = Server(f"http://127.0.0.1:{port}", token, folder, own, opens)
    write_settings(server.settings, SETTINGS)
    command = [sys.executable, "-m", module, "--no-browser", "--allow-root"]
    command += [f"--ServerApp.port={port}", "--ServerApp.ip=127.0.0.1"]
    command += [f"--ServerApp.root_dir={folder}"]
    environment = {
        **os.environ,
        "JUPYTER_TOKEN": token,
        "JUPYTER_CONFIG_DIR": str(own),
        "JUPYTER_DATA_DIR": str(own / "share"),
        "JUPYTER_RUNTIME_DIR": str(own / "runtime"),
        "MMLAB_STATIC": "0",
    }
    process = subprocess.Popen(command, env=environment, cwd=folder)
    try:
        _wait_until_up(server, process)
        yield server
    finally:
        process.terminate()
        process.wait(timeout=60)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _wait_until_up(server: Server, process: subprocess.Popen[bytes]) -> None:
    give_up = time.monotonic() + START_SECONDS
    while time.monotonic() < give_up and process.poll() is None:
        try:
            urllib.request.urlopen(f"{server.address}/api/status?token={server.token}", timeout=5)
            return
        except (urllib.error.URLError, OSError):
            time.sleep(0.3)
    pytest.fail("Jupyter did not start; its log is shown above")
