"""The process of UMAP: that it computes what umap does, and that it never outlives its parent."""

import os
import subprocess
import sys

import numpy as np
import psutil
import pytest

from mmlab.space import lay_out, nearest
from mmlab.space.child import UmapChild
from mmlab.space.umap_process import fuzzy_graph


def random(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def clusters(count, seed=2):
    generator = np.random.default_rng(seed)
    middles, labels = generator.normal(size=(4, 16)) * 5, generator.integers(0, 4, count)
    return (middles[labels] + generator.normal(size=(count, 16))).astype(np.float32), labels


@pytest.mark.parametrize(
    ("vectors", "neighbors"),
    [
        (random(60, 8), 10),
        (random(30, 3), 3),
        (random(6, 4), 5),
        (random(9, 8)[np.arange(45) % 9], 7),  # five of each
        (np.concatenate([random(30, 4), np.ones((30, 4), np.float32)]), 6),
    ],
)
def test_the_graph_is_that_of_umap(vectors, neighbors, monkeypatch):
    import umap.umap_ as umap

    for name in ("smooth_knn_dist", "compute_membership_strengths"):  # as they are, not compiled
        monkeypatch.setattr(umap, name, getattr(umap, name).py_func)
    indices, distances = nearest(vectors, neighbors)
    expected, _, _ = umap.fuzzy_simplicial_set(
        vectors, neighbors, None, "cosine", knn_indices=indices, knn_dists=distances
    )
    found = fuzzy_graph(indices, distances)
    np.testing.assert_allclose(found.toarray(), expected.toarray(), atol=1e-4)


@pytest.mark.slow
def test_umap_in_its_process_keeps_clusters_apart_and_repeats_itself(tmp_path):
    vectors, labels = clusters(200)
    first = lay_out(vectors, cache=tmp_path / "a")
    assert first.method == "umap"
    assert first.trustworthiness > 0.8
    again = lay_out(vectors, cache=tmp_path / "b")
    np.testing.assert_array_equal(first.points, again.points)
    far = np.linalg.norm(first.points[:, None] - first.points[None], axis=-1)
    assert (labels[far.argsort(axis=1)[:, 1]] == labels).mean() > 0.98


PARENT = """
from mmlab.space.child import UmapChild
child = UmapChild(seed=0, min_dist=0.1)
print(child._process.pid, flush=True)
time.sleep(600)
"""


@pytest.fixture
def waiting_child():
    child = UmapChild(seed=0, min_dist=0.1)
    yield child
    child.kill()


def test_ctrl_c_of_the_notebook_does_not_reach_it(waiting_child):
    assert os.getpgid(waiting_child._process.pid) != os.getpgid(0)


def test_it_ends_when_its_parent_is_killed():
    with subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE) as parent:
        child = psutil.Process(int(parent.stdout.readline()))
        assert child.is_running()
        parent.kill()
    assert not psutil.wait_procs([child], timeout=60)[1]


def test_one_that_is_killed_says_so(waiting_child):
    waiting_child.kill()
    with pytest.raises(ChildProcessError, match="signal 9 ended it"):
        waiting_child.lay_out(*nearest(random(20, 4), 5), random(20, 2))
