"""Average precision of steps against its definition, and what is left out of it."""

import numpy as np
import pytest

from mmlab.evaluation.detection import detection_of


def slow_precision(scores: np.ndarray, truth: np.ndarray) -> float:
    """The mean over true seconds of the precision among all that score at least as high."""
    at = [truth[scores >= limit].mean() for limit in scores[truth]]
    return float(np.mean(at))


def case(seed: int, *, steps: int = 3, ties: bool = False) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    shape = (int(generator.integers(8, 20)), steps)
    scores = generator.integers(5, size=shape) if ties else generator.normal(size=shape)
    truth = generator.random(shape) < 0.3
    truth[0] = True  # every step is seen
    return scores.astype(float), truth


@pytest.mark.parametrize("ties", [False, True])
def test_precision_equals_its_definition_over_all_seconds_of_a_task(ties):
    for seed in range(20):
        videos = [case(3 * seed + number, ties=ties) for number in range(3)]
        scores, truth = ([part[place] for part in videos] for place in (0, 1))
        found = detection_of(scores, truth, ["a", "b", "a"])
        joined = np.concatenate([scores[0], scores[2]]), np.concatenate([truth[0], truth[2]])
        expected = {
            "a": np.mean([slow_precision(joined[0][:, k], joined[1][:, k]) for k in range(3)]),
            "b": np.mean([slow_precision(scores[1][:, k], truth[1][:, k]) for k in range(3)]),
        }
        assert found.tasks.mAP.to_dict() == pytest.approx(
            {task: 100 * value for task, value in expected.items()}
        )
        assert found.percent == pytest.approx(100 * np.mean(list(expected.values())))


def test_perfect_scores_and_scores_that_say_nothing():
    _, truth = case(0)
    assert detection_of([truth.astype(float)], [truth], ["a"]).percent == 100
    constant = detection_of([np.zeros(truth.shape)], [truth], ["a"])
    assert constant.percent == pytest.approx(constant.chance) == pytest.approx(100 * truth.mean())


def test_only_the_order_of_a_steps_scores_counts():
    scores, truth = case(1)
    expected = detection_of([scores], [truth], ["a"]).percent
    assert detection_of([np.exp(scores)], [truth], ["a"]).percent == pytest.approx(expected)
    shifted = scores * [1, 2, 3] + [5, -5, 0]
    assert detection_of([shifted], [truth], ["a"]).percent == pytest.approx(expected)


def test_steps_that_are_never_seen_are_counted_and_left_out():
    scores, truth = case(2)
    alone = detection_of([scores[:, :2]], [truth[:, :2]], ["a"])
    truth[:, 2] = False
    found = detection_of([scores, scores], [truth, np.zeros_like(truth)], ["a", "b"])
    assert found.percent == pytest.approx(alone.percent)
    assert found.tasks.left_out.to_dict() == {"a": 1, "b": 3}
    assert np.isnan(found.tasks.mAP["b"])


def test_what_has_no_precision_is_named():
    scores, truth = case(3)
    with pytest.raises(ValueError, match="no video has an annotated step"):
        detection_of([scores], [np.zeros_like(truth)], ["a"])
    with pytest.raises(ValueError, match="no video has an annotated step"):
        detection_of([], [], [])
    with pytest.raises(ValueError, match="task 'a': its videos differ"):
        detection_of([scores, scores[:, :2]], [truth, truth[:, :2]], ["a", "a"])
    with pytest.raises(ValueError, match="NaN"):
        detection_of([np.full(truth.shape, np.nan)], [truth], ["a"])
