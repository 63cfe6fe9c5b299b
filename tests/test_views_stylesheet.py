"""The colours of every view: one file, the palette of the pictures, and no other names."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import mmlab
from mmlab.views import theme
from mmlab.views.stylesheet import COLOURS, stylesheet

PACKAGE = Path(mmlab.__file__).parent
SHEETS = sorted(PACKAGE.rglob("*.css"))


def test_a_modality_has_the_colour_it_has_in_pictures():
    set_to = dict(re.findall(r"--mmlab-(\w+): (#\w{6});", COLOURS.read_text()))
    palette = {**theme.MODALITY_COLOURS, "fused": theme.FUSED}
    assert set_to == {name: colour.lower() for name, colour in palette.items()}


def test_a_stylesheet_stands_alone():
    own = COLOURS.with_name("recall_matrix.css")
    assert stylesheet(own) == f"{COLOURS.read_text()}\n{own.read_text()}"


@pytest.mark.parametrize("sheet", SHEETS, ids=lambda sheet: sheet.name)
def test_every_name_is_set_somewhere(sheet):
    """A misspelt variable is no error in a browser: the colour is missing."""
    scripts = [path.read_text() for path in PACKAGE.rglob("*.js")]
    sources = "".join([stylesheet(sheet), *scripts])
    used = set(re.findall(r"var\((--mmlab-[\w-]+)\)", sheet.read_text()))
    missing = {name for name in used if not re.search(rf"{name}(:|\")", sources)}
    assert missing == set()
