"""Neighbours of vectors by cosine: found exactly, kept by a layout, and a new point among them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

BLOCK_NUMBERS = 2**24
"""Similarities that are held at once: 64 MiB."""

EXACT_UP_TO = 5_000
SAMPLED = 1_000
"""Trustworthiness of more points is that of a sample of them, each against all."""

SAME = 1e-6
"""Cosine distance below which two vectors are one, as far as float32 can tell."""


Neighbours = tuple[np.ndarray, np.ndarray]
"""Indices and distances, one row for each query."""


def nearest(vectors: np.ndarray, count: int, *, queries: np.ndarray | None = None) -> Neighbours:
    """The nearest vectors by cosine distance, exactly.

    Args:
        vectors: (n, P).
        count: how many; where there are fewer vectors, all of them.
        queries: (q, P), whose neighbours are wanted; default: each of the vectors, itself first.

    Returns:
        indices (q, count) and distances (q, count) in 0..2, rising.
    """
    return join(nearest_in_blocks(vectors, count, queries=queries))


def nearest_in_blocks(
    vectors: np.ndarray, count: int, *, queries: np.ndarray | None = None
) -> Iterator[Neighbours]:
    """`nearest` for some of the queries after the other, for those who may want to stop."""
    unit = _unit(vectors)
    asked = unit if queries is None else _unit(queries)
    count = min(count, len(unit))
    for start, similar in _similarities(asked, unit):
        if queries is None:
            rows = torch.arange(len(similar))
            similar[rows, start + rows] = 2.0  # first even among equal vectors
        best = similar.topk(count, dim=1)
        yield best.indices.numpy(), (1 - best.values).clamp(min=0).numpy()


def join(blocks: Iterable[Neighbours]) -> Neighbours:
    """The blocks of `nearest_in_blocks` below one another."""
    indices, distances = zip(*blocks, strict=True)
    return np.concatenate(indices), np.concatenate(distances)


def place(
    new: np.ndarray, vectors: np.ndarray, points: np.ndarray, *, neighbors: int = 5
) -> np.ndarray:
    """Where new vectors lie on a finished layout: among their neighbours.

    The mean of the nearest vectors' points, each weighted by 1 / distance², so that a copy of a
    vector lies on its point (Shepard, "A two-dimensional interpolation function for
    irregularly-spaced data", 1968). Nothing is laid out anew.

    Args:
        new: (m, P).
        vectors: (n, P), of which there is at least one.
        points: (n, 2), their layout.
        neighbors: how many the mean is of.

    Returns:
        (m, 2) float32.

    Raises:
        ValueError: there is nothing to lie among.
    """
    if not len(points):
        raise ValueError("vectors is empty: a new point needs others to lie among")
    indices, distances = nearest(vectors, neighbors, queries=new)
    weights = np.maximum(distances.astype(np.float64), SAME) ** -2  # (m, neighbors)
    weights /= weights.sum(axis=1, keepdims=True)
    return np.einsum("mk,mkd->md", weights, points[indices]).astype(np.float32)


def trustworthiness(
    vectors: np.ndarray, points: np.ndarray, *, neighbors: int = 15, seed: int = 0
) -> float:
    """How far a layout's neighbours can be believed: 1 if all are neighbours by cosine too.

    Each of a point's k nearest on the plane that is not among its k nearest in truth costs as much
    as its true rank lies beyond k (Venna and Kaski, "Neighborhood preservation in nonlinear
    projection methods", 2001). Of more than `EXACT_UP_TO` points, a sample is asked.

    Args:
        vectors: (n, P).
        points: (n, 2).
        neighbors: k; at most what n allows, (n - 1) // 2.
        seed: of the sample.

    Returns:
        0..1; NaN for fewer than 3 points.
    """
    count, unit = len(points), _unit(vectors)
    neighbors = min(neighbors, (count - 1) // 2)
    if neighbors < 1:
        return float("nan")
    rows = np.arange(count)
    if count > EXACT_UP_TO:
        rows = np.sort(np.random.default_rng(seed).choice(count, SAMPLED, replace=False))
    asked, plane = torch.from_numpy(rows), torch.from_numpy(np.asarray(points, np.float32))
    beyond = 0
    for start, similar in _similarities(unit[asked], unit):
        own = asked[start : start + len(similar)]
        before = _more_similar(similar, own, _nearest_points(plane, own, neighbors))
        beyond += int((before + 1 - neighbors).clamp(min=0).sum())
    most = len(rows) * neighbors * (2 * count - 3 * neighbors - 1) / 2
    return 1 - beyond / most


def _nearest_points(plane: Tensor, own: Tensor, count: int) -> Tensor:
    """(B, count) the other points that lie nearest to the points `own` (B,)."""
    distances = torch.cdist(plane[own], plane, compute_mode="donot_use_mm_for_euclid_dist")
    distances[torch.arange(len(own)), own] = torch.inf
    return distances.topk(count, dim=1, largest=False).indices


def _more_similar(similar: Tensor, own: Tensor, near: Tensor) -> Tensor:
    """(B, k) how many vectors are more similar to `own` than each of `near` is, in any order.

    Every one of the (B, n) similarities is sorted in between the k, then they are counted: a pass
    for each of the k would take five times as long.
    """
    similar[torch.arange(len(own)), own] = -torch.inf
    steps = (-similar.gather(1, near)).sort(dim=1).values  # (B, k), the most similar first
    width = steps.shape[1] + 1
    between = torch.searchsorted(steps, -similar, right=True)  # (B, n) in 0..k
    between += width * torch.arange(len(own))[:, None]
    counts = torch.bincount(between.flatten(), minlength=width * len(own))
    return counts.view(-1, width)[:, :-1].cumsum(dim=1)


def _similarities(asked: Tensor, unit: Tensor) -> Iterator[tuple[int, Tensor]]:
    """The first row of each block, and its (B, n) cosines."""
    rows = max(1, BLOCK_NUMBERS // max(len(unit), 1))
    for start in range(0, max(len(asked), 1), rows):  # one block even if it is empty
        yield start, asked[start : start + rows] @ unit.T


def _unit(vectors: np.ndarray) -> Tensor:
    """(n, P) of length 1; not copied where they are."""
    values = torch.from_numpy(np.asarray(vectors, dtype=np.float32))
    lengths = torch.linalg.vector_norm(values, dim=1)
    return values if ((lengths - 1).abs() < SAME).all() else F.normalize(values, dim=1)
