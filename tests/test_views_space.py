from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch

from mmlab.types import all_combinations
from mmlab.views.space import clip_points, nearest, project


@pytest.fixture
def vectors():
    return np.random.default_rng(0).normal(size=(60, 8)).astype(np.float32)


def test_nearest_is_what_a_slow_search_finds(vectors):
    indices, distances = nearest(vectors, 7)
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    for row in range(len(vectors)):
        slow = [(1 - float(unit[row] @ other), number) for number, other in enumerate(unit)]
        slow.sort()
        assert indices[row].tolist() == [number for _, number in slow[:7]]
        np.testing.assert_allclose(distances[row], [d for d, _ in slow[:7]], atol=1e-5)


def test_each_is_its_own_nearest_even_among_equals():
    indices, distances = nearest(np.ones((5, 3), np.float32), 3)
    assert indices[:, 0].tolist() == [0, 1, 2, 3, 4]
    assert (distances[:, 0] == 0).all()


def test_pca_keeps_the_plane_that_the_points_lie_in():
    generator = np.random.default_rng(1)
    flat = generator.normal(size=(40, 2)) * (5, 2)
    basis, _ = np.linalg.qr(generator.normal(size=(6, 2)))
    points = project(flat @ basis.T)
    between = lambda p: np.linalg.norm(p[:, None] - p[None], axis=-1)  # noqa: E731
    np.testing.assert_allclose(between(points), between(flat), atol=1e-4)


@pytest.mark.parametrize("count", [1, 2, 3])
@pytest.mark.parametrize("method", ["pca", "umap"])
def test_few_points_are_laid_out(method, count, tmp_path):
    points = project(np.eye(count, 4), method=method, cache=tmp_path)
    assert points.shape == (count, 2)
    assert np.isfinite(points).all()


def test_equal_vectors_fall_together(tmp_path):
    points = project(np.ones((30, 4)), method="umap", cache=tmp_path)
    assert np.ptp(points, axis=0).max() < 1e-6


def test_a_kept_map_is_read_again_and_a_damaged_one_made_anew(vectors, tmp_path, monkeypatch):
    made = []

    def fake(vectors, seed, neighbors):
        made.append((seed, neighbors))
        return np.full((len(vectors), 2), len(made), np.float32)

    monkeypatch.setattr("mmlab.views.space._umap", fake)
    first = project(vectors, method="umap", cache=tmp_path)
    assert (project(vectors, method="umap", cache=tmp_path) == first).all()
    assert made == [(0, 15)]
    project(vectors, method="umap", seed=1, cache=tmp_path)
    project(vectors + 1, method="umap", cache=tmp_path)
    assert len(made) == 3
    for path in tmp_path.iterdir():
        path.write_bytes(path.read_bytes()[:50])
    project(vectors, method="umap", cache=tmp_path)
    assert len(made) == 4
    assert not list(tmp_path.glob("*.part"))


@pytest.mark.parametrize(
    ("bad", "told"),
    [(np.full((3, 2), np.nan), "row 0"), (np.ones(3), "shape"), (np.ones((0, 3)), "shape")],
)
def test_what_is_no_matrix_of_vectors_is_refused(bad, told):
    with pytest.raises(ValueError, match=told):
        project(bad)


def test_input_is_not_changed(vectors, tmp_path):
    before = vectors.copy()
    project(vectors)
    nearest(vectors, 3)
    assert (vectors == before).all()


@pytest.mark.slow
def test_umap_keeps_clusters_apart_and_repeats_itself(tmp_path):
    generator = np.random.default_rng(2)
    middles = generator.normal(size=(4, 16)) * 5
    labels = generator.integers(0, 4, 200)
    vectors = (middles[labels] + generator.normal(size=(200, 16))).astype(np.float32)
    points = project(vectors, method="umap", cache=tmp_path / "a")
    assert (points == project(vectors, method="umap", cache=tmp_path / "b")).all()
    distances = np.linalg.norm(points[:, None] - points[None], axis=-1)
    closest = distances.argsort(axis=1)[:, 1]
    assert (labels[closest] == labels).mean() > 0.98


def test_clip_points_leaves_out_what_a_clip_does_not_have():
    manifest = pd.DataFrame({"clip_id": ["a", "b", "c"], "text": ["x", "y", "z"]})
    names = ("text", "audio")

    def embeddings(combination):
        values = torch.ones(3, 4)
        values[1] *= float(combination != ("audio",))  # clip b is silent
        return values

    retriever = SimpleNamespace(
        model=SimpleNamespace(config=SimpleNamespace(names=names)),
        dataset=SimpleNamespace(manifest=manifest),
        embeddings=embeddings,
    )
    vectors, table = clip_points(retriever)
    assert len(vectors) == len(table) == 3 * len(all_combinations(names)) - 1
    assert table[table.combination == "audio"].clip_id.tolist() == ["a", "c"]
    assert list(table.columns)[0] == "combination"
