"""How much a file may tell: in a pickle one value can stand in a thousand places for two bytes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

LEAST_ALLOWED = 1_000_000
MOST_PER_BYTE = 16
"""Far more than files reach in which texts or empty spectrograms are shared."""


class Budget:
    """Counts what is taken out of files, until no honest file could hold it.

    Example:
        >>> Budget([path]).take(features.nbytes)
    """

    def __init__(self, paths: Sequence[Path]) -> None:
        self._name = f"{paths[0]}"
        self._left = LEAST_ALLOWED + MOST_PER_BYTE * sum(path.stat().st_size for path in paths)

    def take(self, count: int) -> None:
        """Count so many bytes, characters or rows.

        Raises:
            ValueError: more than the files' size can explain was taken.
        """
        self._left -= count
        if self._left < 0:
            raise ValueError(
                f"{self._name}: repeats its values more often than its size can explain; get it "
                f"again"
            )
