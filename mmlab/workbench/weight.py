"""How much a part of a question counts: a slider from 0 to 1, and a switch."""

from __future__ import annotations

from pathlib import Path

import anywidget
import traitlets

from mmlab.views.stylesheet import stylesheet


class Weight(anywidget.AnyWidget):
    """A labelled slider with a switch, where ipywidgets' own slider has no name to be read out.

    It also carries the workbench's stylesheet.

    Args:
        label: what is weighed, such as "Weight of the words".
        value: at first, 0 to 1.
        switched: whether there is a switch beside the slider.

    Attributes:
        value: the weight, 0 to `most`.
        most: the end of the slider.
        on: whether the part is asked at all.
        disabled: there is nothing to weigh.
    """

    _esm = Path(__file__).with_suffix(".js")
    _css = stylesheet(Path(__file__).with_name("workbench.css"))

    label = traitlets.Unicode().tag(sync=True)
    value = traitlets.Float(1.0, min=0.0).tag(sync=True)
    most = traitlets.Float(1.0).tag(sync=True)
    on = traitlets.Bool(True).tag(sync=True)
    switched = traitlets.Bool(True).tag(sync=True)
    disabled = traitlets.Bool(False).tag(sync=True)

    def __init__(self, label: str, *, value: float = 1.0, switched: bool = True) -> None:
        super().__init__(label=label, value=value, switched=switched)
