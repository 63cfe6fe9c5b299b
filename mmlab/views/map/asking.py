"""What lies near: to a question in words, or to a clip, in the full space and not on the map."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
import pandas as pd

from mmlab.space import EmbeddingSpace

Chosen: TypeAlias = (
    "Sequence[int] | Sequence[str] | Sequence[bool] | np.ndarray | pd.Series | pd.DataFrame"
)
"""Points by the numbers of their rows, by clip_id, by a mask of all, or as another's selection."""


MOST_TOLD = 500
"""Points of a selection that a stamp tells: it is one line of text, and lies in every picture."""


def nearest_points(
    space: EmbeddingSpace, vector: np.ndarray, among: np.ndarray, count: int
) -> pd.DataFrame:
    """The points whose vectors are most similar to one vector.

    Args:
        space: n points.
        vector: (P,) of unit length.
        among: (n,) bool, which may be found.
        count: how many at most.

    Returns:
        Rows of the space's table under their numbers, best first, with score (cosine) and rank
        (of the clip: a clip that is found in two combinations has one rank).
    """
    allowed = np.flatnonzero(among)
    scores = space.vectors[allowed] @ vector
    best = np.argsort(-scores, kind="stable")[:count]
    found = space.table.iloc[allowed[best]].assign(score=scores[best])
    return found.assign(rank=found.groupby("clip_id", sort=False).ngroup() + 1)


def neighbours(space: EmbeddingSpace, clip_id: str, combination: str, count: int) -> pd.DataFrame:
    """The other clips nearest to a clip, all of them in one combination.

    Returns:
        As `nearest_points`; empty where the clip has nothing of the combination.
    """
    row = space.row(clip_id, combination)
    if row is None:
        return space.table.iloc[:0].assign(score=0.0, rank=0)
    others = (space.table["combination"] == combination) & (space.table["clip_id"] != clip_id)
    return nearest_points(space, space.vectors[row], others.to_numpy(), count)


def points_of(space: EmbeddingSpace, clip_id: str) -> list[int]:
    """The rows of one clip, none for a clip that is not there."""
    rows = (space.row(clip_id, combination) for combination in space.combinations)
    return [row for row in rows if row is not None]


def told_points(rows: pd.DataFrame) -> dict[str, list[str]]:
    """Points by combination and clip_id, as `points_told` reads them; too many are not told."""
    if len(rows) > MOST_TOLD:
        return {}
    return {
        str(name): one["clip_id"].tolist() for name, one in rows.groupby("combination", sort=False)
    }


def points_told(space: EmbeddingSpace, told: dict[str, list[str]]) -> list[int]:
    """The rows that `told_points` told, of those that the space has."""
    rows = (space.row(clip_id, name) for name, clip_ids in told.items() for clip_id in clip_ids)
    return [row for row in rows if row is not None]


def gather(how: str, before: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """The rows of a selection after these were dragged around.

    Args:
        how: "new", "add" or "take".
        before: the rows that were selected.
        rows: those dragged around.

    Returns:
        Rows in their order, each once.
    """
    if how == "add":
        return np.union1d(before, rows)
    return np.setdiff1d(before, rows) if how == "take" else np.unique(rows)


def points_among(space: EmbeddingSpace, chosen: Chosen) -> tuple[pd.DataFrame, str]:
    """What of a space somebody means.

    Args:
        space: n points.
        chosen: numbers of rows, clip_ids, a mask of n booleans, or a table with clip_id: its points
            where the space has one of its combinations, else all points of its clips.

    Returns:
        Those rows of the space's table, and a sentence if some were not there, else "".

    Raises:
        ValueError: a single string; a mask of another length; a table without clip_id; numbers that
            are not whole.
    """
    if isinstance(chosen, pd.DataFrame):
        return _points_as_in(space, chosen)
    if isinstance(chosen, str):
        raise ValueError(f"chosen is several rows or clip_ids, such as [{chosen!r}], no string")
    table, wanted = space.table, pd.Series(list(chosen), dtype=None if len(chosen) else object)
    if pd.api.types.is_bool_dtype(wanted):
        if len(wanted) != len(table):
            raise ValueError(f"chosen has {len(wanted)} booleans for {len(table)} points")
        return table[wanted.to_numpy(bool)], ""
    if pd.api.types.is_float_dtype(wanted):
        raise ValueError(
            f"chosen holds {wanted[0]}; rows are whole numbers, such as {wanted[0]:.0f}"
        )
    known = table.index if pd.api.types.is_integer_dtype(wanted) else table["clip_id"]
    wanted = wanted.drop_duplicates()
    if not pd.api.types.is_integer_dtype(wanted):
        wanted = wanted.astype(str)
    return table[known.isin(wanted)], _told_absent(wanted.isin(known))


def _points_as_in(space: EmbeddingSpace, chosen: pd.DataFrame) -> tuple[pd.DataFrame, str]:
    """The points of a table, which may be another map's of other combinations."""
    if "clip_id" not in chosen:
        raise ValueError(f"chosen needs a column clip_id, it has {', '.join(map(str, chosen))}")
    keys = ["clip_id"]
    if "combination" in chosen and chosen["combination"].isin(space.combinations).any():
        keys.append("combination")
    known = pd.MultiIndex.from_frame(space.table[keys].astype(str))
    wanted = pd.MultiIndex.from_frame(chosen[keys].astype(str).drop_duplicates())
    return space.table[known.isin(wanted)], _told_absent(wanted.isin(known))


def _told_absent(there: np.ndarray | pd.Series) -> str:
    absent = int((~there).sum())
    return f"{absent:,} of {len(there):,} chosen are not on this map." if absent else ""
