"""Rows on one time axis: pictures, heat, spans and markers, with a playhead over all of them."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import anywidget
import ipywidgets
import numpy as np
import traitlets
from PIL import Image

from mmlab.views.player import ClipPlayer
from mmlab.views.posters import Span


@dataclass(frozen=True)
class Lane:
    """One row of a `TimeLanes`, drawn over the whole time axis.

    Attributes:
        label: stands to the left of it.
        colour: "#RRGGBB" of its heat, spans and markers.
        image: (H, W, 3) uint8 stretched over the axis, or None.
        cells: (N, 2) start and end in seconds of each cell of heat.
        heat: (N,) 0 = nothing to 1 = full colour, one per cell.
        spans: start and end in seconds of what is true, drawn as bars under the heat.
        marks: seconds that are marked by a pointer.
        height: in pixels; 0 keeps the image's own proportions.
    """

    label: str
    colour: str
    image: np.ndarray | None = None
    cells: np.ndarray = field(default_factory=lambda: np.zeros((0, 2)))
    heat: np.ndarray = field(default_factory=lambda: np.zeros(0))
    spans: Sequence[Span] = ()
    marks: Sequence[float] = ()
    height: int = 26


class TimeLanes(anywidget.AnyWidget):
    """The lanes in the browser; a click tells the seconds and moves the player there.

    Attributes:
        playhead: seconds; follows the player in the browser, without the kernel.
        clicked: the seconds clicked last.
    """

    _esm = Path(__file__).with_name("lanes.js")
    _css = Path(__file__).with_name("lanes.css")

    rows: Any = traitlets.List().tag(sync=True)
    images: Any = traitlets.List().tag(sync=True)
    start_seconds = traitlets.Float().tag(sync=True)
    end_seconds = traitlets.Float().tag(sync=True)
    playhead = traitlets.Float().tag(sync=True)
    clicked = traitlets.Float(-1.0).tag(sync=True)

    def __init__(self, lanes: Sequence[Lane], span: Span, player: ClipPlayer) -> None:
        super().__init__()
        self.start_seconds, self.end_seconds = span
        self.images = [_png(lane.image) for lane in lanes]
        self.draw(lanes)
        ipywidgets.jslink((player, "current_time"), (self, "playhead"))
        self._seek: Callable[[float], None] = player.seek
        self.on_msg(self._on_click)

    def draw(self, lanes: Sequence[Lane]) -> None:
        """Draw the lanes anew; their images stay as they were at the start."""
        self.rows = [_as_row(lane) for lane in lanes]

    def _on_click(self, _: Any, content: dict[str, Any], __: Any) -> None:
        if content.get("kind") == "clicked":
            self.clicked = float(content["seconds"])
            self._seek(self.clicked)


def _as_row(lane: Lane) -> dict[str, Any]:
    return {
        "label": lane.label,
        "colour": lane.colour,
        "height": lane.height,
        "proportion": _proportion(lane.image),
        "cells": np.round(lane.cells, 3).tolist(),
        "heat": np.round(lane.heat, 3).tolist(),
        "spans": [list(map(float, span)) for span in lane.spans],
        "marks": [float(mark) for mark in lane.marks],
    }


def _proportion(image: np.ndarray | None) -> float:
    return image.shape[1] / image.shape[0] if image is not None and image.size else 0.0


def _png(image: np.ndarray | None) -> bytes:
    if image is None or image.size == 0:
        return b""
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, format="PNG")
    return buffer.getvalue()
