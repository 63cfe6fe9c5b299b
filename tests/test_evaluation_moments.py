"""Neighbour agreement and heat on moments against slow versions and known answers."""

import numpy as np
import pandas as pd
import pytest

from mmlab.evaluation.moments import mean_interval, share_on_spans
from mmlab.evaluation.neighbours import neighbour_agreement


def test_neighbour_agreement_equals_sorting():
    generator = np.random.default_rng(0)
    vectors = generator.normal(size=(30, 4))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    labels = pd.DataFrame({"colour": generator.choice(["red", "blue", "green"], 30)})
    shares = neighbour_agreement({("text",): vectors}, labels, neighbours=5)
    expected = []
    for row in range(30):
        others = sorted((-(vectors[row] @ vectors[j]), j) for j in range(30) if j != row)[:5]
        expected += [labels.colour[j] == labels.colour[row] for _, j in others]
    assert shares.loc["text", "colour"] == pytest.approx(np.mean(expected))
    pairs = [labels.colour[i] == labels.colour[j] for i in range(30) for j in range(30) if i != j]
    assert shares.loc["chance", "colour"] == pytest.approx(np.mean(pairs))


def test_neighbours_of_separate_clusters_always_agree():
    vectors = np.repeat(np.eye(3), 4, axis=0)
    labels = pd.DataFrame({"kind": np.repeat(list("abc"), 4)})
    shares = neighbour_agreement({("video", "audio"): vectors}, labels, neighbours=3)
    assert shares.loc["video+audio", "kind"] == 1
    with pytest.raises(ValueError, match="at least 2 clips"):
        neighbour_agreement({("text",): vectors[:1]}, labels[:1])


def test_mean_interval_covers_the_mean():
    low, high = mean_interval(np.random.default_rng(1).normal(3, 1, 400))
    assert low < 3.0 < high
    assert high - low == pytest.approx(2 * 1.96 / 20, rel=0.2)


def test_share_on_spans_equals_a_loop():
    generator = np.random.default_rng(0)
    starts = np.arange(20.0)
    seconds = np.stack([starts, starts + 1], axis=1)
    heat, spans = generator.random(20), [(2.5, 4.0), (3.2, 3.4), (17.0, 17.5)]
    touching = [n for n in range(20) if any(n < end and n + 1 > start for start, end in spans)]
    assert touching == [2, 3, 17]  # what only borders on a span does not touch it
    share, chance = share_on_spans(heat, seconds, spans)
    assert share == pytest.approx(sum(heat[n] for n in touching) / sum(heat))
    assert chance == pytest.approx(3 / 20)


def test_no_heat_is_no_better_than_chance():
    seconds = np.array([[0.0, 1.0], [1.0, 2.0]])
    assert share_on_spans(np.zeros(2), seconds, [(0.0, 1.0)]) == (0.5, 0.5)
    assert share_on_spans(np.array([3.0, 0.0]), seconds, [(0.0, 1.0)]) == (1.0, 0.5)
