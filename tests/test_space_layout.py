import asyncio
import subprocess
import sys
import threading
from math import isnan
from queue import SimpleQueue

import numpy as np
import psutil
import pytest

from mmlab.space import lay_out, start_layout, trustworthiness
from mmlab.space.layout import Layout, pca

SMALL = 40


def random(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def between(points):
    return np.linalg.norm(points[:, None] - points[None], axis=-1)


class FakeChild:
    """Answers at once with the first layout, so that no test waits for umap's compilation."""

    made = []

    def __init__(self, **settings):
        self.made.append(settings)

    def lay_out(self, indices, distances, start):
        assert indices.shape == distances.shape
        return start

    def kill(self):
        pass


@pytest.fixture
def fake_child(monkeypatch):
    monkeypatch.setattr(FakeChild, "made", [])
    monkeypatch.setattr("mmlab.space.job.UmapChild", FakeChild)
    return FakeChild


@pytest.mark.parametrize("width", [6, 90])
def test_pca_keeps_the_plane_that_the_points_lie_in(width):
    flat = random(40, 2, seed=1) * (5, 2)
    basis, _ = np.linalg.qr(random(width, 2))
    points = pca(flat @ basis.T)
    np.testing.assert_allclose(between(points), between(flat), atol=1e-4)
    assert np.ptp(points, axis=0).argmax() == 0


@pytest.mark.parametrize(("count", "width"), [(30, 8), (8, 30)])
def test_pca_is_that_of_the_singular_values(count, width):
    vectors = random(count, width)
    centred = vectors - vectors.mean(axis=0)
    left, sizes, directions = np.linalg.svd(centred, full_matrices=False)
    signs = [np.sign(one[np.abs(one).argmax()]) for one in directions[:2]]
    expected = left[:, :2] * sizes[:2] * signs
    np.testing.assert_allclose(pca(vectors), expected, atol=1e-4)


@pytest.mark.parametrize("count", range(5))
@pytest.mark.parametrize("method", ["pca", "umap"])
def test_few_points_are_laid_out_by_pca(method, count, tmp_path):
    layout = lay_out(np.eye(count, 4), method=method, cache=tmp_path)
    assert layout.points.shape == (count, 2)
    assert np.isfinite(layout.points).all()
    assert layout.method == "pca"
    assert layout.seed is layout.neighbors is layout.min_dist is None
    assert isnan(layout.trustworthiness) == (count < 3)
    assert bool(layout.note) == (method == "umap")
    assert not list(tmp_path.iterdir())


def test_the_note_says_why_it_is_a_pca(tmp_path):
    few = lay_out(np.eye(1, 4), cache=tmp_path)
    assert few.caption == "PCA · 1 point cannot have neighbourhoods for UMAP: this is a PCA"
    same = lay_out(np.ones((30, 4)), cache=tmp_path)
    assert same.note == "all 30 vectors are the same: this is a PCA"
    assert np.ptp(same.points) < 1e-5


@pytest.mark.parametrize(
    ("vectors", "settings", "told"),
    [
        (np.full((3, 2), np.nan), {}, "3 of vectors hold NaN or infinity, the first is row 0"),
        (np.ones(3), {}, r"found shape \(3,\)"),
        (np.eye(9), {"method": "tsne"}, "method is 'pca' or 'umap', found 'tsne'"),
        (np.eye(9), {"seed": -1}, "seed is a whole number from 0"),
        (np.eye(9), {"neighbors": 1}, "neighbors is 2 or more, found 1"),
        (np.eye(9), {"min_dist": 1.5}, "min_dist is from 0 to 1, found 1.5"),
    ],
)
def test_what_cannot_be_laid_out_is_refused(vectors, settings, told, tmp_path):
    with pytest.raises(ValueError, match=told):
        start_layout(vectors, cache=tmp_path, **settings)


def test_a_layout_says_what_it_is():
    points = np.zeros((3, 2), np.float32)
    umap = Layout(points, "umap", seed=0, neighbors=15, min_dist=0.1, trustworthiness=0.937)
    assert umap.caption == ("UMAP · 15 neighbours · min_dist 0.1 · seed 0 · trustworthiness 0.94")
    assert Layout(points).caption == "PCA"
    many = Layout(np.zeros((5001, 2)), trustworthiness=0.5)
    assert many.caption == "PCA · trustworthiness 0.50 (of 1,000 points)"


def test_pca_is_there_at_once_and_stays_until_the_layout_comes(fake_child, tmp_path):
    vectors = random(SMALL, 8)
    job = start_layout(vectors, seed=3, neighbors=5, min_dist=0.2, cache=tmp_path)
    np.testing.assert_array_equal(job.preview.points, pca(vectors))
    assert job.preview.caption == "PCA"
    layout = job.result(20)
    assert job.done
    assert not job.failed
    assert fake_child.made == [{"seed": 3, "min_dist": 0.2}]
    assert (layout.method, layout.seed, layout.neighbors, layout.min_dist) == ("umap", 3, 5, 0.2)
    assert layout.trustworthiness == trustworthiness(vectors, layout.points, neighbors=5)
    assert layout.seconds > 0
    assert not layout.from_cache


def test_a_kept_layout_is_read_again_and_a_damaged_one_made_anew(fake_child, tmp_path):
    vectors = random(SMALL, 8)
    first = lay_out(vectors, cache=tmp_path)
    job = start_layout(vectors, cache=tmp_path)
    assert job.done
    assert job.preview is job.result()
    assert job.preview.from_cache
    np.testing.assert_array_equal(job.preview.points, first.points)
    assert job.preview.caption == first.caption
    assert job.preview.seconds == first.seconds
    others = [{"seed": 1}, {"neighbors": 5}, {"min_dist": 0.5}]
    for number, settings in enumerate(others, start=2):
        assert not lay_out(vectors, cache=tmp_path, **settings).from_cache
        assert len(fake_child.made) == number
    assert not lay_out(vectors + 1, cache=tmp_path).from_cache
    for path in tmp_path.iterdir():
        path.write_bytes(path.read_bytes()[:50])
    assert not lay_out(vectors, cache=tmp_path).from_cache
    assert lay_out(vectors, cache=tmp_path).from_cache
    assert not list(tmp_path.glob("*.part"))


def test_a_layout_that_cannot_be_kept_is_still_one(fake_child, tmp_path):
    (tmp_path / "file").write_text("")
    layout = lay_out(random(SMALL, 8), cache=tmp_path / "file")
    assert layout.method == "umap"
    assert layout.note.startswith("not kept for the next time: ")


def test_more_neighbours_than_points_are_as_many_as_there_are(fake_child, tmp_path):
    assert lay_out(random(6, 8), cache=tmp_path).neighbors == 5


def test_umap_that_fails_is_told_and_the_pca_stays(tmp_path, monkeypatch):
    program = tmp_path / "broken.py"
    program.write_text("raise ImportError('there is no umap')")
    monkeypatch.setattr("mmlab.space.child.PROGRAM", program)
    job, told = start_layout(random(SMALL, 8), cache=tmp_path / "cache"), SimpleQueue()
    job.on_finish(told.put)
    with pytest.raises(ChildProcessError, match="UMAP ended .* ImportError: there is no umap"):
        job.result(20)
    assert job.failed == "UMAP ended without a layout: ImportError: there is no umap"
    layout = told.get(timeout=20)
    assert layout.method == "pca"
    assert layout.note == f"{job.failed}: this is a PCA"
    assert not isnan(layout.trustworthiness)
    assert not (tmp_path / "cache").exists()


def test_umap_that_is_stopped_leaves_the_pca_and_no_process(tmp_path):
    job, told = start_layout(random(SMALL, 8), cache=tmp_path), SimpleQueue()
    job.on_finish(told.put)
    (child,) = [
        one for one in psutil.Process().children() if "umap_process.py" in str(one.cmdline())
    ]
    assert not job.done
    job.stop()
    layout = job.result(20)
    assert told.get(timeout=20) is layout
    assert layout.note == "UMAP was stopped: this is a PCA"
    assert not job.failed
    assert not child.is_running()
    job.stop()  # once more does nothing


def test_a_notebook_is_called_back_in_its_own_thread(fake_child, tmp_path):
    async def notebook():
        loop, threads = asyncio.get_running_loop(), []
        came = asyncio.Event()
        job = start_layout(random(SMALL, 8), cache=tmp_path)
        job.on_finish(lambda layout: (threads.append(threading.current_thread()), came.set()))
        job.result(20)
        assert not threads, "nothing happens in the middle of a cell"
        await asyncio.wait_for(came.wait(), 20)
        assert loop is asyncio.get_running_loop()
        return threads

    assert asyncio.run(notebook()) == [threading.current_thread()]


UNFINISHED = """
import numpy as np
from pathlib import Path
from mmlab.space import start_layout
vectors = np.random.default_rng(0).normal(size=(20_000, 64))
start_layout(vectors, cache=Path({cache!r})).on_finish(lambda layout: print(layout.note))
"""


def test_a_script_that_ends_before_its_layout_ends_well(tmp_path):
    script = UNFINISHED.format(cache=str(tmp_path))
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout == "UMAP was stopped: this is a PCA\n"
