"""Moment retrieval: the best of all spans, and overlap by hand."""

import numpy as np
import pytest

from mmlab.evaluation.spans import best_span, moment_recall, span_iou


def test_the_best_span_equals_trying_all():
    for seed in range(150):
        generator = np.random.default_rng(seed)
        scores = generator.normal(size=generator.integers(1, 15))
        level = (0.0, 0.3, 0.7, 1.0)[seed % 4]
        limit = scores.min() + level * (scores.max() - scores.min())
        sums = {
            (start, end): (scores[start:end] - limit).sum()
            for start in range(len(scores))
            for end in range(start + 1, len(scores) + 1)
        }
        assert sums[best_span(scores, level=level)] == pytest.approx(max(sums.values())), seed


def test_a_short_dip_does_not_end_a_span_and_a_lone_peak_does_not_win():
    scores = np.array([0, 0, 0.9, 0.9, 0.6, 0.9, 0.9, 0, 0, 1.0, 0])
    assert best_span(scores, level=0.7) == (2, 7)


def test_scale_and_offset_change_no_span_and_reversed_time_reverses_it():
    for seed in range(40):
        scores = np.random.default_rng(seed).normal(size=20)
        start, end = best_span(scores)
        assert best_span(3 * scores - 2) == (start, end)
        assert best_span(scores[::-1]) == (20 - end, 20 - start)


def test_equal_scores_give_at_least_a_second():
    assert best_span(np.zeros(4)) == (0, 1)
    assert best_span(np.array([0.2])) == (0, 1)
    for bad in (np.empty(0), np.array([0.0, np.nan])):
        with pytest.raises(ValueError, match="at least one score"):
            best_span(bad)


def test_overlap_of_spans():
    assert span_iou((0, 4), (2, 6)) == pytest.approx(2 / 6)
    assert span_iou((2, 6), (0, 4)) == pytest.approx(2 / 6)
    assert span_iou((1, 3), (1, 3)) == 1
    assert span_iou((0, 1), (1, 2)) == span_iou((0, 1), (5, 6)) == 0
    assert span_iou((0, 8), (2, 4)) == pytest.approx(0.25)


def test_recall_of_moments_by_hand():
    spans = [(0.0, 4.0), (0.0, 10.0), (5.0, 6.0), (2.0, 3.0)]
    truth = [[(0.0, 4.0)], [(20.0, 30.0), (0.0, 6.0)], [(0.0, 1.0)], []]
    found = moment_recall(spans, truth)
    assert found.percent == pytest.approx({0.5: 200 / 3, 0.7: 100 / 3})
    assert found.mean_iou == pytest.approx(100 * (1 + 0.6 + 0) / 3)
    assert (found.queries, found.unannotated) == (3, 1)
    assert moment_recall(spans, truth, thresholds=[0.6]).percent == pytest.approx({0.6: 200 / 3})
    with pytest.raises(ValueError, match="no query has a true span"):
        moment_recall(spans[3:], truth[3:])
