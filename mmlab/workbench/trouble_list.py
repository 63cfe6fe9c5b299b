"""Clips that may be trouble in training, in three lists, to be looked at and listened to."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import ipywidgets
import pandas as pd

from mmlab.trouble import (
    disagreeing_clips,
    near_duplicate_captions,
    silent_clips,
    static_clips,
)
from mmlab.views.counted import counted
from mmlab.views.gallery import ClipGallery
from mmlab.views.stamp import Stamped
from mmlab.views.static import Picture
from mmlab.workbench.finding import attempt
from mmlab.workbench.pacing import Newest

if TYPE_CHECKING:
    from mmlab.retrieval import Retriever

Listed = tuple[pd.DataFrame, str]
"""Clips, and a sentence about them."""

LOOKING = "Looking through the clips …"

PER_PAGE = 10
"""Two whole rows in a notebook of usual width."""


def _alike(retriever: Retriever) -> Listed:
    found = near_duplicate_captions(retriever.dataset)
    groups = counted(found["group"].nunique(), "group")
    return found, (
        f"{counted(len(found), 'caption')} in {groups} say nearly the same as another clip's: in "
        "training they are negatives of each other although each fits both."
        if len(found)
        else "No two clips have captions that say nearly the same."
    )


def _disagreeing(retriever: Retriever) -> Listed:
    found = disagreeing_clips(retriever)
    return found, (
        f"The {counted(len(found), 'clip')} whose caption ranks their own sound lowest among "
        f"{counted(found['candidates'].iloc[0], 'sound')}: that sound may belong to another clip, "
        "or have nothing of what the caption says."
        if len(found)
        else "No clip has both a caption and sound."
    )


def _lifeless(retriever: Retriever) -> Listed:
    silent, still = silent_clips(retriever.dataset), static_clips(retriever.dataset)
    both = pd.concat([silent, still])[["clip_id", "text", "heading"]]
    found = both.groupby("clip_id", sort=False).agg({"text": "first", "heading": " · ".join})
    counts = counted(len(silent), "clip"), counted(len(still), "clip")
    told = f"{counts[0]} silent, {counts[1]} with a still picture."
    return found.reset_index(), told if len(found) else "No clip is silent or has a still picture."


LISTS: dict[str, Callable[[Retriever], Listed]] = {
    "Captions nearly the same": _alike,
    "Caption against sound": _disagreeing,
    "Silent or still": _lifeless,
}
"""What can be listed."""


class TroubleList(Stamped, ipywidgets.VBox):
    """Three lists of clips that may be trouble, with players.

    Args:
        retriever: a model and its clips.
        shown: the list to begin with, one of `LISTS`; "" is the first one that has a clip, the
            very first if none has.

    Attributes:
        table: the clips of the list that is shown, empty until they are found.

    Example:
        >>> TroubleList(retriever, shown="Caption against sound")
    """

    def __init__(self, retriever: Retriever, *, shown: str = "") -> None:
        if shown and shown not in LISTS:
            raise ValueError(f"shown is one of {', '.join(LISTS)}; found {shown!r}")
        self.retriever: Retriever = retriever
        self.table = pd.DataFrame({"clip_id": []})
        self._found: dict[str, Listed] = {}
        self._newest = Newest()
        self.lists = ipywidgets.ToggleButtons(options=list(LISTS), value=shown or next(iter(LISTS)))
        self.lists.style.button_width = "auto"
        self.gallery = ClipGallery(retriever.dataset, per_page=PER_PAGE, empty="")
        self._pressed = False
        self.lists.observe(lambda _: self._press(), "value")
        super().__init__([self.lists, self.gallery, self.stamp_line()])
        self.add_class("mmlab-view").add_class("mmlab-trouble")
        self._list([shown] if shown else list(LISTS))

    def parameters(self) -> dict[str, Any]:
        """Which list is shown."""
        return {"shown": self.lists.value}

    def still(self) -> Picture:
        """The first clips of the list."""
        return self.gallery.still()

    def _press(self) -> None:
        self._pressed = True
        self._list([self.lists.value])

    def _list(self, names: Sequence[str]) -> None:
        """Show the first of these lists that has a clip; the one that is on, if none has."""
        if names[0] in self._found:
            self._newest.overtake()
            self._show()
            return
        self.gallery.show(self.table.iloc[:0], message=LOOKING)
        self._newest.run(lambda: self._look(names), self._keep)

    def _look(self, names: Sequence[str]) -> dict[str, Listed]:
        found: dict[str, Listed] = {}
        for name in names:
            listed = attempt(partial(LISTS[name], self.retriever))
            nothing = pd.DataFrame({"clip_id": []})
            found[name] = (nothing, listed) if isinstance(listed, str) else listed
            if len(found[name][0]):
                break
        return found

    def _keep(self, found: dict[str, Listed]) -> None:
        self._found |= found
        some = next((name for name, (table, _) in found.items() if len(table)), self.lists.value)
        if some != self.lists.value and not self._pressed:
            self.lists.value = some  # which shows it
        else:
            self._show()

    def _show(self) -> None:
        if self.lists.value not in self._found:  # another was pressed meanwhile
            return
        self.table, told = self._found[self.lists.value]
        self.gallery.show(self.table, message=told)
        self.restamp()
