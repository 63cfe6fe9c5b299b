"""Alignment with a transcript: every alignment tried, the plain recurrence, and invariances."""

from itertools import combinations
from math import log
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import poisson

from mmlab.evaluation import alignment
from mmlab.evaluation.alignment import (
    align_transcript,
    poisson_length_scores,
    second_of_frame,
    spread,
    stretched,
)
from mmlab.evaluation.overlap import frame_accuracy
from mmlab.readers.mining_youtube import read_mining_youtube

REAL = Path(__file__).parents[2] / "shared" / "real" / "annotations" / "mining_youtube"
CASES = 100


def case(seed: int, most_seconds: int = 9) -> tuple[np.ndarray, np.ndarray]:
    """Scores of four classes, and a transcript in which classes come again."""
    generator = np.random.default_rng(seed)
    seconds = generator.integers(1, most_seconds + 1)
    transcript = generator.integers(4, size=generator.integers(1, min(seconds, 5) + 1))
    return np.log(generator.dirichlet(np.ones(4), size=seconds)), transcript


def every_alignment(seconds: int, entries: int) -> list[np.ndarray]:
    """All ways to cut the seconds into as many parts as there are entries."""
    return [
        np.repeat(np.arange(entries), np.diff([0, *cuts, seconds]))
        for cuts in combinations(range(1, seconds), entries - 1)
    ]


def total(
    aligned: np.ndarray, scores: np.ndarray, transcript: np.ndarray, means: np.ndarray | None = None
) -> float:
    """Score by score and entry by entry."""
    result = sum(scores[second, transcript[entry]] for second, entry in enumerate(aligned))
    for entry, label in enumerate(transcript if means is not None else ()):
        mean, length = means[label], int((aligned == entry).sum())
        result += poisson.logpmf(length, mean) - poisson.logpmf(round(mean), mean)
    return float(result)


def test_alignment_equals_brute_force():
    for seed in range(CASES):
        scores, transcript = case(seed)
        best = max(
            total(one, scores, transcript) for one in every_alignment(len(scores), len(transcript))
        )
        found = align_transcript(scores, transcript)
        assert total(found, scores, transcript) == pytest.approx(best, abs=1e-10), seed
        assert is_alignment(found, len(transcript))


def test_alignment_with_lengths_equals_brute_force():
    means = np.array([0.4, 1.0, 2.5, 6.0])
    changed = 0
    for seed in range(CASES):
        scores, transcript = case(seed)
        best = max(
            total(one, scores, transcript, means)
            for one in every_alignment(len(scores), len(transcript))
        )
        found = align_transcript(scores, transcript, mean_lengths=means)
        assert total(found, scores, transcript, means) == pytest.approx(best, abs=1e-10), seed
        assert is_alignment(found, len(transcript))
        changed += not np.array_equal(found, align_transcript(scores, transcript))
    assert changed > 0  # the lengths do count


def test_a_longest_length_equals_brute_force():
    for seed in range(CASES):
        scores, transcript = case(seed)
        means, longest = np.full(4, 2.0), -(-len(scores) // len(transcript)) + seed % 2
        allowed = [
            one
            for one in every_alignment(len(scores), len(transcript))
            if np.bincount(one).max() <= longest
        ]
        best = max(total(one, scores, transcript, means) for one in allowed)
        found = align_transcript(scores, transcript, mean_lengths=2.0, longest=longest)
        assert total(found, scores, transcript, means) == pytest.approx(best, abs=1e-10), seed
        assert np.bincount(found).max() <= longest


def is_alignment(aligned: np.ndarray, entries: int) -> bool:
    steps = np.diff(aligned)
    return bool(aligned[0] == 0 and aligned[-1] == entries - 1 and np.isin(steps, (0, 1)).all())


def test_alignment_equals_the_recurrence_of_the_paper():
    """D[t, m] = max(D[t-1, m], D[t-1, m-1]) + P[t, l_m], second by second."""
    for seed in range(CASES):
        scores, transcript = case(seed, most_seconds=40)
        best = np.full((len(scores), len(transcript)), -np.inf)
        best[0, 0] = scores[0, transcript[0]]
        for t in range(1, len(scores)):
            for m, label in enumerate(transcript):
                before = max(best[t - 1, m], best[t - 1, m - 1] if m else -np.inf)
                best[t, m] = before + scores[t, label]
        found = total(align_transcript(scores, transcript), scores, transcript)
        assert found == pytest.approx(best[-1, -1], abs=1e-9), seed


@pytest.mark.parametrize("mean", [None, 3.0])
def test_what_all_classes_of_a_second_share_changes_nothing(mean):
    """So neither the normaliser of a softmax nor the published P - 2 max(P) matters."""
    for seed in range(CASES):
        scores, transcript = case(seed, most_seconds=40)
        offset = np.random.default_rng(seed).normal(size=(len(scores), 1)) * 5
        means = None if mean is None else np.full(4, mean)
        best = total(
            align_transcript(scores, transcript, mean_lengths=mean), scores, transcript, means
        )
        for same in (scores + offset, scores - 2 * scores.max()):  # a class twice in a row may tie
            found = align_transcript(same, transcript, mean_lengths=mean)
            assert total(found, scores, transcript, means) == pytest.approx(best, abs=1e-9), seed


def test_classes_outside_the_transcript_change_nothing():
    scores, transcript = case(7, most_seconds=40)
    more = np.hstack([scores, np.random.default_rng(0).normal(size=(len(scores), 3)) + 9])
    np.testing.assert_array_equal(
        align_transcript(more, transcript, mean_lengths=np.full(7, 4.0)),
        align_transcript(scores, transcript, mean_lengths=4.0),
    )


@pytest.mark.parametrize("mean", [None, 3.0])
def test_time_reversed_gives_the_reversed_alignment(mean):
    for seed in range(CASES):
        scores, transcript = case(seed, most_seconds=40)
        transcript = np.arange(4)[: len(transcript)]  # no class twice in a row, which would tie
        turned = align_transcript(scores[::-1], transcript[::-1], mean_lengths=mean)
        expected = align_transcript(scores, transcript, mean_lengths=mean)
        np.testing.assert_array_equal(len(transcript) - 1 - turned[::-1], expected)


def test_blocks_of_seconds_change_nothing(monkeypatch):
    scores, transcript = case(3, most_seconds=60)
    expected = align_transcript(scores, transcript, mean_lengths=5.0)
    for cells in (1, 7 * len(scores)):
        monkeypatch.setattr(alignment, "BLOCK_CELLS", cells)
        found = align_transcript(scores, transcript, mean_lengths=5.0)
        np.testing.assert_array_equal(found, expected)


def test_length_scores_are_poisson_and_zero_at_the_mean():
    for mean in (0.3, 1.0, 3.2, 150.0):
        scores = poisson_length_scores(mean, 400)
        expected = poisson.logpmf(np.arange(401), mean) - poisson.logpmf(round(mean), mean)
        np.testing.assert_allclose(scores[1:], expected[1:], atol=1e-9)
        assert scores[0] == -np.inf
    assert poisson_length_scores(150.0, 400)[150] == 0
    assert poisson_length_scores(2.0, 4)[3] == pytest.approx(log(2 / 3))
    assert len(poisson_length_scores(2.0, 1)) == 2


def test_impossible_alignments_are_named():
    scores = np.zeros((3, 2))
    with pytest.raises(ValueError, match="4 entries of a transcript cannot fill 3 seconds"):
        align_transcript(scores, [0, 1, 0, 1])
    with pytest.raises(ValueError, match="1 entries of a transcript cannot fill 3 seconds, 1 to 2"):
        align_transcript(scores, [0], mean_lengths=1.0, longest=2)
    with pytest.raises(ValueError, match="transcript is empty"):
        align_transcript(scores, [])
    for beyond in (2, -1):
        with pytest.raises(ValueError, match="not among the 2"):
            align_transcript(scores, [0, beyond])
    with pytest.raises(ValueError, match="NaN or infinite"):
        align_transcript(np.full((3, 2), -np.inf), [0])
    for mean in (0.0, -1.0, np.nan):
        with pytest.raises(ValueError, match="must be above 0"):
            align_transcript(scores, [0], mean_lengths=mean)


def test_as_many_entries_as_seconds_leave_no_choice():
    scores, _ = case(2)
    for mean in (None, 5.0):
        aligned = align_transcript(scores, [0] * len(scores), mean_lengths=mean)
        np.testing.assert_array_equal(aligned, np.arange(len(scores)))


def test_seconds_stretch_to_frames():
    np.testing.assert_array_equal(stretched(np.array([5, 6, 7]), 9), np.repeat([5, 6, 7], 3))
    np.testing.assert_array_equal(stretched(np.array([5, 6, 7]), 3), [5, 6, 7])
    np.testing.assert_array_equal(stretched(np.array([5, 6, 7, 8]), 2), [6, 8])
    for seconds, frames in ((26, 209), (7, 7), (40, 1000), (9, 5)):
        middles = (np.arange(frames) + 0.5) * seconds / frames
        np.testing.assert_array_equal(second_of_frame(seconds, frames), np.floor(middles))
    assert stretched(np.zeros(3), 0).shape == (0,)
    with pytest.raises(ValueError, match="cannot be filled"):
        stretched(np.empty(0), 4)


def test_an_even_spread():
    np.testing.assert_array_equal(spread(3, 9), np.repeat([0, 1, 2], 3))
    assert is_alignment(spread(4, 11), 4)
    assert np.ptp(np.bincount(spread(4, 11))) <= 1


@pytest.mark.skipif(not REAL.exists(), reason="the real annotations are not at hand")
def test_perfect_scores_give_back_a_real_videos_frames():
    corpus = read_mining_youtube(REAL)
    video = next(one for one in corpus.videos if len(one.frame_labels))
    transcript = [corpus.classes.index(label) for label in video.transcript]
    scores = np.log(np.full((len(video.frame_labels), len(corpus.classes)), 1e-3))
    scores[np.arange(len(scores)), video.frame_labels] = 0
    aligned = align_transcript(scores, transcript)
    assert frame_accuracy([np.array(transcript)[aligned]], [video.frame_labels]) == 100
