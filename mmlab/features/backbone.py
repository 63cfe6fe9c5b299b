"""What every backbone offers, so that extraction, datasets and benchmarks need not know which.

A backbone turns consecutive blocks of decoded media into tokens. Blocks keep long files out of
memory; a file that is in memory anyway is one block: `backbone.extract([samples])`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol, runtime_checkable

import numpy as np


class Backbone(Protocol):
    """What picture and sound backbones have in common.

    Attributes:
        name: stored with the features, so that those of different backbones are not mixed up.
        width: of a token.
        tokens_per_second: token i starts at i / tokens_per_second.
        window_seconds: how much of the file one token covers from its start on.
    """

    name: str
    width: int
    tokens_per_second: float
    window_seconds: float

    def extract(self, blocks: Iterable[np.ndarray]) -> np.ndarray:
        """(N, width) float32 tokens of consecutive blocks."""


@runtime_checkable
class PictureBackbone(Backbone, Protocol):
    """Blocks are (n, len(frame_offsets), H, W, 3) uint8 RGB: the frames of n tokens.

    Attributes:
        frame_offsets: the seconds after a token's start at which it looks at a frame.
    """

    frame_offsets: tuple[float, ...]

    def frame_size(self, width: int, height: int) -> tuple[int, int]:
        """The (width, height) to which frames of a file of this size are to be scaled."""


@runtime_checkable
class SoundBackbone(Backbone, Protocol):
    """Blocks are (samples,) float32 mono in [-1, 1]; they may be iterated more than once.

    Attributes:
        sample_rate: in Hz.
    """

    sample_rate: int
