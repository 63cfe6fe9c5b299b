"""The paper's choices as comparisons between variants that this corpus can decide.

No figure of the paper's ablations is confirmed by a source at hand. What is known is which
alternatives the published configurations train, and which of them the main model is. So a claim
is the paper's "choice" (its main model is built so) or a "question" (both were published, and
nothing at hand says which did better); neither is quoted as a conclusion of the paper.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from mmlab.ablation.statistics import Estimate, estimate, found
from mmlab.ablation.tasks import MAIN_TASK, Task, aligned
from mmlab.ablation.variants import MAIN

Basis = Literal["choice", "question"]
Verdict = Literal["holds", "does not hold", "undecided", "not measured"]

Ranks = Mapping[str, Mapping[int, Mapping[Task, pd.Series]]]
"""For each variant and seed what `by_task` gives."""


@dataclass(frozen=True)
class Side:
    """One side of a comparison: a variant and what it is asked."""

    variant: str = MAIN
    task: Task = MAIN_TASK

    def __str__(self) -> str:
        return f"{self.variant}: {self.task}"


@dataclass(frozen=True)
class Comparison:
    """A claim that one side is better than another, or not worse by more than a tolerance.

    Attributes:
        claim: one sentence.
        better: the side that the claim speaks for.
        other: the side that it is compared with; the same queries and seeds.
        basis: whether the paper made this choice, or the question is only ours.
        source: where that is known from.
        tolerance: 0 for "is better"; else the points that `better` may be worse by.
    """

    claim: str
    better: Side
    other: Side
    basis: Basis
    source: str
    tolerance: float = 0.0


@dataclass(frozen=True)
class Finding:
    """What became of a claim.

    Attributes:
        comparison: the claim.
        verdict: "holds" and "does not hold" if the whole interval says so, else "undecided".
        difference: in points, `better` minus `other`; None if a side was not measured.
        seeds: trained models of each side.
        queries: asked of each.
    """

    comparison: Comparison
    verdict: Verdict
    difference: Estimate | None
    seeds: int = 0
    queries: int = 0


def judge(comparison: Comparison, ranks: Ranks, k: int) -> Finding:
    """Compare recall at k of both sides over the same queries and seeds."""
    hits = paired_hits(comparison.better, comparison.other, ranks, k)
    if hits is None:
        return Finding(comparison, "not measured", None)
    difference = estimate(hits[0] - hits[1])
    return Finding(
        comparison, verdict(difference, comparison.tolerance), difference, *hits[0].shape
    )


def paired_hits(
    one: Side, other: Side, ranks: Ranks, k: int
) -> tuple[np.ndarray, np.ndarray] | None:
    """(S, Q) hits in percent of each side; None where they have no seed or query in common."""
    runs = [
        {
            seed: run[side.task]
            for seed, run in ranks.get(side.variant, {}).items()
            if side.task in run
        }
        for side in (one, other)
    ]
    seeds = sorted(set(runs[0]) & set(runs[1]))
    if not seeds:
        return None
    tables = aligned(*([side[seed] for seed in seeds] for side in runs))
    return (found(tables[0], k), found(tables[1], k)) if tables[0].size else None


def verdict(difference: Estimate, tolerance: float = 0.0) -> Verdict:
    """Decide at 95 %.

    A claim with a tolerance holds if the interval lies above minus the tolerance, and fails if
    it lies below zero without holding: then the other side is better, and nothing excludes that
    it is so by more than the tolerance.
    """
    if difference.low > -tolerance:
        return "holds"
    return "does not hold" if difference.high < 0 else "undecided"
