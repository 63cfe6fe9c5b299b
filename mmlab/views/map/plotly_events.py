"""What hands do on plotly's canvas, told to Python so that nothing gets lost on the way."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import anywidget
import numpy as np
import traitlets


class PlotlyEvents(anywidget.AnyWidget):
    """Stands unseen beside a plotly figure, in the same box, and listens to it.

    Args:
        react: called with "hover", "click" or "select" and the places of the points in the trace,
            and with "echo" where the browser takes the light of all points by itself.

    Attributes:
        hovered: the place of the point under the pointer; -1 for none.
    """

    _esm = Path(__file__).with_name("plotly_events.js")

    hovered = traitlets.Int(-1).tag(sync=True)

    def __init__(self, react: Callable[[str, np.ndarray], None]) -> None:
        super().__init__()
        self._react = react
        self.layout.display = "none"
        self.observe(self._on_hover, "hovered")
        self.on_msg(
            lambda _, message, buffers: react(message["kind"], np.frombuffer(buffers[0], np.int32))
        )

    def _on_hover(self, change: Any) -> None:
        if change["new"] >= 0:
            self._react("hover", np.array([change["new"]]))
