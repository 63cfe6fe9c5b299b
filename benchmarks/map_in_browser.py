"""How soon 100,000 points are drawn in a real JupyterLab, and how soon they answer a lasso.

A headless Chromium with software GL opens a notebook with `EmbeddingMap` and drags around half of
the points, as a hand would. `mmlab bench map` measures the Python side alone. Run from a checkout:

    python -m benchmarks.map_in_browser --out docs/bench-map-browser.json
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path
from statistics import median
from typing import Any

from playwright.sync_api import Locator, Page, sync_playwright

from mmlab.bench.machine import environment
from tests.browser.conftest import CHROMIUM, FLAGS
from tests.browser.corpus import write_notebook
from tests.browser.gestures import drag
from tests.browser.opened import Opened
from tests.browser.server import serving

MAP = """from mmlab.bench.map import mixture
from mmlab.views import EmbeddingMap
view = EmbeddingMap(mixture({points}, 256), method="pca", labels=False)"""
SHOW = "view"
HALVES = ([(0.02, 0.02), (0.5, 0.02), (0.5, 0.98), (0.02, 0.98), (0.02, 0.04)],
          [(0.98, 0.02), (0.5, 0.02), (0.5, 0.98), (0.98, 0.98), (0.98, 0.04)])  # fmt: skip
"""Loops around the left and the right half, as shares of the canvas."""

FIRST_HAS_RUN = """() => /\\d/.test(
    document.querySelector(".jp-CodeCell .jp-InputPrompt").textContent)"""

SECONDS = "() => performance.now() / 1000"

DRAWN = """async () => {  // the canvas shows more than its background, and the main thread is free
    const small = new OffscreenCanvas(96, 96).getContext("2d", { willReadFrequently: true });
    for (;;) {
        await new Promise((again) => requestAnimationFrame(again));
        const canvas = document.querySelector(".mmlab-map-canvas canvas");
        if (!canvas?.width) continue;
        small.drawImage(canvas, 0, 0, 96, 96);
        const bytes = new Uint32Array(small.getImageData(0, 0, 96, 96).data.buffer);
        if (new Set(bytes).size > 50) return performance.now() / 1000;
    }
}"""

WATCH = """() => {  // when the mouse goes up, and when count and gallery tell of another selection
    const count = document.querySelector(".mmlab-map-count");
    const gallery = document.querySelector(".mmlab-map-gallery");
    const before = count.innerText;
    window.answered = new Promise((done) => {
        let up, cards;
        window.addEventListener("mouseup", () => { up = performance.now(); }, { capture: true,
                                                                               once: true });
        const changes = new MutationObserver(() => {
            if (!up || count.innerText === before || !gallery.querySelector(".mmlab-card")) return;
            changes.disconnect();
            requestAnimationFrame(() => setTimeout(() => done((performance.now() - up) / 1000)));
        });
        changes.observe(count, { subtree: true, childList: true, characterData: true });
        changes.observe(gallery, { subtree: true, childList: true, characterData: true });
    });
}"""


def measure(points: int, lassos: int) -> dict[str, Any]:
    """Seconds until the points are drawn, and of each lasso until its answer is shown."""
    with tempfile.TemporaryDirectory() as name, sync_playwright() as playwright:
        folder, own = Path(name) / "notebooks", Path(name) / "jupyter"
        folder.mkdir()
        write_notebook(folder / "map.ipynb", [MAP.format(points=points), SHOW])
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        with serving("jupyterlab", "doc/tree", folder, own) as server:
            page = browser.new_page(viewport={"width": 1360, "height": 1300})
            opened = Opened(page, server, "map.ipynb")
            opened.go()
            drawn = _draw(opened)
            answers = [_lasso(opened, HALVES[number % 2]) for number in range(lassos)]
            opened.close()
        browser.close()
    return {"points": points, "drawn": drawn, "lassos": answers}


def _draw(opened: Opened) -> float:
    """Seconds from the run of the cell that shows the map to a canvas with all its points."""
    page = opened.page
    cells = page.locator(".jp-CodeCell")
    for number in range(2):
        cells.nth(number).locator(".cm-content").click()
        started = page.evaluate(SECONDS)
        page.keyboard.press("Control+Enter")
        if number == 0:
            page.wait_for_function(FIRST_HAS_RUN)
    return page.evaluate(DRAWN) - started


def _lasso(opened: Opened, outline: list[tuple[float, float]]) -> dict[str, float]:
    """Seconds from the mouse up, and how many points the loop held."""
    page: Page = opened.page
    canvas: Locator = page.locator(".mmlab-map-canvas canvas").first
    page.evaluate(WATCH)
    drag(canvas, outline)
    seconds = page.evaluate("() => window.answered")
    page.wait_for_timeout(1000)
    return {"points": opened.ask("len(view.selection)"), "seconds": seconds}


def main() -> None:
    """Measure, print and keep the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--points", type=int, default=100_000)
    parser.add_argument("--lassos", type=int, default=10)
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    if CHROMIUM is None:
        raise SystemExit("no Chromium on this machine; `apt install chromium`")
    report = {"environment": environment("cpu"), **measure(given.points, given.lassos)}
    report["lasso_median"] = median(one["seconds"] for one in report["lassos"])
    text = json.dumps(report, indent=2) + "\n"
    print(text, end="")
    if given.out:
        given.out.write_text(text)


if __name__ == "__main__":
    main()
