"""A run: a model with its dataset, trained in one call."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file

import mmlab
from mmlab.about import FeatureInfo
from mmlab.runs import model_config
from mmlab.training import TrainConfig, read_metrics, read_steps
from tests.training_cases import CONFIG, tiny_config, tiny_dataset


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    return tiny_dataset(tmp_path_factory.mktemp("runs"))


def test_a_run_says_where_it_comes_from(dataset, tmp_path):
    config = replace(CONFIG, epochs=1)
    outcome = mmlab.train_run(dataset, tmp_path / "run", config, model=tiny_config())
    assert outcome.finished
    about = json.loads((tmp_path / "run" / "run.json").read_text())
    assert TrainConfig(**about["train"]) == config
    assert (tmp_path / "run" / about["dataset"]).resolve() == dataset.folder.resolve()
    assert about["environment"]["packages"]["torch"] == torch.__version__
    assert about["dataset_hash"]
    model, opened = mmlab.open_run(tmp_path / "run")
    assert opened.manifest.clip_id.tolist() == dataset.manifest.clip_id.tolist()
    assert not model.training
    with pytest.raises(FileNotFoundError, match="mmlab train"):
        mmlab.open_run(tmp_path / "nothing")
    with pytest.raises(FileNotFoundError, match=r"metrics\.jsonl"):
        read_metrics(tmp_path / "nothing")
    with pytest.raises(FileNotFoundError, match=r"steps\.jsonl"):
        read_steps(tmp_path / "nothing")


def test_the_datasets_hash_changes_with_its_captions(dataset, tmp_path):
    other = tiny_dataset(tmp_path / "other", lacking=True)
    same = tiny_dataset(tmp_path / "same")
    hashes = []
    for number, one in enumerate((dataset, other, same)):
        run = tmp_path / str(number)
        mmlab.train_run(one, run, replace(CONFIG, epochs=1), model=tiny_config())
        hashes.append(json.loads((run / "run.json").read_text())["dataset_hash"])
    assert hashes[0] == hashes[2] != hashes[1]


def test_fine_tuning_starts_with_the_weights_of_a_run(dataset, tmp_path):
    mmlab.train_run(dataset, tmp_path / "first", CONFIG, model=tiny_config())
    gentle = replace(CONFIG, epochs=1, learning_rate=1e-9, freeze_norm=True)
    mmlab.train_run(dataset, tmp_path / "second", gentle, start=tmp_path / "first")
    first, second = (load_file(tmp_path / n / "model.safetensors") for n in ("first", "second"))
    for name, value in first.items():
        torch.testing.assert_close(second[name], value, rtol=1e-4, atol=1e-6)
    assert any(not second[name].equal(value) for name, value in first.items())


def test_a_model_has_the_modalities_that_the_dataset_has():
    features = {
        "text": FeatureInfo("words", 300, None),
        "video": FeatureInfo("clip", 512, 1.0),
        "audio": FeatureInfo("clap", 64, 0.5, window_seconds=4.0),
    }
    model = model_config(features)
    assert [(one.name, one.width) for one in model.modalities] == [
        *[("text", 300), ("video", 512), ("audio", 64)]
    ]
    assert model.modalities[2].encoder is None  # these tokens come from a network already
    frames = FeatureInfo("log-mel", 40, 100.0)
    assert model_config(features | {"audio": frames}).modalities[2].encoder is not None
    del features["audio"]
    assert model_config(features).names == ("text", "video")
