"""What lies where: dense groups of a layout, named by their captions' own words."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy.sparse import csr_matrix
from scipy.spatial import KDTree

FEWEST_POINTS = 20
MOST_POINTS = 4000
"""So many, drawn with a fixed seed, decide where the groups are and what they are called."""

GROUP_SHARE = 0.02
"""Of all points: less is no group, and in a cloud without groups hardly any is found."""

WORDS = 2
WORD_SHARE = 0.3
"""Of a group's captions: what fewer of them say is no name for all."""

FILLERS = frozenset(
    {"gonna", "just", "kind", "let", "like", "little", "okay", "ok", "really", "uh", "um"}
)
"""Of speech, which lists of stop words for written English lack."""

LIFT = 2
"""A word that is not so many times as frequent in a group as elsewhere is none of its own."""

COLUMNS = ["x", "y", "label", "count", "rows"]


def cluster_labels(points: np.ndarray, texts: Sequence[str], *, most: int = 12) -> pd.DataFrame:
    """The dense groups of a layout and the words that stand in their captions above all.

    A word weighs its share of the group's captions, times the logarithm of how much larger that
    is than its share of all captions, times its rarity squared (a class-based TF-IDF, after
    Grootendorst 2022, arXiv 2203.05794). So what stands everywhere weighs nothing, in any
    language; English words that fill every sentence are left out from the start. What fewer than
    30 % of a group's captions say is no name for it.

    Args:
        points: (n, 2); what is not finite belongs to no group.
        texts: n captions.
        most: how many groups, the largest first.

    Returns:
        One row per group: x, y (of its most central point), label, count (of its points), rows
        (their numbers). Empty where there are fewer than 20 points, or no groups with words.

    Raises:
        ValueError: not as many texts as points.
    """
    if len(points) != len(texts):
        raise ValueError(f"{len(points)} points need as many texts, found {len(texts)}")
    places = np.asarray(points, np.float64)
    words = pd.Series(list(texts), dtype=object).fillna("").astype(str).to_numpy(object)
    known = np.flatnonzero(np.isfinite(places).all(axis=1))
    if len(known) < FEWEST_POINTS or not np.ptp(places[known], axis=0).any():
        return pd.DataFrame(columns=COLUMNS)
    sample = known[_some(len(known))]
    groups = _dense_groups(places[sample])
    labels = _labels(words[sample], groups)
    owners = groups[KDTree(places[sample]).query(places[known])[1]]  # as the nearest in the sample
    rows = [_row(places, known[owners == number], label) for number, label in labels.items()]
    found = pd.DataFrame(rows, columns=COLUMNS)
    found = found.sort_values("count", ascending=False, kind="stable", ignore_index=True)
    return found.head(most)


def _some(count: int) -> np.ndarray:
    if count <= MOST_POINTS:
        return np.arange(count)
    return np.sort(np.random.default_rng(0).choice(count, MOST_POINTS, replace=False))


def _dense_groups(points: np.ndarray) -> np.ndarray:
    """(n,) the number of each point's group, -1 for those between groups."""
    from sklearn.cluster import HDBSCAN  # half a second that only labels pay

    smallest = max(FEWEST_POINTS // 2, round(GROUP_SHARE * len(points)))
    return HDBSCAN(smallest, copy=True).fit_predict(points)


def _labels(texts: np.ndarray, groups: np.ndarray) -> dict[int, str]:
    """What each group is called; one without a word of its own has no name and is left out."""
    from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS, CountVectorizer

    counter = CountVectorizer(binary=True, stop_words=sorted(ENGLISH_STOP_WORDS | FILLERS))
    if not any(counter.build_analyzer()(text) for text in texts):
        return {}
    there = counter.fit_transform(texts)  # (n, words), whether a caption has a word
    overall = _shares(there)
    vocabulary, labels = counter.get_feature_names_out(), {}
    for number in range(groups.max() + 1):
        share, elsewhere = _shares(there[groups == number]), _shares(there[groups != number])
        weights = share * np.log(np.maximum(share, 1e-12) / overall) * np.log(overall) ** 2
        weights[(share < LIFT * elsewhere) | (share < WORD_SHARE)] = 0
        best = weights.argsort(kind="stable")[::-1][:WORDS]
        kept = best[weights[best] > weights[best[0]] / 2]
        if weights[best[0]] > 0:
            labels[number] = " ".join(vocabulary[kept])
    return labels


def _shares(there: csr_matrix) -> np.ndarray:
    """(n, words) -> (words,) share of the captions that have a word; exactly 1 for all of them."""
    return np.asarray(there.sum(axis=0)).ravel() / there.shape[0]


def _row(places: np.ndarray, rows: np.ndarray, label: str) -> tuple[object, ...]:
    members = places[rows]
    central = np.linalg.norm(members - np.median(members, axis=0), axis=1).argmin()
    return (*members[central].tolist(), label, len(rows), rows)
