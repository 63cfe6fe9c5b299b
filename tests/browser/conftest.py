"""JupyterLab and Notebook 7 in a headless Chromium, and a tiny corpus to look at in them."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect, sync_playwright

from tests.browser.corpus import make_corpus
from tests.browser.opened import PATIENCE, Opened
from tests.browser.server import Server, serving

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"]
FLAGS += ["--disable-background-networking", "--disable-component-update", "--disable-sync"]
FLAGS += ["--enable-blink-features=ComputedAccessibilityInfo"]  # what a screen reader would say
# A microphone that beeps once a second, and nobody is asked.
FLAGS += ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]

expect.set_options(timeout=PATIENCE)


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder, own = tmp_path_factory.mktemp("notebooks"), tmp_path_factory.mktemp("jupyter")
    with serving("jupyterlab", "doc/tree", folder, own) as server:
        yield server


@pytest.fixture(scope="session")
def notebook7(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder, own = tmp_path_factory.mktemp("notebooks7"), tmp_path_factory.mktemp("jupyter7")
    with serving("notebook", "notebooks", folder, own) as server:
        yield server


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    if CHROMIUM is None:
        pytest.skip("no Chromium on this machine; `apt install chromium`")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield chromium
        chromium.close()


@pytest.fixture(scope="session")
def views_corpus(media_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a dataset of a few clips and a model that has learnt nothing."""
    return make_corpus(media_folder, tmp_path_factory.mktemp("corpus"))


@pytest.fixture
def open_notebook(request: pytest.FixtureRequest) -> Iterator[Callable[..., Opened]]:
    """Copy a notebook into a served folder (JupyterLab's by default) and open it alone."""
    browser: Browser = request.getfixturevalue("browser")
    notebooks = []

    def open_it(notebook: Path, server: Server | None = None, *, height: int = 1000) -> Opened:
        server = server or request.getfixturevalue("lab")
        shutil.copy(notebook, server.folder / notebook.name)
        page = browser.new_page(viewport={"width": 1360, "height": height})
        notebooks.append(Opened(page, server, notebook.name))
        notebooks[-1].go()
        return notebooks[-1]

    yield open_it
    for opened in notebooks:
        opened.close()
