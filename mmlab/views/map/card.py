"""The card beside the map: what the point under the pointer is."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import anywidget
import traitlets

from mmlab.views.posters import Span, poster_jpeg, wave_png

HINT = "Point at a dot to see and read its clip."


class Pictures(NamedTuple):
    """A clip's poster (JPEG) and wave (PNG), either empty where there is none."""

    poster: bytes
    wave: bytes


class PointCard(anywidget.AnyWidget):
    """A poster, a small wave and the words of one clip; pictures are swapped without flicker.

    Attributes:
        clip_id: whose pictures these are.
    """

    _esm = Path(__file__).with_name("card.js")

    heading = traitlets.Unicode().tag(sync=True)
    caption = traitlets.Unicode(HINT).tag(sync=True)
    poster = traitlets.Bytes().tag(sync=True)
    wave = traitlets.Bytes().tag(sync=True)

    def __init__(self) -> None:
        super().__init__()
        self.clip_id = ""
        self.add_class("mmlab-map-card")

    def show(self, pictures: Pictures) -> None:
        """Swap the pictures."""
        with self.hold_sync():
            self.poster, self.wave = pictures


def clip_pictures(path: Path | None, span: Span) -> Pictures:
    """The pictures of one clip; both are kept in memory from hover to hover."""
    return Pictures(poster_jpeg(path, span), wave_png(path, span, width=320) if path else b"")
