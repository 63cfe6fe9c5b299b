"""A line that says what happened, also to those who do not see it."""

from __future__ import annotations

from pathlib import Path

import anywidget
import traitlets

from mmlab.views.stylesheet import stylesheet

FOLDER = Path(__file__).parent
STYLES = ("results.css", "comparison.css")


class StatusLine(anywidget.AnyWidget):
    """Sentences that a screen reader reads aloud when they change, as text and never as markup.

    It also carries the stylesheets of what it stands above: the results and the comparison.

    Attributes:
        words: the sentences.
        problem: whether they tell what went wrong, which is marked by a sign, too.
    """

    _esm = FOLDER / "status_line.js"
    _css = stylesheet(*(FOLDER / name for name in STYLES))

    words = traitlets.Unicode().tag(sync=True)
    problem = traitlets.Bool(False).tag(sync=True)

    def __init__(self, words: str = "") -> None:
        super().__init__(words=words)
        self.add_class("mmlab-status")

    def say(self, words: str, *, problem: bool = False) -> None:
        """Show other sentences."""
        with self.hold_sync():
            self.words, self.problem = words, problem
