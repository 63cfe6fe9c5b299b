"""Several processes train as one: the same losses, gradients and weights; each reads its part."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from dataclasses import asdict, replace

import pytest
from safetensors.torch import load_file

from mmlab.training import TrainConfig, read_metrics, read_steps
from tests.training_cases import (
    CONFIG,
    TRAINED,
    largest_difference,
    narrated_dataset,
    tiny_config,
    tiny_dataset,
)
from tests.training_child import train_together

GENTLE = replace(CONFIG, epochs=2, learning_rate=1e-4, warmup_share=0.0)


@pytest.fixture(scope="module")
def datasets(tmp_path_factory):
    folder = tmp_path_factory.mktemp("processes")
    return {
        "whole": tiny_dataset(folder / "whole"),
        "lacking": tiny_dataset(folder / "lacking", lacking=True),
        "narrated": narrated_dataset(folder / "narrated", videos=8, seconds=20),
    }


CASES: dict[str, tuple[str, dict, dict]] = {
    "running norms": ("whole", {}, {}),
    "modalities missing": ("lacking", {}, {}),
    "frozen norms": ("lacking", {"freeze_norm": True}, {}),
    "chunks": ("lacking", {"chunk_clips": 3}, {}),
    "chunks of one clip, frozen norms": ("lacking", {"freeze_norm": True, "chunk_clips": 1}, {}),
    "chunks without sound network": ("lacking", {"chunk_clips": 3}, {"sound_network": False}),
    "margin, weights, clipping": (
        "lacking",
        {
            "loss": "margin",
            "loss_weights": {"text | video+audio": 1.0, "video | audio": 0.2},
            "clip_gradient_norm": 0.05,
        },
        {},
    ),
    "random clips": ("narrated", {"clips": "corrected", "clips_per_video": 2}, {}),
}


def losses(run):
    return [row["terms"] for row in read_steps(run)]


def learned(weights):
    """The weights without the keys' biases, which no softmax over keys depends on.

    Their gradient is 0 but for rounding, of which Adam makes steps as large as of any other.
    """
    found = {name: value.clone() for name, value in weights.items()}
    for name, value in found.items():
        if name.endswith("attention.qkv.bias"):
            third = len(value) // 3
            value[third : 2 * third] = 0
    return found


QUICK = ("modalities missing", "chunks", "margin, weights, clipping", "random clips")


@pytest.mark.parametrize(
    "name",
    [name if name in QUICK else pytest.param(name, marks=pytest.mark.slow) for name in CASES],
)
def test_two_processes_do_what_one_does(datasets, tmp_path, name):
    kind, changes, model = CASES[name]
    dataset, config = datasets[kind], asdict(replace(GENTLE, **changes))
    (alone,) = train_together(dataset.folder, tmp_path / "one", config, 1, **model)
    both = train_together(dataset.folder, tmp_path / "two", config, 2, **model)
    found, expected = losses(tmp_path / "two"), losses(tmp_path / "one")
    assert len(found) == len(expected) >= 4
    for terms, wanted in zip(found, expected, strict=True):
        assert terms == pytest.approx(wanted, rel=1e-5, abs=1e-5)
    for one in both:
        assert len(one["gradients"]) == len(alone["gradients"]) == len(found)
        assert largest_difference(one["gradients"][0], alone["gradients"][0]) < 1e-5
        assert largest_difference(learned(one["weights"]), learned(alone["weights"])) < 1e-5
    assert largest_difference(both[0]["weights"], both[1]["weights"]) == 0
    written = load_file(tmp_path / "two" / "model.safetensors")
    assert largest_difference(written, both[0]["weights"]) == 0


def test_in_double_numbers_all_weights_agree_after_many_steps(datasets, tmp_path):
    folder = datasets["lacking"].folder
    config = asdict(replace(CONFIG, epochs=3, chunk_clips=3))
    (alone,) = train_together(folder, tmp_path / "one", config, 1, double=True)
    both = train_together(folder, tmp_path / "two", config, 2, double=True)
    for one in both:
        assert largest_difference(one["weights"], alone["weights"]) < 1e-9


def test_each_process_reads_only_its_own_clips(datasets, tmp_path):
    config = asdict(replace(GENTLE, epochs=1, batch_clips=2 * TRAINED))
    dataset = datasets["whole"]
    dataset = dataset.select(rows=range(0, 2 * TRAINED, 2))  # one clip of each medium
    both = [one["read"] for one in _read_by(dataset, tmp_path, config)]
    assert not both[0] & both[1]
    assert len(both[0] | both[1]) == TRAINED
    assert {len(read) for read in both} == {TRAINED // 2}


def _read_by(dataset, tmp_path, config):
    """Train two processes on some rows only, which have to lie on disk for that."""
    from mmlab.about import read_about
    from mmlab.tables import replace_tables

    folder = tmp_path / "rows"
    folder.mkdir()
    os.symlink(dataset.folder / "features", folder / "features")
    replace_tables(folder, dataset.manifest, dataset.media, [], read_about(dataset.folder))
    return train_together(folder, tmp_path / "run", config, 2)


def test_only_one_process_writes(datasets, tmp_path):
    config = asdict(replace(GENTLE, epochs=2, evaluate_every_epochs=1))
    train_together(datasets["whole"].folder, tmp_path / "run", config, 2)
    steps = read_steps(tmp_path / "run")
    assert [row["step"] for row in steps] == list(range(1, 7))
    assert {row["clips"] for row in steps} == {8}  # of both together
    assert len(list((tmp_path / "run").glob("events.out.tfevents.*"))) == 1
    assert [row["epoch"] for row in read_metrics(tmp_path / "run")] == [1, 2]


def test_two_processes_go_on_exactly(datasets, tmp_path):
    """Two processes stopped by a limit on their epochs' checkpoints, gone on with, are the same."""
    config = replace(GENTLE, checkpoint_every_steps=2)
    folder, run = datasets["lacking"].folder, tmp_path / "run"
    train_together(folder, tmp_path / "whole", asdict(config), 2, dropout=0.2)
    train_together(folder, run, asdict(config), 2, dropout=0.2)
    last = run / "checkpoints" / "step-00000006"
    (last / "model.safetensors").write_bytes(b"damaged")  # so it goes on from step 4
    (tmp_path / "run of 2").rename(tmp_path / "before")
    train_together(folder, run, asdict(config), 2, dropout=0.2)
    assert losses(run) == losses(tmp_path / "whole")
    weights = [(one / "model.safetensors").read_bytes() for one in (run, tmp_path / "whole")]
    assert weights[0] == weights[1]


def test_a_batch_that_does_not_divide_is_named(datasets, tmp_path):
    config = asdict(replace(GENTLE, batch_clips=7))
    found = train_together(datasets["whole"].folder, tmp_path / "run", config, 2)
    assert all("batch_clips" in one.get("error", "no error") for one in found)


@pytest.mark.slow
def test_torchrun_trains_as_one_process_does(datasets, tmp_path):
    config = replace(GENTLE, freeze_norm=True, chunk_clips=3, precision="float32")
    (tmp_path / "recipe.json").write_text(config.to_json())
    (tmp_path / "model.json").write_text(tiny_config().to_json())  # without dropout
    for processes in (1, 2):
        command = [
            *(sys.executable, "-m", "torch.distributed.run", "--standalone"),
            *(f"--nproc-per-node={processes}", "-m", "mmlab", "train"),
            *(datasets["lacking"].folder, "--out", tmp_path / str(processes)),
            *("--recipe", tmp_path / "recipe.json", "--model", tmp_path / "model.json"),
        ]
        environment = os.environ | {"OMP_NUM_THREADS": "1"}
        done = subprocess.run(
            [str(word) for word in command],
            env=environment,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert done.returncode == 0, done.stderr
    one, two = (losses(tmp_path / str(processes)) for processes in (1, 2))
    assert len(one) == len(two) == 6
    for terms, wanted in zip(two, one, strict=True):
        assert all(math.isfinite(value) for value in terms.values())
        assert terms == pytest.approx(wanted, rel=1e-4, abs=1e-5)
    written = json.loads((tmp_path / "2" / "run.json").read_text())["train"]
    assert TrainConfig(**written) == config
