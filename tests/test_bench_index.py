"""The benchmark of the index at a small size: that it measures the right thing and says so."""

import json
from pathlib import Path

import numpy as np
import pytest

from mmlab.bench.index import (
    FAILED,
    IndexFigures,
    IndexReport,
    IndexSettings,
    _in_process,
    measure_index,
)
from mmlab.bench.index_data import BLOCK, Mixture, true_nearest
from mmlab.bench.index_trial import Trial
from mmlab.cli.bench_index import bench_index

SMALL = {"sizes": (300,), "width": 16, "questions": 7, "top": 4}


def test_the_vectors_are_the_same_in_blocks_and_have_few_dimensions(tmp_path):
    mixture = Mixture(64, seed=1)
    mixture.write(tmp_path / "data.npy", BLOCK + 10)
    data = np.load(tmp_path / "data.npy")
    np.testing.assert_array_equal(data[-10:], Mixture(64, seed=1).block(2, 10))
    assert data.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(data[:500], axis=1), 1, rtol=1e-5)
    strengths = np.linalg.svd(data[:2000], compute_uv=False) ** 2
    assert strengths[:32].sum() > 0.98 * strengths.sum()
    assert not np.array_equal(Mixture(64, seed=2).block(1, 10), data[:10])


def test_the_true_nearest_are_those_of_a_sorted_row(tmp_path):
    random = np.random.default_rng(0)
    vectors = random.normal(size=(BLOCK + 50, 4)).astype(np.float32)
    questions = random.normal(size=(5, 4)).astype(np.float32)
    expected = np.argsort(-(questions.astype(float) @ vectors.T), axis=1)[:, :6]
    np.testing.assert_array_equal(true_nearest(vectors, questions, 6), expected)
    assert true_nearest(vectors[:3], questions, 6).shape == (5, 3)


def test_settings_that_measure_nothing_are_refused():
    for settings in ({"sizes": ()}, {"sizes": (0,)}, {"engines": ()}, {"questions": 0}):
        with pytest.raises(ValueError, match="1 or more"):
            IndexSettings(**settings)
    with pytest.raises(ValueError, match="above 0"):
        IndexSettings(build_seconds=0)


def test_the_table_tells_percentiles_and_what_is_missing():
    whole = IndexFigures(
        "hnsw", 2_000_000, 12.34, 5_600_000, 0.1, (0.001, 0.002, 0.003), 0.97, 512_000_000
    )
    stopped = IndexFigures("milvus", 2_000_000, 480.0, 9_000_000, note="build was stopped")
    table = IndexReport({}, {}, "", (whole, stopped)).table().splitlines()
    told = [" ".join(line.split()) for line in table[1:]]
    assert told[0] == "2,000,000 HNSW 12.3 6 2.00 2.90 0.9700 512"
    assert told[1] == "2,000,000 Milvus Lite 480.0 9 build was stopped"


class Told(list):
    """What a process would have sent."""

    send = list.append


@pytest.fixture
def here(monkeypatch):
    """Without other processes, each of which loads everything anew."""

    def run(work, trial, seconds):
        told = Told()
        work(trial, told)
        return told[-1], ""

    monkeypatch.setattr("mmlab.bench.index._in_process", run)


@pytest.mark.usefixtures("here")
def test_every_engine_is_measured_once(tmp_path, capsys):
    pytest.importorskip("faiss")
    pytest.importorskip("milvus_lite")
    out = tmp_path / "report.json"
    report = measure_index(IndexSettings(**SMALL, engines=("flat", "exact")), out=out)
    written = json.loads(out.read_text())
    assert json.loads(report.to_json()) == written
    for one in report.figures:
        assert (one.vectors, one.recall, one.note) == (300, 1.0, "")
        assert len(one.latencies) == 7
        assert one.disk_bytes > 300 * 16 * 4
        assert one.build_seconds > 0
    told = []
    again = measure_index(IndexSettings(**SMALL), out=out, tell=told.append)
    assert [one.engine for one in again.figures] == ["flat", "exact", "ivf", "hnsw", "milvus"]
    assert again.figures[:2] == report.figures
    assert [one.recall for one in again.figures[2:]] == [1.0] * 3
    assert not any("IndexFlatIP" in line for line in told)
    bench_index(sizes=(50,), engines=("exact",), width=8, questions=3, folder=tmp_path)
    assert "      50 exact" in capsys.readouterr().out
    assert sorted(path.name for path in tmp_path.iterdir()) == ["report.json"]


@pytest.mark.slow
def test_each_process_has_its_own_memory(tmp_path):
    settings = IndexSettings(**SMALL, engines=("exact", "milvus"))
    figures = measure_index(settings, folder=tmp_path).figures
    assert [(one.recall, one.note) for one in figures] == [(1.0, "")] * 2
    assert all(one.resident_bytes is None or one.resident_bytes > 50e6 for one in figures)


def test_a_build_that_takes_too_long_is_stopped_and_told(tmp_path):
    settings = IndexSettings(sizes=(300,), engines=("exact",), width=16, build_seconds=0.01)
    (one,) = measure_index(settings, folder=tmp_path).figures
    assert one.note == "build was stopped after 0.01 s with 0 of 300 vectors in"
    assert not one.latencies
    assert not any(tmp_path.iterdir())


@pytest.mark.slow
def test_a_process_that_fails_is_told_and_tried_again():
    trial = Trial("exact", *[Path("nowhere")] * 3, top=1, seconds=1)
    told, note = _in_process(_fail, trial, 60)
    assert told == 5
    assert note == f"{FAILED} (3)"


def _fail(trial, told):
    told.send(5)
    raise SystemExit(3)
