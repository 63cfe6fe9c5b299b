"""Questions asked of a retriever; what was read and fused once is not done again."""

from __future__ import annotations

import os
import time
from collections import OrderedDict
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from functools import lru_cache, partial
from threading import Lock
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import pandas as pd
import torch
from torch import Tensor

from mmlab.media import MediaError, probe
from mmlab.question.compose import Composed
from mmlab.question.parts import Fusion, Part, Question, quoted, refuse_top
from mmlab.question.subsets import Subset, embed_subsets, subsets_of
from mmlab.question.uploads import refuse_too_long
from mmlab.question.words import WordsKnown, known_words, notes_of
from mmlab.types import combination_name, parse_combination

if TYPE_CHECKING:
    from mmlab.evaluation.matrix import SideName
    from mmlab.retrieval import Retriever

MOST_PARTS = 5
"""2^5 - 1 = 31 subsets are embedded; one part more would be twice as many."""

SOURCES_KEPT = 16
SUBSETS_KEPT = 512
SENTENCES_KEPT = 64

RANKS_COMPARED = 10_000
"""Beyond this rank `Asker.compare` does not look for a clip."""

Value = TypeVar("Value")


@dataclass(frozen=True)
class Answers:
    """The answers to a question.

    Attributes:
        question: what was asked.
        hits: rank, score (inner product with the question's vector), then the clip's manifest
            columns; best first.
        seconds: that it took.
        notes: sentences about words that are not known.
    """

    question: Question
    hits: pd.DataFrame
    seconds: float
    notes: tuple[str, ...]


class Asker:
    """Asks a retriever questions of several parts.

    Tokens and embeddings of the last questions are kept: another weight, or a part that is
    switched off and on, needs no forward pass.

    Example:
        >>> asker = Asker(Retriever(model, dataset.select(split="test")))
        >>> asker.answer(Question.of(text="slice the tomato", without="onion"), top=5).hits
    """

    def __init__(self, retriever: Retriever) -> None:
        self.retriever = retriever
        self._tokens: _Recent[Tensor] = _Recent(SOURCES_KEPT)
        self._vectors: _Recent[Tensor] = _Recent(SUBSETS_KEPT)
        self._words = lru_cache(maxsize=SENTENCES_KEPT)(partial(known_words, retriever))

    def compose(self, question: Question) -> Composed:
        """Embed a question's parts.

        Raises:
            ValueError: nothing counts, or too much; no word is known (and which ones are spelled
                alike); a medium lacks that modality, cannot be read or lasts too long.
        """
        parts = _counting(question)
        terms = [Part("text", term) for term in question.without]
        notes = notes_of([self._words_of(part) for part in (*parts, *terms)])
        subsets = self._subsets(parts)
        negatives = [self._subsets((term,))[frozenset({0})] for term in terms]
        width = self.retriever.model.config.projection_width
        return Composed(
            question,
            parts,
            subsets,
            torch.stack(negatives) if negatives else torch.zeros(0, width),
            notes,
        )

    def answer(
        self, question: Question, *, top: int = 10, where: Mapping[str, Any] | None = None
    ) -> Answers:
        """The clips with the highest scores, but for those that the question is asked with.

        Args:
            question: any.
            top: how many.
            where: see `Retriever.nearest`.

        Raises:
            ValueError: as `compose`, there is no such combination or column, or `top` is not a
                whole number from 1 up.
        """
        refuse_top(top)
        started = time.perf_counter()
        composed = self.compose(question)
        gallery = self.gallery(question)
        hits = self.nearest(question, composed.vector(), gallery, top=top, where=where)
        return Answers(question, hits, time.perf_counter() - started, composed.notes)

    def compare(
        self, question: Question, *, top: int = 10, where: Mapping[str, Any] | None = None
    ) -> pd.DataFrame:
        """Joint beside late fusion of the same question, whatever its own.

        Args:
            question: any.
            top: how many of either.
            where: see `Retriever.nearest`; ranks are among these clips.

        Returns:
            One row for each clip that is among the first `top` of either: clip_id, text,
            joint_rank, late_rank, joint_score, late_score, moved (late_rank - joint_rank: above 0
            where joint fusion puts it higher); in the order of joint_rank. A rank that is not
            among the first `RANKS_COMPARED` is missing.

        Raises:
            ValueError: as `answer`.
        """
        refuse_top(top)
        composed = self.compose(question)
        joint, late = (self._ranked(composed, fusion, where) for fusion in ("joint", "late"))
        both = joint.join(late.drop(columns="text"), how="outer")
        both["text"] = both["text"].fillna(late["text"])
        both["moved"] = both["late_rank"] - both["joint_rank"]
        shown = both[both[["joint_rank", "late_rank"]].min(axis=1) <= top]
        columns = ["text", "joint_rank", "late_rank", "joint_score", "late_score", "moved"]
        return shown.sort_values(["joint_rank", "late_rank"])[columns].reset_index()

    def nearest(
        self,
        question: Question,
        vector: Tensor,
        gallery: SideName,
        *,
        top: int,
        where: Mapping[str, Any] | None = None,
        keep: str = "",
    ) -> pd.DataFrame:
        """`Retriever.nearest` among the clips that the question is not asked with.

        That a clip is like itself is no answer.

        Args:
            question: whose picture and sound may be a clip's.
            vector: (P,), of any length.
            gallery: see `Retriever.nearest`.
            top: how many.
            where: see `Retriever.nearest`.
            keep: a clip that is looked for even if the question is asked with it.
        """
        asked = self.clips_of(question) - {keep}
        more = int(self.retriever.dataset.manifest["clip_id"].isin(asked).sum())
        hits = self.retriever.nearest(vector, gallery, top=top + more, where=where)
        hits = hits[~hits["clip_id"].isin(asked)].head(top).reset_index(drop=True)
        return hits.assign(rank=range(1, len(hits) + 1))

    def clips_of(self, question: Question) -> frozenset[str]:
        """The clips whose picture or sound a question is asked with."""
        media = [part.source for part in question.counting if part.modality != "text"]
        return frozenset(filter(self.retriever.dataset.has, media))

    def gallery(self, question: Question, fusion: Fusion | None = None) -> str:
        """What the question is compared with: the name that `Retriever.embeddings` takes.

        Args:
            question: any.
            fusion: default: the question's.

        Raises:
            ValueError: there is no such combination.
        """
        names = self.retriever.all_but_text
        if question.among:
            names = parse_combination(question.among, self.retriever.model.config.names)
        late = (fusion or question.fusion) == "late" and len(names) > 1
        return f"{combination_name(names)} late" if late else combination_name(names)

    def _ranked(
        self, composed: Composed, fusion: Fusion, where: Mapping[str, Any] | None
    ) -> pd.DataFrame:
        """Text, rank and score of the clips, by clip_id."""
        deep = min(len(self.retriever.dataset), RANKS_COMPARED)
        vector, gallery = composed.vector(fusion), self.gallery(composed.question, fusion)
        hits = self.nearest(composed.question, vector, gallery, top=deep, where=where)
        hits = hits.drop_duplicates("clip_id").set_index("clip_id")  # one for each caption
        ranks = pd.array(range(1, len(hits) + 1), dtype="Int64")
        named = {f"{fusion}_rank": ranks, f"{fusion}_score": hits["score"]}
        return hits[["text"]].assign(**named)

    def _words_of(self, part: Part) -> WordsKnown:
        """Which words of it are known; of a medium there are none.

        Raises:
            ValueError: none is, or there is no such modality here.
        """
        if part.modality not in self.retriever.modalities:
            raise ValueError(
                f"a part of the question is {part.modality!r}; the model and these clips have "
                f"{', '.join(self.retriever.modalities)}"
            )
        if part.modality != "text":
            return WordsKnown((), (), {})
        words = self._words(part.source)
        if words.unknown and not words.known and not words.from_captions:
            said = "; ".join([f"no word of {quoted(part.source)} is known", *words.notes])
            raise ValueError(f"{said}; ask with another word")
        return words

    def _subsets(self, parts: tuple[Part, ...]) -> dict[Subset, Tensor]:
        """The embedding of each non-empty subset, made anew where one is not known any more."""
        keys = [_key(part) for part in parts]
        by_modality = sorted(range(len(parts)), key=lambda number: parts[number].modality)
        named = {
            subset: tuple(keys[number] for number in by_modality if number in subset)
            for subset in subsets_of(range(len(parts)))
        }
        known = {subset: self._vectors.get(key) for subset, key in named.items()}
        found = {subset: vector for subset, vector in known.items() if vector is not None}
        if len(found) == len(named):
            return found
        tokens = [(part.modality, self._read(part)) for part in parts]
        made = embed_subsets(self.retriever.model, tokens)
        for subset, key in named.items():
            self._vectors.keep(key, made[subset])
        return made

    def _read(self, part: Part) -> Tensor:
        key = _key(part)
        tokens = self._tokens.get(key)
        if tokens is None:
            tokens = self._tokens_of(part)
            self._tokens.keep(key, tokens)
        return tokens

    def _tokens_of(self, part: Part) -> Tensor:
        """What a file lacks is said by the name that its owner gave it."""
        try:
            if part.modality != "text" and not self.retriever.dataset.has(part.source):
                _refuse_long_file(part)
            return self.retriever.tokens(part.modality, part.source)
        except MediaError as error:
            raise MediaError(part.label or part.source, error.problem, error.mend) from error


class _Recent(Generic[Value]):
    """What was used last, for several threads; of more than `most` the oldest are forgotten."""

    def __init__(self, most: int) -> None:
        self.most = most
        self._kept: OrderedDict[Hashable, Value] = OrderedDict()
        self._lock = Lock()

    def get(self, key: Hashable) -> Value | None:
        if (value := self._kept.get(key)) is not None:
            self.keep(key, value)
        return value

    def keep(self, key: Hashable, value: Value) -> None:
        with self._lock:
            self._kept[key] = value
            self._kept.move_to_end(key)
            while len(self._kept) > self.most:
                self._kept.popitem(last=False)


def _counting(question: Question) -> tuple[Part, ...]:
    """The parts that take part.

    Raises:
        ValueError: there is none, and why; or more than `MOST_PARTS`.
    """
    if not question.parts:
        raise ValueError("an empty question: give text, a clip's picture or a clip's sound")
    if not any(part.on for part in question.parts):
        raise ValueError("every part of the question is switched off; switch one on")
    if not (parts := question.counting):
        raise ValueError("every part that is on has the weight 0; give one a weight above 0")
    if len(parts) > MOST_PARTS:
        raise ValueError(
            f"the question has {len(parts)} parts, at most {MOST_PARTS} can be fused; switch some "
            "off"
        )
    return parts


def _refuse_long_file(part: Part) -> None:
    """Before features are made: those of hours take minutes and gigabytes."""
    if os.path.isfile(part.source):
        name = part.label or part.source
        refuse_too_long(name, probe(part.source).duration_seconds)


def _key(part: Part) -> Hashable:
    """What the tokens depend on; a file may be written again."""
    is_file = part.modality != "text" and os.path.isfile(part.source)
    return part.modality, part.source, os.path.getmtime(part.source) if is_file else None
