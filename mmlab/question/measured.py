"""What asking with several modalities at once is worth, measured on all clips with intervals."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from mmlab.evaluation.intervals import bootstrap_interval, difference_interval
from mmlab.evaluation.matrix import parse_side
from mmlab.evaluation.retrieval import recall_at
from mmlab.question.answers import Asker
from mmlab.question.parts import Fusion, Question
from mmlab.question.probes import How, ProbeResult, probe
from mmlab.question.why import modality_shares, part_shares
from mmlab.types import all_combinations, combination_name

if TYPE_CHECKING:
    from mmlab.retrieval import Retriever

CUTOFFS = (1, 5, 10)

Direction = tuple[str, str]
"""What asks and what is asked for, such as ("text", "video+audio late")."""

COMPARED: tuple[tuple[Direction, Direction], ...] = (
    (("text", "video+audio"), ("text", "video+audio late")),
    (("text+audio", "video"), ("text", "video")),
    (("text+audio", "video"), ("audio", "video")),
    (("text+audio", "video"), ("text+audio late", "video")),
)
"""Directions whose recall is compared with that of another, over the same queries."""

PROBED: tuple[Direction, ...] = (("text", "video+audio"), ("text+audio", "video"))
"""Directions of which each modality but the text is dropped and shuffled."""

HOW: tuple[How, ...] = ("drop", "shuffle")

SOUND_WEIGHT, UNWANTED_WORD = 0.7, "onion"
"""Of the questions whose shares are added up, so that weights and negatives take part."""

Tell = Callable[[str], object]


@dataclass(frozen=True)
class QuestionReport:
    """Everything that was measured in one run.

    Attributes:
        clips: how many were asked with.
        directions: query, gallery, queries, cutoff, recall in percent, low, high.
        differences: query, gallery, than_query, than_gallery, cutoff, points, low, high.
        probes: query, gallery, modality, how, side, cutoff, before, after, points, low, high.
        shapley: fusion, sums, largest_error: of the sums of shares, two of each clip's own score
            when it is asked for with its caption, its sound at 0.7, and something not wanted.
    """

    clips: int
    directions: pd.DataFrame
    differences: pd.DataFrame
    probes: pd.DataFrame
    shapley: pd.DataFrame

    def to_json(self, **more: Any) -> str:
        """All figures, with whatever else is given before them."""
        tables = {
            name: table.to_dict("records")
            for name, table in asdict(self).items()
            if isinstance(table, pd.DataFrame)
        }
        return json.dumps({**more, "clips": self.clips, **tables}, indent=2) + "\n"


def measure_questions(
    retriever: Retriever,
    direction: Direction | None = None,
    *,
    seed: int = 0,
    tell: Tell = lambda line: None,
) -> QuestionReport:
    """Measure fusion, probes and shares.

    Args:
        retriever: a model and its clips.
        direction: probe this one, each of its modalities; default: compare `COMPARED` and probe
            `PROBED`, as far as the clips have their modalities.
        seed: of the shuffling.
        tell: called with a line on what comes next.

    Raises:
        ValueError: a direction that the clips do not have.
    """
    pairs = [] if direction else [pair for pair in COMPARED if _has(retriever, *pair)]
    probed = [direction] if direction else [one for one in PROBED if _has(retriever, one)]
    tell("embedding the clips")
    measured = dict.fromkeys([*(one for pair in pairs for one in pair), *probed])
    ranks = {one: _ranks(retriever, one) for one in measured}
    probes = []
    for one in probed:
        for result in _probes(retriever, one, seed, every=direction is not None):
            tell(result.sentence())
            probes += list(_probe_rows(result))
    tell("shares of every clip's own score")
    return QuestionReport(
        len(retriever.dataset),
        pd.DataFrame([row for one in measured for row in _recall_rows(one, ranks[one])]),
        pd.DataFrame([row for pair in pairs for row in _difference_rows(*pair, ranks)]),
        pd.DataFrame(probes),
        pd.DataFrame([_shapley(retriever, fusion) for fusion in ("joint", "late")]),
    )


def _has(retriever: Retriever, *directions: Direction) -> bool:
    sides = [parse_side(side) for direction in directions for side in direction]
    return {name for side in sides for name in side.names} <= set(retriever.modalities)


def _ranks(retriever: Retriever, direction: Direction) -> pd.Series:
    """The ranks of those who ask, by the clip_id of the manifest's row that asks."""
    return retriever.rank_table([direction]).groupby("clip_id", sort=False)["rank"].min()


def _recall_rows(direction: Direction, ranks: pd.Series) -> Iterator[dict[str, Any]]:
    values = ranks.to_numpy()
    for cutoff in CUTOFFS:
        recall = recall_at(cutoff)
        low, high = bootstrap_interval(values, recall)
        row = dict(zip(("query", "gallery"), direction, strict=True))
        measured = {"recall": float(recall(values)), "low": low, "high": high}
        yield {**row, "queries": len(values), "cutoff": cutoff, **measured}


def _difference_rows(
    one: Direction, other: Direction, ranks: Mapping[Direction, pd.Series]
) -> Iterator[dict[str, Any]]:
    names = ("query", "gallery", "than_query", "than_gallery")
    both = ranks[one].index.intersection(ranks[other].index)
    pair = [ranks[direction].loc[both].to_numpy() for direction in (one, other)]
    for cutoff in CUTOFFS:
        points, low, high = difference_interval(pair[0], pair[1], recall_at(cutoff))
        measured = {"points": points, "low": low, "high": high}
        yield {**dict(zip(names, one + other, strict=True)), "cutoff": cutoff, **measured}


def _probes(
    retriever: Retriever, direction: Direction, seed: int, *, every: bool
) -> Iterator[ProbeResult]:
    """Each modality dropped, where something is left, and shuffled; the text only if `every`."""
    sides = [parse_side(side, retriever.model.config.names).names for side in direction]
    for names in sides:
        for modality in names:
            if modality == "text" and not every:
                continue
            if modality in sides[0] and names is not sides[0]:
                continue  # of a modality that both sides hold, the query's is changed
            for how in HOW if len(names) > 1 else HOW[1:]:
                yield probe(retriever, *direction, modality, how, seed=seed)


def _probe_rows(result: ProbeResult) -> Iterator[dict[str, Any]]:
    names = ("query", "gallery", "modality", "how", "side")
    row = {name: getattr(result, name) for name in names}
    for cutoff in CUTOFFS:
        recall = recall_at(cutoff)
        before, after = float(recall(result.before)), float(recall(result.after))
        points, low, high = result.difference_interval(cutoff)
        measured = {"before": before, "after": after, "points": points, "low": low, "high": high}
        yield {**row, "cutoff": cutoff, **measured}


def _shapley(retriever: Retriever, fusion: Fusion) -> dict[str, Any]:
    """The largest error of the sums of shares of each clip's own score."""
    asker, errors = Asker(retriever), []
    names = retriever.all_but_text
    late = " late" if fusion == "late" else ""
    combinations = {
        one: retriever.embeddings(combination_name(one) + (late if len(one) > 1 else ""))
        for one in all_combinations(names)
    }
    for row, clip in enumerate(retriever.dataset.manifest.itertuples()):
        embeddings = {one: vectors[row] for one, vectors in combinations.items()}
        if not (str(clip.text).strip() and embeddings[names].any()):
            continue
        sound = clip.clip_id if "audio" in names and embeddings[("audio",)].any() else None
        question = Question.of(
            text=clip.text,
            audio=sound,
            weights={"audio": SOUND_WEIGHT} if sound else None,
            without=UNWANTED_WORD,
            fusion=fusion,
        )
        composed = asker.compose(question)
        score = float(composed.vector() @ embeddings[names])  # as search does it, in float32
        shares = (
            part_shares(composed, embeddings[names]),
            modality_shares(composed.vector(), embeddings),
        )
        errors += [abs(table["share"].sum() - score) for table in shares]
    return {"fusion": fusion, "sums": len(errors), "largest_error": max(errors, default=np.nan)}
