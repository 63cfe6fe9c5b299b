"""The map: one point per clip and combination; hover to read and see, click to play."""

from __future__ import annotations

import textwrap
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import ipywidgets
import numpy as np
import pandas as pd

from mmlab.views.map_picture import in_order, map_picture, point_shapes
from mmlab.views.player import ClipPlayer
from mmlab.views.posters import poster_jpeg
from mmlab.views.static import Picture, StandsStill
from mmlab.views.stills import shorten
from mmlab.views.theme import category_colours, plotly_layout

if TYPE_CHECKING:
    from mmlab.dataset import ClipDataset

MOST_CATEGORIES = 24
SYMBOLS = ("circle", "diamond", "square", "triangle-up", "x", "cross", "star")


class EmbeddingMap(StandsStill, ipywidgets.VBox):
    """Points on a plane, coloured by any column of their table.

    Args:
        points: (n, 2), as `project` gives them.
        table: n rows with clip_id and text, and any further columns to colour by.
        dataset: where the clips' media are.
        colour: the column that colours the points at first.
        symbol: a column that gives the points their shape, if any.

    Example:
        >>> vectors, table = clip_points(retriever)
        >>> EmbeddingMap(project(vectors, method="umap"), table, dataset, colour="combination")
    """

    def __init__(
        self,
        points: np.ndarray,
        table: pd.DataFrame,
        dataset: ClipDataset,
        *,
        colour: str = "combination",
        symbol: str | None = None,
    ) -> None:
        if len(points) != len(table):
            raise ValueError(f"{len(points)} points need as many rows, the table has {len(table)}")
        self.points, self.table, self.dataset = points, table.reset_index(drop=True), dataset
        self.symbol = symbol
        self.hover_texts = [_hover_text(row) for row in self.table.to_dict("records")]
        columns = colour_columns(self.table, first=colour)
        self.colour = ipywidgets.Dropdown(options=columns, value=colour, description="Colour by")
        self.figure = _empty_figure()
        self.preview = ipywidgets.Image(format="jpeg", layout={"width": "284px"})
        self.preview_text = ipywidgets.HTML("Hover over a point to see its clip, click to play it.")
        self.player = ClipPlayer(caption="Click a point to play its clip here.")
        self._hovered = ""
        self._draw()
        self.colour.observe(self._draw, "value")
        side = ipywidgets.VBox([self.player, self.preview, self.preview_text])
        side.layout = {"width": "300px", "flex": "none"}
        beside = ipywidgets.HBox([self.figure, side], layout={"flex_flow": "row wrap"})
        super().__init__([self.colour, beside])
        self.add_class("mmlab-map")

    def still(self) -> Picture:
        """The map with its groups named in place."""
        shapes = self.table[self.symbol].astype(str) if self.symbol else None
        column = self.colour.value
        return map_picture(self.points, self.table[column].astype(str), column, shapes=shapes)

    def choose(self, clip_id: str) -> None:
        """Put a clip into the player beside the map."""
        row = self.dataset.row_of(clip_id)
        clip = self.dataset.manifest.iloc[row]
        span = (float(clip.start_seconds), float(clip.end_seconds))
        self.player.show(self.dataset.media_path(row), *span, caption=str(clip.text))

    def _draw(self, _: Any = None) -> None:
        """One trace per value of the colour column, so that the legend shows and hides them."""
        values = self.table[self.colour.value].astype(str)
        colours = category_colours(in_order(values))
        with self.figure.batch_update():
            self.figure.data = ()
            self.figure.add_traces([self._trace(values, value, colours) for value in colours])
        for trace in self.figure.data:
            trace.on_hover(self._on_hover)
            trace.on_click(self._on_click)

    def _trace(self, values: pd.Series, value: str, colours: dict[str, str]) -> Any:
        import plotly.graph_objects as go

        rows = np.flatnonzero((values == value).to_numpy())
        shapes = self.table[self.symbol].astype(str) if self.symbol else None
        numbers = point_shapes(values, shapes)
        return go.Scattergl(
            x=self.points[rows, 0],
            y=self.points[rows, 1],
            name=escape(value),
            mode="markers",
            marker={
                "color": colours[value],
                "size": 7,
                "opacity": 0.8,
                "symbol": [SYMBOLS[numbers[row] % len(SYMBOLS)] for row in rows],
            },
            customdata=rows,
            text=[self.hover_texts[row] for row in rows],
            hovertemplate="%{text}<extra></extra>",
        )

    def _clip_at(self, trace: Any, points: Any) -> str | None:
        """The clip under the pointer; plotly calls every trace, most of them with no point."""
        if not points.point_inds:
            return None
        return str(self.table.clip_id[int(trace.customdata[points.point_inds[0]])])

    def _on_hover(self, trace: Any, points: Any, _: Any) -> None:
        clip_id = self._clip_at(trace, points)
        if clip_id is None or clip_id == self._hovered:
            return
        self._hovered = clip_id
        row = self.dataset.row_of(clip_id)
        clip = self.dataset.manifest.iloc[row]
        span = (float(clip.start_seconds), float(clip.end_seconds))
        self.preview.value = poster_jpeg(Path(self.dataset.media_path(row)), span)
        self.preview_text.value = f"<b>{escape(clip_id)}</b><br>{escape(str(clip.text))}"

    def _on_click(self, trace: Any, points: Any, _: Any) -> None:
        clip_id = self._clip_at(trace, points)
        if clip_id is not None:
            self.choose(clip_id)
            self.player.play()


def _empty_figure() -> Any:
    """A plotly widget; the wheel zooms. Its size is fixed: it cannot follow the box it is in."""
    import plotly.graph_objects as go  # half a second that only a map pays

    figure = go.FigureWidget(layout={**plotly_layout(), "width": 780, "height": 580})
    figure._config = {**figure._config, "scrollZoom": True, "displaylogo": False}
    return figure


def colour_columns(table: pd.DataFrame, first: str) -> list[str]:
    """The columns with few enough different values to tell their colours apart.

    Raises:
        ValueError: the table has no column `first`.
    """
    if first not in table:
        raise ValueError(f"the table has no column {first!r}; it has {', '.join(table.columns)}")
    counts = {str(name): table[name].astype(str).nunique() for name in table.columns}
    few = [name for name, count in counts.items() if 2 <= count <= MOST_CATEGORIES]
    return few if first in few else [first, *few]


def _hover_text(row: dict[Any, Any]) -> str:
    """Caption, combination and clip as plotly's own markup, all of it escaped."""
    caption = textwrap.wrap(shorten(str(row.get("text", "")), 160), 44) or ["(no caption)"]
    lines = [f"<b>{escape(line)}</b>" for line in caption]
    lines += [escape(str(row["combination"]))] if "combination" in row else []
    return "<br>".join([*lines, escape(str(row["clip_id"]))])
