"""Do neighbours in the full embedding space share what their clips show?"""

from __future__ import annotations

import numpy as np
import pandas as pd

from mmlab.types import Combination, combination_name


def neighbour_agreement(
    embeddings: dict[Combination, np.ndarray],
    labels: pd.DataFrame,
    *,
    neighbours: int = 10,
) -> pd.DataFrame:
    """Share of each clip's nearest other clips that have its label.

    Args:
        embeddings: (clips, P) of unit length for each combination.
        labels: one row per clip, one column per attribute.
        neighbours: how many nearest others of the same combination count.

    Returns:
        One row per combination and a last row "chance", one column per attribute, 0 to 1.
        Chance is the share over all pairs of different clips.
    """
    if len(labels) < 2:
        raise ValueError(f"neighbours need at least 2 clips, found {len(labels)}")
    same = {name: labels[name].to_numpy() == labels[name].to_numpy()[:, None] for name in labels}
    rows = {}
    for combination, vectors in embeddings.items():
        nearest = _nearest_others(vectors, min(neighbours, len(labels) - 1))  # (clips, neighbours)
        rows[combination_name(combination)] = _shares(same, nearest)
    others = _others(len(labels))
    rows["chance"] = _shares(same, others)
    return pd.DataFrame.from_dict(rows, orient="index")


def _nearest_others(vectors: np.ndarray, count: int) -> np.ndarray:
    similarity = vectors @ vectors.T
    np.fill_diagonal(similarity, -np.inf)
    return np.argpartition(-similarity, count - 1, axis=1)[:, :count]


def _others(count: int) -> np.ndarray:
    """For each of `count` items the numbers of all others: (count, count - 1)."""
    return np.array([[j for j in range(count) if j != i] for i in range(count)])


def _shares(same: dict[str, np.ndarray], columns: np.ndarray) -> dict[str, float]:
    rows = np.arange(len(columns))[:, None]
    return {name: float(table[rows, columns].mean()) for name, table in same.items()}
