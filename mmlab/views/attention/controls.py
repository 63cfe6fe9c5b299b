"""What stands above the clock: what is fused, the sentence, the heat, the block."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

import ipywidgets

from mmlab.types import combination_name
from mmlab.views.attention.explaining import Question

if TYPE_CHECKING:
    from mmlab.retrieval import Retriever

WRAPPED = {"flex_flow": "row wrap", "grid_gap": "4px 16px", "align_items": "flex-start"}
WHOLE = {"description_width": "initial"}


class Asking:
    """The controls by which a clip is asked something else; hidden where there is no choice.

    Args:
        retriever: the model that is asked, or None where there is only one map.
        question: what is asked at first.
        own: the clip's own caption.
    """

    def __init__(self, retriever: Retriever | None, question: Question, own: str) -> None:
        self.own = own
        known = [question.combination]
        depth, has_text = 1, False
        if retriever is not None:
            known = [combination_name(one) for one in retriever.combinations if one != ("text",)]
            depth, has_text = retriever.model.config.depth, "text" in retriever.modalities
        self.combination = dropdown("Fused", _with(known, question.combination))
        self.combination.value = question.combination
        blocks = {f"{number + 1} of {depth}": number for number in range(depth)}
        block = question.block + depth if -depth <= question.block < 0 else question.block
        self.block = dropdown("Block", blocks if block in blocks.values() else {str(block): block})
        self.block.value = block
        self.sentence = ipywidgets.Text(
            value=question.caption or own,
            placeholder=own,  # which an empty field stands for
            description="Sentence",
            continuous_update=False,
        )
        self.sentence.style.description_width = "initial"
        self.sentence.layout = {"flex": "1 1 320px", "max_width": "640px", "min_width": "220px"}
        shown = {
            self.combination: retriever is not None,
            self.block: depth > 1,
            self.sentence: has_text,
        }
        for control, is_shown in shown.items():
            control.layout.display = None if is_shown else "none"

    @property
    def caption(self) -> str | None:
        """The sentence where it is not the clip's own."""
        sentence = str(self.sentence.value).strip()
        return None if sentence in ("", self.own.strip()) else sentence

    @property
    def question(self) -> Question:
        """What is asked now."""
        return Question(self.combination.value, self.caption, self.block.value)

    def observe(self, heard: Any) -> None:
        """Call this whenever something else is asked."""
        for control in (self.combination, self.block, self.sentence):
            control.observe(heard, "value")


def dropdown(description: str, options: Any) -> ipywidgets.Dropdown:
    """A dropdown whose description is read whole."""
    layout = {"width": "auto"}
    return ipywidgets.Dropdown(options=options, description=description, style=WHOLE, layout=layout)


def notes_html(sentences: list[str]) -> str:
    """Sentences as one paragraph."""
    return f"<p>{escape(' '.join(sentences))}</p>" if sentences else ""


def _with(known: list[str], name: str) -> list[str]:
    return known if name in known else [*known, name]
