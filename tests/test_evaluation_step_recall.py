"""The three ways to average recall, by loops and by hand, and the bounds of what can be found."""

from itertools import combinations, product

import numpy as np
import pytest

from mmlab.evaluation.assignment import assigned_or_missed, best_steps, ordered_assignment
from mmlab.evaluation.step_recall import (
    VARIANTS,
    chance_recall,
    chosen_for,
    highest_recall,
    most_found_by_second,
    most_found_in_order,
    recall_of,
    step_recall,
)


def random_truth(seed: int, *, most_seconds: int = 9, most_steps: int = 5) -> np.ndarray:
    """Steps at any times, overlapping and in any order; some are absent."""
    generator = np.random.default_rng(seed)
    seconds = generator.integers(1, most_seconds + 1)
    steps = generator.integers(1, min(seconds, most_steps) + 1)
    return generator.random((seconds, steps)) < generator.choice([0.1, 0.3, 0.6])


def matrix(seconds: int, steps: int, *cells: tuple[int, int]) -> np.ndarray:
    table = np.zeros((seconds, steps), dtype=bool)
    for second, step in cells:
        table[second, step] = True
    return table


TRUTH = [
    matrix(6, 3, (0, 0), (1, 0), (3, 1), (5, 2)),  # all three steps
    matrix(5, 3, (2, 1)),  # one of them
    matrix(4, 3),  # none
    matrix(4, 2, (0, 0), (2, 1)),
]
CHOSEN = [
    matrix(6, 3, (1, 0), (2, 1), (4, 2)),  # finds one
    matrix(5, 3, (0, 0), (2, 1), (3, 2)),  # finds it
    matrix(4, 3, (0, 0), (1, 1), (2, 2)),
    matrix(4, 2, (1, 0), (2, 1)),  # finds one of two
]
TASKS = ["a", "a", "a", "b"]


def test_micro_and_macro_by_hand():
    micro = recall_of(CHOSEN, TRUTH, "micro_task", tasks=TASKS)
    assert micro.tasks.recall.tolist() == pytest.approx([100 * 2 / 4, 50])
    assert micro.percent == pytest.approx(50)
    macro = recall_of(CHOSEN, TRUTH, "macro_video", tasks=TASKS)
    assert macro.tasks.recall.tolist() == pytest.approx([100 * (1 / 3 + 1) / 2, 50])
    assert macro.percent == pytest.approx((200 / 3 + 50) / 2)


def test_a_video_without_annotation_is_counted_and_changes_nothing():
    for variant in VARIANTS:
        found = recall_of(CHOSEN, TRUTH, variant, tasks=TASKS, names=["v", "w", "x", "y"])
        assert found.unannotated == 1
        assert found.videos.set_index("video").recall.isna().to_dict() == {
            "v": False, "w": False, "x": True, "y": False,
        }  # fmt: skip
        assert found.tasks.videos.to_dict() == {"a": 2, "b": 1}
        assert found.tasks.steps.to_dict() == {"a": 4, "b": 2}
        without = [place for place in range(4) if place != 2]
        parts = ([values[place] for place in without] for values in (CHOSEN, TRUTH, TASKS))
        chosen, truth, tasks = parts
        assert recall_of(chosen, truth, variant, tasks=tasks).percent == found.percent


def test_recall_equals_slow_loops():
    for seed in range(30):
        truth = [random_truth(100 * seed + number) for number in range(7)]
        chosen = [assigned_or_missed(np.random.default_rng(seed).random(t.shape)) for t in truth]
        tasks = [str(number % 3) for number in range(7)]
        by_task: dict[str, list[tuple[int, int]]] = {}
        for one, true, task in zip(chosen, truth, tasks, strict=True):
            present = [k for k in range(true.shape[1]) if any(true[:, k])]
            hits = [
                k
                for k in present
                if any(a and b for a, b in zip(one[:, k], true[:, k], strict=True))
            ]
            if present:
                by_task.setdefault(task, []).append((len(hits), len(present)))
        micro = [sum(h for h, _ in rows) / sum(p for _, p in rows) for rows in by_task.values()]
        macro = [np.mean([h / p for h, p in rows]) for rows in by_task.values()]
        found = {name: recall_of(chosen, truth, name, tasks=tasks).percent for name in VARIANTS}
        assert found["micro_task"] == pytest.approx(100 * np.mean(micro))
        assert found["macro_video"] == pytest.approx(100 * np.mean(macro))


def test_the_frame_variant_finds_a_step_by_any_of_its_seconds():
    truth = matrix(4, 2, (0, 0), (1, 0), (2, 0), (3, 1))
    scores = np.array([[0.1, 0.9], [0.8, 0.2], [0.1, 0.9], [0.6, 0.4]])
    assert recall_of([best_steps(scores)], [truth], "frame").percent == 50
    assert best_steps(scores)[:, 0].tolist() == [False, True, False, True]


def test_orders_of_videos_and_tasks_do_not_matter():
    turned = [values[::-1] for values in (CHOSEN, TRUTH, TASKS)]
    for variant in VARIANTS:
        found = recall_of(CHOSEN, TRUTH, variant, tasks=TASKS).percent
        assert recall_of(turned[0], turned[1], variant, tasks=turned[2]).percent == found


def test_unknown_variants_and_nothing_annotated_are_named():
    with pytest.raises(ValueError, match="micro_task, macro_video, frame, found 'micro'"):
        recall_of(CHOSEN, TRUTH, "micro")
    for measure in (recall_of, step_recall):
        with pytest.raises(ValueError, match="no video has an annotated step"):
            measure(CHOSEN[2:3], TRUTH[2:3])
    with pytest.raises(ValueError, match="no video has an annotated step"):
        highest_recall(TRUTH[2:3])


def test_the_most_that_order_allows_equals_brute_force():
    reached = 0
    for seed in range(300):
        truth = random_truth(seed)
        seconds, steps = truth.shape
        most = max(
            sum(truth[second, step] for step, second in enumerate(places))
            for places in combinations(range(seconds), steps)
        )
        assert most_found_in_order(truth) == most, seed
        reached += most == truth.any(axis=0).sum()
    assert 0 < reached < 300  # the bound is sometimes below what is annotated
    assert most_found_in_order(np.ones((2, 3), dtype=bool)) == 0


def test_the_most_that_single_seconds_allow_equals_brute_force():
    for seed in range(100):
        truth = random_truth(seed, most_seconds=5, most_steps=4)
        seconds, steps = truth.shape
        most = max(
            len({step for second, step in enumerate(path) if truth[second, step]})
            for path in product(range(steps), repeat=seconds)
        )
        assert most_found_by_second(truth) == most, seed


@pytest.mark.parametrize("variant", ["micro_task", "macro_video"])
def test_perfect_scores_reach_the_bound_and_none_pass_it(variant):
    truth = [random_truth(seed, most_seconds=20, most_steps=6) for seed in range(200)]
    tasks = [str(seed % 9) for seed in range(200)]
    bound = highest_recall(truth, variant, tasks=tasks)
    perfect = [chosen_for(video.astype(float), variant) for video in truth]
    assert recall_of(perfect, truth, variant, tasks=tasks).percent == bound < 100
    assert 0 < chance_recall(truth, draws=3, tasks=tasks, variant=variant) < bound


def test_no_choice_of_seconds_passes_the_bound_by_second():
    truth = [random_truth(seed, most_seconds=20, most_steps=6) for seed in range(100)]
    bound = highest_recall(truth, "frame")
    perfect = [best_steps(video.astype(float)) for video in truth]
    assert recall_of(perfect, truth, "frame").percent <= bound < 100
    assert 0 < chance_recall(truth, draws=3, variant="frame") < bound


def test_chance_equals_its_share_of_the_seconds():
    """One step that is seen in a quarter of the seconds is hit by one draw in four."""
    truth = [matrix(20, 1, *((second, 0) for second in range(5, 10)))] * 50
    assert chance_recall(truth, draws=40) == pytest.approx(25, abs=3)  # sd of 2,000 draws: 1
    assert chance_recall(truth, draws=2, seed=1) == chance_recall(truth, draws=2, seed=1)


def test_recall_of_an_assignment_that_is_right():
    truth = [matrix(8, 3, (1, 0), (2, 0), (3, 0), (5, 2))]
    assert step_recall([ordered_assignment(truth[0].astype(float))], truth) == 100
    assert step_recall([matrix(8, 3, (3, 0), (4, 1), (7, 2))], truth) == 50
