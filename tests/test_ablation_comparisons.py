"""Claims: what is compared with what, and when one may say that it holds."""

import pandas as pd
import pytest

from mmlab.ablation.claims import CLAIMS
from mmlab.ablation.comparisons import Comparison, Side, judge, paired_hits, verdict
from mmlab.ablation.statistics import Estimate
from mmlab.ablation.tasks import LATE, MAIN_TASK, STRATEGIES, Task, aligned, by_task
from mmlab.ablation.variants import GRID
from tests.ablation_cases import rank_rows

LATE_TASK = Task("text", "video+audio", LATE)


def between(low: float, high: float) -> Estimate:
    return Estimate((low + high) / 2, low, high, ())


def test_a_claim_of_being_better_needs_the_whole_interval():
    assert verdict(between(0.1, 3)) == "holds"
    assert verdict(between(-0.1, 3)) == "undecided"
    assert verdict(between(0, 0)) == "undecided"
    assert verdict(between(-3, -0.1)) == "does not hold"


def test_a_claim_of_doing_as_well_may_lose_less_than_its_tolerance():
    assert verdict(between(-2.9, 1), tolerance=3) == "holds"
    assert verdict(between(-2.9, -0.1), tolerance=3) == "holds"
    assert verdict(between(-3.1, 1), tolerance=3) == "undecided"
    assert verdict(between(-3.1, -0.1), tolerance=3) == "does not hold"


def runs(shares: dict[int, list[float]], task: Task = MAIN_TASK, first: int = 0):
    return {seed: by_task(rank_rows(task, ranks, first)) for seed, ranks in shares.items()}


def test_only_seeds_and_queries_that_both_sides_have_are_compared():
    ranks = {
        "main": runs({0: [1, 99, 99, 99], 1: [1, 1, 99, 1], 5: [99, 99, 99, 99]}),
        "class-token": runs({0: [99, 1, 1], 1: [1, 99, 1]}, first=1),  # it lacks the first clip
    }
    one, other = paired_hits(Side(), Side("class-token"), ranks, 10)
    assert one.tolist() == [[0, 0, 0], [100, 0, 100]]
    assert other.tolist() == [[0, 100, 100], [100, 0, 100]]


def test_two_ways_of_asking_the_same_models():
    main = {
        seed: by_task(pd.concat([rank_rows(MAIN_TASK, [1] * 30), rank_rows(LATE_TASK, [30] * 30)]))
        for seed in (0, 1)
    }
    claim = Comparison("joint", Side(), Side(task=LATE_TASK), "choice", "")
    finding = judge(claim, {"main": main}, 10)
    assert (finding.verdict, finding.seeds, finding.queries) == ("holds", 2, 30)
    assert finding.difference.value == 100


def test_a_side_that_is_missing_is_said_to_be():
    ranks = {"main": runs({0: [1, 2]})}
    for other in (Side("class-token"), Side(task=LATE_TASK)):
        finding = judge(Comparison("", Side(), other, "choice", ""), ranks, 10)
        assert (finding.verdict, finding.difference) == ("not measured", None)
    elsewhere = ranks | {"class-token": runs({0: [1, 2]}, first=50)}
    assert paired_hits(Side(), Side("class-token"), elsewhere, 10) is None


def test_alignment_is_by_clip_not_by_place():
    one = by_task(rank_rows(MAIN_TASK, [1, 2, 3]))[MAIN_TASK]
    (table,) = aligned([one, one[::-1], one.drop("clip001")])
    assert table.tolist() == [[1, 3]] * 3


def test_every_claim_is_about_the_grid_and_says_where_it_is_from():
    names = {variant.name for variant in GRID}
    tasks = {"joint", LATE, *STRATEGIES.values()}
    for claim in CLAIMS:
        for side in (claim.better, claim.other):
            assert side.variant in names
            assert side.task.how in tasks
        assert claim.better != claim.other
        assert claim.source
        assert claim.claim.endswith(".")
    assert len({claim.claim for claim in CLAIMS}) == len(CLAIMS)
    compared = {side.variant for claim in CLAIMS for side in (claim.better, claim.other)}
    assert compared == names, "a variant that no claim needs is trained for nothing"


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim.claim[:40])
def test_the_side_that_is_spoken_for_wins_where_it_is_better(claim):
    good, bad = [1.0] * 40, [50.0] * 40
    sides = {}
    for side, ranks in ((claim.better, good), (claim.other, bad)):
        sides.setdefault(side.variant, {})[side.task] = ranks
    ranks = {
        variant: {
            seed: by_task(pd.concat([rank_rows(task, found) for task, found in tasks.items()]))
            for seed in (0, 1, 2)
        }
        for variant, tasks in sides.items()
    }
    assert judge(claim, ranks, 10).verdict == "holds"
