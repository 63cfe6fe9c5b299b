"""The deletion test by hand, on scores of which the answer is known."""

import numpy as np
import pytest

from mmlab.explanation import deletion_test, deletion_tests

VALUES = np.array([0.1, 0.5, 0.05, 0.2, 0.15])


def summed(kept):
    return kept @ VALUES


def test_curves_equal_a_loop():
    found = deletion_test(summed, VALUES, steps=5, draws=3)
    order = np.argsort(-VALUES)
    expected = [VALUES[order[gone:]].sum() for gone in range(6)]
    np.testing.assert_allclose(found.ordered, expected)
    np.testing.assert_allclose(found.fractions, np.linspace(0, 1, 6))
    assert found.random.shape == (3, 6)
    np.testing.assert_allclose(found.random[:, [0, -1]], [[1, 0]] * 3)
    assert found.area == pytest.approx(found.random.mean() - np.mean(expected))


def test_only_one_token_matters():
    """Without the one the score is 0; at random it goes on average half-way."""
    heat = np.zeros(40)
    heat[17] = 1
    found = deletion_test(lambda kept: kept[:, 17] * 1.0, heat, steps=40, draws=2000)
    assert found.ordered.tolist() == [1.0] + [0.0] * 40
    # the one is the n-th to go, n = 1 .. 40 alike, and until then the score is 1
    assert found.random.mean() == pytest.approx(np.mean(np.arange(1, 41)) / 41, abs=0.02)
    assert found.area == pytest.approx(20.5 / 41 - 1 / 41, abs=0.02)
    low, high = found.area_interval
    assert low <= found.area <= high
    assert "more than" in deletion_test(summed, VALUES, draws=200).sentence()


def test_the_best_heat_is_best_and_its_opposite_worst():
    generator = np.random.default_rng(0)
    heats = np.stack([VALUES, -VALUES, *generator.random((20, 5))])
    areas = [found.area for found in deletion_tests(summed, heats)]
    assert max(areas) == areas[0] > 0
    assert min(areas) == areas[1] < 0


def test_random_heat_is_near_zero():
    values = np.random.default_rng(1).random(50)
    heats = np.random.default_rng(2).random((100, 50))
    areas = [found.area for found in deletion_tests(lambda kept: kept @ values, heats, draws=100)]
    noise = np.std(areas) * np.sqrt(1 / 100 + 1 / 100)  # of the heats, and of what they are beside
    assert abs(np.mean(areas)) < 4 * noise
    assert deletion_test(lambda kept: kept @ values, values).area > 10 * noise


def test_a_heat_that_says_nothing_is_chance():
    """Tokens stand in order of their worth, so that an order of its own would tell."""
    values = np.linspace(1, 0, 30)
    heats = np.stack([np.zeros(30), np.ones(30)])
    for found in deletion_tests(lambda kept: kept @ values, heats):
        low, high = found.area_interval
        assert found.area == pytest.approx(0, abs=1e-12)
        assert low < 0 < high


def test_equals_go_in_any_order_but_after_the_hotter():
    heat = np.array([0.0, 1.0, 0.0, 0.0, 1.0])
    found = deletion_test(summed, heat, steps=5, draws=2000)
    hot, cold = np.array([1, 4]), np.array([0, 2, 3])
    whole, rest = VALUES.sum(), VALUES[cold].sum()
    expected = [whole, whole - VALUES[hot].mean(), rest, rest * 2 / 3, rest / 3, 0]
    np.testing.assert_allclose(found.ordered, expected, atol=0.02)


def test_each_set_of_tokens_is_asked_for_once():
    asked = []

    def noted(kept):
        asked.extend(map(bytes, kept))
        return summed(kept)

    deletion_tests(noted, np.stack([VALUES, np.zeros(5)]))
    assert len(asked) == len(set(asked)) <= 2**5


def test_the_sentence_says_what_the_score_is_and_what_the_range():
    found = deletion_test(summed, VALUES, of="the cosine of the caption with video")
    low, high = found.area_interval
    assert found.sentence() == (
        "With all tokens, the cosine of the caption with video is 1.000. Taking the hottest away "
        f"first lowers it more than in random order: area {found.area:+.3f} (95 % of single random "
        f"orders: {low:+.3f} to {high:+.3f})."
    )
    nothing = deletion_test(lambda kept: np.full(len(kept), np.nan), VALUES).sentence()
    assert nothing == "Nothing is known of these tokens: without some, the score is not a number."


def test_only_the_order_counts_and_the_seed_repeats():
    first, again = (deletion_test(summed, heat) for heat in (VALUES, np.exp(9 * VALUES)))
    np.testing.assert_array_equal(first.ordered, again.ordered)
    np.testing.assert_array_equal(first.random, again.random)
    other = deletion_test(summed, VALUES, seed=1)
    assert not np.array_equal(first.random, other.random)


def test_fewer_tokens_than_steps():
    found = deletion_test(lambda kept: kept[:, 0] * 1.0, np.ones(1))
    assert found.ordered[0] == 1
    assert found.ordered[-1] == 0
    assert found.area == 0
    assert "no differently than" in found.sentence()


@pytest.mark.parametrize(
    ("heat", "options", "message"),
    [
        (np.zeros(0), {}, "at least one"),
        (np.array([1.0, np.nan]), {}, "none NaN"),
        (np.ones((2, 2)), {}, "one number per token"),
        (VALUES, {"steps": 0}, "steps and draws"),
        (VALUES, {"draws": 0}, "steps and draws"),
    ],
)
def test_bad_input_is_named(heat, options, message):
    with pytest.raises(ValueError, match=message):
        deletion_test(summed, heat, **options)
