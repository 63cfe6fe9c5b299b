"""Finished UMAP layouts on disk, each under the hash of what it was made from."""

from __future__ import annotations

import hashlib
import io
import zipfile
from dataclasses import asdict, replace
from importlib.metadata import version
from pathlib import Path

import numpy as np

from mmlab.files import write_atomically
from mmlab.space.layout import Layout, LayoutSettings


def kept_path(folder: Path, vectors: np.ndarray, settings: LayoutSettings) -> Path:
    """Where the layout of these vectors is kept: another file for any other input or version."""
    versions = {name: version(name) for name in ("umap-learn", "numba")}
    described = f"{vectors.shape} {vectors.dtype} {asdict(settings)} {versions}"
    digest = hashlib.blake2b(described.encode(), digest_size=16)
    digest.update(np.ascontiguousarray(vectors).data)
    return folder / f"umap-{digest.hexdigest()}.npz"


def read_layout(path: Path, count: int, settings: LayoutSettings) -> Layout | None:
    """The kept layout, or None if there is none or it is damaged."""
    try:
        with np.load(path, allow_pickle=False) as kept:
            points, figures = kept["points"], kept["trustworthiness_and_seconds"].tolist()
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return None
    if points.shape != (count, 2) or len(figures) != 2:
        return None
    return Layout(
        points, **asdict(settings), trustworthiness=figures[0], seconds=figures[1], from_cache=True
    )


def keep_layout(path: Path, layout: Layout) -> Layout:
    """Write it; the layout that comes back says so if that was not possible."""
    buffer = io.BytesIO()
    figures = np.array([layout.trustworthiness, layout.seconds])
    np.savez(buffer, points=layout.points, trustworthiness_and_seconds=figures)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, buffer.getvalue())
    except OSError as error:  # a layout that cannot be kept is still a layout
        return replace(layout, note=f"not kept for the next time: {error.strerror}")
    return layout
