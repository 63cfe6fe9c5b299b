"""What was asked before: the newest first; a click brings a question back."""

from __future__ import annotations

from collections.abc import Callable
from html import escape

import ipywidgets
import pandas as pd

from mmlab.question import Question
from mmlab.views.counted import counted
from mmlab.views.stills import shorten
from mmlab.workbench.finding import Wish

MOST_KEPT = 50


class History(ipywidgets.VBox):
    """A list of questions as buttons, each with what its answers were.

    The same question with other filters, or of which more is shown, is another one.

    Args:
        on_choose: called with the wish whose question is clicked.
    """

    def __init__(self, on_choose: Callable[[Wish], object]) -> None:
        self._on_choose = on_choose
        self._rows: list[tuple[Wish, ipywidgets.HBox]] = []
        self._empty = ipywidgets.HTML("What you ask is listed here; a click brings it back.")
        super().__init__([self._empty])
        self.add_class("mmlab-history")

    @property
    def wishes(self) -> list[Wish]:
        """All that are kept, the newest first; each once."""
        return [wish for wish, _ in self._rows]

    @property
    def questions(self) -> list[Question]:
        """What the wishes ask."""
        return [wish.question for wish in self.wishes if isinstance(wish.question, Question)]

    def note(self, wish: Wish, answers: pd.DataFrame) -> None:
        """Put a wish with a question on top, with how many answers it had and the first of them."""
        others = [(one, row) for one, row in self._rows if one != wish]
        self._rows = [(wish, self._row(wish, answers)), *others][:MOST_KEPT]
        self.children = [row for _, row in self._rows]

    def _row(self, wish: Wish, answers: pd.DataFrame) -> ipywidgets.HBox:
        assert isinstance(wish.question, Question)
        words, filtered = wish.question.in_words(), wish.conditions.in_words()
        of = f"of clips with {filtered}" if filtered else ""
        tooltip = f"Ask again: {', '.join(filter(None, [words, of]))}"
        button = ipywidgets.Button(description=words, tooltip=tooltip)
        button.on_click(lambda _: self._on_choose(wish))
        told = ": ".join(filter(None, [of, _told(answers, wish.top)]))
        beside = ipywidgets.HTML(escape(told)).add_class("mmlab-history-told")
        return ipywidgets.HBox([button.add_class("mmlab-history-question"), beside])


def _told(answers: pd.DataFrame, top: int) -> str:
    """Such as: 7 answers (show 10), first 0.83 “slice the tomato”."""
    if answers.empty:
        return "no answers"
    first = answers.iloc[0]
    count = counted(len(answers), "answer") + (f" (show {top})" if len(answers) < top else "")
    return f"{count}, first {first.score:.2f} “{shorten(first.text, 60)}”"
