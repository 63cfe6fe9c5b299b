"""The drawn half of the map: points on their way to the last layout, and what lies over them."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from html import escape
from typing import Any

import ipywidgets
import numpy as np
import pandas as pd

from mmlab.space import EmbeddingSpace, Layout, lay_out, place, start_layout
from mmlab.space.clusters import cluster_labels
from mmlab.space.job import NO_SPREAD
from mmlab.views.map.background import Background
from mmlab.views.map.engine import EngineName, Label, Overlay, Reactions, engine_for, extent
from mmlab.views.map.look import Look
from mmlab.views.static import under_nbconvert
from mmlab.views.stills import shorten

EMPTY = "There is nothing to show: no point has a vector."
ALL_HIDDEN = "Every point is hidden."
BORDERS, NARROWEST = 2, 240
"""Pixels of the line around the canvas, and of the points at least."""


class MapCanvas(ipywidgets.VBox):
    """Points, lines, star and labels; what layout this is stands in their corner.

    Attributes:
        placed: the layout that is drawn now.
        look: its colours and shapes.
        visible: (n,) bool, the points that are not filtered away.
        groups: the labels of the layout's groups; empty until they are known.
        star: where the question lies, if there is one.
        engine: what draws.
    """

    def __init__(
        self,
        space: EmbeddingSpace,
        look: Look,
        reactions: Reactions,
        *,
        engine: EngineName,
        labels: bool,
        size: tuple[int, int],
        **settings: Any,
    ) -> None:
        self.space, self.look, self.labelled = space, look, labels
        self.engine, problem = engine_for(engine, len(space), reactions, size)
        self._size = self._wanted = (size[0], size[1])
        self._room = 0
        self.visible = np.ones(len(space), bool)
        self.groups = pd.DataFrame(columns=["x", "y", "label", "rows"])
        self._notes = [problem, space.note]
        self._joined = np.zeros(0, int)
        self._question: tuple[np.ndarray, str] | None = None
        self.star: Label | None = None
        self._said = self._progress = ""
        self._beside = Background()
        self.status = ipywidgets.HTML().add_class("mmlab-map-status")
        self.stop = ipywidgets.Button(description="Stop", icon="stop", tooltip="Keep the PCA")
        self.stop.layout = {"width": "auto", "display": "none"}
        self.corner = ipywidgets.HTML().add_class("mmlab-map-corner")
        drawn = [self.engine.canvas, self.corner]
        canvas = ipywidgets.Box(drawn).add_class("mmlab-map-canvas")
        super().__init__([canvas, ipywidgets.HBox([self.status, self.stop])])
        self._lay_out(settings)

    def recolour(self, look: Look) -> None:
        """Other colours and shapes for the same points."""
        self.look = look
        self.engine.recolour(look)

    def show(self, visible: np.ndarray) -> None:
        """Filter the points by (n,) bool."""
        self.visible = visible
        self.engine.show(visible)
        self._draw_overlay()
        self._tell()

    def join(self, rows: np.ndarray) -> None:
        """Ring these points and join the first with each of the others."""
        self._joined = rows
        self._draw_overlay()

    def ask(self, vector: np.ndarray | None, words: str = "") -> None:
        """Put a star where a question (P,) lies among the visible points, or take it away."""
        self._question = None if vector is None else (vector, shorten(words, 40))
        self.star = self._find_star()
        self._draw_overlay()

    def name_groups(self, wanted: bool) -> None:
        """Show or hide the labels."""
        self.labelled = wanted
        if wanted and not len(self.groups):
            self._find_groups()
        self._draw_overlay()

    def resize(self, width: int, height: int) -> None:
        """Pixels, where the page has room for them."""
        self._wanted = (width, height)
        self.fit_into(self._room)

    def fit_into(self, room: int) -> None:
        """Be no wider than the pixels that the page has; 0: nobody knows.

        Nor be higher than wide then: jupyter-scatter would leave points outside at the sides.
        """
        self._room, size = room, self._wanted
        if room and (most := max(room - BORDERS, NARROWEST)) < size[0]:
            size = (most, min(size[1], most))
        if size != self._size:  # another zoom would be lost
            self._size = size
            self.engine.resize(*size)

    def say(self, sentence: str = "") -> None:
        """A sentence below the points."""
        self._said = sentence
        self._tell()

    @property
    def named(self) -> pd.DataFrame:
        """The groups whose names are shown: those with a visible point, if labels are wanted."""
        there = [self.labelled and self.visible[rows].any() for rows in self.groups["rows"]]
        return self.groups[np.array(there, bool)]

    @property
    def _nothing(self) -> str:
        """Why there is nothing to see, if so."""
        if self.visible.any():
            return ""
        return ALL_HIDDEN if len(self.space) else EMPTY

    def _tell(self) -> None:
        lines = [self._said, self._progress, self._nothing, *self._notes]
        self.status.value = "<br>".join(escape(line) for line in lines if line)
        self.corner.value = escape(self.placed.caption)

    def _lay_out(self, settings: dict[str, Any]) -> None:
        """PCA at once and UMAP when it is ready; a page that nobody watches waits for it."""
        if under_nbconvert():
            self._draw(lay_out(self.space.vectors, **settings))
            self._finish(self.placed)
            return
        job = start_layout(self.space.vectors, **settings)
        self._draw(job.preview)
        self.stop.on_click(lambda _: job.stop())
        if not job.done and settings["method"] != self.placed.method:
            self.stop.layout.display = None
            self._progress = f"UMAP of {len(self.space):,} points is on its way; a PCA meanwhile."
            self._tell()
        job.on_finish(self._finish)

    def _draw(self, layout: Layout) -> None:
        self.placed = layout
        self.engine.draw(layout.points, self.look)
        self._draw_overlay()
        self._tell()

    def _finish(self, layout: Layout) -> None:
        """The last layout is there; what lies over the points moves with them."""
        self.stop.layout.display, self._progress = "none", ""
        if np.abs(layout.points).max(initial=0) < NO_SPREAD:  # there are no neighbours to trust in
            layout = replace(layout, trustworthiness=math.nan)
        if np.array_equal(layout.points, self.placed.points):
            self.placed = layout
            self._tell()
        else:
            self.placed = layout
            self.star = self._find_star()
            self._draw(layout)
        if self.labelled:
            self._find_groups()

    def _find_star(self) -> Label | None:
        if self._question is None or not self.visible.any():
            return None
        vector, words = self._question
        vectors, points = self.space.vectors[self.visible], self.placed.points[self.visible]
        (x, y) = place(vector[None], vectors, points)[0]
        return Label(float(x), float(y), words)

    def _find_groups(self) -> None:
        points, texts = self.placed.points, self.space.table.get("text")
        if texts is None:
            return
        work: Callable[[], pd.DataFrame] = lambda: cluster_labels(points, texts.tolist())  # noqa: E731
        if under_nbconvert():
            self._take_groups(work())
        else:
            failed = lambda why: self.say(f"The groups have no names: {why}.")  # noqa: E731
            self._beside.run(work, self._take_groups, failed)

    def _take_groups(self, groups: pd.DataFrame) -> None:
        self.groups = groups
        self._draw_overlay()

    def _draw_overlay(self) -> None:
        labels = [Label(*one) for one in self.named[["x", "y", "label"]].itertuples(index=False)]
        if self._nothing:
            x, y = extent(self.placed.points)[0]
            labels = [Label(float(x), float(y), self._nothing)]
        rows = self._joined[self.visible[self._joined]]
        self.engine.overlay(Overlay(self.placed.points[rows], self.star, labels))
