"""The notebooks as committed: nothing executed in them, prose before code, cells that fit."""

from __future__ import annotations

import ast
import json
from pathlib import Path

import pytest

NOTEBOOKS = sorted((Path(__file__).parents[1] / "notebooks").glob("*.ipynb"))
TOUR = [
    "01_quickstart",
    "02_training",
    "03_embedding_space",
    "04_attention",
    "05_retrieval",
    "06_localisation",
    "07_your_own_videos",
    "08_reproduce_the_paper",
    "09_ablations",
]
LONGEST_CELL_LINES = 20
LONGEST_FUNCTION_LINES = 8

every_notebook = pytest.mark.parametrize(
    "notebook",
    [json.loads(path.read_text(encoding="utf-8")) for path in NOTEBOOKS],
    ids=[path.stem for path in NOTEBOOKS],
)


def source(cell: dict) -> str:
    return "".join(cell["source"])


def code_cells(notebook: dict) -> list[dict]:
    return [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]


def test_they_are_all_there_in_order():
    assert [path.stem for path in NOTEBOOKS] == TOUR


@every_notebook
def test_holds_nothing_executed(notebook):
    assert all(not cell["outputs"] for cell in code_cells(notebook)), "make format strips them"
    assert all(cell["execution_count"] is None for cell in code_cells(notebook))
    assert "widgets" not in notebook["metadata"]


@every_notebook
def test_names_the_kernel_that_every_install_has_and_no_exact_python(notebook):
    assert notebook["metadata"]["kernelspec"] == {
        "display_name": "Python 3 (ipykernel)",
        "language": "python",
        "name": "python3",
    }
    assert "version" not in notebook["metadata"].get("language_info", {})


@every_notebook
def test_opens_with_a_title_and_closes_with_prose(notebook):
    first, *_, last = notebook["cells"]
    assert first["cell_type"] == "markdown"
    assert source(first).startswith("# ")
    assert last["cell_type"] == "markdown"


@every_notebook
def test_has_prose_before_every_code_cell(notebook):
    kinds = [cell["cell_type"] for cell in notebook["cells"]]
    before_code = [kinds[index - 1] for index, kind in enumerate(kinds) if kind == "code"]
    assert set(before_code) == {"markdown"}


@every_notebook
def test_code_cells_fit_the_eye(notebook):
    too_long = [
        source(cell)
        for cell in code_cells(notebook)
        if len(source(cell).splitlines()) > LONGEST_CELL_LINES
    ]
    assert not too_long


@every_notebook
def test_long_functions_live_in_the_library(notebook):
    functions = [
        node
        for cell in code_cells(notebook)
        for node in ast.walk(ast.parse(source(cell)))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    lengths = {one.name: (one.end_lineno or one.lineno) - one.lineno + 1 for one in functions}
    assert {name: n for name, n in lengths.items() if n > LONGEST_FUNCTION_LINES} == {}


@every_notebook
def test_one_cell_is_the_main_view_that_the_readme_shows(notebook):
    tags = [tag for cell in code_cells(notebook) for tag in cell["metadata"].get("tags", [])]
    assert tags.count("main-view") == 1
