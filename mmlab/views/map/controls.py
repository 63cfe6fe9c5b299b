"""The map's buttons and lists, all of them ordinary controls with a label and a tab stop."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import ipywidgets

from mmlab.views.map.keeping import KINDS

ALL = "all combinations"
OWN = "the point's own"
SAME = "the colour's column"
ASK = "Type words; the nearest points light up."
NO_MODEL = "These vectors came without a model, which a search in words would need."
TOOLS = [("Lasso", "lasso"), ("Box", "box"), ("Move", "move")]
GATHERS = [("New", "new"), ("Add", "add"), ("Take away", "take")]


class MapControls:
    """What stands above and beside the canvas; the map connects it.

    Args:
        columns: that can colour the points.
        shape_columns: that can shape them.
        combinations: of the space.
        searches: whether words can be asked.
    """

    def __init__(
        self,
        columns: Sequence[str],
        shape_columns: Sequence[str],
        combinations: Sequence[str],
        *,
        searches: bool,
    ) -> None:
        several = None if len(combinations) > 1 else "none"
        self.words = ipywidgets.Text(description="Search", continuous_update=False)
        self.words.placeholder = ASK if searches else NO_MODEL
        self.ask = _button("Search", "search", "Light the points nearest to the words")
        self.ask.button_style = "primary"
        self.words.disabled = self.ask.disabled = not searches
        self.clear = _button("Clear", "times", "Light all points again (Escape)")
        self.colour = _list("Colour by", columns)
        self.shape = _list("Shape by", [SAME, *shape_columns])
        self.shown = _list("Show", [ALL, *combinations], display=several)
        self.nearest = _list("Neighbours in", [OWN, *combinations], display=several)
        self.neighbours = _button(
            "Neighbours", "", "List what is nearest to the clip that stands here"
        )
        self.tool = ipywidgets.ToggleButtons(
            options=TOOLS, tooltips=["Drag around points", "Drag a box", "Drag the map"]
        )
        self.tool.style.button_width = "auto"
        self.gather = ipywidgets.ToggleButtons(
            options=GATHERS,
            tooltips=[
                "What you drag around is the selection",
                "It joins the selection (as with Shift held)",
                "It leaves the selection (as with Alt held)",
            ],
        )
        self.gather.style.button_width = "auto"
        self.fit = _button("Fit", "expand", "Bring all points into view")
        self.labels = ipywidgets.ToggleButton(description="Labels", tooltip="Name the groups")
        self.labels.layout.width = "80px"
        self.keep = [
            _button(suffix[1:] if suffix != ".txt" else "ids", "save", f"Keep as {suffix} file")
            for suffix in KINDS
        ]

    def search_row(self) -> ipywidgets.HBox:
        """Words to the nearest points."""
        self.words.layout = {"width": "auto", "flex": "1"}
        return ipywidgets.HBox([self.words, self.ask, self.clear]).add_class("mmlab-map-search")

    def tools_row(self) -> ipywidgets.HBox:
        """What the points look like, which are there, and what dragging does."""
        lists = [self.colour, self.shape, self.shown]
        return _tools([*lists, self.tool, self.gather, self.fit, self.labels])

    def neighbours_row(self) -> ipywidgets.HBox:
        """Of the clip that stands beside the map."""
        return _tools([self.nearest, self.neighbours])

    def keep_row(self) -> ipywidgets.HBox:
        """A selection as files."""
        return _tools([ipywidgets.Label("Keep as"), *self.keep])

    def choose_colour(self, column: str, shape: str | None) -> None:
        """Set both lists; a column that they do not offer joins them."""
        for field, name in ((self.colour, column), (self.shape, shape or SAME)):
            if name not in field.options:
                field.options = [*field.options, name]
            field.value = name

    @property
    def look(self) -> dict[str, Any]:
        """How the map is set: colour, shape if that is a column of its own, and labels."""
        shape = None if self.shape.value == SAME else self.shape.value
        return {"colour": self.colour.value, "shape": shape, "labels": self.labels.value}

    def on_look(self, react: Callable[[Any], None]) -> None:
        """Call back when colour or shape are chosen."""
        self.colour.observe(react, "value")
        self.shape.observe(react, "value")


def _tools(children: list[Any]) -> ipywidgets.HBox:
    row = ipywidgets.HBox(children, layout={"flex_flow": "row wrap", "align_items": "center"})
    return row.add_class("mmlab-map-tools")


def _button(words: str, icon: str, tooltip: str) -> ipywidgets.Button:
    button = ipywidgets.Button(description=words, icon=icon, tooltip=tooltip)
    button.layout.width = "auto"
    return button


def _list(words: str, options: Sequence[Any], display: str | None = None) -> ipywidgets.Dropdown:
    field = ipywidgets.Dropdown(options=options, description=words)
    field.style.description_width = "auto"
    field.layout = {"width": "auto", "max_width": "230px", "display": display}
    return field
