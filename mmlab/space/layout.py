"""A finished layout: points on a plane, and how they came about."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
import scipy.linalg
import torch

from mmlab.space.neighbours import EXACT_UP_TO, SAMPLED

Method = Literal["umap", "pca"]


@dataclass(frozen=True)
class LayoutSettings:
    """How a layout is wanted.

    Attributes:
        method: "umap" (by cosine) or "pca".
        seed: of UMAP; PCA needs none.
        neighbors: UMAP's size of a neighbourhood; trustworthiness is of as many.
        min_dist: how close UMAP may put points, 0..1.
    """

    method: Method = "umap"
    seed: int = 0
    neighbors: int = 15
    min_dist: float = 0.1

    def __post_init__(self) -> None:
        if self.method not in ("pca", "umap"):
            raise ValueError(f"method is 'pca' or 'umap', found {self.method!r}")
        if not 0 <= self.seed < 2**32:
            raise ValueError(f"seed is a whole number from 0 to 2³² - 1, found {self.seed}")
        if self.neighbors < 2:
            raise ValueError(f"neighbors is 2 or more, found {self.neighbors}")
        if not 0 <= self.min_dist <= 1:
            raise ValueError(f"min_dist is from 0 to 1, found {self.min_dist}")


@dataclass(frozen=True, eq=False)
class Layout:
    """Points on a plane.

    Attributes:
        points: (n, 2) float32, finite.
        method: "pca" or "umap", which it is in truth.
        seed: of UMAP; None for a PCA.
        neighbors: likewise, at most n - 1.
        min_dist: likewise.
        trustworthiness: 0..1, see `trustworthiness`; NaN where it is not defined or, of a
            preview, not known yet.
        seconds: that it took when it was made.
        from_cache: whether that was before.
        note: one sentence if there is more to know, such as why it is a PCA after all; else "".
    """

    points: np.ndarray
    method: Method = "pca"
    seed: int | None = None
    neighbors: int | None = None
    min_dist: float | None = None
    trustworthiness: float = math.nan
    seconds: float = 0.0
    from_cache: bool = False
    note: str = ""

    @property
    def caption(self) -> str:
        """Such as "UMAP · 15 neighbours · min_dist 0.1 · seed 0 · trustworthiness 0.94"."""
        parts = [self.method.upper()]
        if self.method == "umap":
            parts += [f"{self.neighbors} neighbours", f"min_dist {self.min_dist:g}"]
            parts += [f"seed {self.seed}"]
        if not math.isnan(self.trustworthiness):
            sampled = f" (of {SAMPLED:,} points)" if len(self.points) > EXACT_UP_TO else ""
            parts.append(f"trustworthiness {self.trustworthiness:.2f}{sampled}")
        return " · ".join([*parts, self.note] if self.note else parts)


def pca(vectors: np.ndarray) -> np.ndarray:
    """The two directions of largest spread, each pointing so that its largest part is positive.

    Args:
        vectors: (n, P), finite.

    Returns:
        (n, 2) float32.
    """
    points = np.zeros((len(vectors), 2), np.float32)
    if len(vectors):
        mean = vectors.mean(axis=0, dtype=np.float64)
        centred = np.asarray(vectors, np.float32) - mean.astype(np.float32)
        directions = _widest(centred)
        points[:, : directions.shape[1]] = centred @ directions
    return points


def _widest(centred: np.ndarray) -> np.ndarray:
    """(P, at most 2) orthogonal directions of length 1, from the smaller of the two products."""
    count, width = centred.shape
    rows = torch.from_numpy(centred)  # much faster at this product than numpy
    product = (rows @ rows.T if count < width else rows.T @ rows).numpy()
    last = len(product) - 1
    _, found = scipy.linalg.eigh(
        product.astype(np.float64), subset_by_index=[max(last - 1, 0), last]
    )
    directions = (centred.T @ found if count < width else found)[:, ::-1]
    directions /= np.maximum(np.linalg.norm(directions, axis=0), np.finfo(np.float32).tiny)
    largest = np.abs(directions).argmax(axis=0)
    signs = np.sign(directions[largest, np.arange(directions.shape[1])])
    return (directions * signs).astype(np.float32)
