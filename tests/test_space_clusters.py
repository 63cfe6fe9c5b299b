"""Group labels: planted groups get their own words back."""

import numpy as np
import pandas as pd
import pytest

from mmlab.space import clusters
from mmlab.space.clusters import cluster_labels

WORDS = ["tomato", "onion", "salmon"]
PLACES = np.array([[0, 0], [10, 0], [0, 10]])


def planted(each=60, seed=0):
    draw = np.random.default_rng(seed)
    points = np.concatenate([place + draw.normal(size=(each, 2)) * 0.3 for place in PLACES])
    texts = [f"now we cut the {word} in the pan" for word in WORDS for _ in range(each)]
    return points, texts


def test_each_group_is_called_by_its_own_word():
    points, texts = planted()
    found = cluster_labels(points, texts)
    where = {word: PLACES[number] for number, word in enumerate(WORDS)}
    assert set(found.label) == set(WORDS)
    for row in found.itertuples():
        assert np.linalg.norm(where[row.label] - [row.x, row.y]) < 0.5
        assert all(row.label in texts[number] for number in row.rows)
        assert row.count == len(row.rows)


def test_labels_do_not_depend_on_the_order():
    points, texts = planted()
    order = np.random.default_rng(1).permutation(len(points))
    once, again = (
        cluster_labels(points, texts),
        cluster_labels(points[order], np.array(texts)[order]),
    )
    assert set(once.label) == set(again.label)


def test_the_largest_come_first_and_no_more_than_wanted():
    points, texts = planted()
    kept = np.r_[np.arange(20), np.arange(60, 180)]
    found = cluster_labels(points[kept], np.array(texts)[kept], most=2)
    assert set(found.label) == {"onion", "salmon"}


def test_a_cloud_without_groups_has_hardly_any_label():
    cloud = np.random.default_rng(2).normal(size=(1000, 2))
    assert len(cluster_labels(cloud, [f"word{n % 7}" for n in range(1000)])) <= 1


def test_words_that_stand_everywhere_are_no_name():
    points, _ = planted()
    assert cluster_labels(points, ["the same words"] * len(points)).empty


@pytest.mark.parametrize("text", ["", "! ?", "a"])
def test_captions_without_words_give_no_labels(text):
    points, _ = planted()
    assert cluster_labels(points, [text] * len(points)).empty


def test_words_of_a_few_captions_are_no_name():
    points, _ = planted()
    every = len(points) // len(WORDS)
    for share, named in ((0.2, False), (0.5, True)):
        said = [n % every < share * every for n in range(len(points))]
        texts = [f"{WORDS[n // every]} pan" if one else "pan" for n, one in enumerate(said)]
        assert cluster_labels(points, texts).empty is not named


def test_markup_in_captions_is_only_words():
    points, texts = planted()
    found = cluster_labels(points, [f"<script>{text}</script>" for text in texts])
    assert set(found.label) == set(WORDS)


@pytest.mark.parametrize("count", [0, 1, 3, 19])
def test_few_points_have_no_groups(count):
    found = cluster_labels(np.zeros((count, 2)), ["words"] * count)
    assert found.empty
    assert list(found) == ["x", "y", "label", "count", "rows"]


def test_identical_points_have_no_groups():
    assert cluster_labels(np.ones((50, 2)), ["words"] * 50).empty


def test_points_that_are_not_finite_belong_to_no_group():
    points, texts = planted()
    points[5] = np.nan
    rows = np.concatenate(cluster_labels(points, texts).rows.to_list())
    assert 5 not in rows
    assert len(set(rows)) == len(rows)


def test_a_sample_decides_and_every_point_is_counted(monkeypatch):
    points, texts = planted()
    monkeypatch.setattr(clusters, "MOST_POINTS", 90)
    found = cluster_labels(points, texts)
    assert set(found.label) == set(WORDS)
    assert found["count"].sum() > 150


def test_missing_texts_and_wrong_numbers():
    points, texts = planted()
    assert not cluster_labels(points, pd.Series([None, *texts[1:]])).empty
    with pytest.raises(ValueError, match="180 points need as many texts, found 1"):
        cluster_labels(points, ["one"])


def test_a_missing_caption_is_no_word():
    points, texts = planted()
    for nothing in (np.nan, None, pd.NA):
        some = pd.Series([nothing] * 60 + texts[60:], dtype=object)
        assert set(cluster_labels(points, some).label) == set(WORDS[1:])


def test_words_that_fill_sentences_are_no_name():
    points, texts = planted()
    fillers = ["okay just on", "um you like", "uh really the"]
    texts = [f"{fillers[n // 60]} {text}" for n, text in enumerate(texts)]
    assert set(cluster_labels(points, texts).label) == set(WORDS)
