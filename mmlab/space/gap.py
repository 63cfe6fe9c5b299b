"""The modality gap: how far apart two combinations lie, and what that costs their retrieval.

The figures are those of Liang et al. 2022, "Mind the Gap" (arXiv 2203.02053: the distance of the
centroids), and of Wang and Isola 2020 (arXiv 2005.10242: alignment and uniformity).
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations as subsets
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import torch

from mmlab.evaluation.intervals import difference_interval
from mmlab.evaluation.items import CLIP, ClipItems, Matches
from mmlab.evaluation.ranking import rank_of_match
from mmlab.evaluation.retrieval import recall_at

if TYPE_CHECKING:
    from mmlab.space.points import EmbeddingSpace

CHANCE = 50.0
"""Percent of points whose side a classifier guesses where both sides lie alike."""

MOST_CLIPS = 2000
"""So many, drawn with a fixed seed, speak for more in what compares each with each."""

FOLDS = 5
RECALLS = (1, 10)


def modality_gap(
    space: EmbeddingSpace, pairs: Sequence[tuple[str, str]] | None = None
) -> pd.DataFrame:
    """How two combinations of the same clips lie to each other, in the full space.

    Args:
        space: the vectors of clips in several combinations.
        pairs: of combinations of the space; of each, the first one asks for the second. Default:
            every two of the space.

    Returns:
        One row per pair, over the clips that have both; NaN where there are too few of them:

        - one, other, clips.
        - centroid distance: the length of the difference of the two means, 0 to 2 (Liang et al.).
        - alignment: mean squared distance of a clip's two vectors, 0 to 4; small is good (Wang
          and Isola, α = 2).
        - uniformity one, uniformity other: log of the mean of exp(-2 d²) over any two vectors of
          one side, -4 to 0; low is spread out (Wang and Isola, t = 2).
        - separability: percent of points whose side logistic regression tells for clips that it
          was not fitted to; 50 is chance, 100 a gap that a plane divides.
        - R@1, R@10 in percent, and R@1 centred, R@10 centred after each side's own mean was taken
          from it: what the gap alone costs.
        - R@1 change, R@10 change by the centring, in points, and the ends of their 95 % bootstrap
          intervals over the same queries, as R@1 change low and R@1 change high.

        Its `attrs["made_of"]` names model and clips, if a retriever made the space.

    Raises:
        ValueError: a combination that the space does not have; a clip that is in one twice.

    Example:
        >>> modality_gap(embedding_space(retriever), [("text", "video")])
    """
    chosen = list(subsets(space.combinations, 2)) if pairs is None else pairs
    table = pd.DataFrame([_pair(space, one, other) for one, other in chosen], columns=COLUMNS)
    if space.retriever is not None:
        table.attrs["made_of"] = str(space.retriever.origin)
    return table


COLUMNS = ["one", "other", "clips", "centroid distance", "alignment", "uniformity one"]
COLUMNS += ["uniformity other", "separability"]
COLUMNS += [f"R@{k}{centred}" for centred in ("", " centred") for k in RECALLS]
COLUMNS += [f"R@{k} change{end}" for k in RECALLS for end in ("", " low", " high")]


def combination_rows(space: EmbeddingSpace, name: str) -> pd.Series:
    """The rows of a combination's points, by their clip_id.

    Raises:
        ValueError: there is no such combination, or it holds a clip twice.
    """
    table = space.table[space.table["combination"] == name]
    if table.empty:
        raise ValueError(
            f"the space has no points of {name!r}, but of {', '.join(space.combinations)}"
        )
    if (twice := table["clip_id"].duplicated()).any():
        raise ValueError(
            f"clip {table['clip_id'][twice].iloc[0]!r} is twice in {name!r}; give each its own id"
        )
    return pd.Series(table.index, index=table["clip_id"])


def _pair(space: EmbeddingSpace, one: str, other: str) -> dict[str, Any]:
    sides = [combination_rows(space, name) for name in (one, other)]
    both = sides[0].index.intersection(sides[1].index, sort=False)
    first, second = (space.vectors[side[both].to_numpy()] for side in sides)  # (n, P)
    row: dict[str, Any] = {"one": one, "other": other, "clips": len(both)}
    if not len(both):
        return row
    found = _matches(space.table.loc[sides[0][both].to_numpy()], one, other)
    few = _some(len(both))
    row |= {
        "centroid distance": float(np.linalg.norm(first.mean(axis=0) - second.mean(axis=0))),
        "alignment": float(np.square(first - second).sum(axis=1).mean()),
        "uniformity one": _uniformity(first[few]),
        "uniformity other": _uniformity(second[few]),
        "separability": _separability(first[few], second[few]),
    }
    before = _ranks(first, second, found)
    after = _ranks(_centred(first), _centred(second), found)
    return row | _recalls(before, after)


def _matches(table: pd.DataFrame, one: str, other: str) -> Matches:
    """Which rows ask and answer; clips with several captions as everywhere in mmlab."""
    if set(table) >= {*CLIP, "text"}:
        asks, answers = tuple(one.split("+")), tuple(other.split("+"))
        return ClipItems(table).matches(asks, answers, np.ones(len(table), bool))
    rows = np.arange(len(table))
    return Matches(rows, rows, list(rows[:, None]), 0)


def _some(count: int) -> np.ndarray:
    rows = np.arange(count)
    if count <= MOST_CLIPS:
        return rows
    return np.sort(np.random.default_rng(0).choice(rows, MOST_CLIPS, replace=False))


def _uniformity(vectors: np.ndarray) -> float:
    """(n, P) of unit length, so that d² = 2 - 2 cos; NaN for a single one."""
    count = len(vectors)
    if count < 2:
        return np.nan
    similarity = (vectors @ vectors.T)[~np.eye(count, dtype=bool)].astype(np.float64)
    return float(np.log(np.exp(-2 * (2 - 2 * similarity)).mean()))


def _separability(one: np.ndarray, other: np.ndarray) -> float:
    """Both vectors of a clip lie in the same fold: the twin of a known point is no guess."""
    if len(one) < 2:
        return np.nan
    from sklearn.linear_model import LogisticRegression  # half a second that only this pays
    from sklearn.model_selection import GroupKFold, cross_val_score
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    classifier = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
    groups = np.tile(np.arange(len(one)), 2)
    folds = GroupKFold(min(FOLDS, len(one)), shuffle=True, random_state=0)
    vectors, sides = np.concatenate([one, other]), np.repeat([0, 1], len(one))
    return float(100 * cross_val_score(classifier, vectors, sides, groups=groups, cv=folds).mean())


def _centred(vectors: np.ndarray) -> np.ndarray:
    moved = vectors - vectors.mean(axis=0)
    return moved / np.maximum(np.linalg.norm(moved, axis=1, keepdims=True), 1e-12)


def _ranks(one: np.ndarray, other: np.ndarray, found: Matches) -> np.ndarray:
    queries, gallery = torch.from_numpy(one[found.queries]), torch.from_numpy(other)
    return rank_of_match(queries, gallery[found.candidates], found.targets)


def _recalls(before: np.ndarray, after: np.ndarray) -> dict[str, float]:
    """From (Q,) ranks of the same queries without and with centring."""
    row: dict[str, float] = {}
    for k in RECALLS:
        recall = recall_at(k)
        row |= {f"R@{k}": float(recall(before)), f"R@{k} centred": float(recall(after))}
        change = difference_interval(after, before, recall)
        row |= zip([f"R@{k} change{end}" for end in ("", " low", " high")], change, strict=True)
    return row
