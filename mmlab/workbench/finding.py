"""From what is filled in to answers and a sentence about them; nothing raises."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import pandas as pd

from mmlab.media import MediaError
from mmlab.question import Answers, Asker, Question
from mmlab.selection import rows_where
from mmlab.views.counted import counted
from mmlab.workbench.filters import Conditions, values_in_words

if TYPE_CHECKING:
    from mmlab.retrieval import Retriever

Result = TypeVar("Result")

LOG = logging.getLogger(__name__)

GREETING = "Type what you look for, choose a clip to ask with its picture or sound, or drop a file."

UNWANTED_ONLY = (
    "Say what to look for, too: words, a clip or a file; so far there is only what is unwanted."
)

EXPECTED = (MediaError, OSError, ValueError, KeyError)
"""What a question may run into; it is said in a sentence."""


class Wish(NamedTuple):
    """What is filled in.

    Attributes:
        question: or a sentence why it is none.
        top: how many answers.
        where: the filters, as `Retriever.nearest` takes them.
        conditions: and as they were set.
    """

    question: Question | str
    top: int
    where: dict[str, Any]
    conditions: Conditions


class Found(NamedTuple):
    """What became of a wish.

    Attributes:
        question: None if it was none.
        hits: its answers.
        words: what to say.
        problem: whether they tell what is wrong.
    """

    question: Question | None
    hits: pd.DataFrame
    words: str
    problem: bool = False


def find(asker: Asker, wish: Wish) -> Found:
    """The answers, or a sentence why there are none."""
    question, top, where, _ = wish
    nothing = no_hits(asker.retriever)
    if isinstance(question, str):
        return Found(None, nothing, as_sentence(question), True)
    if not question.parts:
        return Found(question, nothing, UNWANTED_ONLY if question.without else GREETING)
    answers = attempt(lambda: asker.answer(question, top=top, where=where))
    if isinstance(answers, str):
        return Found(question, nothing, as_sentence(answers), True)
    return Found(question, answers.hits, _told(answers, asker, where))


def attempt(work: Callable[[], Result]) -> Result | str:
    """What `work` returns, or a sentence about what stood in its way."""
    try:
        return work()
    except EXPECTED as error:
        return str(error)
    except Exception as error:  # else whoever asked would wait for ever
        LOG.exception("a question could not be answered")
        return f"this is a fault of mmlab ({type(error).__name__}: {error}); its log says where"


def no_hits(retriever: Retriever) -> pd.DataFrame:
    """The table of answers before there is any."""
    nothing = retriever.dataset.manifest.iloc[:0].copy()
    nothing.insert(0, "score", 0.0)
    nothing.insert(0, "rank", 0)
    return nothing


def _told(answers: Answers, asker: Asker, where: dict[str, Any]) -> str:
    count, milliseconds = len(answers.hits), 1000 * answers.seconds
    manifest, asked = asker.retriever.dataset.manifest, asker.clips_of(answers.question)
    others = rows_where(manifest, where) & ~manifest["clip_id"].isin(asked).to_numpy()
    clips = counted(int(others.sum()), "other clip" if asked else "clip")
    clips += f" with {values_in_words(where)}" if where else ""
    said = f"{answers.question.in_words()}: {count:,} of {clips}"
    notes = map(as_sentence, answers.notes)
    return " ".join([f"{said} in {milliseconds:.0f} ms.", *notes])


def as_sentence(words: str) -> str:
    """With a capital letter and one full stop."""
    return f"{words[:1].upper()}{words[1:].removesuffix('.')}."
