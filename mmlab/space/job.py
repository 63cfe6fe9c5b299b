"""From vectors to a layout: PCA at once, UMAP in a process beside, kept on disk when finished."""

from __future__ import annotations

import asyncio
import atexit
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np

from mmlab.files import in_words
from mmlab.paths import data_folder
from mmlab.space.child import UmapChild
from mmlab.space.kept import keep_layout, kept_path, read_layout
from mmlab.space.layout import Layout, LayoutSettings, Method, pca
from mmlab.space.neighbours import join, nearest_in_blocks, trustworthiness

FEWEST_FOR_UMAP = 5
NO_SPREAD = 1e-6
"""A PCA no wider than this is one of vectors that are all the same."""

JITTER = 1e-4
"""Of the first layout's width: UMAP cannot part what lies on the same place."""


class LayoutJob:
    """A layout that is on its way; `start_layout` makes it.

    Attributes:
        preview: to be shown meanwhile: a PCA, or the result itself if it was kept on disk.
        failed: why the layout was not finished, one sentence; else "".
    """

    def __init__(
        self, vectors: np.ndarray, settings: LayoutSettings, preview: Layout, kept: Path
    ) -> None:
        self.preview, self.failed = preview, ""
        self._error: Exception | None = None
        self._vectors, self._settings, self._kept = vectors, settings, kept
        self._stopped, self._final = threading.Event(), Future[Layout]()
        self._child: UmapChild | None = None
        if preview.from_cache:
            self._final.set_result(preview)
            return
        if settings.method == "umap":
            self._child = UmapChild(seed=settings.seed, min_dist=settings.min_dist)
        self._thread = threading.Thread(target=self._run, daemon=True)
        atexit.register(self._end)
        self._thread.start()

    @property
    def done(self) -> bool:
        """Whether the last layout is there, whatever it is."""
        return self._final.done()

    def result(self, timeout: float | None = None) -> Layout:
        """Wait for the last layout; once stopped, the PCA.

        Raises:
            TimeoutError: it takes longer than `timeout` seconds.
            ChildProcessError: UMAP failed.
            Exception: what else failed, such as a MemoryError.
        """
        layout = self._final.result(timeout)
        if self._error:
            raise self._error
        return layout

    def on_finish(self, callback: Callable[[Layout], None]) -> None:
        """Call back once with the last layout: UMAP's, or a PCA whose note says why it is one.

        In a notebook that happens between two cells, in its own thread; elsewhere in the thread
        that finishes the layout.
        """
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:  # there is none, as in a script
            self._final.add_done_callback(lambda final: callback(final.result()))
            return

        def deliver(final: Future[Layout]) -> None:
            if not loop.is_closed():
                loop.call_soon_threadsafe(callback, final.result())

        self._final.add_done_callback(deliver)

    def stop(self) -> None:
        """End UMAP; the PCA stays. Nothing happens if it has finished."""
        self._stopped.set()
        if self._child:
            self._child.kill()

    def _end(self) -> None:
        """An interpreter that ends while torch computes in a thread of it would crash."""
        self.stop()
        self._thread.join()

    def _run(self) -> None:
        try:
            layout = self._laid_out()
        except Exception as error:  # it belongs to whoever asks for the result; a map says it
            self._error, self.failed = error, f"the layout was not finished: {in_words(error)}"
            layout = replace(self.preview, note=f"{self.failed}: this is a PCA")
            self.stop()  # the child would wait for its neighbourhoods
        self._final.set_result(layout)
        atexit.unregister(self._end)

    def _laid_out(self) -> Layout:
        started, layout = time.perf_counter(), self.preview
        if self._child:
            try:
                layout = Layout(self._umap(self._child), **asdict(self._settings))
            except ChildProcessError as error:
                self._error = None if self._stopped.is_set() else error
                self.failed = str(self._error or "")
                why = self.failed or "UMAP was stopped"
                layout = replace(layout, note=f"{why}: this is a PCA")
        neighbors = self._settings.neighbors
        trusted = trustworthiness(self._vectors, layout.points, neighbors=neighbors)
        seconds = time.perf_counter() - started
        layout = replace(layout, trustworthiness=trusted, seconds=seconds)
        return keep_layout(self._kept, layout) if layout.method == "umap" else layout

    def _umap(self, child: UmapChild) -> np.ndarray:
        blocks = []
        for block in nearest_in_blocks(self._vectors, self._settings.neighbors):
            blocks.append(block)
            if self._stopped.is_set():
                break  # the child is dead and says so
        random = np.random.default_rng(self._settings.seed)
        start = self.preview.points / np.abs(self.preview.points).max()
        start += random.normal(scale=JITTER, size=start.shape).astype(np.float32)
        return child.lay_out(*join(blocks), start)


def start_layout(
    vectors: np.ndarray,
    *,
    method: Method = "umap",
    seed: int = 0,
    neighbors: int = 15,
    min_dist: float = 0.1,
    cache: Path | None = None,
) -> LayoutJob:
    """Begin a layout and come back at once with a PCA to look at meanwhile.

    Fewer than five vectors, or vectors that are all the same, are laid out by PCA in any case:
    they have no neighbourhoods.

    Args:
        vectors: (n, P), finite.
        method: "umap" (by cosine) or "pca", of which only the trustworthiness takes a while.
        seed: of UMAP; the same on the same machine gives the same layout.
        neighbors: UMAP's size of a neighbourhood; trustworthiness is of as many.
        min_dist: how close UMAP may put points, 0..1.
        cache: folder of finished UMAP layouts, by default `data/cache`.

    Raises:
        ValueError: not a finite matrix, or settings out of their range.
    """
    settings = LayoutSettings(method, seed, neighbors, min_dist)
    values = _checked(vectors)
    settings = replace(settings, neighbors=min(neighbors, max(len(values) - 1, 2)))
    kept = kept_path(cache or data_folder() / "cache", values, settings)
    preview = read_layout(kept, len(values), settings) if method == "umap" else None
    if preview is None:
        points = pca(values)
        note = _why_no_umap(points) if method == "umap" else ""
        preview = Layout(points, note=note)
        settings = replace(settings, method="pca") if note else settings
    return LayoutJob(values, settings, preview, kept)


def lay_out(
    vectors: np.ndarray,
    *,
    method: Method = "umap",
    seed: int = 0,
    neighbors: int = 15,
    min_dist: float = 0.1,
    cache: Path | None = None,
) -> Layout:
    """`start_layout`, waited for.

    Raises:
        ValueError: as `start_layout`.
        ChildProcessError: UMAP failed.
    """
    job = start_layout(
        vectors, method=method, seed=seed, neighbors=neighbors, min_dist=min_dist, cache=cache
    )
    try:
        return job.result()
    finally:
        job.stop()  # whoever interrupts the waiting does not want it any more


def _checked(vectors: np.ndarray) -> np.ndarray:
    if vectors.ndim != 2:
        raise ValueError(f"vectors is one vector per row (n, P), found shape {vectors.shape}")
    broken = np.flatnonzero(~np.isfinite(vectors).all(axis=1))
    if len(broken):
        raise ValueError(
            f"{len(broken)} of vectors hold NaN or infinity, the first is row {broken[0]}; leave "
            "them out, as embedding_space_of does"
        )
    return np.ascontiguousarray(vectors, dtype=np.float32)


def _why_no_umap(points: np.ndarray) -> str:
    if len(points) < FEWEST_FOR_UMAP:
        count = f"{len(points)} point{'s' * (len(points) != 1)}"
        return f"{count} cannot have neighbourhoods for UMAP: this is a PCA"
    if np.abs(points).max() < NO_SPREAD:
        return f"all {len(points):,} vectors are the same: this is a PCA"
    return ""
