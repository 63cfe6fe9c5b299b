"""The map: one point per clip and combination; hover to see, lasso to gather, click to play."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import ipywidgets
import numpy as np
import pandas as pd

from mmlab.files import in_words
from mmlab.space import EmbeddingSpace, Layout
from mmlab.views.map.asking import (
    Chosen,
    gather,
    points_among,
    points_of,
)
from mmlab.views.map.canvas import MapCanvas
from mmlab.views.map.controls import ALL
from mmlab.views.map.engine import MOST_FOR_PLOTLY, EngineName, Reactions
from mmlab.views.map.keeping import KINDS, free_path, keep_rows
from mmlab.views.map.lighting import Lights
from mmlab.views.map.look import look_of
from mmlab.views.map.panel import MapPanel


class EmbeddingMap(Lights, ipywidgets.VBox):
    """Points on a plane, and everything that can be asked of them.

    What is lit is the selection: what was lassoed, found by words, or is near the clip that was
    clicked. It is a table in Python, a gallery beside the map, and a file if it is kept.

    Args:
        space: the points, see `mmlab.space.embedding_space`.
        colour: the column of `space.table` that colours them at first.
        shape: the one that shapes them; default: the colour's.
        method: "umap", or "pca", which is there at once and also stands in for UMAP.
        seed: of UMAP.
        neighbors: UMAP's size of a neighbourhood.
        min_dist: how close UMAP may put points, 0..1.
        engine: "plotly", "scatter" (jupyter-scatter, for more than 50,000 points) or "auto".
        label: the map's title.
        labels: whether its groups are named in place.
        size: pixels of the canvas.

    Raises:
        ValueError: no such column, method or engine.

    Example:
        >>> view = EmbeddingMap(embedding_space(retriever), colour="ingredient")
        >>> view.search("slice the tomato")
        >>> view.selection.clip_id
    """

    def __init__(
        self,
        space: EmbeddingSpace,
        *,
        colour: str = "combination",
        shape: str | None = None,
        method: str = "umap",
        seed: int = 0,
        neighbors: int = 15,
        min_dist: float = 0.1,
        engine: EngineName = "auto",
        label: str = "",
        labels: bool = True,
        size: tuple[int, int] = (720, 560),
    ) -> None:
        self.space, self.retriever, self.label = space, space.retriever, label
        layout: dict[str, Any] = {"method": method, "seed": seed}
        layout |= {"neighbors": neighbors, "min_dist": min_dist}
        self._made_with = {**layout, "engine": engine, "size": tuple(size)}
        self._dots = len(space) > MOST_FOR_PLOTLY if engine == "auto" else engine == "scatter"
        self._question: np.ndarray | None = None
        self._asked, self._clicked = "", ("", "")
        look = look_of(space.table, colour, shape, only_dots=self._dots)
        reactions = Reactions(self._on_lasso, self._on_hover, self._on_click)
        self.panel = MapPanel(space, self._on_card, self.clear)
        self.controls = self.panel.controls
        self.controls.choose_colour(colour, shape)
        self.controls.labels.value = labels
        self.canvas = MapCanvas(
            space, look, reactions, engine=engine, labels=labels, size=size, **layout
        )
        self.panel.legend.show(look, shapes=not self.canvas.engine.only_dots)
        self._take(space.table.iloc[:0], "")
        body = ipywidgets.HBox([self.canvas, self.panel.beside()]).add_class("mmlab-map-body")
        rows = [*self.panel.above(label), body, *self.panel.below(), self.stamp_line()]
        super().__init__(rows)
        self.add_class("mmlab-view").add_class("mmlab-map")
        self._connect()

    @property
    def placed(self) -> Layout:
        """The layout that is drawn now: a PCA until UMAP is ready."""
        return self.canvas.placed

    def select(self, chosen: Chosen) -> pd.DataFrame:
        """Select points by their rows, by a mask, or as another map's selection; or clips, whole.

        Returns:
            `selection`; what is not on the map is counted below it.

        Raises:
            ValueError: a single string; a mask of another length; a table without clip_id; numbers
                that are not whole.
        """
        found, absent = points_among(self.space, chosen)
        self._gather(found, "selected")
        self.canvas.say(absent)
        self._tell("select", self.selection)
        return self.selection

    def light(self, clip_ids: Sequence[str]) -> None:
        """Let all points but those of some clips turn pale; the selection stays as it is."""
        self.canvas.engine.light(points_among(self.space, clip_ids)[0].index.to_numpy())

    def search(self, words: str) -> pd.DataFrame:
        """Light the visible points that are nearest to a sentence; a star shows where it lies.

        Returns:
            `selection`; empty, with a sentence below the map, if there is no answer.
        """
        self._asked = self.controls.words.value = words.strip()
        problem = self._search(self._asked) if self._asked else ""
        if problem or not self._asked:
            self._question = None
            self.canvas.ask(None)
            self._take(self.space.table.iloc[:0], "")
        self.canvas.say(problem)
        self.restamp()
        self._tell("search", self._asked)
        return self.selection

    def choose(self, clip_id: str, combination: str | None = None) -> None:
        """Play a clip and list its neighbours.

        Args:
            clip_id: of a clip on the map.
            combination: of its point; default: the clip's first.

        Raises:
            ValueError: no such clip or combination.
        """
        if not (rows := points_of(self.space, clip_id)):
            raise ValueError(f"no clip {clip_id!r} on this map; its table has the column clip_id")
        if combination not in (None, *(names := self.space.combinations)):
            raise ValueError(f"no combination {combination!r} on this map, only {', '.join(names)}")
        self._place_beside(clip_id, combination or str(self.space.table.combination[rows[0]]))
        self.panel.player.play()
        self._list_neighbours()

    def point_at(self, clip_id: str) -> None:
        """Show a clip on the card, ring its points and join them; unknown ones change nothing."""
        for row in points_of(self.space, clip_id)[:1]:
            self._point(row)

    def clear(self) -> None:
        """Light all points again and forget question and selection."""
        self.canvas.join(np.zeros(0, int))
        self.search("")
        self._tell("select", self.selection)

    def save_selection(self, path: Path | str) -> Path:
        """Keep the selection as .csv or .parquet with all columns, or as .txt with the ids.

        Raises:
            ValueError: nothing is selected, or another suffix.
        """
        if self.selection.empty:
            raise ValueError("nothing is selected; lasso some points or search first")
        return keep_rows(self.selection, path)

    def _connect(self) -> None:
        controls, legend, engine = self.controls, self.panel.legend, self.canvas.engine
        controls.labels.layout.display = "none" if engine.only_dots else None
        controls.ask.on_click(lambda _: self.search(controls.words.value))
        controls.words.observe(lambda _: self._on_words(), "value")
        controls.words.on_msg(lambda *_: self._on_words())  # Enter, with the same words as before
        controls.clear.on_click(lambda _: self.clear())
        controls.on_look(self._on_look)
        controls.shown.observe(self._on_filter, "value")
        legend.observe(self._on_filter, "hidden")
        legend.observe(lambda change: engine.paint(change["new"]), "background")
        legend.observe(lambda change: self.canvas.fit_into(change["new"]), "room")
        controls.nearest.observe(self._on_nearest, "value")
        controls.neighbours.on_click(lambda _: self._list_neighbours())
        controls.tool.observe(lambda change: engine.use(change["new"]), "value")
        controls.fit.on_click(lambda _: engine.fit())
        controls.labels.observe(self._on_labels, "value")
        for button, suffix in zip(controls.keep, KINDS, strict=True):
            button.on_click(lambda _, suffix=suffix: self._keep(suffix))

    def _on_lasso(self, rows: np.ndarray) -> None:
        rows = gather(self.panel.gathers, self._found.index.to_numpy(), rows)
        if not len(rows):
            self.clear()
            return
        self._gather(self.space.table.iloc[rows], "selected")
        self._tell("select", self.selection)

    def _on_hover(self, row: int) -> None:
        self._point(row)
        self._tell("hover", str(self.space.table.clip_id[row]))

    def _on_click(self, row: int) -> None:
        if self.panel.legend.dragged:  # a loop around a single point, which is told as one, too
            return
        if self.panel.gathers == "new":
            self.choose(*map(str, self.space.table.loc[row, ["clip_id", "combination"]]))
        else:
            self._on_lasso(np.array([row]))

    def _on_card(self, clip_id: str) -> None:
        """Let a card's clip stand beside the map, paused: a click on the card plays it there."""
        row = self.selection.index[self.selection["clip_id"] == clip_id][0]
        self._place_beside(clip_id, str(self.space.table.combination[row]))
        self._point(row)
        self.restamp()

    def _on_nearest(self, _: Any) -> None:
        if self._clicked[0]:
            self._list_neighbours()

    def _on_words(self) -> None:
        """Enter and leaving the field ask; what `search` wrote there is asked already."""
        if self.controls.words.value.strip() != self._asked:
            self.search(self.controls.words.value)

    def _on_look(self, _: Any) -> None:
        chosen = self.controls.look
        look = look_of(self.space.table, chosen["colour"], chosen["shape"], only_dots=self._dots)
        self.canvas.recolour(look)
        self.panel.legend.show(look, shapes=not self.canvas.engine.only_dots)
        self._on_filter(None)

    def _on_labels(self, change: Any) -> None:
        self.canvas.name_groups(change["new"])
        self.restamp()

    def _on_filter(self, _: Any) -> None:
        """Only what the legend and the list "Show" both let through; a search looks again."""
        visible = self.panel.legend.shown(self.canvas.look)
        if self.controls.shown.value != ALL:
            visible &= (self.space.table.combination == self.controls.shown.value).to_numpy()
        self.canvas.show(visible)
        if self._question is None:
            self.panel.list(self.selection, self._why)
        else:
            self._light_nearest()
        self.restamp()

    def _keep(self, suffix: str) -> None:
        """Into the working folder, under a name that is free."""
        try:
            name = self.save_selection(free_path("selection", suffix)).name
            self.panel.say_kept(
                f"Kept {len(self.selection):,} points as {name} beside the notebook."
            )
        except (ValueError, OSError) as error:
            self.panel.say_kept(f"Not kept: {in_words(error)}.")
