"""The map as it is now: as a picture, and as what makes it again."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from functools import cached_property
from html import escape
from inspect import signature
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import pandas as pd

from mmlab.space import EmbeddingSpace, embedding_space
from mmlab.views.counted import counted
from mmlab.views.map.asking import points_told, told_points
from mmlab.views.map.canvas import MapCanvas
from mmlab.views.map.controls import ALL, OWN, MapControls
from mmlab.views.map.panel import MapPanel
from mmlab.views.map.picture import DrawnMap, map_picture
from mmlab.views.stamp import Stamped
from mmlab.views.static import Picture

if TYPE_CHECKING:
    from mmlab.retrieval import Retriever

ALWAYS_TOLD = ("combinations", "colour", "method", "seed")
NOT_READY = "UMAP was not ready: this is a PCA"
NEIGHBOURS = "neighbours"
UNTOUCHED: dict[str, Any] = {
    **{"words": "", "shown": ALL, "hidden": []},
    **{"clip": [], "nearest": OWN, "lit": "", "selected": {}},
}
"""What no argument says, but somebody did: words searched; the combination and the categories that
are filtered; the clip beside the map with its combination, by which one its neighbours are wanted,
and whether these are the selection; or else what is selected."""


class Stands(Stamped):
    """Mixed into the map: nothing here changes it.

    Attributes:
        space: the points.
        label: the title.
        canvas: what draws them.
        panel: what stands around it.
        controls: those of the panel.
    """

    space: EmbeddingSpace
    label: str
    canvas: MapCanvas
    panel: MapPanel
    controls: MapControls
    _made_with: dict[str, Any]
    _asked: str
    _clicked: tuple[str, str]
    _found: pd.DataFrame
    _why: str
    _listed: bool

    @property
    def selection(self) -> pd.DataFrame:
        """The rows of `space.table` that are lit and not hidden; those found also have a score."""
        return self._found[self.canvas.visible[self._found.index]]

    def still(self) -> Picture:
        """The visible points with legend, star, names of their groups and the layout's line."""
        return map_picture([self.drawn()])

    def drawn(self) -> DrawnMap:
        """What a picture of the map needs."""
        canvas, layout = self.canvas, self.canvas.placed
        if layout.method != self._made_with["method"] and not layout.note:
            layout = replace(layout, note=NOT_READY)
        rows, lit = np.flatnonzero(canvas.visible), self.selection.index.to_numpy()
        star, why = canvas.star, self._why
        return DrawnMap(layout, canvas.look, rows, lit, canvas.named, self.label, star, why)

    def parameters(self) -> dict[str, Any]:
        """The combinations, and how the map is set now where it is not as usual."""
        told: dict[str, Any] = {"combinations": self.space.combinations, "label": self.label}
        told |= {**self._made_with, **self.controls.look, "words": self._asked}
        told |= {"shown": self.controls.shown.value, "hidden": self.panel.legend.hidden_names}
        told |= {"clip": list(filter(None, self._clicked)), "nearest": self.controls.nearest.value}
        by_hand = not self._asked and not self._listed
        told |= {"lit": NEIGHBOURS if self._listed else ""}
        told |= {"selected": told_points(self._found) if by_hand else {}}
        arguments = signature(type(self)).parameters.values()
        usual = {one.name: one.default for one in arguments} | UNTOUCHED
        return {k: one for k, one in told.items() if k in ALWAYS_TOLD or one != usual[k]}

    def restamp(self) -> None:
        """Say what the map is made of; of other vectors, which they are; nothing is kept."""
        super().restamp()
        if self.retriever is None:
            settings = self.parameters().items()
            told = [f"{name} {one}" for name, one in settings if isinstance(one, str | int | float)]
            made = [f"vectors {self._hash}", counted(len(self.space), "point"), *told]
            self._stamp_line.value = f"<small>Made of {escape(' · '.join(made))}</small>"

    @cached_property
    def _hash(self) -> str:
        vectors = np.ascontiguousarray(self.space.vectors)
        return hashlib.blake2b(vectors.tobytes(), digest_size=4).hexdigest()

    @classmethod
    def reopened(cls, retriever: Retriever, **parameters: Any) -> Self:
        """The map of these combinations, filtered, searched and selected as it was."""
        done = {name: parameters.pop(name, usual) for name, usual in UNTOUCHED.items()}
        make: Any = cls  # which takes a space, as this mixin does not
        view = make(embedding_space(retriever, parameters.pop("combinations")), **parameters)
        view.controls.shown.value, view.controls.nearest.value = done["shown"], done["nearest"]
        view.panel.legend.hide(done["hidden"])
        if done["clip"]:
            view._place_beside(*done["clip"])
        if done["lit"] == NEIGHBOURS:
            view.controls.neighbours.click()
        elif done["selected"]:
            view.select(points_told(view.space, done["selected"]))
        elif done["words"]:
            view.search(done["words"])
        return view
