"""One engine with some vectors, as `mmlab bench index` tries it in processes of their own."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
import pandas as pd

from mmlab.bench.machine import resident_bytes
from mmlab.index import IndexAbout, open_index

Name = Literal["flat", "exact", "ivf", "hnsw", "milvus"]
"""An engine of mmlab's, in which milvus is Milvus Lite; flat is faiss's IndexFlatIP by itself."""

COMBINATION = "video+audio"
ROWS_TOGETHER = 16_384
WARMING = 5
"""Questions before the clock is started."""


@dataclass(frozen=True)
class Trial:
    """What the processes of a trial need.

    Attributes:
        engine: that is tried.
        data: the .npy of (n, P) vectors.
        questions: the .npy of (Q, P) vectors.
        folder: for what the engine keeps.
        top: answers to each question.
        seconds: after which no further question is asked.
    """

    engine: Name
    data: Path
    questions: Path
    folder: Path
    top: int
    seconds: float

    @property
    def target(self) -> Path | str:
        """Where the index lies."""
        return f"milvus:{self.folder / 'clips.db'}" if self.engine == "milvus" else self.folder


@dataclass(frozen=True)
class Answers:
    """What the answering process tells.

    Attributes:
        opening: seconds until the index is open.
        latencies: seconds of each question, one after the other.
        found: the rows found, (questions, top); -1 where there are fewer.
        resident: bytes of the whole process at the end, interpreter and libraries included.
    """

    opening: float
    latencies: list[float]
    found: list[list[int]]
    resident: int | None


class Searcher(Protocol):
    """An index that is open."""

    def search(self, question: np.ndarray, top: int) -> np.ndarray:
        """(top,) rows nearest to one (1, P) question, -1 where there are fewer."""

    def close(self) -> None:
        """Let go of it."""


def build(trial: Trial, tell: Callable[[int], object]) -> None:
    """Put all vectors in, ready to be asked; tells how many are in."""
    vectors = np.load(trial.data, mmap_mode="r")
    if trial.engine == "flat":
        _build_flat(trial, vectors, tell)
        return
    engine: Any = trial.engine
    about = IndexAbout(engine, "made up", "made up", (COMBINATION,), vectors.shape[1])
    with _draft(trial, about) as draft:
        for first in range(0, len(vectors), ROWS_TOGETHER):
            block = np.array(vectors[first : first + ROWS_TOGETHER])
            numbers = range(first, first + len(block))
            draft.add({COMBINATION: block}, pd.DataFrame({"clip_id": list(map(str, numbers))}))
            tell(first + len(block))
        draft.finish(about)
    with closing(open_index(trial.target)) as index:  # what is made at the first question
        index.search(COMBINATION, np.array(vectors[:1]), trial.top)


def _draft(trial: Trial, about: IndexAbout) -> Any:
    if trial.engine == "milvus":
        from mmlab.index.milvus_draft import draft_of

        return draft_of(str(trial.target), about)
    from mmlab.index.draft import draft_in

    return draft_in(trial.folder, about)


def _build_flat(trial: Trial, vectors: np.ndarray, tell: Callable[[int], object]) -> None:
    import faiss

    index = faiss.IndexFlatIP(vectors.shape[1])
    for first in range(0, len(vectors), ROWS_TOGETHER):
        index.add(np.array(vectors[first : first + ROWS_TOGETHER]))
        tell(index.ntotal)
    faiss.write_index(index, str(trial.folder / "flat.faiss"))


def answer(trial: Trial) -> Answers:
    """Open the index and ask one question after the other, as long as there is time."""
    questions = np.load(trial.questions)
    started = time.perf_counter()
    searcher: Searcher = _Flat(trial) if trial.engine == "flat" else _Index(trial)
    opening = time.perf_counter() - started
    with closing(searcher):
        latencies, found = _asked(searcher, questions, trial)
        return Answers(opening, latencies, found, resident_bytes())


def _asked(
    searcher: Searcher, questions: np.ndarray, trial: Trial
) -> tuple[list[float], list[list[int]]]:
    """The latencies of the questions, and the rows found."""
    for question in questions[:WARMING]:
        searcher.search(question[None], trial.top)
    latencies: list[float] = []
    found: list[list[int]] = []
    while len(found) < len(questions) and sum(latencies) < trial.seconds:
        started = time.perf_counter()
        rows = searcher.search(questions[len(found)][None], trial.top)
        latencies.append(time.perf_counter() - started)
        found.append(rows.tolist())
    return latencies, found


class _Flat:
    def __init__(self, trial: Trial) -> None:
        import faiss

        self._index = faiss.read_index(str(trial.folder / "flat.faiss"))

    def search(self, question: np.ndarray, top: int) -> np.ndarray:
        return self._index.search(question, top)[1][0]

    def close(self) -> None:
        del self._index


class _Index:
    def __init__(self, trial: Trial) -> None:
        self._index = open_index(trial.target)

    def search(self, question: np.ndarray, top: int) -> np.ndarray:
        found = self._index.search(COMBINATION, question, top)
        return np.array([int(one or -1) for one in found.clip_ids[0]])

    def close(self) -> None:
        self._index.close()
