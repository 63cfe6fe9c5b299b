"""What stands around the lanes of a MomentFinder: the video, the steps, and keeping them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from html import escape
from pathlib import Path
from typing import Any

import ipywidgets

from mmlab.files import in_words
from mmlab.views.map.keeping import free_path
from mmlab.workbench.exporting import download_link
from mmlab.workbench.status_line import StatusLine

MOST_OFFERED = 3_000
"""Videos that the list has; the id of any other can be typed."""

FORMATS = {"WebVTT (.vtt)": ".vtt", "table (.csv)": ".csv", "objects (.json)": ".json"}
STEPS_HINT = "crack an egg\nwhisk it with a fork\n…"


class MomentControls:
    """The controls; the view connects them.

    Args:
        media: ids of the videos that are offered.
        combinations: what a video can be looked through by.
        among: which of these is chosen.
    """

    def __init__(self, media: Sequence[str], combinations: Sequence[str], among: str) -> None:
        self.media = ipywidgets.Combobox(
            options=media[:MOST_OFFERED], description="Video", continuous_update=False
        )
        self.steps = ipywidgets.Textarea(
            description="Steps", placeholder=STEPS_HINT, rows=11, continuous_update=False
        )
        self.among = ipywidgets.Dropdown(options=combinations, value=among, description="By")
        self.find = _button("Find", "search", "Find the steps in the video")
        self.find.button_style = "primary"
        self.message = StatusLine()
        self.format = ipywidgets.Dropdown(options=FORMATS, description="Save as")
        self.save = _button("Save", "save", "Write the segments to a file")
        self.reset = _button("Undo all changes", "undo", "Put every segment where it was found")
        self.saved = ipywidgets.HTML()
        for field in (self.media, self.steps, self.among, self.format):
            field.style.description_width = "52px"
        self._watched: list[tuple[Any, Callable[[Any], None]]] = []

    def question(self) -> ipywidgets.VBox:
        """The video and what is looked for in it."""
        row = ipywidgets.HBox([self.among, self.find])
        box = ipywidgets.VBox([self.media, self.steps, row.add_class("mmlab-moments-by")])
        return box.add_class("mmlab-moments-question")

    def tools(self) -> ipywidgets.HBox:
        """What is done with the segments."""
        row = ipywidgets.HBox([self.reset, self.format, self.save, self.saved])
        return row.add_class("mmlab-moments-tools")

    def on_ask(self, ask: Callable[[], None]) -> None:
        """Call back when the steps, or what they are looked for by, change."""
        for field in (self.steps, self.among):
            self._watch(field, lambda _: ask())
        self.find.on_click(lambda _: ask())

    def on_open(self, open_video: Callable[[str], None]) -> None:
        """Call back with another video's id."""
        self._watch(self.media, lambda change: open_video(change["new"].strip()))

    def on_keep(self, save: Callable[[Path], Path], reset: Callable[[], object]) -> None:
        """Connect the buttons below the lanes."""
        self.save.on_click(lambda _: self._save(save))
        self.reset.on_click(lambda _: reset())

    def forget_saved(self) -> None:
        """Take the link to a file away: it is of other segments than those on show."""
        self.saved.value = ""

    def fill(self, **values: str) -> None:
        """Set fields (`media`, `steps`, `among`) without a call back."""
        for name, value in values.items():
            field = getattr(self, name)
            watching = [react for watched, react in self._watched if watched is field]
            for react in watching:
                field.unobserve(react, "value")
            field.value = value
            for react in watching:
                field.observe(react, "value")

    def _watch(self, field: ipywidgets.Widget, react: Callable[[Any], None]) -> None:
        self._watched.append((field, react))
        field.observe(react, "value")

    def _save(self, save: Callable[[Path], Path]) -> None:
        """Below the notebook, and as a link for whoever sits at another machine."""
        try:
            path = save(free_path("moments", self.format.value))
        except (OSError, ValueError) as error:
            self.saved.value = escape(f"Not saved: {in_words(error)}")
            return
        self.saved.value = f"Saved as {escape(str(path))}. {download_link(path)}"


def _button(words: str, icon: str, tooltip: str) -> ipywidgets.Button:
    button = ipywidgets.Button(description=words, icon=icon, tooltip=tooltip)
    button.layout.width = "auto"
    return button
