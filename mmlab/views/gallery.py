"""Clips as a page of cards with players: what a selection, a search or a failure list shows."""

from __future__ import annotations

from collections.abc import Callable
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import ipywidgets
import numpy as np
import pandas as pd

from mmlab.views.counted import counted
from mmlab.views.player import ClipPlayer
from mmlab.views.posters import Span, poster_image
from mmlab.views.static import Picture, StandsStill
from mmlab.views.stills import Card, cards_picture, shorten

if TYPE_CHECKING:
    from mmlab.dataset import ClipDataset

MOST_IN_PICTURE = 10


class ClipGallery(StandsStill, ipywidgets.VBox):
    """Some clips, a page at a time, each a `ClipPlayer`; a clip named twice is one card.

    Posters are fetched when a card is on screen. The arrow keys move between the cards, Enter or
    a click chooses one.

    Args:
        dataset: where the clips are; None shows their words only.
        clips: what to show at first, see `show`.
        per_page: cards on a page.
        empty: the sentence that stands where there are no clips.
        on_choose: called with the clip_id of a card that is clicked or entered.

    Attributes:
        clips: the rows that `show` was given, those of unknown clips left out.

    Example:
        >>> ClipGallery(dataset, dataset.manifest.head(20))
    """

    def __init__(
        self,
        dataset: ClipDataset | None,
        clips: pd.DataFrame | None = None,
        *,
        per_page: int = 8,
        empty: str = "Nothing chosen yet.",
        on_choose: Callable[[str], object] | None = None,
    ) -> None:
        if per_page < 1:
            raise ValueError(f"per_page is {per_page}; a page needs at least one card")
        self.dataset, self.per_page, self.empty = dataset, per_page, empty
        self._on_choose = on_choose
        self._players: list[ClipPlayer] = []
        self._first = 0
        self.message = ipywidgets.HTML().add_class("mmlab-gallery-message")
        self.cards = ipywidgets.Box().add_class("mmlab-cards")
        self.back = ipywidgets.Button(description="Back", icon="chevron-left")
        self.next = ipywidgets.Button(description="Next", icon="chevron-right")
        self.place = ipywidgets.Label()
        self.pager = ipywidgets.HBox([self.back, self.place, self.next])
        self.pager.add_class("mmlab-gallery-pager")
        self.back.on_click(lambda _: self._turn(-1))
        self.next.on_click(lambda _: self._turn(1))
        super().__init__([self.message, self.cards, self.pager])
        self.add_class("mmlab-view").add_class("mmlab-gallery")
        self.show(pd.DataFrame({"clip_id": []}) if clips is None else clips)

    def show(self, clips: pd.DataFrame, *, message: str = "") -> None:
        """Show other clips, from the first page on.

        Args:
            clips: rows with clip_id, in the order of the cards; combination, score and rank make
                a card's heading where they are there, a column heading replaces them; text
                is the caption where there is no dataset.
            message: a sentence above the cards.

        Raises:
            ValueError: there is no column clip_id.
        """
        if "clip_id" not in clips:
            found = ", ".join(map(str, clips.columns)) or "none"
            raise ValueError(f"clips needs a column clip_id; its columns are: {found}")
        known = self._known(clips)
        self.clips = clips[known]
        self._ids = [str(clip_id) for clip_id in self.clips["clip_id"].unique()]
        said = [message or ("" if self._ids else self.empty)]
        if not known.all():
            rows = counted(int((~known).sum()), "row")
            said.append(f"The dataset does not have the clips of {rows}.")
        self._said = " ".join(filter(None, said))
        self.message.value = escape(self._said)
        self.message.layout.display = None if self._said else "none"
        self._first = 0
        self._draw()

    def still(self) -> Picture:
        """The first clips of the page as cards."""
        page = [self._item(clip_id) for clip_id in self._page()[:MOST_IN_PICTURE]]
        cards = [Card(poster_image(i.media_path, i.span), i.heading, i.caption) for i in page]
        sentence = f"A gallery of {counted(len(self._ids), 'clip')}. {self._said}".strip()
        if cards:
            sentence += f" First: “{shorten(cards[0].caption, 120)}”."
        return cards_picture(self._said or self.place.value, cards, sentence)

    def _known(self, clips: pd.DataFrame) -> np.ndarray:
        """Which rows name a clip of the dataset."""
        if self.dataset is None:
            return np.ones(len(clips), bool)
        return clips["clip_id"].isin(self.dataset.manifest["clip_id"]).to_numpy()

    def _page(self) -> list[str]:
        return self._ids[self._first : self._first + self.per_page]

    def _turn(self, pages: int) -> None:
        self._first += pages * self.per_page
        self._draw()

    def _draw(self) -> None:
        """Put the page's clips into as many players; these are kept from page to page."""
        page = self._page()
        while len(self._players) < len(page):
            self._players.append(self._new_player())
        for player, clip_id in zip(self._players, page, strict=False):
            item = self._item(clip_id)
            player.show(
                item.media_path,
                *item.span,
                caption=item.caption,
                heading=item.heading,
                with_poster=False,
            )
        self._mark(None)
        self.cards.children = self._players[: len(page)]
        last = self._first + len(page)
        self.place.value = f"{self._first + 1}–{last} of {len(self._ids)}" if page else ""
        self.back.disabled, self.next.disabled = self._first == 0, last >= len(self._ids)
        self.pager.layout.display = None if len(self._ids) > self.per_page else "none"

    def _mark(self, chosen: int | None) -> None:
        for number, player in enumerate(self._players):
            if number == chosen:
                player.add_class("mmlab-chosen")
            else:
                player.remove_class("mmlab-chosen")

    def _new_player(self) -> ClipPlayer:
        player, number = ClipPlayer(), len(self._players)
        player.add_class("mmlab-card")
        player.on_choose(lambda: self._choose(number))
        return player

    def _choose(self, number: int) -> None:
        """Mark this card of the page alone, and tell its clip."""
        self._mark(number)
        if self._on_choose is not None:
            self._on_choose(self._page()[number])

    def _item(self, clip_id: str) -> _Item:
        """All rows of one clip as one card."""
        rows = self.clips[self.clips["clip_id"] == clip_id]
        if self.dataset is None:
            caption = str(rows["text"].iloc[0]) if "text" in rows else clip_id
            return _Item(None, (0.0, 0.0), caption, _heading(rows))
        row = self.dataset.row_of(clip_id)
        clip = self.dataset.manifest.iloc[row]
        span = (float(clip["start_seconds"]), float(clip["end_seconds"]))
        seconds = f"{span[0]:.1f}–{span[1]:.1f} s"
        heading = " · ".join(filter(None, [_heading(rows), seconds]))
        return _Item(self.dataset.media_path(row), span, str(clip["text"]), heading)


class _Item(NamedTuple):
    """What one card shows."""

    media_path: Path | None
    span: Span
    caption: str
    heading: str


def _heading(rows: pd.DataFrame) -> str:
    """What is said of one clip: its own heading, or rank, score and combinations."""
    first = rows.iloc[0]
    if "heading" in rows:
        return str(first["heading"])
    parts = [str(first["rank"])] if "rank" in rows else []
    parts += [f"score {first['score']:.2f}"] if "score" in rows else []
    parts += [", ".join(rows["combination"].unique())] if "combination" in rows else []
    return " · ".join(parts)
