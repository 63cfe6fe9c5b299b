"""Points drawn by plotly in WebGL: one trace, so that a place in it is a point of the map."""

from __future__ import annotations

from html import escape
from typing import Any

import ipywidgets
import numpy as np
import plotly.graph_objects as go

from mmlab.views.map.engine import DrawOrder, Label, Overlay, Reactions, Tool, extent
from mmlab.views.map.look import NONE_COLOUR, Look
from mmlab.views.map.plotly_events import PlotlyEvents
from mmlab.views.map.plotly_figure import LateFigure
from mmlab.views.theme import plotly_layout

SYMBOLS = {"circle": 0, "diamond": 2, "square": 1, "triangle-up": 5, "x": 4, "cross": 3, "star": 17}
"""By plotly's numbers, as it takes 2 s to check the names of 50,000."""

DRAG_MODES = {"lasso": "lasso", "box": "select", "move": "pan"}
RING_PIXELS = 8
STAR_SIZE, LABEL_SIZE = 17, 13
WIDE = 0.6
"""Of a letter's size: how wide one is, about."""

PALE = 0.2
"""Of points that are not lit: there to see on white and on black."""


class PlotlyEngine:
    """See `mmlab.views.map.engine.Engine`.

    Lines, rings, star and labels are shapes and annotations: plotly draws those anew without
    touching the points, and the stylesheet gives them the page's colours.
    """

    only_dots = False

    def __init__(self, count: int, reactions: Reactions, size: tuple[int, int]) -> None:
        self._order, self._reactions = DrawOrder(count), reactions
        self._points = np.zeros((count, 2), np.float32)
        self._visible, self._outlined = np.ones(count, bool), False
        self._lit: list[int] | None = None  # places in the trace; plotly's own word changes late
        layout = {**plotly_layout(), "width": size[0], "height": size[1], "hoverdistance": 12}
        layout |= {"dragmode": "lasso", "showlegend": False, "hovermode": "closest"}
        # At the edges plotly drags an axis; a margin would bring that into the canvas.
        layout["margin"] = dict.fromkeys("lrtb", 0)
        self.figure = LateFigure(data=[_trace(count)], layout=layout)
        self.figure._config = {"scrollZoom": True, "displayModeBar": False, "doubleClick": False}
        self._trace = self.figure.data[0]
        self.canvas = ipywidgets.Box([self.figure, PlotlyEvents(self._on_event)])

    def draw(self, points: np.ndarray, look: Look) -> None:
        """Draw all points and bring them into view."""
        self._points = points
        with self.figure.batch_update():
            self._place()
            self.recolour(look)
            self.fit()

    def recolour(self, look: Look) -> None:
        """Change colours and shapes; a colour is its place on a scale of the palette."""
        last = max(len(look.palette) - 1, 1)
        scale = [[place / last, colour] for place, colour in enumerate(look.palette)]
        scale += [[1, scale[0][1] if scale else NONE_COLOUR]] * (len(scale) < 2)
        marker = {"color": look.codes[self._order.rows], "cmin": 0, "cmax": last}
        marker["colorscale"] = scale if look.palette else [[0, NONE_COLOUR], *scale]
        marker["symbol"] = np.array([*SYMBOLS.values()])[look.shapes[self._order.rows]]
        self._trace.update(marker=marker)

    def show(self, visible: np.ndarray) -> None:
        """Hidden points have no place, so that no lasso finds them."""
        self._visible = visible
        with self.figure.batch_update():
            self._place()

    def light(self, rows: np.ndarray | None) -> None:
        """Let all others turn pale; a drawn outline goes."""
        if self._outlined:
            # Python's figure is never told of outlines: by itself it would not send this.
            self.figure._send_relayout_msg({"selections": []})
        self._outlined = False
        self._lit = None if rows is None else self._order.places[rows].tolist()
        with self.figure.batch_update():
            self._trace.selectedpoints = self._lit

    def overlay(self, overlay: Overlay) -> None:
        """Lines and rings as shapes, star and labels as annotations."""
        clear = [one for one in overlay.labels if not self._covers(overlay.star, one)]
        labels = [_annotation(one, size=LABEL_SIZE) for one in clear]
        if overlay.star:
            labels.append(_starred(overlay.star, right=self._is_right(overlay.star)))
        with self.figure.batch_update():
            self.figure.layout.shapes = [*_lines(overlay.joined), *map(_ring, overlay.joined)]
            self.figure.layout.annotations = labels

    def use(self, tool: Tool) -> None:
        """What dragging does."""
        self.figure.layout.dragmode = DRAG_MODES[tool]

    def fit(self) -> None:
        """Bring all points into view, also where Python was not told of the last zoom."""
        (x, y), half = extent(self._points)
        wide = self.figure.layout.width / self.figure.layout.height
        across = [x - half * max(wide, 1), x + half * max(wide, 1)]
        up = [y - half / min(wide, 1), y + half / min(wide, 1)]
        with self.figure.batch_update():
            self.figure.layout.update(xaxis_range=across, yaxis_range=up)
        self.figure._send_relayout_msg({"xaxis.range": across, "yaxis.range": up})

    def resize(self, width: int, height: int) -> None:
        """Pixels of the canvas."""
        with self.figure.batch_update():
            self.figure.layout.update(width=width, height=height)
            self.fit()

    def paint(self, background: str) -> None:
        """The canvas is transparent."""

    def _place(self) -> None:
        shown = np.where(self._visible[:, None], self._points, np.nan)[self._order.rows]
        self._trace.update(x=shown[:, 0], y=shown[:, 1])

    def _is_right(self, star: Label) -> bool:
        return bool(star.x > extent(self._points)[0][0])

    def _covers(self, star: Label | None, label: Label) -> bool:
        """Whether the star's words lie over a label where all points are in view."""
        if star is None:
            return False
        size = min(self.figure.layout.width, self.figure.layout.height)
        pixels = size / 2 / extent(self._points)[1]
        half = (len(star.words) + 2) * STAR_SIZE * WIDE / 2
        middle = star.x * pixels + (-half if self._is_right(star) else half)
        reach = half + len(label.words) * LABEL_SIZE * WIDE / 2
        near = abs(label.y - star.y) * pixels < STAR_SIZE * 1.2
        return near and abs(label.x * pixels - middle) < reach

    def _on_event(self, kind: str, places: np.ndarray) -> None:
        rows = self._order.rows[places]
        if kind == "echo":  # of an outline that `light` took away
            self._light_again()
        elif kind == "select":
            self._outlined = True
            self._reactions.select(rows)
        elif len(rows):
            getattr(self._reactions, kind)(int(rows[0]))

    def _light_again(self) -> None:
        """With an outline the browser takes the light of all points, also of those lit since."""
        self.figure._send_restyle_msg({"selectedpoints": [self._lit]}, [0])


def _trace(count: int) -> go.Scattergl:
    size = float(np.clip(700 / max(count, 1) ** 0.55, 4, 10))
    return go.Scattergl(
        x=[],
        y=[],
        mode="markers",
        hoverinfo="none",
        marker={"size": size, "opacity": 0.8, "line": {"width": 0}},
        selected={"marker": {"opacity": 0.95}},
        unselected={"marker": {"opacity": PALE}},
    )


def _lines(joined: np.ndarray) -> list[dict[str, Any]]:
    """From the point under the pointer to the clip's other points."""
    line = {"width": 1.2, "color": "#808080"}
    return [
        {"type": "line", "x0": x0, "y0": y0, "x1": x1, "y1": y1, "line": line}
        for (x0, y0), (x1, y1) in zip(joined[:1].repeat(len(joined), 0), joined, strict=True)
    ][1:]


def _ring(point: np.ndarray) -> dict[str, Any]:
    pixels = {"xsizemode": "pixel", "ysizemode": "pixel", "x0": -RING_PIXELS, "x1": RING_PIXELS}
    place = {"xanchor": point[0], "yanchor": point[1], "y0": -RING_PIXELS, "y1": RING_PIXELS}
    return {"type": "circle", **pixels, **place, "line": {"width": 2, "color": "#808080"}}


def _starred(star: Label, *, right: bool) -> dict[str, Any]:
    """The star with its words, on the side of it where there is room."""
    words = f"{star.words} ★" if right else f"★ {star.words}"
    place = {"xanchor": "right", "xshift": 9} if right else {"xanchor": "left", "xshift": -9}
    return _annotation(star._replace(words=words), size=STAR_SIZE, **place)


def _annotation(label: Label, *, size: int, **place: Any) -> dict[str, Any]:
    """Words that the stylesheet colours; what they hold is text, never markup."""
    words = escape(label.words)
    return {"x": label.x, "y": label.y, "text": f"<b>{words}</b>", "showarrow": False,
            "font": {"size": size}, "captureevents": False, **place}  # fmt: skip
