"""What a view asks of a clip, and the map that answers; what cannot be answered is a sentence."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from mmlab.explanation import MEAN_OF_HEADS, TokenMap, explain_clip
from mmlab.explanation.deletion import DeletionResult, clip_deletion

if TYPE_CHECKING:
    from mmlab.retrieval import Retriever

LONG_TOKENS = 100
"""With more tokens a thread does the work, for attention grows with their square."""

LITTLE_EFFORT = {"steps": 5, "draws": 8}
"""Of the deletion test there."""


class Question(NamedTuple):
    """What is fused, which sentence takes the caption's place (None: none), which block."""

    combination: str
    caption: str | None
    block: int


class Explained(NamedTuple):
    """The answer: a map, or an empty one and a sentence that says why."""

    question: Question
    token_map: TokenMap
    problem: str = ""

    @property
    def is_long(self) -> bool:
        """Whether whatever is asked of it takes seconds."""
        return len(self.token_map.modality) > LONG_TOKENS


def explained(retriever: Retriever, clip_id: str, question: Question) -> Explained:
    """The answer to a question about one clip."""
    combination, caption, block = question
    try:
        found = explain_clip(retriever, clip_id, combination, caption=caption, block=block)
    except ValueError as error:
        return Explained(question, _nothing_of(retriever, clip_id, question), str(error))
    return Explained(question, found)


def is_long(retriever: Retriever, clip_id: str) -> bool:
    """`Explained.is_long` before anything is explained, by what lies in the dataset."""
    clip = retriever.dataset[clip_id]
    return clip.end_seconds - clip.start_seconds > LONG_TOKENS / 2


def clip_worth(
    retriever: Retriever, about: Explained, weighting: str, row: int
) -> DeletionResult | str:
    """The deletion test of one row of a clip's heat, or why there is none."""
    effort = LITTLE_EFFORT if about.is_long else {}
    number = row - 1 if row else None
    try:
        return clip_deletion(retriever, about.token_map, weighting, word_number=number, **effort)
    except ValueError as error:
        return f"No deletion test: {error}."


def _nothing_of(retriever: Retriever, clip_id: str, question: Question) -> TokenMap:
    """A map without tokens, where a clip has nothing of a combination."""
    dataset = retriever.dataset
    span = dataset.span(row := dataset.row_of(clip_id))
    return TokenMap(
        [],
        [],
        np.zeros((0, 2)),
        {MEAN_OF_HEADS: np.zeros((1, 0))},
        (span.start_seconds, span.end_seconds),
        caption=question.caption or span.text,
        media_path=dataset.media_path(row),
        combination=question.combination,
        clip_id=clip_id,
    )
