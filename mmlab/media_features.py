"""All tokens of one medium: what an extractor gives, what a published file holds."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor


@dataclass(frozen=True)
class MediaFeatures:
    """Everything a dataset keeps of one medium.

    Attributes:
        duration_seconds: of the medium.
        tokens: (N, D) floats for "video", "audio" or, where a modality comes in several streams,
            "video.2d", "video.3d"; absent or (0, D) where the medium has none.
        seconds: (N, 2): from when to when each token of a modality is, where that is not told
            by its number and the rate.
        levels: "brightness", (N_video,) mean of the frames in 0..1, and "loudness", (T,) root
            mean square of every second in dBFS, not below -100.
        width: of the picture as shown, in pixels; 0 without a picture, as `height` and
            `frames_per_second`.
        picture_start_seconds: when the first picture is; `sound_start_seconds` likewise.
        notes: what of the medium could not be used although the rest could.
    """

    duration_seconds: float
    tokens: dict[str, np.ndarray]
    seconds: dict[str, np.ndarray] = field(default_factory=dict)
    levels: dict[str, np.ndarray] = field(default_factory=dict)
    width: int = 0
    height: int = 0
    frames_per_second: float = 0.0
    picture_start_seconds: float = 0.0
    sound_start_seconds: float = 0.0
    notes: tuple[str, ...] = ()

    def tensor(self, name: str) -> Tensor | None:
        """The tokens called "video" or "video.2d", or the seconds called "video.seconds"."""
        modality, _, rest = name.rpartition(".")
        found = self.seconds.get(modality) if rest == "seconds" else self.tokens.get(name)
        return None if found is None or not len(found) else torch.from_numpy(found)

    def has(self, modality: str) -> bool:
        """Whether there is at least one token of a modality, in any stream."""
        return any(
            len(tokens) and name.partition(".")[0] == modality
            for name, tokens in self.tokens.items()
        )
