"""What every index can do, wherever its vectors lie."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import numpy as np
import pandas as pd

from mmlab.about import digest
from mmlab.origin import Origin

Engine = Literal["exact", "hnsw", "ivf", "milvus"]
"""How the nearest are found: by comparing with all, by faiss, or by a Milvus."""

FINGERPRINT = "fingerprint"
"""The column that says what a clip was embedded from; a clip with another one has changed."""


@dataclass(frozen=True)
class Found:
    """The answers to Q questions, best first.

    Attributes:
        clip_ids: (Q, top) str objects; "" where there are fewer answers.
        scores: (Q, top) float32 inner products; -inf where there are fewer answers.
    """

    clip_ids: np.ndarray
    scores: np.ndarray


@dataclass(frozen=True)
class IndexAbout:
    """What an index is of.

    Attributes:
        engine: how it finds.
        model: hash of the model whose embeddings it holds, see `mmlab.origin`.
        dataset: hash of the dataset, "" if that was never on disk.
        combinations: such as "video+audio" and "video+audio late".
        width: of the vectors, P.
        complete: whether every clip is in; an index that is being built answers nothing.
        clips: which clips of the dataset, as `clips_in_words` says it.
        long_clips: the fields of `LongClips`, if clips were not read whole.
    """

    engine: Engine
    model: str
    dataset: str
    combinations: tuple[str, ...]
    width: int
    complete: bool = False
    clips: str = ""
    long_clips: dict[str, Any] | None = None

    def refuse_another(self, origin: Origin) -> None:
        """Raise a ValueError that says what of `origin` is not what the index is of."""
        self.refuse_another_model(origin.model, origin.long_clips)
        if self.dataset != origin.dataset:
            raise ValueError(
                f"the index is of dataset {self.dataset[:8]}, asked is {origin.dataset[:8]} in "
                f"{origin.dataset_folder}; run `mmlab index` again, which adds what is new"
            )
        if self.clips != (asked := clips_in_words(origin)):
            raise ValueError(
                f"the index is of {self.clips}, not of {asked}; choose the same clips, or run "
                "`mmlab index` for these"
            )

    def refuse_another_model(self, model: str, long_clips: dict[str, Any] | None) -> None:
        """Raise a ValueError if another model, or another reading of long clips, made it."""
        if self.model != model:
            raise ValueError(
                f"the index is of model {self.model[:8]}, asked is model {model[:8]}: their "
                "embeddings cannot be compared; index with this model into another folder"
            )
        if self.long_clips != long_clips:
            raise ValueError(
                f"the index read long clips as {self.long_clips or 'whole'}, asked is "
                f"{long_clips or 'whole'}; give the same strategy, or index into another folder"
            )


class VectorIndex(Protocol):
    """The vectors of clips in some combinations, and the clips' columns.

    The order of `ids` is that in which clips came; equal scores are told in that order. A clip
    without anything of a combination has a zero vector there and is no answer. Every method
    raises a ValueError, which says what would do, for a combination, a column or a width that the
    index does not have.
    """

    @property
    def about(self) -> IndexAbout:
        """What it is of, as of now."""

    @property
    def columns(self) -> list[str]:
        """The columns that `where` may name; clip_id is the first."""

    def __len__(self) -> int: ...

    def ids(self) -> list[str]:
        """Every clip_id."""

    def table(self, columns: Sequence[str] | None = None) -> pd.DataFrame:
        """The clips' columns, all or some, in the order of `ids`."""

    def search(
        self,
        combination: str,
        vectors: np.ndarray,
        top: int,
        *,
        where: Mapping[str, Any] | None = None,
    ) -> Found:
        """The clips whose vectors have the largest inner products with some vectors.

        Args:
            combination: one of `about.combinations`.
            vectors: (Q, P) float32, of any length.
            top: how many answers each.
            where: a value, or a list of values, that a column must have.
        """

    def vectors(self, combination: str, clip_ids: Sequence[str]) -> np.ndarray:
        """(n, P) float32, a row for each of `clip_ids`.

        Raises:
            KeyError: there is no such clip.
        """

    def add(self, vectors: Mapping[str, np.ndarray], table: pd.DataFrame) -> None:
        """Add clips, or replace those that are there; all of them or, if that fails, none.

        Args:
            vectors: (n, P) of every combination; zeros where a clip has nothing of it.
            table: n rows with clip_id, each one once, and the other columns.
        """

    def delete(self, clip_ids: Sequence[str]) -> int:
        """Forget clips; how many of them were there."""

    def close(self) -> None:
        """Let go of its files or its server."""


class IndexDraft(VectorIndex, Protocol):
    """An index that is being built: what `mmlab.index.building` needs beside."""

    def finish(self, about: IndexAbout) -> None:
        """It is complete: from now on it answers, and is of what `about` says."""


def clips_in_words(origin: Origin) -> str:
    """Which clips an origin is of, in words that differ where the clips do."""
    (column, values), *_ = origin.clips.items()
    if column == "split":
        return f"the split {', '.join(values)}"
    return f"{len(values)} chosen clips ({digest(chr(10).join(values).encode())[:8]})"
