"""Indexes of every engine with the same few clips, and what they must answer, computed slowly."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from mmlab.index import Found, IndexAbout, IndexDraft, VectorIndex, open_index
from mmlab.index.draft import draft_in
from mmlab.index.protocol import clips_in_words
from mmlab.origin import Origin

ORIGIN = Origin("a" * 32, "", "b" * 32, "", {"split": ["test"]})
COMBINATIONS = ("audio", "video+audio", "video+audio late")
WIDTH = 12

ENGINES = ("exact", "hnsw", "ivf", "milvus lite", "milvus server")
APPROXIMATE = ("hnsw", "ivf", "milvus server")


@dataclass
class Slow:
    """What an index holds, and every answer by comparing one by one."""

    vectors: dict[str, dict[str, np.ndarray]] = field(default_factory=dict)
    columns: dict[str, dict[str, Any]] = field(default_factory=dict)

    def add(self, vectors: Mapping[str, np.ndarray], table: pd.DataFrame) -> None:
        for row, clip in enumerate(table.to_dict("records")):
            self.delete([clip["clip_id"]])  # a replaced clip comes last
            self.vectors[clip["clip_id"]] = {name: rows[row] for name, rows in vectors.items()}
            self.columns[clip["clip_id"]] = clip

    def delete(self, clip_ids: Sequence[str]) -> None:
        for one in clip_ids:
            self.vectors.pop(one, None)
            self.columns.pop(one, None)

    def best(
        self,
        combination: str,
        question: np.ndarray,
        top: int,
        keep: Callable[[dict[str, Any]], bool] = lambda clip: True,
    ) -> list[tuple[str, float]]:
        """Clip and score, best first, equal ones in the order in which they came."""
        scored = []
        for one, held in self.vectors.items():
            vector = held[combination].astype(np.float64)
            if vector.any() and keep(self.columns[one]):
                scored.append((one, float(np.float32(vector @ question.astype(np.float64)))))
        return sorted(scored, key=lambda hit: -hit[1])[:top]


@dataclass(frozen=True)
class Case:
    """An index that can be opened again, and what it must answer."""

    engine: str
    target: str
    slow: Slow = field(default_factory=Slow)

    @property
    def about(self) -> IndexAbout:
        engine: Any = "milvus" if "milvus" in self.engine else self.engine
        clips = clips_in_words(ORIGIN)
        return IndexAbout(engine, ORIGIN.model, ORIGIN.dataset, COMBINATIONS, WIDTH, clips=clips)

    def draft(self) -> AbstractContextManager[IndexDraft]:
        if "milvus" in self.engine:
            from mmlab.index.milvus_draft import draft_of

            return draft_of(self.target, self.about)
        return draft_in(Path(self.target), self.about)

    def build(self, count: int = 60) -> Case:
        """With so many clips."""
        with self.draft() as draft:
            if count:
                self.add(draft, *clips(count))
            draft.finish(self.about)
        return self

    def add(self, index: VectorIndex, vectors: dict[str, np.ndarray], table: pd.DataFrame) -> None:
        """To the index and to what it must answer."""
        index.add(vectors, table)
        self.slow.add(vectors, table)

    def opened(self, origin: Origin = ORIGIN) -> AbstractContextManager[VectorIndex]:
        return closing(open_index(self.target, origin=origin))


def clips(
    count: int, first: int = 0, seed: int = 0, **columns: Sequence[Any]
) -> tuple[dict[str, np.ndarray], pd.DataFrame]:
    """Vectors of unit length and columns; every fifth clip has no sound."""
    random = np.random.default_rng((seed, first))
    vectors = {name: random.normal(size=(count, WIDTH)) for name in COMBINATIONS}
    vectors["audio"][4::5] = 0
    lengths = {name: np.linalg.norm(rows, axis=1, keepdims=True) for name, rows in vectors.items()}
    unit = {name: rows / np.maximum(lengths[name], 1e-9) for name, rows in vectors.items()}
    numbers = range(first, first + count)
    table = pd.DataFrame({"clip_id": [f"clip {number}" for number in numbers]})
    table["split"] = [("train", "val", "test")[number % 3] for number in numbers]
    table["take"] = [number % 4 for number in numbers]
    table["seconds"] = [number / 4 for number in numbers]
    table["spoken"] = [number % 2 == 0 for number in numbers]
    table = table.assign(**columns)
    return {name: rows.astype(np.float32) for name, rows in unit.items()}, table


def questions(count: int = 6, seed: int = 9) -> np.ndarray:
    """Of unit length and of others."""
    random = np.random.default_rng(seed)
    found = random.normal(size=(count, WIDTH)).astype(np.float32)
    found /= np.linalg.norm(found, axis=1, keepdims=True)
    return found * np.geomspace(1, 30, count, dtype=np.float32)[:, None]


def check(
    case: Case, found: Found, asked: np.ndarray, expected: list[list[tuple[str, float]]]
) -> None:
    """Answers are right: the same, or of an approximate engine nearly all of the same."""
    assert found.scores.dtype == np.float32
    for ids, scores, question, wanted in zip(
        found.clip_ids, found.scores, asked, expected, strict=True
    ):
        given = [(one, score) for one, score in zip(ids, scores.tolist(), strict=True) if one]
        assert [*ids[len(given) :]] == [""] * (len(ids) - len(given))
        assert np.isneginf(scores[len(given) :]).all()
        assert len(given) == len(wanted)
        if case.engine in APPROXIMATE:
            met = {one for one, _ in given} & {one for one, _ in wanted}
            assert len(met) >= 0.9 * len(wanted)
            assert [score for _, score in given] == sorted((s for _, s in given), reverse=True)
        else:
            assert [one for one, _ in given] == [one for one, _ in wanted]
            exact, tolerance = [score for _, score in wanted], 1e-6 * np.linalg.norm(question)
            np.testing.assert_allclose([score for _, score in given], exact, atol=tolerance)


@contextmanager
def server(folder: Path) -> Iterator[str]:
    """The address of a Milvus, as `milvus-lite server` starts it."""
    from milvus_lite.adapter.grpc.server import start_server_in_thread

    running, database, port = start_server_in_thread(str(folder))
    try:
        yield f"milvus:http://127.0.0.1:{port}"
    finally:
        running.stop(grace=0).wait()
        database.close()


def another(model: str = "", dataset: str = "") -> Origin:
    """Another origin."""
    return replace(ORIGIN, model=model or ORIGIN.model, dataset=dataset or ORIGIN.dataset)
