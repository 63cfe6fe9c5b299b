"""The cards of the results: players that are kept from answer to answer, with buttons below."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anywidget
import ipywidgets
import pandas as pd
import traitlets

from mmlab.views.gallery import ClipGallery
from mmlab.views.player import ClipPlayer, Segment
from mmlab.views.stills import shorten

if TYPE_CHECKING:
    from mmlab.dataset import ClipDataset

Acts = Mapping[str, Callable[[str], object]]
"""What the buttons "more", "pin" and "why" do with a clip_id; a button without is not there."""


class ResultCards(ClipGallery):
    """A gallery whose cards have buttons.

    Args:
        dataset: where the clips are.
        acts: what the buttons do.
        per_page: cards on a page.
        on_choose: called with the clip_id of a card that is clicked or entered.
    """

    def __init__(
        self,
        dataset: ClipDataset,
        acts: Acts,
        *,
        per_page: int,
        on_choose: Callable[[str], object] | None = None,
    ) -> None:
        self._acts, self._seen = acts, Seen()
        self._feet: list[CardFoot] = []
        self._boxes: list[ipywidgets.VBox] = []
        self._pinned: Mapping[str, str] = {}
        super().__init__(dataset, per_page=per_page, empty="", on_choose=on_choose)

    def show(self, clips: pd.DataFrame, *, message: str = "") -> None:
        """As of `ClipGallery`; the message is for the still picture, live the results say it."""
        super().show(clips, message=message)
        self.message.layout.display = "none"

    def pin(self, asked: Mapping[str, str]) -> None:
        """Say on the cards which clips are pinned, and for which question."""
        self._pinned = asked
        for foot, clip_id in zip(self._feet, self._page(), strict=False):
            foot.pinned, foot.asked = clip_id in asked, asked.get(clip_id, "")

    def _draw(self) -> None:
        with self.cards.hold_sync():
            super()._draw()
            page = self._page()
            self.cards.children = self._boxes[: len(page)]
        for foot, player in zip(self._feet, self._players, strict=True):
            foot.title = player.media_path.name if player.media_path else ""
            foot.caption = shorten(player.caption, 80)
        self.pin(self._pinned)

    def _new_player(self) -> ClipPlayer:
        number = len(self._players)
        player = CardPlayer(self._seen).add_class("mmlab-card")
        player.on_choose(lambda: self._choose(number))
        foot = CardFoot(list(self._acts), lambda kind: self._act(kind, number))
        self._feet.append(foot)
        self._boxes.append(ipywidgets.VBox([player, foot]).add_class("mmlab-result"))
        return player

    def _act(self, kind: str, number: int) -> None:
        self._acts[kind](self._page()[number])


@dataclass(frozen=True)
class Seen:
    """What the players of a gallery learnt of clips and need not look up again.

    Attributes:
        pictured: the clips whose posters were fetched.
        measured: what lies in a file that has not changed since.
    """

    pictured: set[Any] = field(default_factory=set)
    measured: dict[Any, Any] = field(default_factory=dict)


class CardPlayer(ClipPlayer):
    """A player that goes on with the clip it has, and is quick with clips that were seen before.

    Args:
        seen: shared by the players of a gallery.
    """

    def __init__(self, seen: Seen) -> None:
        super().__init__()
        self._seen = seen
        self._clip: Any = None

    def show(
        self,
        media_path: Path | str | None,
        start_seconds: float = 0.0,
        end_seconds: float | None = None,
        *,
        caption: str = "",
        heading: str = "",
        segments: Sequence[Segment] = (),
        with_poster: bool = True,
    ) -> None:
        """As of `ClipPlayer`; the clip that is shown already only gets its heading."""
        clip = media_path, start_seconds, end_seconds, caption, tuple(segments)
        if clip == self._clip and not self.message:
            self.heading = heading
            return
        self._clip = clip
        super().show(
            media_path,
            start_seconds,
            end_seconds,
            caption=caption,
            heading=heading,
            segments=segments,
            with_poster=with_poster or clip in self._seen.pictured,
        )

    def load_poster(self) -> None:
        """As of `ClipPlayer`."""
        super().load_poster()
        self._seen.pictured.add(self._clip)

    def _measure(self, start: float, end: float | None) -> tuple[float, str]:
        path = self.media_path
        if path is None or not path.is_file():
            return super()._measure(start, end)
        clip = path, path.stat().st_mtime_ns, start, end
        if clip not in self._seen.measured:
            measured = super()._measure(start, end)
            self._seen.measured[clip] = self._info, measured
        self._info, measured = self._seen.measured[clip]
        return measured


class CardFoot(anywidget.AnyWidget):
    """What stands below one card's player: the name of its medium, and buttons.

    Args:
        kinds: which of "more", "pin" and "why" there are.
        on_press: called with the kind of the button that is pressed.

    Attributes:
        title: the medium's name.
        caption: of the card's clip, part of the buttons' names.
        pinned: whether that clip is pinned.
        asked: the question that it was pinned for.
    """

    _esm = Path(__file__).with_name("card_foot.js")

    kinds: Any = traitlets.List(traitlets.Unicode()).tag(sync=True)
    title = traitlets.Unicode().tag(sync=True)
    caption = traitlets.Unicode().tag(sync=True)
    pinned = traitlets.Bool().tag(sync=True)
    asked = traitlets.Unicode().tag(sync=True)

    def __init__(self, kinds: Sequence[str], on_press: Callable[[str], object]) -> None:
        super().__init__(kinds=list(kinds))
        self.on_msg(lambda _, message, __: on_press(message["kind"]))
        self.add_class("mmlab-result-foot")
