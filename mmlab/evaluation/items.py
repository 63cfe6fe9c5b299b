"""Who asks and who answers when clips have several captions, or lack a modality.

Rows of a manifest that name the same part of the same medium are one clip with several captions.
A side of a direction that has text is one item per row; a side without is one item per clip.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
import pandas as pd

from mmlab.types import Combination

CLIP = ["media_id", "start_seconds", "end_seconds"]


class Matches(NamedTuple):
    """A direction's items and which of them belong together.

    Attributes:
        queries: (Q,) rows of the manifest whose query embeddings ask.
        candidates: (K,) rows whose gallery embeddings answer.
        targets: for each query the candidates that are right, numbers below K.
        missing: further queries, which have no rank: they or all that would be right lack their
            side.
    """

    queries: np.ndarray
    candidates: np.ndarray
    targets: list[np.ndarray]
    missing: int


@dataclass(frozen=True)
class ClipItems:
    """Which rows of a manifest are of the same clip, and which have the same caption.

    Attributes:
        manifest: media_id, start_seconds, end_seconds, text.
    """

    manifest: pd.DataFrame

    @cached_property
    def first_of_clip(self) -> np.ndarray:
        """(rows,) for each row the first one of the same clip."""
        return _first(self.manifest.groupby(CLIP, sort=False, dropna=False).ngroup())

    @cached_property
    def first_of_text(self) -> np.ndarray:
        """(rows,) for each row the first one with the same caption."""
        return _first(self.manifest.groupby("text", sort=False, dropna=False).ngroup())

    def first_of(self, names: Combination) -> np.ndarray:
        """(rows,) for each row the first one that has the same tokens of a combination."""
        if "text" not in names:
            return self.first_of_clip
        return self.first_of_text if names == ("text",) else np.arange(len(self.manifest))

    @cached_property
    def clips(self) -> int:
        """How many different ones there are."""
        return len(np.unique(self.first_of_clip))

    @cached_property
    def has_several_captions(self) -> bool:
        """Whether any clip has."""
        return self.clips < len(self.manifest)

    @cached_property
    def shared_captions(self) -> np.ndarray:
        """(rows,) bool: whether the row's caption also stands for another clip."""
        clips = pd.Series(self.first_of_clip).groupby(self.first_of_text)
        return clips.transform("nunique").to_numpy() > 1

    def absent(self, total: int | None) -> int:
        """Clips of a complete benchmark of which there is no row.

        Args:
            total: clips of the benchmark; None: those that are here.

        Raises:
            ValueError: there are more here.
        """
        if total is not None and total < self.clips:
            raise ValueError(
                f"total is how many clips the complete benchmark has, found {total}, but "
                f"{self.clips} are here"
            )
        return 0 if total is None else total - self.clips

    def matches(self, query: Combination, gallery: Combination, has_both: np.ndarray) -> Matches:
        """The items of a direction.

        Args:
            query: the modalities asked with.
            gallery: the modalities asked for.
            has_both: (rows,) bool, whether the row has something of both sides.
        """
        asked, answers = self._item(query), self._item(gallery)
        pairs = np.unique(np.stack([asked[has_both], answers[has_both]], axis=1), axis=0)
        queries, starts = np.unique(pairs[:, 0], return_index=True)
        candidates, targets = np.unique(pairs[:, 1], return_inverse=True)
        missing = len(np.unique(asked)) - len(queries)
        right = np.split(targets, starts[1:]) if len(queries) else []
        return Matches(queries, candidates, right, missing)

    def _item(self, names: Combination) -> np.ndarray:
        return np.arange(len(self.manifest)) if "text" in names else self.first_of_clip


def _first(groups: pd.Series) -> np.ndarray:
    """(rows,) group numbers -> for each row the first row of its group."""
    _, first, number = np.unique(groups.to_numpy(), return_index=True, return_inverse=True)
    return first[number]
