"""UMAP in a process of its own, run by this file's path: the notebook's kernel stays free.

It takes neighbours and a first layout from its input and writes the finished layout to its output.
Nothing of mmlab is imported: umap and its compilation take seconds, and while it loads, the
parent still looks for the neighbours.
"""

from __future__ import annotations

import io
import json
import os
import sys
import threading

import numpy as np
from scipy import sparse

BISECTIONS = 64
NARROWEST = 1e-3
"""Of the mean distance: many equal neighbours would make a width of 0."""


def main() -> None:
    """Read, lay out, write."""
    answer = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever else is printed must not get between the numbers
    import umap.umap_  # noqa: F401 - while the parent is still searching

    settings = json.loads(sys.argv[1])
    size = int.from_bytes(sys.stdin.buffer.read(8), "big")
    question = np.load(io.BytesIO(sys.stdin.buffer.read(size)), allow_pickle=False)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    points = lay_out(question["indices"], question["distances"], question["start"], **settings)
    content = io.BytesIO()
    np.save(content, points)
    with answer:
        answer.write(content.getvalue())


def lay_out(
    indices: np.ndarray,
    distances: np.ndarray,
    start: np.ndarray,
    *,
    seed: int,
    min_dist: float,
) -> np.ndarray:
    """What `umap.UMAP` does with its defaults, from a neighbour graph and a first layout.

    Args:
        indices: (n, neighbors) of each point's nearest, itself first.
        distances: (n, neighbors), rising.
        start: (n, 2), no two points alike.
        seed: one thread computes, so the same seed gives the same layout.
        min_dist: see `umap.UMAP`.

    Returns:
        (n, 2) float32.
    """
    from umap.umap_ import find_ab_params, simplicial_set_embedding

    a, b = find_ab_params(1.0, min_dist)
    points, _ = simplicial_set_embedding(
        start,
        fuzzy_graph(indices, distances),
        n_components=2,
        initial_alpha=1.0,
        a=a,
        b=b,
        gamma=1.0,
        negative_sample_rate=5,
        n_epochs=None,
        init=start,
        random_state=np.random.RandomState(seed),
        metric="cosine",
        metric_kwds={},
        densmap=False,
        densmap_kwds={},
        output_dens=False,
    )
    return points.astype(np.float32)


def fuzzy_graph(indices: np.ndarray, distances: np.ndarray) -> sparse.coo_matrix:
    """(n, n) how much each two points belong together, 0..1 (McInnes et al. 2018, algorithms 2, 3).

    The same as `umap.umap_.fuzzy_simplicial_set`, which first compiles for six seconds.
    """
    count, neighbors = indices.shape
    nearest = np.where(distances > 0, distances, np.inf).min(axis=1)
    nearest[np.isinf(nearest)] = 0
    beyond = np.maximum(distances - nearest[:, None], 0).astype(np.float64)  # (n, neighbors)
    mean = np.where(nearest > 0, distances.mean(axis=1), distances.mean())
    widths = np.maximum(_widths(beyond[:, 1:], np.log2(neighbors)), NARROWEST * mean)
    weights = np.exp(-beyond / widths[:, None])
    rows = np.arange(count)[:, None]
    weights[indices == rows] = 0
    places = np.broadcast_to(rows, indices.shape).ravel(), indices.ravel()
    graph = sparse.csr_matrix((weights.astype(np.float32).ravel(), places), (count, count))
    both = graph + graph.T - graph.multiply(graph.T)
    both.eliminate_zeros()
    return both.tocoo()


def _widths(beyond: np.ndarray, target: float) -> np.ndarray:
    """(n,) such that each point's exp(-beyond / width) are `target` in all; by bisection."""
    low, middle, high = np.zeros(len(beyond)), np.ones(len(beyond)), np.full(len(beyond), np.inf)
    for _ in range(BISECTIONS):
        wide = np.exp(-beyond / middle[:, None]).sum(axis=1) > target
        low, high = np.where(wide, low, middle), np.where(wide, middle, high)
        middle = np.where(np.isinf(high), 2 * middle, (low + high) / 2)
    return middle


def _end_with_parent() -> None:
    """The parent sends nothing more, it only closes its end when it stops us or is gone."""
    os.read(0, 1)
    os._exit(1)


if __name__ == "__main__":
    main()
