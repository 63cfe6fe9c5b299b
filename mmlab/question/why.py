"""Why a clip answers a question: shares of its score, of its words and its seconds.

The score is an inner product of a question's vector q with a clip's embedding g. Two games share
it out (see `mmlab.question.shares`): among the parts of the question, where a set S of them is
worth q(S)·g and what is not wanted takes its own part away; and among the modalities of the clip,
where a set S of them is worth q·g(S) with g(S) the clip's own embedding of S.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from torch import Tensor

from mmlab.evaluation.embedding import embed_clips
from mmlab.evaluation.matrix import Side, parse_side
from mmlab.question.parts import quoted
from mmlab.question.shares import shapley_shares
from mmlab.question.why_seconds import lost_seconds
from mmlab.question.why_telling import UNWANTED, told
from mmlab.selection import wanted_values
from mmlab.types import Combination, all_combinations

if TYPE_CHECKING:
    from mmlab.question.answers import Asker
    from mmlab.question.compose import Composed
    from mmlab.question.parts import Question

LAST_RANK = 1000
"""A clip is looked for among so many answers."""


@dataclass(frozen=True)
class HitReasons:
    """Why a clip answers a question.

    Attributes:
        question: what was asked.
        clip_id: of the answer.
        score: of the clip, as `Asker.answer` gives it.
        rank: of the clip among all answers; infinite behind `LAST_RANK`, NaN where it is none of
            them, as the filter leaves it out or the index does not hold it.
        parts: part (in words), modality, share, rank_without: a row for each part of the question
            that counts, and one, of no modality, for all that is not wanted; the shares add up to
            the score.
        modalities: modality, share, rank_without: of what is looked through in the clip; these
            add up to the score, too.
        words: part, word, share: the score that is lost without the word.
        seconds: modality, start_seconds, end_seconds, share: the score that is lost without what
            is seen or heard then; empty where the clip has more tokens than the model takes.
        error: the larger of the two sums' distances from the score.
        caption: of the clip.
        span: its start and end in seconds of the medium.
        media_path: its file.

    A rank_without is as rank, and also NaN where nothing would be left to ask with, or to look
    through.
    """

    question: Question
    clip_id: str
    score: float
    rank: float
    parts: pd.DataFrame
    modalities: pd.DataFrame
    words: pd.DataFrame
    seconds: pd.DataFrame
    error: float
    caption: str = ""
    span: tuple[float, float] = (0.0, 0.0)
    media_path: Path | None = None

    @property
    def sentence(self) -> str:
        """The reasons in words."""
        return told(self)


def explain_hit(
    asker: Asker, question: Question, clip_id: str, *, where: Mapping[str, Any] | None = None
) -> HitReasons:
    """Why a clip is where it is among the answers to a question.

    Args:
        asker: the model and its clips.
        question: any that can be answered.
        clip_id: of any clip, be it far down.
        where: see `Retriever.nearest`; ranks are among these clips.

    Raises:
        KeyError: no such clip.
        ValueError: the question cannot be asked, or the clip has nothing of what is looked
            through.
    """
    dataset = asker.retriever.dataset
    row = dataset.row_of(clip_id)
    span = dataset.span(row)
    embeddings = embeddings_of(asker, question, row)
    hit = _Hit(asker, asker.compose(question), clip_id, embeddings, where or {})
    parts, modalities = hit.parts(), hit.modalities()
    return HitReasons(
        question,
        clip_id,
        hit.score,
        hit.rank(hit.composed.vector(), hit.side, question),
        parts,
        modalities,
        pd.DataFrame(hit.lost_words(), columns=["part", "word", "share"]),
        lost_seconds(asker.retriever, clip_id, hit.side, hit.composed.vector()),
        max(abs(shares["share"].sum() - hit.score) for shares in (parts, modalities)),
        span.text,
        (span.start_seconds, span.end_seconds),
        dataset.media_path(row),
    )


def embeddings_of(asker: Asker, question: Question, row: int) -> dict[Combination, Tensor]:
    """(P,) of one clip for each combination of what a question looks through, as it is fused.

    Raises:
        ValueError: the clip has nothing of it.
    """
    retriever = asker.retriever
    side = parse_side(asker.gallery(question), retriever.model.config.names)
    found = embed_clips(
        retriever.model,
        retriever.dataset,
        all_combinations(side.names),
        rows=[row],
        long_clips=retriever.long_clips,
    )
    if not found.joint[side.names].any():
        clip_id = retriever.dataset.manifest["clip_id"].array[row]
        raise ValueError(f"{clip_id} has no {' and no '.join(side.names)}, so it is no answer")
    late = side.late
    return {one: (found.late(one) if late else joint)[0] for one, joint in found.joint.items()}


def part_shares(composed: Composed, embedding: Tensor) -> pd.DataFrame:
    """What each part of a question adds to the score of a clip.

    Args:
        composed: the question.
        embedding: (P,) of the clip.

    Returns:
        One row per part: part, modality and share; and one for what is not wanted, if there is
        anything, whose modality is "".
    """
    names = [part.in_words() for part in composed.parts]
    modalities = [part.modality for part in composed.parts]
    shares = shapley_shares(
        lambda some: dot(composed.vector_of(some), embedding) if some else 0.0, len(names)
    ).tolist()
    if composed.question.without:
        terms = [quoted(term) for term in composed.question.without]
        names.append(UNWANTED + " or ".join(terms))
        shares.append(-dot(composed.against, embedding))
        modalities.append("")
    return pd.DataFrame({"part": names, "modality": modalities, "share": shares})


def modality_shares(vector: Tensor, embeddings: Mapping[Combination, Tensor]) -> pd.DataFrame:
    """What each modality of a clip adds to its score.

    Args:
        vector: (P,) of the question.
        embeddings: (P,) of the clip, for each combination of its modalities.

    Returns:
        One row per modality: modality and share.
    """
    names = max(embeddings, key=len)
    worth = {
        frozenset(names.index(name) for name in some): dot(vector, embedding)
        for some, embedding in embeddings.items()
    }
    shares = shapley_shares({**worth, frozenset(): 0.0}, len(names))
    return pd.DataFrame({"modality": names, "share": shares})


def dot(one: Tensor, other: Tensor) -> float:
    """The inner product in float64, so that sums of shares are as exact as the vectors."""
    return float(one.double() @ other.double())


@dataclass(frozen=True)
class _Hit:
    """One clip as an answer to one question, with its embeddings."""

    asker: Asker
    composed: Composed
    clip_id: str
    embeddings: dict[Combination, Tensor]
    where: Mapping[str, Any]

    @property
    def side(self) -> Side:
        gallery = self.asker.gallery(self.composed.question)
        return parse_side(gallery, self.asker.retriever.model.config.names)

    @property
    def score(self) -> float:
        return dot(self.composed.vector(), self.embeddings[self.side.names])

    def parts(self) -> pd.DataFrame:
        """Shares and ranks without."""
        question, parts = self.composed.question, self.composed.parts
        every, ranks = range(len(parts)), []
        for number in every:
            rest = replace(question, parts=(*parts[:number], *parts[number + 1 :]))
            vector = self.composed.vector_of(set(every) - {number}) - self.composed.against
            ranks.append(self.rank(vector, self.side, rest) if rest.parts else np.nan)
        if question.without:
            ranks.append(self.rank(self.composed.vector_of(every), self.side, question))
        shares = part_shares(self.composed, self.embeddings[self.side.names])
        return shares.assign(rank_without=ranks)

    def modalities(self) -> pd.DataFrame:
        """Shares and ranks without."""
        question, vector, ranks = self.composed.question, self.composed.vector(), []
        for name in self.side.names:
            rest = tuple(other for other in self.side.names if other != name)
            side = Side(rest, self.side.late and len(rest) > 1)
            there = bool(rest) and bool(self.embeddings[rest].any()) and self.searches(side)
            ranks.append(self.rank(vector, side, question) if there else np.nan)
        return modality_shares(vector, self.embeddings).assign(rank_without=ranks)

    def searches(self, side: Side) -> bool:
        """Whether there are answers of that side: an index need not hold every one."""
        index = self.asker.retriever.index
        return index is None or side.name in index.about.combinations

    def rank(self, vector: Tensor, side: Side, question: Question) -> float:
        """The clip's place among the answers to a question; see `HitReasons`."""
        deep = min(len(self.asker.retriever.dataset), LAST_RANK)
        hits = self.asker.nearest(
            question, vector, side, top=deep, where=self.where, keep=self.clip_id
        )
        ranks = hits.loc[hits["clip_id"] == self.clip_id, "rank"]
        if len(ranks):
            return float(ranks.min())
        behind = len(hits) == LAST_RANK and self.is_answer(vector, side, question)
        return np.inf if behind else np.nan

    def is_answer(self, vector: Tensor, side: Side, question: Question) -> bool:
        """Whether the clip, asked for alone, is an answer at all."""
        alone = {**self.where, "clip_id": self.clip_id}
        hits = self.asker.nearest(question, vector, side, top=1, where=alone, keep=self.clip_id)
        let_through = wanted_values(self.where.get("clip_id", self.clip_id))
        return self.clip_id in let_through and not hits.empty

    def lost_words(self) -> Iterator[tuple[str, str, float]]:
        """Part, word and the score that is lost without it, for each word of each sentence."""
        question, embedding = self.composed.question, self.embeddings[self.side.names]
        for place, part in enumerate(question.parts):
            if part.modality != "text" or not part.counts:
                continue
            words, _ = self.asker.retriever.dataset.text_encoder.encode(part.source)
            for number, word in enumerate(words):
                rest = " ".join([*words[:number], *words[number + 1 :]])
                shorter = (replace(part, source=rest),) if rest else ()
                parts = (*question.parts[:place], *shorter, *question.parts[place + 1 :])
                left = replace(question, parts=parts)
                vector = -self.composed.against
                if left.counting:
                    vector = self.asker.compose(left).vector()
                yield part.in_words(), word, self.score - dot(vector, embedding)
