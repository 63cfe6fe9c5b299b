"""The measurement of the map: how soon it is there, how soon it answers, how true it is.

What happens once for each start of a notebook is measured in new processes: the first picture, and
UMAP with all that it loads and compiles. Beside mmlab's UMAP, which gets exact neighbours and runs
in a process of its own, stands umap-learn's with the same settings on the same vectors.
"""

from __future__ import annotations

import json
import math
import multiprocessing
import os
import tempfile
import time
import warnings
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any, TypeVar

import numpy as np
import pandas as pd

from mmlab.bench.machine import environment
from mmlab.runs import open_run
from mmlab.space import (
    EmbeddingSpace,
    embedding_space,
    embedding_space_of,
    lay_out,
    place,
    trustworthiness,
)

Result = TypeVar("Result")

GROUPS = 50
WARM_ROUNDS = 20
SELECTED = 0.25
"""The part of the points that a selection holds."""


@dataclass(frozen=True)
class MapSettings:
    """What to measure.

    Attributes:
        points: of the made-up spaces; the first is also laid out by UMAP.
        width: of their vectors.
        rounds: new processes in which the first picture is timed.
        seeds: UMAP layouts by each of the two.
        sample: whether the sample corpus's own space is measured too.
    """

    points: tuple[int, ...] = (5_000, 100_000)
    width: int = 256
    rounds: int = 3
    seeds: int = 3
    sample: bool = True

    def __post_init__(self) -> None:
        if min(*self.points, self.width, self.rounds, self.seeds, len(self.points)) < 1:
            raise ValueError(f"points, width, rounds and seeds are 1 or more; found {self}")


@dataclass(frozen=True)
class MapTimes:
    """How soon a map is there and answers.

    Attributes:
        space: what it is of.
        points: how many.
        first_picture: seconds from the call `EmbeddingMap(space)` until it is there with its
            points, in a new process each; what the browser then takes is not in it.
        placing: seconds until a question's vector has its place among the points, each time.
        selecting: seconds from a selection of a quarter of the points until they are lit and
            listed in the gallery, each time.
    """

    space: str
    points: int
    first_picture: list[float]
    placing: list[float]
    selecting: list[float]


@dataclass(frozen=True)
class UmapFigures:
    """mmlab's UMAP beside umap-learn's, with the same settings.

    Attributes:
        space: what it is of.
        points: how many.
        cold: seconds until `lay_out` has mmlab's, each seed in a new process.
        kept: seconds until it is read again from the disk.
        plain_cold: seconds of umap-learn's first layout in a new process, with the import.
        plain_warm: of its further ones there, when all is compiled.
        trustworthiness: of mmlab's, each seed.
        plain_trustworthiness: of umap-learn's.
    """

    space: str
    points: int
    cold: list[float]
    kept: list[float]
    plain_cold: float
    plain_warm: list[float]
    trustworthiness: list[float]
    plain_trustworthiness: list[float]


@dataclass(frozen=True)
class MapReport:
    """Everything that was measured in one run."""

    environment: dict[str, str | int]
    settings: dict[str, Any]
    maps: list[MapTimes]
    layouts: list[UmapFigures]

    def to_json(self) -> str:
        """All figures, every round included."""
        return json.dumps(asdict(self), indent=2) + "\n"

    def table(self) -> str:
        """The figures as plain text."""
        lines = ["Median seconds" + " " * 16 + "first picture   placing a question   selecting"]
        for one in self.maps:
            times = f"{median(one.first_picture):13.2f} {median(one.placing):20.4f}"
            name = f"{one.space}, {one.points:,} points"
            lines.append(f"{name:30}{times} {median(one.selecting):11.3f}")
        return "\n".join([*lines, *(_umap_lines(one) for one in self.layouts)])


def _umap_lines(one: UmapFigures) -> str:
    warm = f", then {median(one.plain_warm):.1f} s" if one.plain_warm else ""
    return "\n".join(
        [
            f"\nUMAP of {one.space}, {one.points:,} points, {len(one.cold)} seeds",
            f"     mmlab: cold {median(one.cold):.1f} s, kept {median(one.kept):.3f} s; "
            f"trustworthiness {_each(one.trustworthiness)}",
            f"umap-learn: cold {one.plain_cold:.1f} s{warm}; "
            f"trustworthiness {_each(one.plain_trustworthiness)}",
        ]
    )


def _each(values: list[float]) -> str:
    return ", ".join(f"{value:.4f}" for value in values)


def measure_map(
    settings: MapSettings = MapSettings(),  # noqa: B008 - it is frozen
    *,
    run: Path | None = None,
    tell: Callable[[str], object] = lambda line: None,
) -> MapReport:
    """Measure made-up spaces and the sample corpus's.

    Args:
        settings: what and how often.
        run: the folder of the sample's run; default: where `mmlab.open_run` finds it.
        tell: called with a line on what comes next.
    """
    spaces = [_Space("mixture", count, settings.width) for count in settings.points]
    sample = [_Space("sample", run=run)] if settings.sample else []
    maps = []
    for one in [*spaces, *sample]:
        tell(f"the map of {one}")
        maps.append(_map_times(one, settings.rounds))
    layouts = []
    for one in [*spaces[:1], *sample]:
        tell(f"UMAP of {one}, {settings.seeds} seeds, each by both")
        layouts.append(_umap_figures(one, settings.seeds))
    return MapReport(environment("cpu"), asdict(settings), maps, layouts)


@dataclass(frozen=True)
class _Space:
    """What a process needs to make the space that it measures."""

    name: str
    points: int = 0
    width: int = 0
    run: Path | None = None

    def __str__(self) -> str:
        return f"{self.name}, {self.points:,} points" if self.points else self.name

    def made(self) -> EmbeddingSpace:
        if not self.points:
            model, dataset = open_run(self.run)
            from mmlab.retrieval import Retriever

            return embedding_space(Retriever(model, dataset.select(split="test")))
        return mixture(self.points, self.width)


def mixture(count: int, width: int, seed: int = 0) -> EmbeddingSpace:
    """Clips in some groups, with a few words each."""
    random = np.random.default_rng(seed)
    groups = random.integers(0, GROUPS, count)
    middles = random.normal(size=(GROUPS, width)).astype(np.float32)
    vectors = middles[groups] + random.normal(size=(count, width)).astype(np.float32)
    table = pd.DataFrame({"clip_id": [f"clip {number}" for number in range(count)]})
    table["combination"] = random.choice(["text", "video", "audio", "video+audio"], count)
    table["text"] = [f"word{group} of group{group // 5}" for group in groups]
    return embedding_space_of(vectors, table)


def _map_times(space: _Space, rounds: int) -> MapTimes:
    first = [in_new_process(_first_picture, space) for _ in range(rounds)]
    count, placing, selecting = in_new_process(_answers, space)
    return MapTimes(space.name, count, first, placing, selecting)


def _umap_figures(space: _Space, seeds: int) -> UmapFigures:
    own = [in_new_process(_umap, space, seed) for seed in range(seeds)]
    plain = in_new_process(_plain_umap, space, seeds)
    cold, kept, trusted, counts = (list(column) for column in zip(*own, strict=True))
    (plain_cold, *plain_warm), plain_trusted = (list(column) for column in zip(*plain, strict=True))
    return UmapFigures(
        space.name, counts[0], cold, kept, plain_cold, plain_warm, trusted, plain_trusted
    )


def in_new_process(work: Callable[..., Result], *given: Any) -> Result:
    """What `work` returns, in a process that has computed nothing before."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        return pool.submit(work, *given).result()


def _first_picture(chosen: _Space) -> float:
    from mmlab.views import EmbeddingMap

    space = chosen.made()
    with tempfile.TemporaryDirectory() as folder:
        os.environ["MMLAB_DATA"] = folder  # where nothing is kept yet
        started = time.perf_counter()
        view = EmbeddingMap(space)
        seconds = time.perf_counter() - started
    assert len(view.placed.points) == len(space)
    return seconds


def _answers(chosen: _Space) -> tuple[int, list[float], list[float]]:
    from mmlab.views import EmbeddingMap

    space = chosen.made()
    view = EmbeddingMap(space, method="pca")  # no UMAP beside, which would take half the machine
    while math.isnan(view.placed.trustworthiness):
        time.sleep(0.1)  # it is computed beside
    random = np.random.default_rng(0)
    placing, selecting = [], []
    for _ in range(WARM_ROUNDS):
        question = random.normal(size=(1, space.vectors.shape[1])).astype(np.float32)
        placing.append(_seconds(place, question, space.vectors, view.placed.points))
        rows = random.permutation(len(space))[: max(1, int(SELECTED * len(space)))]
        selecting.append(_seconds(view.select, rows.tolist()))
    return len(space), placing, selecting


def _umap(chosen: _Space, seed: int) -> tuple[float, float, float, int]:
    """Seconds cold, seconds from the disk, trustworthiness, points."""
    vectors = chosen.made().vectors
    with tempfile.TemporaryDirectory() as folder:
        again = partial(lay_out, vectors, seed=seed, cache=Path(folder))
        cold, kept = _seconds(again), _seconds(again)
        layout = again()
    assert layout.from_cache
    return cold, kept, layout.trustworthiness, len(vectors)


def _plain_umap(chosen: _Space, seeds: int) -> list[tuple[float, float]]:
    """Seconds and trustworthiness for each seed; the first is cold."""
    vectors, found = chosen.made().vectors, []
    warnings.simplefilter("ignore")  # it warns that a seed means one thread: we want the seed
    for seed in range(seeds):
        started = time.perf_counter()
        from umap import UMAP

        points = UMAP(metric="cosine", random_state=seed, n_jobs=1).fit_transform(vectors)
        seconds = time.perf_counter() - started
        found.append((seconds, trustworthiness(vectors, points)))
    return found


def _seconds(call: Callable[..., object], *given: Any) -> float:
    started = time.perf_counter()
    call(*given)
    return time.perf_counter() - started
