"""The map as it is now: as a picture, and as what makes it again."""

from __future__ import annotations

from dataclasses import replace
from inspect import signature
from typing import Any

import numpy as np
import pandas as pd

from mmlab.space import EmbeddingSpace
from mmlab.views.map.canvas import MapCanvas
from mmlab.views.map.controls import ALL, MapControls
from mmlab.views.map.panel import MapPanel
from mmlab.views.map.picture import DrawnMap, map_picture
from mmlab.views.stamp import Stamped
from mmlab.views.static import Picture

ALWAYS_TOLD = ("combinations", "colour", "method", "seed")
NOT_READY = "UMAP was not ready: this is a PCA"
UNTOUCHED = {"words": "", "shown": ALL, "hidden": []}
"""What no argument says, but somebody did."""


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
    _found: pd.DataFrame
    _why: str

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
        groups = canvas.groups if canvas.labelled else canvas.groups.iloc[:0]
        star, why = canvas.star, self._why
        return DrawnMap(layout, canvas.look, rows, lit, groups, self.label, star, why)

    def parameters(self) -> dict[str, Any]:
        """The combinations, and how the map is set now where it is not as usual."""
        told = {"combinations": self.space.combinations, "label": self.label}
        told |= {**self._made_with, **self.controls.look, "words": self._asked}
        told |= {"shown": self.controls.shown.value, "hidden": self.panel.legend.hidden_names}
        arguments = signature(type(self)).parameters.values()
        usual = {one.name: one.default for one in arguments} | UNTOUCHED
        return {k: one for k, one in told.items() if k in ALWAYS_TOLD or one != usual[k]}
