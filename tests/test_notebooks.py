"""The exported notebooks: every figure and widget left a picture that can be seen and heard of."""

from __future__ import annotations

import ast
import base64
import io
import json
import re
import sys
from pathlib import Path
from typing import Any

import pytest
from bs4 import BeautifulSoup, Tag
from PIL import Image

pytestmark = pytest.mark.slow

CHECKOUT = Path(__file__).parents[1]
NOTEBOOKS = sorted((CHECKOUT / "notebooks").glob("*.ipynb"))
FEWEST_COLOURS = 16  # a blank picture has one
SMALLEST_SIDE_PIXELS = 48
NO_DESCRIPTION = "No description has been provided for this image"  # what nbconvert fills in
LEFT_OVER = re.compile(
    r"^(<[\w.]*(Figure|Axes|AxesImage|Line2D)\b|\w+\((children=|\{\s*'data')|<mmlab)"
)

every_notebook = pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)


def page(notebook: Path) -> BeautifulSoup:
    path = CHECKOUT / "build" / "notebooks" / f"{notebook.stem}.html"
    assert path.exists(), f"{path} is missing; make notebooks"
    return BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser")


def code_sources(notebook: Path) -> list[str]:
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    return ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]


def imported_names(trees: list[ast.Module]) -> dict[str, Any]:
    """What the notebook's import statements bind."""
    imports = [
        node
        for tree in trees
        for node in tree.body
        if isinstance(node, ast.Import | ast.ImportFrom)
    ]
    names: dict[str, Any] = {}
    exec(compile(ast.Module(imports, type_ignores=[]), "<imports>", "exec"), names)
    return names


def makes_a_view(call: ast.expr, names: dict[str, Any]) -> bool:
    """Whether an expression calls a class that displays itself, or what is said to return one."""
    if not isinstance(call, ast.Call):
        return False
    head, *attributes = ast.unparse(call.func).split(".")
    called = names.get(head)
    for attribute in attributes:
        called = getattr(called, attribute, None)
    if called is not None and not isinstance(called, type):
        returned = getattr(called, "__annotations__", {}).get("return")
        called = getattr(sys.modules.get(called.__module__), str(returned), returned)
    return isinstance(called, type) and hasattr(called, "_repr_mimebundle_")


def shown(tree: ast.Module) -> list[ast.expr]:
    """The expressions that a cell displays: its last one and what it hands to display()."""
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    displayed = [arg for call in calls if ast.unparse(call.func) == "display" for arg in call.args]
    last = [tree.body[-1].value] if tree.body and isinstance(tree.body[-1], ast.Expr) else []
    return displayed + last


def picture_cells(sources: list[str]) -> list[int]:
    """The code cells that display a figure or a widget, by reading their source."""
    trees = [ast.parse(source) for source in sources]
    names = imported_names(trees)
    views: set[str] = set()
    found = []
    for index, tree in enumerate(trees):
        for node in ast.walk(tree):
            if isinstance(node, ast.Assign) and makes_a_view(node.value, names):
                views.update(ast.unparse(target) for target in node.targets)
        if any(makes_a_view(one, names) or ast.unparse(one) in views for one in shown(tree)):
            found.append(index)
    return found


def opened(image: Tag) -> Image.Image:
    kind, _, encoded = str(image["src"]).partition(",")
    assert re.fullmatch(r"data:image/(png|jpeg);base64", kind), f"not within the page: {kind[:80]}"
    return Image.open(io.BytesIO(base64.b64decode(encoded)))


@every_notebook
def test_every_cell_that_shows_a_figure_or_widget_left_a_picture(notebook):
    sources = code_sources(notebook)
    cells = page(notebook).select(".jp-CodeCell")
    assert len(cells) == len(sources)
    expected = picture_cells(sources)
    assert expected, "a notebook without a picture"
    assert [sources[index] for index in expected if not cells[index].select("img")] == []


@every_notebook
def test_the_main_view_is_a_picture(notebook):
    assert page(notebook).select(".celltag_main-view img")


@every_notebook
def test_every_picture_is_within_the_page_and_not_blank(notebook):
    for image in page(notebook).select("img"):
        picture = opened(image)
        assert min(picture.size) >= SMALLEST_SIDE_PIXELS
        colours = picture.convert("RGB").getcolors(maxcolors=picture.width * picture.height)
        assert len(colours) >= FEWEST_COLOURS, image.get("alt")


@every_notebook
def test_every_picture_has_a_description(notebook):
    descriptions = [str(image.get("alt", "")).strip() for image in page(notebook).select("img")]
    assert not [text for text in descriptions if text in ("", NO_DESCRIPTION)]


@every_notebook
def test_the_page_loads_nothing_from_the_net(notebook):
    loaded = page(notebook).select("[src]") + page(notebook).select("link[href]")
    addresses = [str(one.get("src") or one.get("href")) for one in loaded]
    assert not [address[:80] for address in addresses if address.startswith(("http", "//"))]


@every_notebook
def test_nothing_waits_for_a_kernel_or_failed(notebook):
    soup = page(notebook)
    assert not soup.select('script[type="application/vnd.jupyter.widget-view+json"]')
    assert not soup.select('[data-mime-type="application/vnd.jupyter.error"]')
    printed = [output.get_text().strip() for output in soup.select(".jp-RenderedText")]
    assert not [text for text in printed if LEFT_OVER.match(text) or "Traceback" in text]
