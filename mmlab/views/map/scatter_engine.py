"""Points drawn by jupyter-scatter, which stays quick with a million of them.

It draws dots, lines and a star, but neither shapes nor words: above 50,000 points shapes could
not be told apart in any case, and the groups' names stand in the still picture.
"""

from __future__ import annotations

from typing import Any

import jscatter
import numpy as np
import pandas as pd
from matplotlib.colors import to_rgba

from mmlab.views.map.engine import DrawOrder, Label, Overlay, Reactions, Tool, extent
from mmlab.views.map.look import Look

LASSOS = {"lasso": "freeform", "box": "rectangle"}
KEYS: dict[str, Any] = {"actionKeyMap": {}}
"""None: what keys do is the map's."""

GREY = "#808080"
STAR = {"#000000": 9, "#FFD500": 4}
"""Colours and widths of its lines, one over the other: it is there to see on any dots and page."""

UNLIT = 0.4
"""Of the others' opacity: pale, but there to see on white and on black."""


class ScatterEngine:
    """See `mmlab.views.map.engine.Engine`."""

    only_dots = True

    def __init__(self, count: int, reactions: Reactions, size: tuple[int, int]) -> None:
        self._order, self._reactions = DrawOrder(count), reactions
        self._table = pd.DataFrame(
            {"x": np.zeros(count), "y": 0.0, "code": pd.Categorical([0] * count)}
        )
        self._scatter = jscatter.Scatter("x", "y", data=self._table, width=size[0], height=size[1])
        self._scatter.axes(axes=False).legend(False).tooltip(False).reticle(show=False)
        self._scatter.options(regl_scatterplot_options=KEYS)
        self._scatter.opacity(default=0.7, unselected=UNLIT)
        self._scatter.size(default=float(np.clip(700 / max(count, 1) ** 0.55, 3, 10)))
        self._scatter.mouse("lasso")
        self.canvas = self._scatter.widget
        self.canvas.toolbar_buttons = []
        self._looped: np.ndarray | None = None
        self._listen()

    def draw(self, points: np.ndarray, look: Look) -> None:
        """Draw all points and bring them into view."""
        self._middle, self._half = extent(points)
        drawn = points[self._order.rows]
        self._table = self._table.assign(x=drawn[:, 0], y=drawn[:, 1])
        self.recolour(look)
        self.fit()

    def recolour(self, look: Look) -> None:
        """Change the colours; the palette's places are categories."""
        codes = look.codes[self._order.rows]
        places = pd.Categorical(codes, categories=range(len(look.palette)))
        self._table = self._table.assign(code=places)
        (x, y), half = self._middle, self._half
        # The browser may see none of the steps: it draws no second points while it draws the first,
        # and fails at the single colour between two palettes.
        with self.canvas.hold_sync():
            self._scatter.color(by=None, map=None, order=None)  # those of another palette
            self._scatter.data(self._table)
            self._scatter.x("x", scale=(x - half, x + half), animate=False)
            self._scatter.y("y", scale=(y - half, y + half), animate=False)
            self._scatter.color(by="code", map=dict(enumerate(look.palette)))
            self.canvas.prevent_filter_reset = True

    def show(self, visible: np.ndarray) -> None:
        """Hide the points that are not in (n,) bool."""
        kept = np.flatnonzero(visible[self._order.rows])
        self._scatter.filter(None if visible.all() else kept)

    def light(self, rows: np.ndarray | None) -> None:
        """Let all others turn pale; None lights all.

        It is sent in any case, as the browser may have lit others that Python never heard of,
        except for what a loop holds: that is lit there, and 50,000 points take their time.
        """
        places = np.zeros(0, int) if rows is None else self._order.places[rows]
        if self._looped is not None and np.array_equal(self._looped, np.sort(places)):
            return
        self.canvas.unobserve(self._on_selection, "selection")
        if np.array_equal(self.canvas.selection, places):
            self.canvas.send_state("selection")
        else:
            self._scatter.selection(places)
        self.canvas.observe(self._on_selection, "selection")

    def overlay(self, overlay: Overlay) -> None:
        """Lines, and a star of lines; it has no words."""
        lines = [_line([overlay.joined[0], point]) for point in overlay.joined[1:]]
        if overlay.star:
            outline = _star(overlay.star, self._half / 22)
            lines += [_line(outline, width, colour) for colour, width in STAR.items()]
        self._scatter.annotations(lines)

    def use(self, tool: Tool) -> None:
        """What dragging does."""
        self._scatter.mouse("panZoom" if tool == "move" else "lasso")
        if tool != "move":
            self._scatter.lasso(type=LASSOS[tool])

    def fit(self) -> None:
        """Bring all points into view."""
        self.canvas.reset_view()

    def resize(self, width: int, height: int) -> None:
        """Pixels of the canvas."""
        self._scatter.width(width).height(height)
        # Where it shows no axes, that reaches only the box around what it draws.
        pixels = {"width": width, "height": height}
        self._scatter.options(regl_scatterplot_options={**KEYS, **pixels})

    def paint(self, background: str) -> None:
        """Take over the page's background; `Scatter.background` would bring axes and a legend."""
        self.canvas.background_color = to_rgba(background)

    def _listen(self) -> None:
        self.canvas.observe(self._on_selection, "selection")
        self.canvas.observe(self._on_loop, "lasso_selection_polygon")
        self.canvas.observe(self._on_hover, "hovering")

    def _on_selection(self, change: Any) -> None:
        """One point is a click; what a loop holds counts when the loop is told, just after."""
        places = np.array([] if change["new"] is None else change["new"], int)
        if len(places) == 1:
            self._reactions.click(int(self._order.rows[places[0]]))
        elif not len(places):
            self._reactions.select(places)

    def _on_loop(self, change: Any) -> None:
        """Also one that holds what was lit before, which is no change of the selection."""
        if change["new"] is None or not len(change["new"]):  # it went, with what it held
            return
        places = np.array([] if self.canvas.selection is None else self.canvas.selection, int)
        self._looped = np.sort(places)
        self._reactions.select(self._order.rows[places])
        self._looped = None

    def _on_hover(self, change: Any) -> None:
        if change["new"] is not None and change["new"] >= 0:
            self._reactions.hover(int(self._order.rows[change["new"]]))


def _line(points: Any, width: int = 1, colour: str = GREY) -> jscatter.Line:
    return jscatter.Line([tuple(map(float, point)) for point in points], colour, width)


def _star(place: Label, radius: float) -> np.ndarray:
    """The outline (11, 2) of a five-pointed star."""
    angles = np.pi / 2 + np.arange(11) * np.pi / 5
    lengths = radius * np.where(np.arange(11) % 2, 0.45, 1)
    spokes = np.stack([np.cos(angles), np.sin(angles)], axis=1) * lengths[:, None]
    return np.array([place.x, place.y]) + spokes
