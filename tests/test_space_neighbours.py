import math

import numpy as np
import pytest
from sklearn import manifold

from mmlab.space import nearest, neighbours, place, trustworthiness


def random(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def unit(vectors):
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


@pytest.mark.parametrize("block", [2**24, 130])
def test_nearest_is_what_a_slow_search_finds(block, monkeypatch):
    monkeypatch.setattr(neighbours, "BLOCK_NUMBERS", block)
    vectors, queries = random(60, 8), random(9, 8, seed=1)
    for asked, found in [
        (vectors, nearest(vectors, 7)),
        (queries, nearest(vectors, 7, queries=queries)),
    ]:
        for row, query in enumerate(unit(asked)):
            slow = sorted((1 - float(query @ other), at) for at, other in enumerate(unit(vectors)))
            assert found[0][row].tolist() == [at for _, at in slow[:7]]
            np.testing.assert_allclose(found[1][row], [far for far, _ in slow[:7]], atol=1e-5)


def test_each_is_its_own_nearest_even_among_equals():
    indices, distances = nearest(np.ones((5, 3)), 3)
    assert indices[:, 0].tolist() == [0, 1, 2, 3, 4]
    assert distances.max() < 1e-6


def test_fewer_vectors_than_neighbours_and_none_at_all():
    assert nearest(random(3, 4), 10)[0].shape == (3, 3)
    assert nearest(random(3, 4), 2, queries=random(0, 4))[0].shape == (0, 2)
    assert nearest(random(0, 4), 2)[1].shape == (0, 0)


@pytest.mark.parametrize("count", [8, 60, 200])
def test_trustworthiness_is_that_of_scikit_learn(count):
    vectors = random(count, 8)
    for points in (random(count, 2, seed=1), vectors[:, :2]):
        expected = manifold.trustworthiness(vectors, points, n_neighbors=3, metric="cosine")
        assert trustworthiness(vectors, points, neighbors=3) == pytest.approx(expected, abs=1e-9)


def test_trustworthiness_of_a_sample_is_near_that_of_all(monkeypatch):
    vectors = random(1500, 4)
    points = vectors[:, :2]
    every = trustworthiness(vectors, points)
    monkeypatch.setattr(neighbours, "EXACT_UP_TO", 1000)
    monkeypatch.setattr(neighbours, "SAMPLED", 400)
    sampled = trustworthiness(vectors, points)
    assert sampled != every
    assert sampled == pytest.approx(every, abs=0.01)
    assert trustworthiness(vectors, points) == sampled
    assert trustworthiness(vectors, points, seed=1) != sampled


def test_a_true_map_is_trusted_and_few_points_have_no_figure():
    angles = np.random.default_rng(0).random(20)  # uneven: no two are as far away
    circle = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    assert trustworthiness(circle, circle) == 1
    assert math.isnan(trustworthiness(circle[:2], circle[:2]))
    assert trustworthiness(circle[:3], circle[:3]) == 1
    assert math.isnan(trustworthiness(circle[:0], circle[:0]))


def test_a_copy_lands_on_its_point_and_a_new_vector_among_its_neighbours():
    vectors, points = random(50, 8), random(50, 2, seed=1)
    np.testing.assert_allclose(place(3 * vectors[7:9], vectors, points), points[7:9], atol=1e-4)
    new = random(4, 8, seed=2)
    placed = place(new, vectors, points, neighbors=5)
    for row, query in enumerate(unit(new)):
        far = 1 - unit(vectors) @ query
        near = np.argsort(far)[:5]
        weights = far[near] ** -2
        np.testing.assert_allclose(placed[row], weights @ points[near] / weights.sum(), atol=1e-3)


def test_a_point_is_placed_among_as_few_as_one_but_not_among_none():
    point = np.array([[2.0, 3.0]], np.float32)
    np.testing.assert_array_equal(place(random(2, 4), random(1, 4), point), point[[0, 0]])
    with pytest.raises(ValueError, match="vectors is empty"):
        place(random(1, 4), random(0, 4), point[:0])


def test_what_is_given_is_not_changed():
    vectors, points = random(30, 8), random(30, 2)
    before = vectors.copy(), points.copy()
    nearest(vectors, 3)
    place(vectors[:2], vectors, points)
    trustworthiness(vectors, points)
    np.testing.assert_array_equal(vectors, before[0])
    np.testing.assert_array_equal(points, before[1])
