"""The answers as cards: play, pin, ask for more of the kind or why, filter, keep as a file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import ipywidgets
import pandas as pd

from mmlab.files import in_words
from mmlab.views.counted import counted
from mmlab.views.map.keeping import free_path
from mmlab.views.static import Picture, StandsStill
from mmlab.workbench.cards import ResultCards
from mmlab.workbench.exporting import KINDS, as_list, download_link, save_answers
from mmlab.workbench.filters import Filters
from mmlab.workbench.status_line import StatusLine

if TYPE_CHECKING:
    from mmlab.dataset import ClipDataset

ANSWERS, PINNED = "answers", "pinned"

OnClip = Callable[[str], object]
"""What to do with a clip_id."""


class Results(StandsStill, ipywidgets.VBox):
    """Answers a page at a time, each with a player and buttons; pinned ones stay for comparison.

    Args:
        dataset: where the clips are.
        on_more_like: called with the clip to search by; without, there is no such button.
        on_why: called with the clip whose rank is to be explained; likewise.
        on_pin: called with a clip that was pinned or let go; see `pinned`.
        on_choose: called with the clip of a card that is clicked or entered.
        on_filter: called when `where` changes, to ask again among those clips only, and to say
            so; without, the answers that are there are filtered.
        per_page: cards on a page.

    Attributes:
        pinned: the rows of pinned clips, with rank and score as when they were pinned.
        filters: the conditions on columns.

    Example:
        >>> results = Results(dataset, on_why=print)
        >>> results.show(retriever.search(text="slice the tomato"))
    """

    def __init__(
        self,
        dataset: ClipDataset,
        *,
        on_more_like: OnClip | None = None,
        on_why: OnClip | None = None,
        on_pin: OnClip | None = None,
        on_choose: OnClip | None = None,
        on_filter: Callable[[], object] | None = None,
        per_page: int = 10,
    ) -> None:
        self.dataset = dataset
        self._on_pin, self._on_filter = on_pin, on_filter
        self._answers = self.pinned = dataset.manifest.iloc[:0]
        self._message = self._asked = ""
        self._pinned_for: dict[str, str] = {}
        acts = {"more": on_more_like, "pin": self.pin, "why": on_why}
        given = {kind: act for kind, act in acts.items() if act is not None}
        self.cards = ResultCards(dataset, given, per_page=per_page, on_choose=on_choose)
        self.filters = Filters(dataset.manifest, self._refilter)
        self.status = StatusLine()
        self.which = ipywidgets.ToggleButtons(options=[("Found", ANSWERS), ("Pinned (0)", PINNED)])
        self.which.observe(self._on_which, "value")
        self.kept = ipywidgets.HTML().add_class("mmlab-kept")
        tools = ipywidgets.HBox([self.which, self.filters, self._keep_row()])
        tools.add_class("mmlab-results-tools")
        super().__init__([tools, self.status, self.kept, self.cards])
        self.add_class("mmlab-view").add_class("mmlab-results")
        self.show(self._answers)

    def show(self, hits: pd.DataFrame, message: str = "", *, asked: str = "") -> None:
        """Show the answers to another question; filters and pins stay.

        Args:
            hits: as of `Retriever.search`: clip_id, rank and score before the manifest's columns.
            message: a sentence about them.
            asked: the question in words, which a clip that is pinned now keeps.
        """
        self._answers, self._message, self._asked = hits, message, asked
        if self.which.value == ANSWERS:
            self._redraw()
        self.which.value = ANSWERS  # draws if the pinned clips were shown

    @property
    def where(self) -> dict[str, list[Any]]:
        """The values that columns must have, for `Retriever.nearest`."""
        return dict(self.filters.where)

    @property
    def shown(self) -> pd.DataFrame:
        """The answers that the filters let through, or the pinned clips; on all pages."""
        if self.which.value == PINNED:
            return self.pinned
        return self._answers[self.filters.keeps(self._answers)]

    @property
    def hits(self) -> list[dict[str, Any]]:
        """`shown` as a list of dicts of plain Python values."""
        return as_list(self.shown)

    def pin(self, clip_id: str) -> None:
        """Keep one of the answers among the pinned clips, or let a pinned one go.

        Raises:
            ValueError: the clip is neither.
        """
        there = self.pinned["clip_id"] == clip_id
        row = self._answers[self._answers["clip_id"] == clip_id].head(1)
        if there.any():
            self.pinned = self.pinned[~there]
        elif len(row):
            self._pinned_for[clip_id] = self._asked
            self.pinned = pd.concat([self.pinned, row]) if len(self.pinned) else row
        else:
            raise ValueError(f"clip “{clip_id}” is not among the answers, so it cannot be pinned")
        self._mark_pins()
        if self.which.value == PINNED:
            self._redraw()
        if self._on_pin is not None:
            self._on_pin(clip_id)

    def save(self, path: Path | str) -> Path:
        """Keep `shown` as .csv or .json.

        Raises:
            ValueError: nothing is shown, or another suffix.
            OSError: it cannot be written; nothing is left behind.
        """
        if self.shown.empty:
            raise ValueError("no clips are shown; ask something, or take filters away")
        return save_answers(self.shown, path)

    def still(self) -> Picture:
        """The first answers as cards."""
        return self.cards.still()

    def _keep_row(self) -> ipywidgets.HBox:
        buttons = []
        for suffix in KINDS:
            name = suffix[1:].upper()
            tooltip = f"Keep the answers as {name}, and get a link to download them"
            button = ipywidgets.Button(description=name, icon="save", tooltip=tooltip)
            button.on_click(lambda _, suffix=suffix: self._keep(suffix))
            buttons.append(button.add_class(f"mmlab-keep-{suffix[1:]}"))
        return ipywidgets.HBox(buttons).add_class("mmlab-keep")

    def _keep(self, suffix: str) -> None:
        """Into the working folder, under a name that is free."""
        try:
            path = self.save(free_path(self.which.value, suffix))
            self._say(f"Kept {counted(len(self.shown), 'clip')} as {path.name}.")
            self.kept.value = download_link(path)
        except (ValueError, OSError) as error:
            self._say(f"Not kept: {in_words(error).removesuffix('.')}.", problem=True)

    def _say(self, words: str, *, problem: bool = False) -> None:
        self.status.say(words, problem=problem)
        self.kept.value = ""

    def _refilter(self) -> None:
        if self._on_filter is not None:
            self._on_filter()
        self._redraw()

    def _on_which(self, _: Any) -> None:
        self._redraw()

    def _redraw(self) -> None:
        rows = self.shown
        self._say(self._told(len(rows)))
        mark = self.add_class if self.which.value == PINNED else self.remove_class
        mark("mmlab-results-pinned")  # there the cards say which question they were pinned for
        self.cards.show(rows, message=self.status.words)
        self._mark_pins()

    def _told(self, count: int) -> str:
        """The message, and what the filters did."""
        if self.which.value == PINNED:
            return "" if count else "Nothing is pinned; press Pin below a card."
        conditions, of = self.filters.in_words(), len(self._answers)
        if not conditions or not of or self._on_filter is not None:  # then it is told above
            return self._message
        kept = "All" if count == of else f"{count} of {counted(of, 'clip')}"
        return f"{self._message} {kept} with {conditions}.".strip()

    def _mark_pins(self) -> None:
        asked = {clip: self._pinned_for[clip] for clip in self.pinned["clip_id"]}
        options = [("Found", ANSWERS), (f"Pinned ({len(asked)})", PINNED)]
        if options != list(self.which.options):
            value = self.which.value
            self.which.unobserve(self._on_which, "value")
            self.which.options, self.which.value = options, value
            self.which.observe(self._on_which, "value")
        self.cards.pin(asked)
