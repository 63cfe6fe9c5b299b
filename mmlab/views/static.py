"""Every view also stands still: a PNG and one sentence, for exports, GitHub and screen readers.

Live, a view's output holds the widget, the PNG and the sentence; a front end shows the first
that it can. Under `jupyter nbconvert` it holds only the picture with its sentence as alternative
text: stored widget state would need scripts from the net and draws nothing without a kernel.
"""

from __future__ import annotations

import base64
import html
import io
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import comm
import psutil
from matplotlib.figure import Figure

PIXELS_PER_INCH = 144
"""Saved at twice the shown size, so that pictures are sharp on dense screens."""

MimeBundle = tuple[dict[str, Any], dict[str, Any]]


@dataclass(frozen=True)
class Picture:
    """A matplotlib figure with the sentence that says what it shows.

    As a cell's last expression it displays the figure; the sentence is its alternative text.

    Attributes:
        figure: any matplotlib figure.
        sentence: one plain sentence, for those who cannot see the picture.
    """

    figure: Figure
    sentence: str

    def png(self) -> bytes:
        """The figure as PNG bytes."""
        buffer = io.BytesIO()
        self.figure.savefig(buffer, format="png", dpi=PIXELS_PER_INCH)
        return buffer.getvalue()

    def save(self, path: Path | str) -> None:
        """Write the PNG to a file, whole or not at all."""
        target = Path(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        unfinished = target.with_name(f"{target.name}.{os.getpid()}.part")
        unfinished.write_bytes(self.png())
        os.replace(unfinished, target)

    def _repr_mimebundle_(self, **_: Any) -> MimeBundle:
        encoded = base64.b64encode(self.png()).decode()
        width, height = (round(100 * inches) for inches in self.figure.get_size_inches())
        data = {"image/png": encoded, "text/plain": self.sentence}
        shape = {"alt": self.sentence, "width": width, "height": height}
        if under_nbconvert():
            data["text/html"] = _image_tag(encoded, self.sentence, width)
        return data, {"image/png": shape}


class StandsStill:
    """Mixed in before a widget class: the widget's output also holds its `still()` picture."""

    def still(self) -> Picture:
        """The view as it is now, as a picture with a sentence."""
        raise NotImplementedError(f"{type(self).__name__} must say how it looks standing still")

    def _repr_mimebundle_(self, **kwargs: Any) -> MimeBundle:
        data, metadata = self.still()._repr_mimebundle_()
        if under_nbconvert():
            return data, metadata
        live = super()._repr_mimebundle_(**kwargs)  # type: ignore[misc]
        live_data = live[0] if isinstance(live, tuple) else live
        return {**(live_data or {}), **data}, metadata


def under_nbconvert() -> bool:
    """Whether this process is a kernel that nbconvert started.

    The environment variable MMLAB_STATIC (1 or 0) decides where it is set.
    """
    wanted = os.environ.get("MMLAB_STATIC", "")
    if wanted:
        return wanted != "0"
    parent = psutil.Process().parent()
    try:
        command = parent.cmdline() if parent else []
    except psutil.Error:  # the parent has ended or belongs to someone else
        return False
    return any("nbconvert" in Path(part).name for part in command[:4])


def keep_exports_offline() -> None:
    """Under nbconvert, store no widget state and let plain plotly figures carry their script.

    Without this an exported page loads widget scripts from the net, and plotly figures that are
    not wrapped in one of our views vanish from it without a word.
    """
    if not under_nbconvert():
        return
    import plotly.io  # half a second that only exports pay

    plotly.io.renderers.default = "plotly_mimetype+notebook"
    comm.create_comm = comm.DummyComm


def _image_tag(encoded: str, sentence: str, width: int) -> str:
    # nbconvert's page drops the alternative text of image/png, so the page gets a tag of ours.
    alternative = html.escape(sentence, quote=True)
    return (
        f'<img src="data:image/png;base64,{encoded}" alt="{alternative}" width="{width}" '
        'style="max-width: 100%; height: auto">'
    )
