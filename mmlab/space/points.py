"""One point per clip and combination: its vector, and whose it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from mmlab.evaluation.matrix import LATE
from mmlab.types import Combination, combination_name, parse_combination

if TYPE_CHECKING:
    from mmlab.dataset import ClipDataset
    from mmlab.retrieval import Retriever

SHORTEST = 1e-12
"""A shorter vector has no direction."""

FUSION_DISTANCE = "fusion distance"


@dataclass(frozen=True, eq=False, repr=False)
class EmbeddingSpace:
    """Vectors and the table that tells whose they are.

    Attributes:
        vectors: (n, P) float32 of unit length, all finite.
        table: n rows, numbered from 0: combination, clip_id (text), then what else is known of the
            clip.
        dataset: where the clips' media are; None for vectors without media.
        retriever: what the vectors were made by, if it was one; it answers further questions.
        note: one sentence if something was left out, else "".
    """

    vectors: np.ndarray
    table: pd.DataFrame
    dataset: ClipDataset | None = None
    retriever: Retriever | None = None
    note: str = ""

    def __len__(self) -> int:
        return len(self.table)

    def __repr__(self) -> str:
        names = ", ".join(self.combinations)
        clips = self.table.clip_id.nunique()
        return f"EmbeddingSpace({len(self):,} points of {clips:,} clips: {names})"

    @property
    def combinations(self) -> list[str]:
        """Names such as "video+audio" in the order in which they first stand in the table."""
        return list(dict.fromkeys(self.table.combination))

    def row(self, clip_id: str, combination: str) -> int | None:
        """The row of a clip in a combination; None if it has none of it."""
        return self._rows.get((str(clip_id), combination))

    @cached_property
    def _rows(self) -> dict[tuple[str, str], int]:
        backwards = self.table[["clip_id", "combination"]].iloc[::-1]  # so that the first stays
        keys = backwards.itertuples(index=False, name=None)
        return dict(zip(keys, backwards.index.tolist(), strict=True))


def embedding_space(
    retriever: Retriever, combinations: Sequence[str | Combination] | None = None
) -> EmbeddingSpace:
    """The vectors of every clip in every combination.

    Args:
        retriever: a model and its clips.
        combinations: which to take, by default all; a clip without any of a combination's
            modalities has no vector there and is left out.

    Returns:
        Points with the manifest's columns and "fusion distance": how far the model's fusion goes
        beyond late fusion, 1 - cosine between the two, 0 to 2; NaN for single modalities.

    Raises:
        ValueError: an unknown combination, or none at all; embeddings that are NaN.
    """
    names = retriever.model.config.names
    wanted = retriever.combinations if combinations is None else combinations
    chosen = list(dict.fromkeys(parse_combination(one, names) for one in wanted))
    if not chosen:
        raise ValueError("combinations is empty; name one, such as 'video', or leave it out")
    vectors, tables = [], []
    for combination in chosen:
        embedded = retriever.embeddings(combination).numpy()  # (clips, P)
        there = embedded.any(axis=1)  # NaN counts as something
        vectors.append(embedded[there])
        clips = retriever.dataset.manifest[there]
        name, distance = combination_name(combination), np.full(len(clips), np.nan)
        if len(combination) > 1:
            distance = _distance(embedded, retriever.embeddings(name + LATE).numpy())[there]
        tables.append(clips.assign(**{"combination": name, FUSION_DISTANCE: distance}))
    table = pd.concat(tables, ignore_index=True)
    return _space(np.concatenate(vectors), table, retriever.dataset, retriever)


def _distance(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """(n, P) each of unit length -> (n,) 1 - cosine."""
    return np.clip(1 - (one * other).sum(axis=1, dtype=np.float64), 0, 2)


def embedding_space_of(
    vectors: np.ndarray, table: pd.DataFrame, dataset: ClipDataset | None = None
) -> EmbeddingSpace:
    """Any other vectors as a space, such as those of another model.

    Args:
        vectors: (n, P) of any length; rows with NaN or infinity, or of length 0, are left out.
        table: n rows with clip_id and, if there are several vectors of a clip, combination; without
            that column every row is "all".
        dataset: where the clips' media are, if they can be played.

    Raises:
        ValueError: no matrix, another number of rows, or no column clip_id.
    """
    values = np.asarray(vectors, dtype=np.float32)
    if values.ndim != 2:
        raise ValueError(f"vectors is one vector per row (n, P), found shape {values.shape}")
    if len(values) != len(table):
        raise ValueError(f"{len(values)} vectors need as many rows, table has {len(table)}")
    if "clip_id" not in table:
        raise ValueError(f"table needs a column clip_id, found {', '.join(map(str, table))}")
    if "combination" not in table:
        table = table.assign(combination="all")
    return _space(values, table, dataset, None)


def with_columns(space: EmbeddingSpace, found: pd.DataFrame) -> EmbeddingSpace:
    """The same space with further columns, by which a map can be coloured.

    Args:
        space: any.
        found: clip_id, combination (without it, a clip's values are those of all its points), and
            the columns to add; points that it does not tell of get NaN.

    Raises:
        ValueError: no column clip_id; a clip that is there twice.
    """
    if "clip_id" not in found:
        raise ValueError(f"found needs a column clip_id, it has {', '.join(map(str, found))}")
    keys = [name for name in ("clip_id", "combination") if name in found]
    kept = space.table.drop(columns=[name for name in found if name not in keys], errors="ignore")
    found = found.assign(clip_id=found["clip_id"].astype(str))
    return replace(space, table=kept.merge(found, how="left", on=keys, validate="many_to_one"))


def _space(
    vectors: np.ndarray,
    table: pd.DataFrame,
    dataset: ClipDataset | None,
    retriever: Retriever | None,
) -> EmbeddingSpace:
    """The rows that have a direction, brought to length 1."""
    lengths = np.linalg.norm(vectors, axis=1)
    kept = np.isfinite(lengths) & (lengths > SHORTEST)
    first = ["combination", "clip_id"]
    table = table[[*first, *(name for name in table if name not in first)]]
    unit = vectors[kept] / lengths[kept, None]
    table = table[kept].reset_index(drop=True).rename(columns=str)  # views show their names
    table["clip_id"] = table["clip_id"].astype(str)
    return EmbeddingSpace(unit, table, dataset, retriever, _left_out(lengths))


def _left_out(lengths: np.ndarray) -> str:
    broken, empty = ~np.isfinite(lengths), lengths <= SHORTEST
    found = {"hold NaN or infinity": broken.sum(), "are zero": empty.sum()}
    told = [f"{count:,} {what}" for what, count in found.items() if count]
    return f"Of {len(lengths):,} vectors {' and '.join(told)}: left out." if told else ""
