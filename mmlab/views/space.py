"""Where vectors lie: one point per clip and combination, laid out on a plane by PCA or UMAP.

UMAP is given an exact neighbour graph and a fixed seed, so the same vectors give the same map;
the result is kept on disk under the hash of what it was made from.
"""

from __future__ import annotations

import hashlib
import io
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd
import torch
from torch.nn import functional as F

from mmlab.files import write_atomically
from mmlab.paths import data_folder
from mmlab.types import Combination, all_combinations, combination_name, parse_combination

if TYPE_CHECKING:
    from mmlab.retrieval import Retriever

FEWEST_FOR_UMAP = 5
QUERIES_AT_ONCE = 1024


def clip_points(
    retriever: Retriever, combinations: Sequence[str | Combination] | None = None
) -> tuple[np.ndarray, pd.DataFrame]:
    """The vectors of every clip in every combination, with a table that tells whose they are.

    Args:
        retriever: a model and its clips.
        combinations: which to take, by default all; a clip without any of a combination's
            modalities has no vector there and is left out.

    Returns:
        (n, P) float32 and a table of n rows: `combination`, then the manifest's columns.
    """
    names = retriever.model.config.names
    chosen = [parse_combination(one, names) for one in combinations or all_combinations(names)]
    manifest = retriever.dataset.manifest
    vectors, tables = [], []
    for combination in chosen:
        embedded = retriever.embeddings(combination).numpy()  # (clips, P)
        there = np.linalg.norm(embedded, axis=1) > 0
        vectors.append(embedded[there])
        table = manifest[there]
        tables.append(table.assign(combination=combination_name(combination)))
    table = pd.concat(tables, ignore_index=True)
    table.insert(0, "combination", table.pop("combination"))
    return np.concatenate(vectors), table


def project(
    vectors: np.ndarray,
    *,
    method: Literal["pca", "umap"] = "pca",
    seed: int = 0,
    neighbors: int = 15,
    cache: Path | None = None,
) -> np.ndarray:
    """Lay vectors out on a plane.

    Fewer than five vectors, or vectors that are all the same, are laid out by PCA in any case:
    they have no neighbourhoods.

    Args:
        vectors: (n, P), finite.
        method: "pca" at once, "umap" (cosine) in half a minute for some thousands.
        seed: of UMAP's layout; PCA needs none.
        neighbors: UMAP's size of a neighbourhood.
        cache: folder of finished layouts, by default `data/cache`.

    Returns:
        (n, 2) float32.

    Raises:
        ValueError: not a finite matrix, or an unknown method.
    """
    _check(vectors, method)
    if method == "pca" or len(vectors) < FEWEST_FOR_UMAP or np.ptp(vectors, axis=0).max() < 1e-9:
        return _pca(vectors)
    neighbors = min(neighbors, len(vectors) - 1)
    folder = cache or data_folder() / "cache"
    kept = folder / f"umap-{_fingerprint(vectors, seed=seed, neighbors=neighbors)}.npy"
    points = _read(kept, len(vectors))
    if points is None:
        points = _umap(vectors, seed, neighbors)
        _write(kept, points)
    return points


def nearest(vectors: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Each vector's nearest ones by cosine distance, exactly; itself comes first.

    Returns:
        indices (n, count) and distances (n, count) in 0..2, rising.
    """
    unit = F.normalize(torch.from_numpy(np.asarray(vectors, dtype=np.float32)), dim=1)
    indices, distances = [], []
    for start in range(0, len(unit), QUERIES_AT_ONCE):
        similar = unit[start : start + QUERIES_AT_ONCE] @ unit.T  # (Q, n)
        own = torch.arange(start, start + len(similar))
        similar[torch.arange(len(similar)), own] = 2.0  # first even among equal vectors
        best = similar.topk(count, dim=1)
        indices.append(best.indices)
        distances.append((1 - best.values).clamp(min=0))
    return torch.cat(indices).numpy(), torch.cat(distances).numpy()


def _check(vectors: np.ndarray, method: str) -> None:
    if vectors.ndim != 2 or len(vectors) == 0:
        raise ValueError(f"expected one vector per row (n, P), found shape {vectors.shape}")
    broken = np.flatnonzero(~np.isfinite(vectors).all(axis=1))
    if len(broken):
        raise ValueError(
            f"{len(broken)} vectors hold NaN or infinity, the first is row {broken[0]}"
        )
    if method not in ("pca", "umap"):
        raise ValueError(f"method is 'pca' or 'umap', found {method!r}")


def _pca(vectors: np.ndarray) -> np.ndarray:
    """The two directions of largest spread, each pointing so that its largest part is positive."""
    centred = (vectors - vectors.mean(axis=0)).astype(np.float64)
    _, _, directions = np.linalg.svd(centred, full_matrices=False)
    directions = directions[:2]
    largest = np.abs(directions).argmax(axis=1)
    directions *= np.sign(directions[np.arange(len(directions)), largest])[:, None]
    points = np.zeros((len(vectors), 2), np.float32)
    points[:, : len(directions)] = centred @ directions.T
    return points


def _umap(vectors: np.ndarray, seed: int, neighbors: int) -> np.ndarray:
    from umap import UMAP  # compiles for seconds: only who asks for a map waits

    indices, distances = nearest(vectors, neighbors)
    start = _pca(vectors)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns that a seed means one thread: we want the seed
        reducer = UMAP(
            n_neighbors=neighbors,
            metric="cosine",
            random_state=seed,
            init=10 * start / np.abs(start).max(),
            precomputed_knn=(indices, distances),
            force_approximation_algorithm=True,
        )
        return reducer.fit_transform(vectors.astype(np.float32)).astype(np.float32)


def _fingerprint(vectors: np.ndarray, **parameters: int) -> str:
    described = f"{vectors.shape} {vectors.dtype} {sorted(parameters.items())}"
    digest = hashlib.blake2b(described.encode(), digest_size=16)
    digest.update(np.ascontiguousarray(vectors).tobytes())
    return digest.hexdigest()


def _read(path: Path, count: int) -> np.ndarray | None:
    """A kept layout, or None if there is none or it is damaged."""
    try:
        points = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError):
        return None
    return points if points.shape == (count, 2) else None


def _write(path: Path, points: np.ndarray) -> None:
    buffer = io.BytesIO()
    np.save(buffer, points, allow_pickle=False)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, buffer.getvalue())
