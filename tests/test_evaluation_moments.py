"""Neighbour agreement and attention on moments against slow versions and known answers."""

import numpy as np
import pandas as pd
import pytest

from mmlab.evaluation.moments import attention_on_moment, mean_interval
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


def test_attention_on_moment_by_hand():
    starts = [0.0, 1.0, 2.0, 3.0]
    links = pd.DataFrame(
        {
            "word": "egg",
            "modality": "audio",
            "start_seconds": starts,
            "end_seconds": [start + 1 for start in starts],
            "weight": [0.1, 0.2, 0.3, 0.2],
        }
    )
    found = attention_on_moment(links, {"egg": (1.5, 2.5), "not there": (0, 1)})
    assert found.word.tolist() == ["egg"]
    assert found.share[0] == pytest.approx(0.5 / 0.8)
    assert found.chance[0] == pytest.approx(0.5)


def test_mean_interval_covers_the_mean():
    low, high = mean_interval(np.random.default_rng(1).normal(3, 1, 400))
    assert low < 3.0 < high
    assert high - low == pytest.approx(2 * 1.96 / 20, rel=0.2)
