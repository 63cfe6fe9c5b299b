"""The legend: one button per category, the same for every engine."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import anywidget
import numpy as np
import traitlets

from mmlab.views.counted import counted
from mmlab.views.map.look import Look
from mmlab.views.stylesheet import stylesheet


class MapLegend(anywidget.AnyWidget):
    """Buttons that hide and show categories, or the steps of a scale.

    It also carries the map's stylesheet, tells when Escape is pressed anywhere in the map, which
    key was held when the canvas was last pressed, whether it was dragged over since, and which
    background and how much room the page has.

    Attributes:
        hidden: the places of the categories that are not shown.
        background: of the page, as "#rrggbb".
        room: how wide the map can be in the page, in pixels; 0 until that is known.
        held: "add" for Shift, "take" for Alt, "" for neither.
        dragged: whether the last press on the canvas was more than a click.
    """

    _esm = Path(__file__).with_name("legend.js")
    _css = stylesheet(Path(__file__).with_name("map.css"))

    column = traitlets.Unicode().tag(sync=True)
    entries: Any = traitlets.List().tag(sync=True)
    scale: Any = traitlets.Dict().tag(sync=True)
    shapes: Any = traitlets.Dict().tag(sync=True)
    hidden: Any = traitlets.List(traitlets.Int()).tag(sync=True)
    background = traitlets.Unicode().tag(sync=True)
    room = traitlets.Int().tag(sync=True)

    def __init__(self, on_escape: Callable[[], None]) -> None:
        super().__init__()
        self.held, self.dragged, self._on_escape = "", False, on_escape
        self.on_msg(self._hear)
        self.add_class("mmlab-map-legend")

    def show(self, look: Look, *, shapes: bool) -> None:
        """Explain another look, with its shapes if they are drawn; everything is shown again."""
        marks = look.marks if shapes else [0] * len(look.names)
        rows = zip(look.names, look.counts, look.palette, marks, strict=False)
        keys = ("name", "count", "colour", "mark")
        with self.hold_sync():
            self.column, self.hidden = look.column, []
            self.entries = [dict(zip(keys, row, strict=True)) for row in rows]
            self.scale = {}
            if look.ends:
                low, high = look.ends
                without = int((look.codes == len(look.palette) - 1).sum())
                told = f"grey: no value ({counted(without, 'point')})" if without else ""
                ends = {"low": low, "high": high, "rest": told}
                self.scale = {"colours": look.palette[:-1], **ends}
            self.shapes = {
                "column": look.shape_column,
                "names": list(look.shape_names) if shapes else [],
            }

    @property
    def hidden_names(self) -> list[str]:
        """The categories that are not shown."""
        return [self.entries[place]["name"] for place in sorted(self.hidden)]

    def hide(self, names: Sequence[str]) -> None:
        """Show all categories but these."""
        places = enumerate(entry["name"] for entry in self.entries)
        self.hidden = [place for place, name in places if name in names]

    def shown(self, look: Look) -> np.ndarray:
        """(n,) bool: the points whose category is not hidden."""
        return ~np.isin(look.codes, self.hidden)

    def _hear(self, _: Any, message: dict[str, str], __: Any) -> None:
        if message["kind"] == "escape":
            self._on_escape()
        elif message["kind"] == "drag":
            self.dragged = True
        else:
            self.held, self.dragged = message["held"], False
