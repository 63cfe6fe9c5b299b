"""The measurement of training: real steps, real differences, everything kept."""

from __future__ import annotations

import json

import pytest
import torch
from safetensors.torch import load_file

from mmlab.bench.training import (
    _largest_difference,
    measure_step,
    measure_throughput,
)
from mmlab.cli.bench_training import bench_training
from tests.training_cases import TRAINED, tiny_dataset


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tiny_dataset(tmp_path_factory.mktemp("bench"), lacking=True).folder


def test_throughput_leaves_out_the_first_step(folder):
    found = measure_throughput(folder, epochs=2, batch=8, device="cpu")
    assert (found.batch_clips, found.steps) == (8, 5)
    assert found.clips_per_second > 0
    assert 0 <= found.waiting_share < 1
    with pytest.raises(ValueError, match="more epochs"):
        measure_throughput(folder, epochs=1, batch=24, device="cpu")


def test_chunks_and_one_piece_give_the_same_gradient(folder, tmp_path):
    steps = [
        measure_step(folder, 2 * TRAINED, chunk, "cpu", tmp_path / f"{chunk}.safetensors")
        for chunk in (None, 5)
    ]
    assert [step.chunk_clips for step in steps] == [None, 5]
    assert all(step.seconds > 0 for step in steps)
    plain, chunked = (load_file(tmp_path / f"{chunk}.safetensors") for chunk in (None, 5))
    assert len(plain) > 50
    assert 0 < _largest_difference(chunked, plain) < 1e-5


def test_a_difference_is_the_largest_of_all_in_units_of_the_largest_number():
    expected = {"one": torch.tensor([1.0, -4.0]), "other": torch.tensor([2.0])}
    found = {"one": torch.tensor([1.0, -4.0]), "other": torch.tensor([1.0])}
    assert _largest_difference(found, expected) == 0.25


@pytest.mark.slow
def test_everything_is_measured_told_and_kept(folder, tmp_path, capsys):
    bench_training(folder, epochs=2, batch=8, large_batch=24, chunk=5, out=tmp_path / "out.json")
    stored = json.loads((tmp_path / "out.json").read_text())
    assert stored["clips"] == 2 * TRAINED
    assert stored["throughput"]["steps"] == 5
    assert stored["caching"]["difference"] < 1e-5
    assert stored["caching"]["plain"]["peak_bytes"] > 0
    single, double = stored["processes"]
    assert single["loss_difference"] < 1e-3
    assert max(double["loss_difference"], double["weight_difference"]) < 1e-9
    told = capsys.readouterr().out
    assert "clips/s" in told
    assert "24 clips in chunks of 5" in told
