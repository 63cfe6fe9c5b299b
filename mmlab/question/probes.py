"""Take a modality away from every query, mix it up, or give all the same, and see recall change.

A probe changes one side of a direction of retrieval: that of the queries if they hold the
modality, otherwise that of the candidates.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F
from torch import Tensor

from mmlab.evaluation.embedding import BATCH_ITEMS, embed_present
from mmlab.evaluation.intervals import bootstrap_intervals, difference_interval
from mmlab.evaluation.items import ClipItems, Matches
from mmlab.evaluation.matrix import Side, SideName, parse_side
from mmlab.evaluation.ranking import rank_of_match
from mmlab.evaluation.retrieval import recall_at
from mmlab.question.why_telling import sense
from mmlab.types import Modality

if TYPE_CHECKING:
    from mmlab.retrieval import Retriever

How = Literal["drop", "shuffle", "swap"]

MOST_CUTOFF = 50

IN_WORDS = {"drop": "dropped", "shuffle": "shuffled", "swap": "replaced by one clip's"}


@dataclass(frozen=True)
class ProbeResult:
    """The same queries as they are, and with a modality changed.

    Attributes:
        query: what asks, such as "text+audio".
        gallery: what is asked for.
        modality: what is changed.
        how: "drop", "shuffle" or "swap".
        side: "query" or "gallery", in which it is changed.
        clip_ids: (Q,) of the manifest's row that asks.
        before: (Q,) ranks of the right answers as things are.
        after: (Q,) with the change; infinite where nothing is left to ask with or to be found.
    """

    query: str
    gallery: str
    modality: Modality
    how: How
    side: Literal["query", "gallery"]
    clip_ids: np.ndarray
    before: np.ndarray
    after: np.ndarray

    @cached_property
    def curve(self) -> pd.DataFrame:
        """Recall over K from 1 to 50: K, and for before and after percent, low and high.

        The columns are "before", "before low", "before high", and likewise of "after"; low and
        high are the ends of 95 % bootstrap intervals over queries.
        """
        recalls = {str(k): recall_at(k) for k in range(1, MOST_CUTOFF + 1)}
        found: dict[str, object] = {"K": range(1, MOST_CUTOFF + 1)}
        for name, ranks in (("before", self.before), ("after", self.after)):
            ends = np.array(list(bootstrap_intervals(ranks, recalls).values()))
            found[name] = [float(recall(ranks)) for recall in recalls.values()]
            found[f"{name} low"], found[f"{name} high"] = ends.T
        return pd.DataFrame(found)

    def difference_interval(self, k: int = 10) -> tuple[float, float, float]:
        """How many percentage points the change adds to R@k, and the ends of its 95 % interval."""
        return difference_interval(self.after, self.before, recall_at(k))

    def sentence(self, k: int = 10) -> str:
        """The result in words."""
        recall = recall_at(k)
        points, low, high = self.difference_interval(k)
        sure = "" if low > 0 or high < 0 or low == high else ", which may be chance"
        whose = "the queries'" if self.side == "query" else "the candidates'"
        changed = f"{whose} {sense(self.modality)} {IN_WORDS[self.how]}"
        return (
            f"{self.query} → {self.gallery} finds {recall(self.before):.1f} % of "
            f"{len(self.before):,} queries among the first {k}; with {changed}, "
            f"{recall(self.after):.1f} %: {points:+.1f} points (95 % interval {low:+.1f} to "
            f"{high:+.1f}{sure})."
        )


def probe(
    retriever: Retriever,
    query: SideName,
    gallery: SideName,
    modality: Modality,
    how: How,
    *,
    seed: int = 0,
    with_clip: str | None = None,
) -> ProbeResult:
    """Change a modality of every query, or of every candidate, and rank anew.

    Args:
        retriever: a model and its clips; to shuffle and swap, one that reads them whole.
        query: what asks, such as "text+audio", or "text+audio late".
        gallery: what is asked for.
        modality: what is changed, of the queries if they hold it.
        how: "drop" it; "shuffle" it: each clip gets another's, of those that have any; "swap" it:
            all that have any get that of one clip.
        seed: of the shuffling.
        with_clip: whose modality all get when it is swapped.

    Raises:
        KeyError: no clip `with_clip`.
        ValueError: names what cannot be: neither side holds the modality, nothing is left without
            it, fewer than two clips have it to be shuffled, a swap without a clip that has it, or
            a retriever that does not read clips whole.
    """
    sides, changed = _sides(retriever, query, gallery, modality, how)
    vectors = {name: retriever.embeddings(side) for name, side in sides.items()}
    found, before = _ranks(retriever, sides, vectors)
    vectors[changed] = _changed(retriever, sides[changed], modality, how, seed, with_clip)
    again, ranks = _ranks(retriever, sides, vectors)
    after = np.full(len(before), np.inf)
    after[np.searchsorted(found.queries, again.queries)] = ranks
    ids = retriever.dataset.manifest["clip_id"].to_numpy()[found.queries]
    whole = (sides["query"].name, sides["gallery"].name)
    return ProbeResult(*whole, modality, how, changed, ids, before, after)


def _sides(
    retriever: Retriever, query: SideName, gallery: SideName, modality: Modality, how: How
) -> tuple[dict[str, Side], Literal["query", "gallery"]]:
    """Both sides, and which of them is changed."""
    if how not in get_args(How):
        raise ValueError(f"how is one of {', '.join(get_args(How))}, found {how!r}")
    names = retriever.model.config.names
    sides = {"query": parse_side(query, names), "gallery": parse_side(gallery, names)}
    if modality in sides["query"].names:
        return sides, "query"
    if modality in sides["gallery"].names:
        return sides, "gallery"
    held = f"{sides['query'].name} and {sides['gallery'].name}"
    raise ValueError(f"modality is one of those of {held}, found {modality!r}")


def _ranks(
    retriever: Retriever, sides: Mapping[str, Side], vectors: Mapping[str, Tensor]
) -> tuple[Matches, np.ndarray]:
    queries, candidates = vectors["query"], vectors["gallery"]
    both = (queries.any(dim=1) & candidates.any(dim=1)).numpy()
    items = ClipItems(retriever.dataset.manifest)
    found = items.matches(sides["query"].names, sides["gallery"].names, both)
    some = queries[found.queries], candidates[found.candidates]
    return found, rank_of_match(*some, found.targets)


def _changed(
    retriever: Retriever,
    side: Side,
    modality: Modality,
    how: How,
    seed: int,
    with_clip: str | None,
) -> Tensor:
    """(clips, P) of unit length: the side's embeddings with the change."""
    if how == "drop":
        rest = tuple(name for name in side.names if name != modality)
        if not rest:
            raise ValueError(
                f"nothing is left of {side.name} without {modality}; give how='shuffle' or 'swap'"
            )
        return retriever.embeddings(Side(rest, side.late and len(rest) > 1))
    if retriever.long_clips is not None:
        raise ValueError("a probe reads clips whole; make the retriever without long_clips")
    sources = _sources(retriever, modality, how, seed, with_clip)
    if side.late or side.names == (modality,):
        alone = [retriever.embeddings(name) for name in side.names]
        alone[side.names.index(modality)] = alone[side.names.index(modality)][sources]
        return F.normalize(torch.stack(alone).sum(dim=0), dim=-1)
    return _embed(retriever, side, modality, sources)


def _sources(
    retriever: Retriever, modality: Modality, how: How, seed: int, with_clip: str | None
) -> np.ndarray:
    """(clips,) for each row of the manifest the row whose modality it gets."""
    there = retriever.embeddings(modality).any(dim=1).numpy()
    rows = np.arange(len(there))
    if how == "swap":
        if with_clip is None or not there[retriever.dataset.row_of(with_clip)]:
            raise ValueError(
                f"with_clip names the clip whose {modality} all get, found {with_clip!r}; give "
                f"one that has {modality}"
            )
        return np.where(there, retriever.dataset.row_of(with_clip), rows)
    items = ClipItems(retriever.dataset.manifest)
    owner = rows if modality == "text" else items.first_of_clip
    owners = np.unique(owner[there])
    if len(owners) < 2:
        raise ValueError(
            f"{len(owners)} of these clips have {modality}; to shuffle it takes two or more"
        )
    circle = np.random.default_rng(seed).permutation(owners)  # each gets that of the next
    given = rows.copy()
    given[circle] = np.roll(circle, 1)
    return np.where(there, given[owner], rows)


def _embed(retriever: Retriever, side: Side, modality: Modality, sources: np.ndarray) -> Tensor:
    """Each row fused in one pass with another row's tokens of a modality."""
    parts = []
    for start in range(0, len(sources), BATCH_ITEMS):
        given = sources[start : start + BATCH_ITEMS].tolist()
        batch = retriever.dataset.batch(range(start, start + len(given)))
        batch[modality] = retriever.dataset.batch(given)[modality]
        batch = {name: batch[name] for name in side.names}
        parts.append(embed_present(retriever.model, batch, [side.names])[side.names])
    return F.normalize(torch.cat(parts), dim=-1)
