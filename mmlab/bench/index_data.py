"""Vectors for `mmlab bench index`: made up, but with the structure that embeddings have."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch

GROUPS = 1_000
INNER = 32
"""Embeddings of a trained model fill few of their dimensions."""
SPREAD = 0.5
"""Of a group about its middle, beside the middles' own spread of 1."""
NOISE = 0.02
"""In every dimension."""
BLOCK = 65_536

DESCRIPTION = (
    f"made up from a seed: {GROUPS:,} groups in {INNER} dimensions, spread {SPREAD} about middles "
    f"spread 1, laid into all dimensions, noise {NOISE} in each, of unit length; questions alike"
)


class Mixture:
    """Groups of vectors of unit length, made in blocks, the same for the same seed.

    Args:
        width: of the vectors.
        seed: of all of them.
    """

    def __init__(self, width: int, seed: int = 0) -> None:
        random = np.random.default_rng(seed)
        self._seed = seed
        self._middles = random.normal(size=(GROUPS, INNER)).astype(np.float32)
        self._base = random.normal(size=(INNER, width)).astype(np.float32) / np.float32(INNER**0.5)

    def block(self, number: int, rows: int) -> np.ndarray:
        """(rows, width) float32: the first of block `number`."""
        random = np.random.default_rng((self._seed, number))
        inner = self._middles[random.integers(0, GROUPS, rows)]
        inner = inner + SPREAD * random.standard_normal((rows, INNER), np.float32)
        vectors = inner @ self._base
        vectors += NOISE * random.standard_normal(vectors.shape, np.float32)
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)

    def write(self, path: Path, rows: int) -> None:
        """A .npy of (rows, width) float32, of blocks 1, 2, …; block 0 is for questions."""
        shape = (rows, self._base.shape[1])
        array = np.lib.format.open_memmap(path, "w+", np.dtype(np.float32), shape)
        for number, first in enumerate(range(0, rows, BLOCK), 1):
            array[first : first + BLOCK] = self.block(number, min(BLOCK, rows - first))
        array.flush()


def true_nearest(vectors: np.ndarray, questions: np.ndarray, top: int) -> np.ndarray:
    """(Q, min(top, n)) rows of the largest inner products, by comparing with all."""
    asked = torch.from_numpy(questions)
    scores, rows = torch.empty(len(asked), 0), torch.empty(len(asked), 0, dtype=torch.int64)
    for first, block in _blocks(vectors):
        scores = torch.cat([scores, asked @ block.T], dim=1)
        new = torch.arange(first, first + len(block)).expand(len(asked), -1)
        rows = torch.cat([rows, new], dim=1)
        best = scores.topk(min(top, scores.shape[1]), dim=1)
        scores, rows = best.values, rows.gather(1, best.indices)
    return rows.numpy()


def _blocks(vectors: np.ndarray) -> Iterator[tuple[int, torch.Tensor]]:
    for first in range(0, len(vectors), BLOCK):
        yield first, torch.from_numpy(np.array(vectors[first : first + BLOCK]))
