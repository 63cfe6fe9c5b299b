"""What was asked before: the newest first; a click brings a question back."""

from __future__ import annotations

from collections.abc import Callable
from html import escape

import ipywidgets
import pandas as pd

from mmlab.question import Question
from mmlab.views.counted import counted
from mmlab.views.stills import shorten

MOST_KEPT = 50


class History(ipywidgets.VBox):
    """A list of questions as buttons, each with what its answers were.

    Args:
        on_choose: called with the question that is clicked.

    Attributes:
        questions: all that are kept, the newest first; each once.
    """

    def __init__(self, on_choose: Callable[[Question], object]) -> None:
        self._on_choose = on_choose
        self.questions: list[Question] = []
        self._rows: dict[Question, ipywidgets.HBox] = {}
        self._empty = ipywidgets.HTML("What you ask is listed here; a click brings it back.")
        super().__init__([self._empty])
        self.add_class("mmlab-history")

    def note(self, question: Question, answers: pd.DataFrame) -> None:
        """Put a question on top, with how many answers it had and the first of them."""
        self._rows.pop(question, None)
        self._rows = {question: self._row(question, answers), **self._rows}
        self._rows = dict(list(self._rows.items())[:MOST_KEPT])
        self.questions = list(self._rows)
        self.children = list(self._rows.values())

    def _row(self, question: Question, answers: pd.DataFrame) -> ipywidgets.HBox:
        words = question.in_words()
        button = ipywidgets.Button(description=words, tooltip=f"Ask again: {words}")
        button.on_click(lambda _: self._on_choose(question))
        told = ipywidgets.HTML(escape(_told(answers))).add_class("mmlab-history-told")
        return ipywidgets.HBox([button.add_class("mmlab-history-question"), told])


def _told(answers: pd.DataFrame) -> str:
    """Such as: 10 answers, first 0.83 “slice the tomato”."""
    if answers.empty:
        return "no answers"
    first = answers.iloc[0]
    return f"{counted(len(answers), 'answer')}, first {first.score:.2f} “{shorten(first.text, 60)}”"
