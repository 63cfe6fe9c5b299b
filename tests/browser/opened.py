"""A notebook that is open in the browser: run it, ask its kernel, take pictures of it."""

from __future__ import annotations

import ast
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from jupyter_client import BlockingKernelClient
from playwright.sync_api import ConsoleMessage, Locator, Page

from tests.browser.server import Server

CHECKOUT = Path(__file__).parents[2]
SCREENSHOTS = CHECKOUT / "build" / "screenshots"

PATIENCE = 120_000
"""Milliseconds until something is seen; the machine may be busy with other tests."""

RUN_ALL_SECONDS = 600

BENIGN = ("/api/workspaces/", "/static/notebook/notebook_core.")
"""Parts of errors that are not ours: a workspace is asked for before it is first saved, and
Notebook 7 reads a setting it has not, with an empty notebook too."""

ERRORS = """() => [...document.querySelectorAll('[data-mime-type^="application/vnd.jupyter"]')]
    .map((output) => output.innerText).filter((text) => text.includes('Traceback'))"""

ALL_CELLS_HAVE_RUN = rf"""() => {{
    const cells = [...document.querySelectorAll('.jp-CodeCell')];
    const number = (cell) => cell.querySelector('.jp-InputPrompt').textContent;
    const done = cells.length && cells.every((cell) => /\d/.test(number(cell)));
    return done || ({ERRORS})().length;  // after an error, the others never run
}}"""

KERNEL_IS_IDLE = """() => document.querySelector(
    '.jp-Notebook-ExecutionIndicator[data-status="idle"]')"""


@dataclass
class Opened:
    """A notebook in the browser, with what went wrong there."""

    page: Page
    server: Server
    name: str
    errors: list[str] = field(default_factory=list)

    def go(self) -> None:
        """Open the page and wait for its cells and its kernel."""
        self.page.set_default_timeout(PATIENCE)
        self.page.on("console", self._listen)
        self.page.on("pageerror", lambda error: self._keep_error(f"{error} {error.stack}"))
        with self.page.expect_websocket(lambda line: "/api/kernels/" in line.url):
            self.page.goto(self.server.page(self.name))
        self.page.locator(".jp-Notebook .jp-CodeCell").first.wait_for()
        self.page.wait_for_function(KERNEL_IS_IDLE)  # earlier, Run All asks for a kernel

    def load_again(self) -> None:
        """Save the notebook and reload its page; the kernel stays."""
        with self.page.expect_response(
            lambda answer: answer.request.method == "PUT" and "/api/contents/" in answer.url
        ):
            self.page.keyboard.press("Control+s")
        self.page.reload()
        self.page.locator(".jp-Notebook .jp-CodeCell").first.wait_for()
        self.page.wait_for_function(KERNEL_IS_IDLE)

    def run_all(self) -> None:
        """Run All Cells from the menu, and wait until every cell has its number."""
        self.choose("Run", "Run All Cells")
        self.page.wait_for_function(ALL_CELLS_HAVE_RUN, timeout=1000 * RUN_ALL_SECONDS)
        assert self.page.evaluate(ERRORS) == []

    def choose(self, menu: str, item: str) -> None:
        """Choose an item of a menu at the top."""
        self.page.get_by_role("menuitem", name=menu, exact=True).click()
        self.page.get_by_role("menuitem", name=item, exact=True).click()

    def view(self, css: str) -> Locator:
        """A view by its class, scrolled to the top of what is seen."""
        found = self.page.locator(css).first
        found.wait_for()
        found.evaluate("(element) => element.scrollIntoView()")
        return found

    def ask(self, expression: str) -> Any:
        """The value of a Python expression in the notebook's kernel: plain lists, numbers, texts.

        Raises:
            AssertionError: with the kernel's own words, where the expression fails.
        """
        reply = self._kernel.execute(
            "", user_expressions={"answer": expression}, reply=True, timeout=PATIENCE / 1000
        )
        answer = reply["content"]["user_expressions"]["answer"]
        assert answer["status"] == "ok", f"{expression}: {answer.get('evalue')}"
        return ast.literal_eval(answer["data"]["text/plain"])

    def wait_until(self, expression: str) -> None:
        """Wait until a Python expression in the kernel is true."""
        for _ in range(PATIENCE // 200):
            if self.ask(f"bool({expression})"):
                return
            self.page.wait_for_timeout(200)
        raise AssertionError(f"never true in the kernel: {expression}")

    def listen(self, widget: str, trait: str) -> None:
        """From now on the kernel's list `heard` gathers what a trait becomes.

        What lasts a second or two, a short clip that plays, may be over when it is asked for.
        """
        told = f"lambda change: heard.append(change.new), {trait!r}"
        code = f"heard = []\n{widget}.observe({told})"
        self._kernel.execute_interactive(code, store_history=False, timeout=PATIENCE / 1000)

    def screenshot(self, name: str, css: str | None = None) -> Path:
        """Save what is seen (of one element) as build/screenshots/NAME.png."""
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        path = SCREENSHOTS / f"{name}.png"
        (self.view(css) if css else self.page).screenshot(path=path)
        return path

    def close(self) -> None:
        """Close the page, the line to the kernel and the kernel."""
        self.page.close()
        if "_kernel" in self.__dict__:
            self._kernel.stop_channels()
        self.server.end_kernel(self.name)

    @cached_property
    def _kernel(self) -> BlockingKernelClient:
        file = self.server.connection_file(self.name)
        client = BlockingKernelClient(connection_file=str(file))
        client.load_connection_file()
        client.start_channels()
        client.wait_for_ready(timeout=PATIENCE / 1000)
        return client

    def _listen(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self._keep_error(f"{message.text} {message.location.get('url', '')}")

    def _keep_error(self, words: str) -> None:
        if not any(part in words for part in BENIGN):
            self.errors.append(words)
