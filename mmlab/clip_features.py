"""One clip: where it lies in its medium, its words and its tokens."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
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
