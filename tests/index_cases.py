"""Made-up clips for the tests of the index."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from mmlab.index import Found, IndexAbout

WIDTH = 16
COMBINATIONS = ("video", "video+audio late")
ABOUT = IndexAbout("exact", "a model", "a dataset", COMBINATIONS, WIDTH)


def clips(first: int, end: int, seed: int = 0) -> tuple[dict[str, np.ndarray], pd.DataFrame]:
    """Vectors, of which every fifth is zero and some are equal, and a table."""
    numbers = np.arange(first, end)
    vectors = {}
    for place, name in enumerate(COMBINATIONS):
        every = np.random.default_rng((seed, place)).standard_normal((1000, WIDTH))
        rows = every[numbers % 300].astype(np.float32)
        rows[numbers % 5 == 4] = 0
        vectors[name] = rows
    ids = [f"clip {number}" for number in numbers]
    table = pd.DataFrame({"clip_id": ids, "split": np.where(numbers % 3, "train", "test")})
    return vectors, table


def questions(count: int, seed: int = 9) -> np.ndarray:
    lengths = np.geomspace(0.1, 10, count)[:, None]
    rows = np.random.default_rng(seed).standard_normal((count, WIDTH))
    return (rows * lengths).astype(np.float32)


class Slow:
    """What an index should hold and answer, by comparing with everything."""

    def __init__(self) -> None:
        self.held: dict[str, tuple[dict[str, np.ndarray], dict[str, Any]]] = {}

    def add(self, vectors: Mapping[str, np.ndarray], table: pd.DataFrame) -> None:
        for row, columns in enumerate(table.to_dict("records")):
            self.held.pop(columns["clip_id"], None)  # a replaced clip comes last
            mine = {name: rows[row] for name, rows in vectors.items()}
            self.held[columns["clip_id"]] = mine, columns

    def delete(self, ids: list[str]) -> int:
        return sum(self.held.pop(one, None) is not None for one in ids)

    def search(self, name: str, asked: np.ndarray, top: int, **where: Any) -> Found:
        names, scores = np.full((len(asked), top), "", object), np.full((len(asked), top), -np.inf)
        for row, question in enumerate(asked.astype(np.float64)):
            answers = [
                (-np.float32(vectors[name].astype(np.float64) @ question), place, clip)
                for place, (clip, (vectors, columns)) in enumerate(self.held.items())
                if vectors[name].any() and all(columns[key] in where[key] for key in where)
            ]
            for rank, (score, _, clip) in enumerate(sorted(answers)[:top]):
                names[row, rank], scores[row, rank] = clip, -score
        return Found(names, scores.astype(np.float32))


def same(found: Found, expected: Found) -> None:
    assert found.clip_ids.tolist() == expected.clip_ids.tolist()
    np.testing.assert_array_equal(found.scores, expected.scores)
    assert found.scores.dtype == np.float32


def folder_size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
