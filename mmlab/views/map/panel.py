"""What stands around the canvas: search, lists, legend, card, player and gallery."""

from __future__ import annotations

from collections.abc import Callable
from html import escape

import ipywidgets
import pandas as pd

from mmlab.space import EmbeddingSpace
from mmlab.views.counted import counted
from mmlab.views.gallery import ClipGallery
from mmlab.views.map.background import Background
from mmlab.views.map.card import Pictures, PointCard, clip_pictures
from mmlab.views.map.controls import MapControls
from mmlab.views.map.legend import MapLegend
from mmlab.views.map.look import MOST_SHAPES, telling_columns
from mmlab.views.player import ClipPlayer
from mmlab.views.stills import shorten

HINT = (
    "Drag around points to gather them; Add and Take away, or Shift and Alt held, change what you "
    "have. The wheel zooms while Ctrl is held."
)
PLAYER_HINT = (
    "A dot that you click plays here, and what is near it is listed below. A card that you click "
    "or enter there comes here, too; Neighbours lists what is near it."
)
CLIPS_PER_PAGE = 5


class MapPanel:
    """The widgets around the canvas, and how they show points of the space.

    Args:
        space: the points.
        on_choose: called with the clip_id of a card of the gallery.
        on_escape: called when Escape is pressed.
    """

    def __init__(
        self,
        space: EmbeddingSpace,
        on_choose: Callable[[str], object],
        on_escape: Callable[[], None],
    ) -> None:
        self.space = space
        table, searches = space.table, space.retriever is not None
        columns, shapes = telling_columns(table), telling_columns(table, MOST_SHAPES)
        self.controls = MapControls(columns, shapes, space.combinations, searches=searches)
        self.legend = MapLegend(on_escape)
        self.card, self.player = PointCard(), ClipPlayer(caption=PLAYER_HINT)
        self.gallery = ClipGallery(
            space.dataset, per_page=CLIPS_PER_PAGE, empty=HINT, on_choose=on_choose
        )
        self.count = ipywidgets.HTML().add_class("mmlab-map-count")
        self._beside = Background()

    def above(self, title: str) -> list[ipywidgets.Widget]:
        """The rows above the canvas."""
        rows = [self.controls.search_row(), self.controls.tools_row(), self.legend]
        if not title:
            return rows
        return [ipywidgets.HTML(f"<b>{escape(title)}</b>").add_class("mmlab-map-title"), *rows]

    def beside(self) -> ipywidgets.VBox:
        """The column beside the canvas."""
        side = [self.card, self.player, self.controls.neighbours_row()]
        return ipywidgets.VBox(side).add_class("mmlab-map-side")

    def below(self) -> list[ipywidgets.Widget]:
        """The selection: how many, kept as what, and its clips."""
        gallery = ipywidgets.Box([self.gallery]).add_class("mmlab-map-gallery")
        row = ipywidgets.HBox([self.count, self.controls.keep_row()])
        return [row.add_class("mmlab-map-found"), gallery]

    @property
    def gathers(self) -> str:
        """What becomes of points that somebody drags around: "new", "add" or "take"."""
        return self.legend.held or self.controls.gather.value

    def point_at(self, row: int, score: float | None) -> None:
        """Put a point on the card; pictures follow when they are read, if it is still that clip."""
        point = self.space.table.iloc[row]
        parts = [point["combination"], point["clip_id"]]
        parts += [] if score is None else [f"score {score:.2f}"]
        with self.card.hold_sync():
            self.card.heading = " · ".join(map(str, parts))
            self.card.caption = shorten(_words(point.get("text")), 240)
        clip_id = str(point["clip_id"])
        if clip_id != self.card.clip_id:
            self.card.clip_id = clip_id
            pictures = lambda: self._pictures(clip_id)  # noqa: E731
            self._beside.run(pictures, self._show_pictures, self._say_no_pictures)

    def show_clip(self, clip_id: str) -> None:
        """Put a clip into the player, or say there that the dataset does not have it."""
        dataset = self.space.dataset
        if dataset is None:
            return
        if (row := self._row_of(clip_id)) is None:
            self.player.show(None, caption=f"The dataset does not have the clip {clip_id}.")
            return
        clip = dataset.manifest.iloc[row]
        span = (float(clip["start_seconds"]), float(clip["end_seconds"]))
        self.player.show(dataset.media_path(row), *span, caption=_words(clip["text"]))

    def list(self, found: pd.DataFrame, why: str) -> None:
        """Say how many points there are and why, and show their clips."""
        points, clips = counted(len(found), "point"), counted(found["clip_id"].nunique(), "clip")
        said = f"{points} of {clips} {why}" if len(found) else f"No visible point is {why}."
        self.count.value = escape(said if why else "")
        self.gallery.show(found, message="No point is lit." if why and not len(found) else "")

    def say_kept(self, sentence: str) -> None:
        """A sentence in place of the count."""
        self.count.value = escape(sentence)

    def _pictures(self, clip_id: str) -> tuple[str, Pictures]:
        """Of a clip that is still on the card: a quick hand passes over many."""
        dataset, row = self.space.dataset, self._row_of(clip_id)
        if dataset is None or row is None or clip_id != self.card.clip_id:
            return clip_id, Pictures(b"", b"")
        clip = dataset.manifest.iloc[row]
        span = (float(clip["start_seconds"]), float(clip["end_seconds"]))
        return clip_id, clip_pictures(dataset.media_path(row), span)

    def _show_pictures(self, found: tuple[str, Pictures]) -> None:
        clip_id, pictures = found
        if clip_id == self.card.clip_id:
            self.card.show(pictures)

    def _say_no_pictures(self, why: str) -> None:
        self.card.caption += f" (No picture: {why}.)"

    def _row_of(self, clip_id: str) -> int | None:
        """Of the dataset; None for a clip of somebody else's table."""
        try:
            return None if self.space.dataset is None else self.space.dataset.row_of(clip_id)
        except KeyError:
            return None


def _words(caption: object) -> str:
    """A caption; a missing one is no words, not "nan"."""
    return "" if pd.isna(caption) else str(caption)
