"""One clip: where it lies in its medium, its words and its tokens."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from torch import Tensor

from mmlab.cutting import Grid, Times
from mmlab.types import Modality


@dataclass(frozen=True)
class ClipFeatures:
    """One clip: its words and its tokens.

    Attributes:
        words: the words of `text` that the text encoder knows, one per text token.
        tokens: (N, D) float32 for each modality; (0, D) where the clip has none.
        times: when the tokens of each modality but text are, for `token_seconds`.
    """

    clip_id: str
    media_id: str
    start_seconds: float
    end_seconds: float
    text: str
    words: list[str]
    tokens: dict[Modality, Tensor]
    times: dict[Modality, Times]

    def token_seconds(self, modality: Modality) -> np.ndarray:
        """(N, 2): from when to when in its medium each "video" or "audio" token is."""
        times = self.times[modality]
        return times.seconds(len(self.tokens[modality])) if isinstance(times, Grid) else times


class Span(NamedTuple):
    """A part of a medium and its text."""

    media_id: str
    start_seconds: float
    end_seconds: float
    text: str


class Spans:
    """The columns that reading needs; a row of a table would take longer than its tokens."""

    def __init__(self, folder: Path, manifest: pd.DataFrame, media: pd.DataFrame) -> None:
        self._folder = folder
        codes, media_ids = pd.factorize(manifest["media_id"])
        self._codes, self._media = codes, media_ids.tolist()
        self._starts = manifest["start_seconds"].to_numpy(float)
        self._ends = manifest["end_seconds"].to_numpy(float)
        self._texts = manifest["text"].array
        self._possible = np.isfinite(self._starts) & ~np.isnan(self._ends)
        self._possible &= manifest["media_id"].isin(media["media_id"]).to_numpy()

    def of(self, row: int) -> Span:
        """The span in one row; errors as `ClipDataset.span`."""
        if not isinstance(row, (int, np.integer)):
            raise TypeError(f"{row!r:.50} is no row and no clip id; select(rows) gives several")
        count = len(self._codes)
        if not -count <= row < count:
            raise IndexError(f"row {row} of {count} clips")
        media_id, start, end = self._media[self._codes[row]], self._starts[row], self._ends[row]
        if not self._possible[row]:
            raise ValueError(
                f"{self._folder}: row {row} of its manifest has impossible times ({start} to {end} "
                f"s) or a medium that media.parquet does not list ({media_id!r}); correct the "
                "captions and run `mmlab ingest` again"
            )
        return Span(media_id, float(start), float(end), self._texts[row])
