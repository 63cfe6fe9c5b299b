"""The question as a mixing desk: a row for each part with its weight and switch."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import ipywidgets

from mmlab.question import Part, Question
from mmlab.question.words import frequent_words
from mmlab.types import all_combinations, combination_name, parse_combination
from mmlab.workbench.asked_with import AskedWith
from mmlab.workbench.part_row import (
    TYPING_PAUSE_SECONDS,
    ClipLabels,
    ClipRow,
    FileRow,
    OnChange,
    PartRow,
    WordsRow,
)
from mmlab.workbench.weight import Weight

if TYPE_CHECKING:
    from mmlab.retrieval import Retriever

COUNTS = (5, 10, 20, 50)
FUSIONS = (("Joint", "joint"), ("Late", "late"))
FUSION_TOOLTIPS = (
    "The model reads all parts at once, in one pass",
    "Each part is read alone; their embeddings are averaged",
)


class Composer(ipywidgets.VBox):
    """Words, a clip's picture, a clip's sound and a file, each with a weight and a switch.

    Args:
        retriever: whose clips and modalities are offered.
        on_change: called with the seconds to wait for more whenever somebody changes the question.
        top: how many answers are wanted at first.

    Attributes:
        question: what is filled in.
        top: the field of how many answers are wanted.

    Example:
        >>> composer = Composer(retriever, lambda pause_seconds: print(composer.question))
    """

    def __init__(self, retriever: Retriever, on_change: OnChange, *, top: int = 10) -> None:
        self.retriever, self._on_change, self._listens = retriever, on_change, True
        labels = ClipLabels(retriever.dataset.manifest)
        senses = tuple(name for name in retriever.modalities if name != "text")
        example = str(retriever.dataset.manifest["text"].iloc[0])
        words = [WordsRow(example, self._changed)] if "text" in retriever.modalities else []
        clips = [ClipRow(sense, labels, self._changed) for sense in senses]
        files = [FileRow(senses, labels, self._changed)] if senses else []
        self.rows: list[PartRow] = [*words, *clips, *files]
        self._build(top)
        self.asked_with = AskedWith(retriever.dataset)
        rows = ipywidgets.VBox([*self.rows, self._without_row(), self._options_row()])
        desk = ipywidgets.HBox([rows.add_class("mmlab-composer-rows"), self.asked_with])
        super().__init__([desk.add_class("mmlab-composer-desk")])
        self.add_class("mmlab-composer")

    @property
    def question(self) -> Question:
        """What is filled in.

        Raises:
            ValueError: something of it cannot be asked; the sentence is for whoever filled it in.
        """
        parts = [part for row in self.rows for part in row.parts()]
        return Question(
            tuple(parts),
            without=tuple(filter(None, map(str.strip, self.without.value.split(",")))),
            strength=self.strength.value,
            among=self.among.value,
            fusion=self.fusion.value,
        )

    def fill(self, question: Question) -> None:
        """Show another question; nobody is called back.

        Raises:
            ValueError: there is no row for a part of it, or its file cannot be read.
        """
        with self._silently():
            self.without.value = ", ".join(question.without)
            self.strength.value = question.strength
            self.strength.most = max(1.0, question.strength)
            self.among.value = self._among_of(question)
            self.fusion.value = question.fusion
            rest = list(question.parts)
            for row in self.rows:
                rest = row.take(rest)
        if rest:
            self._refuse_vanished(rest[0])
            raise ValueError(
                f"The composer cannot show {rest[0].in_words()}: it asks with one sentence, a clip "
                "of this selection for each sense, and one media file."
            )

    def show_top(self, count: int) -> None:
        """Choose how many answers are shown; nobody is called back."""
        with self._silently():
            self.top.value = count

    def _refuse_vanished(self, part: Part) -> None:
        """A file that was asked with before may be gone by now."""
        of_media = part.modality in self.retriever.modalities and part.modality != "text"
        there = self.retriever.dataset.has(part.source) or os.path.isfile(part.source)
        if of_media and not there:
            raise ValueError(f"{part.in_words()} is not there, or no longer; give the file again.")

    def _among_of(self, question: Question) -> str:
        offered = [value for _, value in self.among.options]
        wanted = self._offered(question.among)
        if question.among and wanted not in offered:
            names = ", ".join(name for name, _ in self.among.options)
            raise ValueError(f"The index has {names}, not {question.among}.")
        return wanted if wanted in offered else offered[0]

    def _searchable(self) -> list[str]:
        """The combinations that are looked through: an index need not have all."""
        names = [combination_name(one) for one in all_combinations(self.retriever.modalities)]
        index = self.retriever.index
        return names if index is None else [n for n in names if n in index.about.combinations]

    def _build(self, top: int) -> None:
        example = ", ".join(frequent_words(self.retriever.dataset, 2))
        self.without = ipywidgets.Text(description="Without", placeholder=f"{example} …".strip())
        self.without.observe(lambda _: self._on_without(), "value")
        self.strength = Weight("Strength of without", value=0.5, switched=False)
        self.strength.disabled = True
        names = self._searchable()
        offered = [(name, self._offered(name)) for name in names]
        self.among = ipywidgets.Dropdown(options=offered, description="Among")
        self.among.value = self._offered(self._usual if self._usual in names else names[0])
        self.fusion = ipywidgets.ToggleButtons(options=FUSIONS, tooltips=FUSION_TOOLTIPS)
        self.fusion.description, self.fusion.style.button_width = "Fusion", "64px"
        counts = sorted({*COUNTS, top})
        self.top = ipywidgets.Dropdown(options=counts, value=top, description="Show")
        self.clear = ipywidgets.Button(description="Clear", icon="times", tooltip="Ask anew")
        for field in (self.strength, self.among, self.fusion, self.top):
            field.observe(lambda _: self._changed(0.0), "value")
        self.clear.on_click(lambda _: self._clear())

    def _without_row(self) -> ipywidgets.HBox:
        row = ipywidgets.HBox([self.without, self.strength])
        return row.add_class("mmlab-part").add_class("mmlab-part-without")

    def _options_row(self) -> ipywidgets.HBox:
        row = ipywidgets.HBox([self.among, self.fusion, self.top, self.clear])
        return row.add_class("mmlab-composer-options")

    def _clear(self) -> None:
        """An empty question among the same clips."""
        self.fill(Question((), among=self.among.value, fusion=self.fusion.value))
        self._on_change(0.0)

    def _on_without(self) -> None:
        self.strength.disabled = not self.without.value.strip(" ,")
        self._changed(TYPING_PAUSE_SECONDS)

    def _changed(self, pause_seconds: float) -> None:
        if self._listens:
            self._on_change(pause_seconds)

    @contextmanager
    def _silently(self) -> Iterator[None]:
        self._listens = False
        try:
            yield
        finally:
            self._listens = True

    @property
    def _usual(self) -> str:
        """What is looked through by default; "" if there is nothing but text."""
        return combination_name(tuple(n for n in self.retriever.modalities if n != "text"))

    def _offered(self, among: str) -> str:
        """A combination as the list has it: the usual one is "", as in a `Question`."""
        if not among:
            return ""
        name = combination_name(parse_combination(among, self.retriever.modalities))
        return "" if name == self._usual else name
