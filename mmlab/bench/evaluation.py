"""The measurement of retrieval: ranks by counting in blocks against ranks by sorting whole rows.

The baseline does what published evaluation does: all similarities at once, every row sorted, the
places looked up at which the match's own similarity stands, and tied places averaged in a loop.
"""

from __future__ import annotations

import json
import multiprocessing
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from itertools import groupby
from operator import itemgetter
from statistics import median
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from mmlab.bench.machine import environment, resident_bytes
from mmlab.evaluation.ranking import rank_of_match

SHORTEST_SECONDS = 1e-3
"""Where counting is lost in the noise of the product, it is taken to last so long."""


@dataclass(frozen=True)
class EvaluationSettings:
    """What to measure.

    Attributes:
        items: queries and candidates that are ranked by both.
        width: of the embeddings.
        rounds: timed rounds, in each of which both rank.
        memory_items: queries and candidates of which the memory is measured; 0 = leave it out.
        noise: how far a query lies from its match, so that ranks spread.
    """

    items: int = 10_000
    width: int = 256
    rounds: int = 5
    memory_items: int = 100_000
    noise: float = 8.0

    def __post_init__(self) -> None:
        if min(self.items, self.width, self.rounds) < 1 or self.memory_items < 0:
            raise ValueError(
                f"items, width and rounds are 1 or more; found {self.items}, {self.width}, "
                f"{self.rounds}"
            )


@dataclass(frozen=True)
class RankingMemory:
    """What a process of its own needs.

    Attributes:
        peak_bytes: the most it ever held, with interpreter and libraries; None if not known.
        start_bytes: of these, before there was anything to rank.
        embedding_bytes: of these, the embeddings of both sides.
        seconds: that ranking takes.
    """

    peak_bytes: int | None
    start_bytes: int | None
    embedding_bytes: int
    seconds: float


@dataclass(frozen=True)
class EvaluationReport:
    """Everything that was measured in one run.

    Attributes:
        counting_seconds: from embeddings to ranks in mmlab, each round.
        sorting_seconds: likewise by sorting.
        product_seconds: of these, the product of all similarities by itself, which both make.
        ratio: of the medians; how many times as fast counting is.
        ranking_ratio: the same without the product, which costs both the same.
        differing_ranks: queries to which the two give another rank.
        memory: of the larger ranking.
    """

    environment: dict[str, str | int]
    settings: dict[str, Any]
    counting_seconds: list[float]
    sorting_seconds: list[float]
    product_seconds: list[float]
    ratio: float
    ranking_ratio: float
    differing_ranks: int
    memory: RankingMemory | None

    def to_json(self) -> str:
        """All figures, every round included."""
        return json.dumps(asdict(self), indent=2) + "\n"

    def table(self) -> str:
        """The figures as plain text."""
        count, width = self.settings["items"], self.settings["width"]
        lines = [f"Ranks of {count:,} x {count:,} embeddings, {width} wide, median seconds"]
        times = {
            "sorting": self.sorting_seconds,
            "counting": self.counting_seconds,
            "the product alone": self.product_seconds,
        }
        lines += [f"{name:>18} {median(rounds):8.3f}" for name, rounds in times.items()]
        lines.append(
            f"counting is {self.ratio:.1f} times as fast, without the product "
            f"{self.ranking_ratio:.1f} times; {self.differing_ranks} ranks differ"
        )
        if self.memory:
            lines.append(_memory_line(self.memory, self.settings["memory_items"]))
        return "\n".join(lines)


def _memory_line(memory: RankingMemory, items: int) -> str:
    peak = "not known" if memory.peak_bytes is None else f"{memory.peak_bytes / 1e9:.2f} GB"
    return (
        f"{items:,} x {items:,} in {memory.seconds:.0f} s: most memory {peak}, of these "
        f"{memory.embedding_bytes / 1e9:.2f} GB of embeddings"
    )


def measure_evaluation(settings: EvaluationSettings = EvaluationSettings()) -> EvaluationReport:  # noqa: B008 - it is frozen
    """Time both ways of ranking by turns, then measure the memory of the larger one."""
    memory = _memory(settings) if settings.memory_items else None  # while this process is small
    queries, gallery = random_pairs(settings.items, settings.width, settings.noise)
    rounds: list[tuple[float, float, float]] = []
    for _ in range(settings.rounds):
        counted, counting = _timed(lambda: rank_of_match(queries, gallery))
        sorted_, sorting = _timed(lambda: ranks_by_sorting((queries @ gallery.T).numpy()))
        _, product = _timed(lambda: queries @ gallery.T)
        rounds.append((counting, sorting, product))
    counting_seconds, sorting_seconds, product_seconds = map(list, zip(*rounds, strict=True))
    sorting, counting, product = map(median, (sorting_seconds, counting_seconds, product_seconds))
    return EvaluationReport(
        environment("cpu"),
        asdict(settings),
        counting_seconds,
        sorting_seconds,
        product_seconds,
        ratio=sorting / counting,
        ranking_ratio=(sorting - product) / max(counting - product, SHORTEST_SECONDS),
        differing_ranks=int((counted != sorted_).sum()),
        memory=memory,
    )


def random_pairs(items: int, width: int, noise: float, seed: int = 0) -> tuple[Tensor, Tensor]:
    """(items, width) queries and candidates of unit length, each query not far from its match."""
    generator = torch.Generator().manual_seed(seed)
    gallery = F.normalize(torch.randn(items, width, generator=generator), dim=1)
    queries = torch.randn(items, width, generator=generator)
    queries *= noise / width**0.5
    queries += gallery
    return F.normalize(queries, dim=1), gallery


def ranks_by_sorting(similarity: np.ndarray) -> np.ndarray:
    """(Q,) ranks from 1 of the diagonal of (Q, Q) similarities, ties at their mean."""
    ordered = np.sort(-similarity, axis=1)
    differences = ordered - np.diag(-similarity)[:, None]
    found = groupby(np.argwhere(differences == 0), key=itemgetter(0))
    return np.array([np.mean([place for _, place in ties]) for _, ties in found]) + 1


def _timed(call: Callable[[], Any]) -> tuple[Any, float]:
    started = time.perf_counter()
    found = call()
    return found, time.perf_counter() - started


def _memory(settings: EvaluationSettings) -> RankingMemory:
    context = multiprocessing.get_context("spawn")  # a fork would begin with our memory
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        return pool.submit(_ranking_memory, settings, torch.get_num_threads()).result()


def _ranking_memory(settings: EvaluationSettings, threads: int) -> RankingMemory:
    torch.set_num_threads(threads)
    start = resident_bytes()
    queries, gallery = random_pairs(settings.memory_items, settings.width, settings.noise)
    _, seconds = _timed(lambda: rank_of_match(queries, gallery))
    sizes = queries.nbytes + gallery.nbytes
    return RankingMemory(resident_bytes(peak=True), start, sizes, seconds)
