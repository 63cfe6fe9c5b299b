"""The modality gap against known answers and against slow, obvious versions."""

import dataclasses
import math
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from mmlab.space import embedding_space_of
from mmlab.space import gap as gap_module
from mmlab.space.gap import modality_gap

CLIPS, WIDTH = 60, 8


def two_sides(one, other):
    table = pd.DataFrame({"clip_id": [f"c{n}" for n in range(len(one))] * 2})
    table["combination"] = ["text"] * len(one) + ["video"] * len(other)
    return embedding_space_of(np.concatenate([one, other]), table)


def unit(vectors):
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def around(direction, spread, seed):
    """Unit vectors whose mean points exactly along an axis: each with its mirror image."""
    noise = np.random.default_rng(seed).normal(size=(CLIPS // 2, WIDTH)) * spread
    noise[:, direction] = 0
    cloud = np.concatenate([noise, -noise])
    cloud[:, direction] = 1
    return unit(cloud)


def measured(one, other):
    return modality_gap(two_sides(one, other)).iloc[0]


def test_shifted_gaussians_give_the_exact_shift():
    one = around(0, 0.2, seed=1)
    other = one[:, [1, 0, *range(2, WIDTH)]]  # the same cloud around another axis
    row = measured(one, other)
    assert row["centroid distance"] == pytest.approx(math.sqrt(2) * one[:, 0].mean(), abs=1e-5)
    assert row["separability"] == 100
    assert row["uniformity one"] == pytest.approx(row["uniformity other"], abs=1e-5)


def test_one_distribution_has_no_gap():
    draw = np.random.default_rng(0)
    one, other = unit(draw.normal(size=(2, 1500, WIDTH)).reshape(-1, WIDTH)).reshape(2, 1500, -1)
    row = measured(one, other)
    assert row["centroid distance"] < 0.06
    assert row["separability"] == pytest.approx(50, abs=5)
    assert row["alignment"] == pytest.approx(2, abs=0.1)  # independent directions are orthogonal


def test_twins_cannot_be_told_apart():
    one = around(0, 0.5, seed=2)
    row = measured(one, one)
    assert (row["centroid distance"], row["alignment"]) == pytest.approx((0, 0), abs=1e-6)
    assert row["separability"] <= 50
    assert row["R@1"] == row["R@1 centred"] == 100


def test_a_gap_alone_costs_recall_and_centring_gives_it_back():
    one = around(0, 0.3, seed=3)
    other = unit(one + np.random.default_rng(4).normal(size=WIDTH) * 1.5)
    row = measured(one, other)
    assert row["R@1 centred"] > row["R@1"]


def test_every_figure_against_loops():
    draw = np.random.default_rng(5)
    one = unit(draw.normal(size=(12, WIDTH)) + 0.5)
    other = unit(one + 0.4 * draw.normal(size=one.shape))
    row = measured(one, other)
    assert row["alignment"] == pytest.approx(
        np.mean([np.linalg.norm(x - y) ** 2 for x, y in zip(one, other, strict=True)]), abs=1e-5
    )
    for name, side in (("one", one), ("other", other)):
        terms = [
            math.exp(-2 * np.linalg.norm(x - y) ** 2)
            for i, x in enumerate(side)
            for j, y in enumerate(side)
            if i != j
        ]
        assert row[f"uniformity {name}"] == pytest.approx(math.log(np.mean(terms)), abs=1e-4)
    for suffix, x, y in (
        ("", one, other),
        (" centred", one - one.mean(axis=0), other - other.mean(axis=0)),
    ):
        scores = unit(x) @ unit(y).T
        ranks = [1 + (scores[i] > scores[i, i]).sum() for i in range(len(one))]
        assert row[f"R@1{suffix}"] == pytest.approx(100 * np.mean(np.array(ranks) == 1))
        assert row[f"R@10{suffix}"] == pytest.approx(100 * np.mean(np.array(ranks) <= 10))


def test_the_change_by_centring_has_an_interval_over_the_same_queries():
    draw = np.random.default_rng(16)
    one = unit(draw.normal(size=(200, WIDTH)))
    other = unit(one + 0.5 * draw.normal(size=one.shape) + [2, *[0] * (WIDTH - 1)])
    row = measured(one, other)

    def hits(x, y):
        return 100.0 * ((unit(x) @ unit(y).T).argmax(axis=1) == np.arange(200))

    changes = hits(one - one.mean(axis=0), other - other.mean(axis=0)) - hits(one, other)
    drawn = [draw.choice(changes, 200).mean() for _ in range(2000)]
    assert row["R@1 change"] == pytest.approx(changes.mean())
    ends = row[["R@1 change low", "R@1 change high"]].astype(float)
    np.testing.assert_allclose(ends, np.percentile(drawn, [2.5, 97.5]), atol=1)
    for k in (1, 10):
        change = row[f"R@{k} centred"] - row[f"R@{k}"]
        assert row[f"R@{k} change"] == pytest.approx(change)
        assert row[f"R@{k} change low"] <= change <= row[f"R@{k} change high"]


def test_the_table_says_what_it_was_made_of():
    space = two_sides(around(0, 0.3, seed=17), around(1, 0.3, seed=18))
    assert "made_of" not in modality_gap(space).attrs
    made = dataclasses.replace(space, retriever=SimpleNamespace(origin="model abc"))
    assert modality_gap(made).attrs["made_of"] == "model abc"


def test_a_rotation_of_everything_changes_no_distance():
    one, other = around(0, 0.3, seed=6), around(1, 0.4, seed=7)
    turn = np.linalg.qr(np.random.default_rng(8).normal(size=(WIDTH, WIDTH)))[0]
    names = ["centroid distance", "alignment", "uniformity one", "uniformity other", "R@10"]
    before, after = measured(one, other), measured(one @ turn, other @ turn)
    np.testing.assert_allclose(before[names].astype(float), after[names].astype(float), atol=1e-4)


def test_only_clips_that_have_both_count_whatever_their_order():
    one, other = around(0, 0.3, seed=9), around(1, 0.3, seed=10)
    space = two_sides(one, other)
    some = np.r_[np.arange(20), CLIPS + np.arange(5, 40)[::-1]]
    part = embedding_space_of(space.vectors[some], space.table.iloc[some])
    row, expected = modality_gap(part).iloc[0], measured(one[5:20], other[5:20])
    assert row["clips"] == 15
    for name in ("centroid distance", "alignment", "R@1", "R@10 centred"):
        assert row[name] == pytest.approx(expected[name], abs=1e-5)


def test_several_captions_of_a_clip_find_the_same_clip():
    """As in Retriever: a clip with two captions is one candidate, not two that tie."""
    words, pictures = np.eye(4), np.eye(4)[[0, 0, 2, 3]]
    table = pd.DataFrame({"clip_id": list("abcd") * 2, "text": list("wxyz") * 2})
    table["media_id"] = ["m", "m", "n", "o"] * 2
    table[["start_seconds", "end_seconds"]] = 0.0, 1.0
    table["combination"] = ["text"] * 4 + ["video"] * 4
    row = modality_gap(embedding_space_of(np.concatenate([words, pictures]), table)).iloc[0]
    assert row["R@1"] == 75  # b asks with its own words, and three clips tie


def test_pairs_are_as_asked():
    space = two_sides(around(0, 0.3, seed=11), around(1, 0.3, seed=12))
    table = modality_gap(space, [("video", "text")])
    assert table[["one", "other"]].to_numpy().tolist() == [["video", "text"]]
    assert modality_gap(space, []).empty


def test_too_few_clips_are_nan_and_unknown_ones_an_error():
    one = around(0, 0.3, seed=13)
    apart = pd.DataFrame({"clip_id": ["a", "b"], "combination": ["text", "video"]})
    row = modality_gap(embedding_space_of(one[:2], apart)).iloc[0]
    assert row["clips"] == 0
    assert math.isnan(row["alignment"])
    row = measured(one[:1], one[1:2])
    assert math.isnan(row["separability"])
    assert math.isnan(row["uniformity one"])
    assert row["R@1"] == 100
    with pytest.raises(ValueError, match="no points of 'audio', but of text, video"):
        modality_gap(two_sides(one, one), [("text", "audio")])
    twice = pd.DataFrame({"clip_id": ["a", "a", "a"], "combination": ["text", "text", "video"]})
    with pytest.raises(ValueError, match="'a' is twice in 'text'"):
        modality_gap(embedding_space_of(one[:3], twice))


def test_many_clips_speak_through_a_sample(monkeypatch):
    one, other = around(0, 0.2, seed=14), around(1, 0.2, seed=15)
    whole = measured(one, other)
    monkeypatch.setattr(gap_module, "MOST_CLIPS", 30)
    part = measured(one, other)
    assert part["uniformity one"] != whole["uniformity one"]
    assert part["uniformity one"] == pytest.approx(whole["uniformity one"], abs=0.15)
    assert part["centroid distance"] == whole["centroid distance"]
