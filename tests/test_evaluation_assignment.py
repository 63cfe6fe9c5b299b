"""The exact ordered assignment: brute force, the published recurrence, and its invariances."""

from itertools import combinations, pairwise, product

import numpy as np
import pytest

from mmlab.evaluation.assignment import (
    assigned_or_missed,
    best_steps,
    ordered_assignment,
    running_best,
)

CASES = 150


def random_scores(seed: int, *, most_seconds: int = 9, most_steps: int = 5) -> np.ndarray:
    """Every second case small whole numbers, among which many choices tie."""
    generator = np.random.default_rng(seed)
    seconds = generator.integers(1, most_seconds + 1)
    steps = generator.integers(1, min(seconds, most_steps) + 1)
    if seed % 2:
        return generator.integers(-2, 3, size=(seconds, steps)).astype(float)
    return generator.normal(size=(seconds, steps))


def total(chosen: np.ndarray, scores: np.ndarray, background: float = 0.0) -> float:
    return float(scores[chosen].sum() + background * (~chosen.any(axis=1)).sum())


def published_assignment(scores: np.ndarray, background: float, exactly_one: bool) -> np.ndarray:
    """CrossTask's recurrence second by second and state by state, with its way to break ties."""
    seconds, steps = scores.shape
    cost = np.full((seconds + 1, 2 * steps + 1), np.inf)
    origin = np.zeros(cost.shape, dtype=int)
    cost[0, 0] = 0
    for t in range(1, seconds + 1):
        for state in range(2 * steps + 1):
            is_step = state % 2 == 1
            before = [state] if not (is_step and exactly_one) else []
            before += [state - 1] * (state >= 1) + [state - 2] * (is_step and state >= 2)
            best = min(before, key=lambda one: cost[t - 1, one])  # the first of equal ones
            gain = scores[t - 1, state // 2] if is_step else background
            cost[t, state], origin[t, state] = cost[t - 1, best] - gain, best
    state = 2 * steps if cost[-1, 2 * steps] < cost[-1, 2 * steps - 1] else 2 * steps - 1
    chosen = np.zeros(scores.shape, dtype=bool)
    for t in range(seconds, 0, -1):
        if state % 2:
            chosen[t - 1, state // 2] = True
        state = origin[t, state]
    return chosen


def test_one_second_for_each_step_equals_brute_force():
    for seed in range(CASES):
        scores = random_scores(seed)
        seconds, steps = scores.shape
        best = max(
            sum(scores[second, step] for step, second in enumerate(places))
            for places in combinations(range(seconds), steps)
        )
        assert total(ordered_assignment(scores), scores) == pytest.approx(best, abs=1e-12), seed


def test_runs_of_seconds_equal_brute_force():
    for seed in range(60):
        scores = random_scores(seed, most_seconds=6, most_steps=3)
        background = (-0.4, 0.0, 0.7)[seed % 3]
        best = max(
            sum(background if s < 0 else scores[t, s] for t, s in enumerate(path))
            for path in product(range(-1, scores.shape[1]), repeat=len(scores))
            if is_ordered(path, scores.shape[1])
        )
        chosen = ordered_assignment(scores, background=background, exactly_one=False)
        assert total(chosen, scores, background) == pytest.approx(best, abs=1e-12), seed
        assert is_ordered([int(r.argmax()) if r.any() else -1 for r in chosen], scores.shape[1])


def is_ordered(path: tuple[int, ...] | list[int], steps: int) -> bool:
    """Every step in one run of seconds, in order; -1 is background."""
    changes = [path[0], *(b for a, b in pairwise(path) if a != b)]
    return [step for step in changes if step >= 0] == list(range(steps))


@pytest.mark.parametrize("exactly_one", [True, False])
def test_the_same_seconds_as_the_published_recurrence_also_where_choices_tie(exactly_one):
    for seed in range(CASES):
        scores = random_scores(seed, most_seconds=12)
        background = float(seed % 5 - 2)
        chosen = ordered_assignment(scores, background=background, exactly_one=exactly_one)
        expected = published_assignment(scores, background, exactly_one)
        np.testing.assert_array_equal(chosen, expected, err_msg=f"seed {seed}")


def test_neither_a_constant_nor_the_background_changes_one_second_for_each_step():
    for seed in range(0, CASES, 2):
        scores = random_scores(seed, most_seconds=30)
        chosen = ordered_assignment(scores)
        for same in (scores + 7, scores - 7, scores + np.arange(scores.shape[1])):
            np.testing.assert_array_equal(ordered_assignment(same), chosen)
        np.testing.assert_array_equal(ordered_assignment(scores, background=-3.0), chosen)


def test_a_constant_and_the_background_change_runs_of_seconds():
    scores = np.array([[0.2], [1.0], [0.2]])
    assert ordered_assignment(scores, exactly_one=False).sum() == 3
    assert ordered_assignment(scores - 0.5, exactly_one=False).sum() == 1
    assert ordered_assignment(scores, background=0.5, exactly_one=False).sum() == 1


def test_an_offset_of_a_second_changes_the_assignment():
    """As a log-softmax over the steps adds one: the two ways to score are two measures."""
    scores = np.array([[1.0, 0.0], [0.0, 0.0], [0.0, 1.0]])
    offset = np.array([[-9.0], [0.0], [0.0]])
    assert ordered_assignment(scores)[0, 0]
    assert not ordered_assignment(scores + offset)[0].any()


def test_time_and_steps_reversed_give_the_reversed_seconds():
    for seed in range(0, CASES, 2):
        scores = random_scores(seed, most_seconds=30)
        turned = ordered_assignment(scores[::-1, ::-1])[::-1, ::-1]
        np.testing.assert_array_equal(turned, ordered_assignment(scores))


def test_every_step_has_one_second_in_order_and_the_input_stays():
    scores = np.random.default_rng(0).normal(size=(300, 12)).astype(np.float32)
    before = scores.copy()
    seconds = ordered_assignment(scores).argmax(axis=0)
    assert ordered_assignment(scores).sum() == 12
    assert (np.diff(seconds) > 0).all()
    np.testing.assert_array_equal(scores, before)


def test_as_many_steps_as_seconds_leave_no_choice():
    scores = np.random.default_rng(0).normal(size=(5, 5))
    np.testing.assert_array_equal(ordered_assignment(scores), np.eye(5, dtype=bool))
    np.testing.assert_array_equal(ordered_assignment(scores, exactly_one=False), np.eye(5))
    assert ordered_assignment(np.zeros((4, 0))).shape == (4, 0)


def test_more_steps_than_seconds_are_named_or_missed():
    with pytest.raises(ValueError, match="7 steps cannot be placed in 3 seconds"):
        ordered_assignment(np.zeros((3, 7)))
    assert not assigned_or_missed(np.zeros((3, 7))).any()
    np.testing.assert_array_equal(assigned_or_missed(np.zeros((3, 2))).sum(axis=0), [1, 1])


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_scores_that_are_no_numbers_are_named(bad):
    scores = np.zeros((4, 2))
    scores[1, 1] = bad
    for choose in (ordered_assignment, assigned_or_missed, best_steps):
        with pytest.raises(ValueError, match="NaN or infinite"):
            choose(scores)
    with pytest.raises(ValueError, match="NaN or infinite"):
        ordered_assignment(np.zeros((4, 2)), background=bad)


def test_the_best_step_of_each_second():
    scores = random_scores(4, most_seconds=30)
    chosen = best_steps(scores)
    for row, second in zip(chosen, scores, strict=True):
        assert [step for step, there in enumerate(row) if there] == [
            second.tolist().index(max(second))
        ]
    assert best_steps(np.zeros((3, 0))).shape == (3, 0)


def test_the_running_best_equals_a_loop():
    for seed in range(20):
        values = np.random.default_rng(seed).integers(-3, 3, 12).astype(float)
        values[: seed % 3] = -np.inf
        best, place = running_best(values)
        for end in range(1, len(values) + 1):
            assert best[end - 1] == max(values[:end])
            assert place[end - 1] == values[:end].tolist().index(max(values[:end]))
