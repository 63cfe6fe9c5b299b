"""Scores to segments: the walk against trying all, maximal spans against their definition."""

import itertools

import numpy as np
import pytest

from mmlab.evaluation.segments import (
    above_level,
    best_moments,
    find_segments,
    mean_score,
    ordered_segments,
)
from mmlab.evaluation.spans import best_span


def test_ordered_segments_have_the_highest_total_of_all():
    for seed in range(60):
        generator = np.random.default_rng(seed)
        steps = int(generator.integers(1, 4))
        scores = generator.normal(size=(int(generator.integers(steps, 8)), steps))
        above = above_level(scores, 0.6)
        totals = [
            sum(above[start:end, step].sum() for step, (start, end) in enumerate(spans))
            for spans in every_choice(len(scores), steps)
        ]
        found = ordered_segments(scores, level=0.6)
        total = sum(above[int(s) : int(e), step].sum() for step, (s, e) in enumerate(found))
        assert total == pytest.approx(max(totals)), seed
        edges = [edge for span in found for edge in span]
        assert edges == sorted(edges)
        assert all(end - start >= 1 for start, end in found)


def every_choice(seconds, steps):
    """All ordered, disjoint spans of at least one second."""
    spans = [(s, e) for s in range(seconds) for e in range(s + 1, seconds + 1)]
    for chosen in itertools.product(spans, repeat=steps):
        if all(one[1] <= other[0] for one, other in itertools.pairwise(chosen)):
            yield chosen


def test_a_step_lasts_as_long_as_its_seconds_speak_for_it():
    scores = np.zeros((12, 3))
    scores[1:4, 0] = scores[5:9, 1] = scores[9:11, 2] = 0.8
    scores[2, 0] = 0.7  # a short dip does not end it
    assert ordered_segments(scores) == [(1, 4), (5, 9), (9, 11)]


def test_steps_stay_in_order_where_scores_do_not():
    scores = np.zeros((6, 2))
    scores[4, 0], scores[1, 1] = 1.0, 0.9
    (_, first_end), (second_start, _) = ordered_segments(scores)
    assert first_end <= second_start


def test_one_step_alone_is_the_best_span():
    for seed in range(60):
        scores = np.random.default_rng(seed).normal(size=25)
        assert ordered_segments(scores[:, None]) == [best_span(scores)], seed
        assert best_moments(scores)[0] == best_span(scores), seed


def by_definition(summed, start, end):
    """The best of the spans (the shortest first one), then those on its left and on its right."""
    spans = [(s, e) for s in range(start, end) for e in range(s + 1, end + 1)]
    best = max(spans, key=lambda one: (summed[one[1]] - summed[one[0]], one[0], -one[1]), default=0)
    if not best or summed[best[1]] <= summed[best[0]]:
        return []
    left, right = (start, best[0]), (best[1], end)
    return [*by_definition(summed, *left), best, *by_definition(summed, *right)]


def test_moments_are_the_maximal_spans():
    for seed in range(120):
        scores = np.random.default_rng(seed).normal(size=14)
        summed = np.concatenate([[0.0], np.cumsum(above_level(scores[:, None], 0.7)[:, 0])])
        expected = by_definition(summed, 0, len(scores))
        assert sorted(best_moments(scores, top=99)) == expected, seed


def test_moments_come_best_first_and_no_more_than_asked_for():
    scores = np.array([0, 1, 1, 0, 0, 1, 0, 0, 1, 1, 1, 0.0])
    assert best_moments(scores) == [(8, 11), (1, 3), (5, 6)]
    assert best_moments(scores, top=1) == [(8, 11)]
    assert best_moments(np.zeros(4)) == [(0, 1)]


def test_the_table_ends_with_the_video():
    scores = np.array([[0.0, 0.0], [0.6, 0.1], [0.1, 0.5]])
    table = find_segments(["crack", "whisk"], scores, 2.4)
    assert table.step.tolist() == ["crack", "whisk"]
    assert table.start_seconds.tolist() == [1, 2]
    assert table.end_seconds.tolist() == [2, 2.4]
    assert table.score.tolist() == pytest.approx([0.6, 0.5])
    assert not table.edited.any()
    moments = find_segments(["crack"], scores[:, :1], 2.4)
    assert (moments.step.tolist(), moments.start_seconds.tolist()) == (["crack"], [1])


def test_a_second_counts_by_how_much_of_it_lies_within():
    scores = np.array([0.0, 1.0, 3.0])
    assert mean_score(scores, (0.5, 2.0)) == pytest.approx((0.5 * 0 + 1) / 1.5)
    assert mean_score(scores, (1.25, 1.5)) == 1
    assert mean_score(scores, (3.0, 3.05)) == 3  # a rest that is no second


@pytest.mark.parametrize(
    ("steps", "scores", "message"),
    [
        (["a", "b"], np.zeros((1, 2)), "2 steps cannot be placed in 1 seconds"),
        (["a", "b"], np.zeros((3, 1)), r"2 steps need scores \(T, 2\), found \(3, 1\)"),
        ([], np.zeros((3, 0)), "0 steps need scores"),
        (["a"], np.full((3, 1), np.nan), "NaN"),
        (["a", "b"], np.full((3, 2), np.inf), "infinite"),
    ],
)
def test_what_has_no_segments_is_refused(steps, scores, message):
    with pytest.raises(ValueError, match=message):
        find_segments(steps, scores, 3.0)
