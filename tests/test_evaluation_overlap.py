"""Accuracy and overlap of frame labels: loops over frames and segments, by hand, invariances."""

from itertools import groupby

import numpy as np
import pytest

from mmlab.evaluation.overlap import (
    class_overlap,
    frame_accuracy,
    overlap_scores,
    segment_overlap,
    segments_of,
)

BACKGROUND = 3
MEASURES = {"class": class_overlap, "segment": segment_overlap}


def labels(seed: int, frames: int = 40) -> np.ndarray:
    """Runs of four classes."""
    generator = np.random.default_rng(seed)
    return np.repeat(generator.integers(4, size=frames), generator.integers(1, 6, frames))[:frames]


def slow_class_overlap(predicted, truth, background):
    iou, iod = [], []
    for label in sorted(set(truth.tolist()) - {background}):
        ours = {frame for frame, one in enumerate(predicted) if one == label}
        true = {frame for frame, one in enumerate(truth) if one == label}
        iou.append(len(ours & true) / len(ours | true))
        iod.append(len(ours & true) / len(ours) if ours else 0.0)
    return (np.mean(iou), np.mean(iod)) if iou else None


def slow_segments(values):
    found, start = [], 0
    for label, run in groupby(values.tolist()):
        length = len(list(run))
        found.append((label, start, start + length))
        start += length
    return found


def slow_segment_overlap(predicted, truth, background):
    iou, iod = [], []
    for label, start, end in slow_segments(truth):
        if label == background:
            continue
        best = [0.0, 0.0]
        for other, from_, to in slow_segments(predicted):
            shared = min(end, to) - max(start, from_)
            if other == label and shared > 0:
                best[0] = max(best[0], shared / (max(end, to) - min(start, from_)))
                best[1] = max(best[1], shared / (to - from_))
        iou.append(best[0])
        iod.append(best[1])
    return (np.mean(iou), np.mean(iod)) if iou else None


SLOW = {"class": slow_class_overlap, "segment": slow_segment_overlap}


@pytest.mark.parametrize("background", [None, BACKGROUND])
@pytest.mark.parametrize("variant", ["class", "segment"])
def test_overlap_equals_loops(variant, background):
    for seed in range(60):
        predicted, truth = labels(seed), labels(seed + 1000)
        found = MEASURES[variant](predicted, truth, background=background)
        assert found == pytest.approx(SLOW[variant](predicted, truth, background)), seed


def test_overlap_by_hand():
    truth = np.array([0, 0, 0, 0, 1, 1, 0, 0])
    predicted = np.array([0, 0, 1, 1, 1, 1, 1, 0])
    iou, iod = class_overlap(predicted, truth)
    assert (iou, iod) == pytest.approx(((3 / 6 + 2 / 5) / 2, (3 / 3 + 2 / 5) / 2))
    iou, iod = segment_overlap(predicted, truth)
    assert (iou, iod) == pytest.approx(((2 / 4 + 2 / 5 + 1 / 2) / 3, (1 + 2 / 5 + 1) / 3))


@pytest.mark.parametrize("variant", ["class", "segment"])
def test_perfect_labels_overlap_fully_and_wrong_ones_not_at_all(variant):
    for seed in range(10):
        truth = labels(seed)
        assert MEASURES[variant](truth, truth) == (1, 1)
        assert MEASURES[variant](truth + 10, truth) == (0, 0)


@pytest.mark.parametrize("variant", ["class", "segment"])
def test_what_does_not_change_overlap(variant):
    measure, names = MEASURES[variant], np.array([9, 4, 0, 7])
    for seed in range(20):
        predicted, truth = labels(seed), labels(seed + 1000)
        expected = measure(predicted, truth)
        assert measure(predicted[::-1], truth[::-1]) == pytest.approx(expected)
        assert measure(names[predicted], names[truth]) == pytest.approx(expected)
        stretched = measure(np.repeat(predicted, 3), np.repeat(truth, 3))
        assert stretched == pytest.approx(expected)
        assert expected[0] <= expected[1] + 1e-12  # what was predicted is part of the union


def test_background_counts_or_not():
    truth = np.array([3, 3, 0, 3])
    predicted = np.array([3, 0, 0, 3])
    assert class_overlap(predicted, truth, background=BACKGROUND) == (0.5, 0.5)
    assert class_overlap(predicted, truth) == pytest.approx(((0.5 + 2 / 3) / 2, (0.5 + 1) / 2))
    for measure in MEASURES.values():
        assert measure(predicted, np.full(4, 3), background=BACKGROUND) is None


def test_videos_count_alike_and_those_without_a_class_are_counted():
    truth = [np.array([0, 0]), np.array([1] * 50), np.array([3, 3])]
    predicted = [np.array([0, 0]), np.array([2] * 50), np.array([0, 3])]
    for variant in MEASURES:
        found = overlap_scores(predicted, truth, variant, background=BACKGROUND)
        assert (found.iou, found.iod, found.videos, found.left_out) == (50, 50, 2, 1)
    with pytest.raises(ValueError, match="no video with a class|no video has a class"):
        overlap_scores(predicted[2:], truth[2:], "class", background=BACKGROUND)
    with pytest.raises(ValueError, match="class and segment, found 'mean'"):
        overlap_scores(predicted, truth, "mean")


def test_accuracy_pooled_and_by_video():
    truth = [np.array([0, 1]), np.array([2] * 8), np.array([], dtype=int)]
    predicted = [np.array([0, 0]), np.array([2] * 8), np.array([], dtype=int)]
    assert frame_accuracy(predicted, truth) == pytest.approx(90)
    assert frame_accuracy(predicted, truth, by_video=True) == pytest.approx(75)
    with pytest.raises(ValueError, match="no frames"):
        frame_accuracy(predicted[2:], truth[2:])


def test_labels_of_another_rate_are_named():
    for measure in (class_overlap, segment_overlap):
        with pytest.raises(ValueError, match="3 predicted frames and 4 true ones"):
            measure(np.zeros(3), np.zeros(4))
    with pytest.raises(ValueError, match="stretch the labels"):
        frame_accuracy([np.zeros(3)], [np.zeros(4)])


def test_a_true_label_of_no_dictionary_is_missed():
    truth, predicted = np.array([0, -1]), np.array([0, 2])
    assert class_overlap(predicted, truth) == (0.5, 0.5)
    assert frame_accuracy([predicted], [truth]) == 50


def test_segments_are_runs():
    for seed in range(20):
        values = labels(seed)
        assert segments_of(values).T.tolist() == [list(one) for one in slow_segments(values)]
    assert segments_of(np.array([], dtype=int)).shape == (3, 0)
