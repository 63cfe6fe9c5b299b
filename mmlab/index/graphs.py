"""What faiss makes of the vectors, beside them: most of the nearest, without comparing with all.

faiss keeps each vector as bytes too; what it finds is compared exactly afterwards. How far it has
to look is measured when it is made, on vectors of every combination as questions: those of another
combination lie as far from the ones that are looked through as a question usually does.
"""

from __future__ import annotations

import errno
import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mmlab.files import UNFINISHED, write_atomically
from mmlab.index.protocol import Engine
from mmlab.index.scan import nearest
from mmlab.index.segment import Segment, gathered, reading, write_array

if TYPE_CHECKING:
    import faiss

GRAPHED_ROWS = 20_000
"""Fewer are compared with all of them as fast."""

MOST_ANSWERS = 1000
"""To a question; more are looked for exactly."""

SPARE = 4
"""Times as many as are asked for are compared exactly."""

LINKS, LINKING = 16, 80
"""Of each vector in HNSW, and how far it looks for them."""

TRAINING_ROWS = 40
"""For each list of IVF: faiss wants as many to find its centre."""

GOAL, MOST_EFFORT = 0.98, 2048
QUESTIONS = 200
BLOCK_ROWS = 50_000


class Graphs:
    """What was written of some segments; read when first asked.

    Args:
        folder: as `write_graphs` left it.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        with reading(folder / "efforts.json") as path:
            self._efforts: dict[str, int] = json.loads(path.read_bytes())
        self._read: dict[str, _Graph] = {}

    def nearest(
        self, combination: str, questions: np.ndarray, top: int, alive: np.ndarray
    ) -> np.ndarray:
        """Rows that are likely to be the best of any of the questions, in rising order.

        Args:
            combination: of the index.
            questions: (Q, P) float32.
            top: at most `MOST_ANSWERS`.
            alive: (rows,) bool, which may be answers; the same array for the same ones.
        """
        if combination not in self._efforts:  # no clip has anything of it
            return np.empty(0, np.int64)
        graph = self._read.get(combination)
        if graph is None:
            graph = _Graph(*_read(self.folder, combination), alive)
        elif graph.alive is not alive:
            graph = _Graph(graph.index, graph.rows, alive)
        self._read[combination] = graph
        found = graph.nearest(questions, top, self._efforts[combination])
        if ((found >= 0).sum(axis=1) < min(top, len(graph.there))).any():
            return graph.there  # faiss looked through too few to answer in full
        return np.unique(found[found >= 0])


class _Graph:
    """What faiss made of one combination, to be asked for those of its rows that are clips.

    Args:
        index: faiss's own.
        rows: (n,) of the folder, those that are in it.
        alive: (rows,) bool.

    Attributes:
        there: the rows of it that are alive.
    """

    def __init__(self, index: faiss.Index, rows: np.ndarray, alive: np.ndarray) -> None:
        self.index, self.rows, self.alive = index, rows, alive
        answers = alive[rows]
        self.there, self._chosen = rows, None
        if not answers.all():
            self.there = rows[answers]
            self._bits = np.packbits(answers, bitorder="little")  # faiss keeps only where they are
            faiss = load_faiss("hnsw")
            self._chosen = faiss.IDSelectorBitmap(len(rows), faiss.swig_ptr(self._bits))

    def nearest(self, questions: np.ndarray, top: int, effort: int) -> np.ndarray:
        """(Q, some more than top) rows, -1 where there are fewer."""
        faiss = load_faiss("hnsw")
        count = min(SPARE * top, len(self.rows))
        if isinstance(self.index, faiss.IndexHNSW):
            how = faiss.SearchParametersHNSW(sel=self._chosen, efSearch=max(effort, count))
        else:
            how = faiss.SearchParametersIVF(sel=self._chosen, nprobe=effort)
        _, places = self.index.search(questions, count, params=how)
        return np.where(places < 0, -1, self.rows[places])


def write_graphs(
    folder: Path,
    engine: Engine,
    segments: Sequence[Segment],
    combinations: Sequence[str],
    alive: np.ndarray,
) -> None:
    """Make the graphs of all combinations.

    Args:
        folder: for them; it is there whole or not at all.
        engine: "hnsw" or "ivf".
        segments: whose rows they will find.
        combinations: of the segments.
        alive: (rows,) bool; the others are left out.

    Raises:
        ImportError: faiss is missing.
        OSError: the disk is full.
    """
    unfinished = folder.with_name(folder.name + UNFINISHED)
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(parents=True)
    efforts = {}
    for name in combinations:
        rows = _rows(segments, name, alive)
        if not len(rows):
            continue
        graph = _made(engine, segments, name, rows)
        efforts[name] = _effort(_Graph(graph, rows, alive), segments, combinations, name)
        _write(unfinished, name, graph, rows)
    write_atomically(unfinished / "efforts.json", json.dumps(efforts).encode())
    unfinished.rename(folder)


def load_faiss(engine: Engine) -> Any:
    """The package.

    Raises:
        ImportError: it is missing; says how to get it.
    """
    try:
        import faiss
    except ImportError as error:
        raise ImportError(
            f"the engine {engine} needs faiss: pip install 'mmlab[index]', or take engine exact"
        ) from error
    return faiss


def _read(folder: Path, combination: str) -> tuple[Any, np.ndarray]:
    with reading(folder / f"{combination}.rows.npy") as path:
        rows = np.load(path)
    with reading(folder / f"{combination}.faiss") as path:
        return load_faiss("hnsw").read_index(str(path)), rows


def _write(folder: Path, combination: str, graph: faiss.Index, rows: np.ndarray) -> None:
    write_array(folder / f"{combination}.rows.npy", rows)
    path = folder / f"{combination}.faiss"
    try:
        load_faiss("hnsw").write_index(graph, str(path))
    except RuntimeError as error:  # so faiss says that the disk is full
        raise OSError(errno.ENOSPC, f"{error}; free some space and run again", str(path)) from None


def _rows(segments: Sequence[Segment], combination: str, alive: np.ndarray) -> np.ndarray:
    """The rows that may be answers: alive and not zero."""
    present = [
        segment.vectors(combination)[start : start + BLOCK_ROWS].any(axis=1)
        for segment in segments
        for start in range(0, segment.rows, BLOCK_ROWS)
    ]
    return np.flatnonzero(np.concatenate(present) & alive)


def _made(
    engine: Engine, segments: Sequence[Segment], combination: str, rows: np.ndarray
) -> faiss.Index:
    faiss = load_faiss(engine)
    width = segments[0].vectors(combination).shape[1]
    bytewise, product = faiss.ScalarQuantizer.QT_8bit, faiss.METRIC_INNER_PRODUCT
    if engine == "hnsw":
        graph = faiss.IndexHNSWSQ(width, bytewise, LINKS, product)
        graph.hnsw.efConstruction = LINKING
        training = BLOCK_ROWS
    else:
        lists = min(round(4 * len(rows) ** 0.5), len(rows))
        centres = faiss.IndexFlatIP(width)
        graph = faiss.IndexIVFScalarQuantizer(centres, width, lists, bytewise, product)
        training = TRAINING_ROWS * lists
    some = np.random.default_rng(0).permutation(rows)[:training]
    graph.train(gathered(segments, combination, np.sort(some)))
    for start in range(0, len(rows), BLOCK_ROWS):
        graph.add(gathered(segments, combination, rows[start : start + BLOCK_ROWS]))
    return graph


def _effort(
    graph: _Graph, segments: Sequence[Segment], combinations: Sequence[str], combination: str
) -> int:
    """How far to look for nearly all of the ten best."""
    generator, clips = np.random.default_rng(0), np.flatnonzero(graph.alive)
    some = np.sort(generator.choice(clips, QUESTIONS // len(combinations) + 1))
    questions = np.concatenate([gathered(segments, name, some) for name in combinations])
    questions = questions[questions.any(axis=1)]
    best = nearest(segments, combination, questions, 10, clips)[0]
    effort = 16
    while effort < MOST_EFFORT:
        found = graph.nearest(questions, 10, effort)
        hits = [
            np.isin(true[true >= 0], mine).sum() for true, mine in zip(best, found, strict=True)
        ]
        if sum(hits) >= GOAL * (best >= 0).sum():
            break
        effort *= 2
    return effort
