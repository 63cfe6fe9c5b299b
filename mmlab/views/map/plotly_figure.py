"""plotly's figure, as a page sees it that comes later than the points."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from plotly.graph_objects import FigureWidget


class LateFigure(FigureWidget):
    """A figure that tells a page what is drawn by now.

    plotly tells changes to the pages that are there, as messages; a page that is loaded again asks
    for the widget's state, in which plotly leaves what the figure was when it was made.
    """

    def get_state(
        self, key: str | Iterable[str] | None = None, drop_defaults: bool = False
    ) -> dict[str, Any]:
        """The state, with the data and the layout of now."""
        state: dict[str, Any] = super().get_state(key, drop_defaults)
        if "_layout_obj" in vars(self):  # it is also asked while the figure is made
            now = {"_widget_data": self._data, "_widget_layout": self._layout_obj._props}
            for name in state.keys() & now.keys():
                state[name] = self.trait_metadata(name, "to_json")(now[name], self)
        return state
