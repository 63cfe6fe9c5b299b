"""Vectors as bytes: what may be among the nearest is told from a quarter of the data, with proof.

A row x is scale * c + r, with c whole numbers of -127..127. So its inner product with a question q
is scale * (q · c), off by at most |q| * |r|; what float32 arithmetic adds to that is in the slack.
"""

from __future__ import annotations

import numpy as np

CODED_ROWS = 16_384
"""Fewer rows are compared as they are, in float32 first: quicker than numba can be loaded."""

BLOCK_ROWS = 4096
MOST = 127


def encode(vectors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The codes of vectors.

    Args:
        vectors: (n, P) float32, finite.

    Returns:
        (n, P) int8 codes, and (2, n) float32: each row's scale, and its slack, the most that the
        inner product with a question of unit length is off.
    """
    codes = np.empty(vectors.shape, np.int8)
    bounds = np.empty((2, len(vectors)), np.float32)
    for start in range(0, len(vectors), BLOCK_ROWS):
        rows = slice(start, start + BLOCK_ROWS)
        codes[rows], bounds[0, rows], bounds[1, rows] = _encoded(vectors[rows].astype(np.float64))
    return codes, bounds


def rounding(width: int) -> float:
    """How much inner products in float32 are off at most, of vectors of this width, length 1.

    In any order of the sum; and as much again, for the length of the vectors may be rounded, too.
    """
    return 2 * (width + 16) * 2.0**-24


def _encoded(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    scale = (np.abs(rows).max(axis=1) / MOST).astype(np.float32)
    codes = np.rint(rows / np.where(scale > 0, scale, 1)[:, None])
    rest = np.linalg.norm(rows - scale[:, None].astype(np.float64) * codes, axis=1)
    slack = (rest + rounding(rows.shape[1]) * (np.linalg.norm(rows, axis=1) + rest)) * (
        1 + 2.0**-20
    )
    return codes, scale, slack.astype(np.float32)
