"""JupyterLab on a free loopback port, and a headless Chromium that opens notebooks in it."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, expect, sync_playwright

CHECKOUT = Path(__file__).parents[2]
SCREENSHOTS = CHECKOUT / "build" / "screenshots"
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"]
FLAGS += ["--disable-background-networking", "--disable-component-update", "--disable-sync"]
START_SECONDS = 90
RUN_ALL_SECONDS = 300

SETTINGS = {
    # All cells stay in the page, so that a test can look at any of them.
    "@jupyterlab/notebook-extension/tracker": {"windowingMode": "none"},
    # Nothing is asked of the net.
    "@jupyterlab/apputils-extension/notification": {
        "fetchNews": "false",
        "checkForUpdates": False,
    },
}

BENIGN = ("/api/workspaces/",)
"""Parts of console errors that are not ours: a workspace is asked for before it is first saved."""


@dataclass
class Lab:
    """A running JupyterLab that serves one folder."""

    address: str
    token: str
    folder: Path
    settings: Path

    def use_theme(self, theme: str) -> None:
        """ "Light" or "Dark", for notebooks opened from now on."""
        write_settings(
            self.settings,
            {"@jupyterlab/apputils-extension/themes": {"theme": f"JupyterLab {theme}"}},
        )


@dataclass
class Opened:
    """A notebook in the browser, with what went wrong there."""

    page: Page
    errors: list[str] = field(default_factory=list)

    def listen(self, message: ConsoleMessage) -> None:
        where = f"{message.text} {message.location.get('url', '')}"
        if message.type == "error" and not any(part in where for part in BENIGN):
            self.errors.append(where)

    def run_all(self) -> None:
        """Run All Cells from the menu, and wait until every cell has its number."""
        self.page.get_by_role("menuitem", name="Run", exact=True).click()
        self.page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
        numbered = """() => {
            const cells = [...document.querySelectorAll('.jp-CodeCell')];
            const number = (cell) => cell.querySelector('.jp-InputPrompt').textContent;
            return cells.length && cells.every((cell) => /\\d/.test(number(cell)));
        }"""
        self.page.wait_for_function(numbered, timeout=1000 * RUN_ALL_SECONDS)
        failed = self.page.locator('[data-mime-type="application/vnd.jupyter.error"]')
        expect(failed).to_have_count(0)

    def screenshot(self, name: str, selector: str | None = None) -> Path:
        """Save what is seen (of one element) as build/screenshots/NAME.png."""
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        path = SCREENSHOTS / f"{name}.png"
        target = self.page.locator(selector).first if selector else self.page
        target.screenshot(path=path)
        return path


def write_settings(folder: Path, settings: dict[str, dict[str, object]]) -> None:
    for name, values in settings.items():
        path = folder / f"{name}.jupyterlab-settings"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(values))


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_until_up(address: str, token: str, server: subprocess.Popen[bytes]) -> None:
    give_up = time.monotonic() + START_SECONDS
    while time.monotonic() < give_up and server.poll() is None:
        try:
            urllib.request.urlopen(f"{address}/api/status?token={token}", timeout=2)
            return
        except (urllib.error.URLError, OSError):
            time.sleep(0.3)
    pytest.fail("JupyterLab did not start; its log is shown above")


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    folder, own = tmp_path_factory.mktemp("notebooks"), tmp_path_factory.mktemp("jupyter")
    settings = own / "lab" / "user-settings"
    write_settings(settings, SETTINGS)
    port, token = free_port(), secrets.token_hex(16)
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root"]
    command += [f"--ServerApp.port={port}", "--ServerApp.ip=127.0.0.1"]
    command += [f"--ServerApp.root_dir={folder}"]
    environment = {
        **os.environ,
        "JUPYTER_TOKEN": token,
        "JUPYTER_CONFIG_DIR": str(own),
        "JUPYTER_DATA_DIR": str(own / "share"),
        "MMLAB_STATIC": "0",
    }
    server = subprocess.Popen(command, env=environment, cwd=folder)
    address = f"http://127.0.0.1:{port}"
    try:
        wait_until_up(address, token, server)
        yield Lab(address, token, folder, settings)
    finally:
        server.terminate()
        server.wait(timeout=30)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    if CHROMIUM is None:
        pytest.skip("no Chromium on this machine; `apt install chromium`")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield chromium
        chromium.close()


@pytest.fixture
def open_notebook(lab: Lab, browser: Browser) -> Iterator[Callable[[Path], Opened]]:
    """Copy a notebook into the served folder and open it alone in the window."""
    pages = []

    def open_it(notebook: Path) -> Opened:
        shutil.copy(notebook, lab.folder / notebook.name)
        page = browser.new_page(viewport={"width": 1360, "height": 1000})
        pages.append(page)
        opened = Opened(page)
        page.on("console", opened.listen)
        page.on("pageerror", lambda error: opened.errors.append(str(error)))
        page.goto(f"{lab.address}/doc/tree/{notebook.name}?token={lab.token}&reset")
        page.locator(".jp-Notebook .jp-CodeCell").first.wait_for(timeout=1000 * START_SECONDS)
        idle = page.get_by_role("button", name="| Idle")  # before that, Run All asks for a kernel
        idle.wait_for(timeout=1000 * START_SECONDS)
        return opened

    yield open_it
    for page in pages:
        page.close()
