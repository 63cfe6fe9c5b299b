"""Input that does not fit what is to be trained is named before anything is written."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch

import mmlab
from mmlab.dataset import ClipDataset
from mmlab.model import ModalityConfig
from mmlab.training import TrainConfig, read_steps
from tests.tiny_datasets import FEATURES, clip_table, make_dataset
from tests.training_cases import (
    CONFIG,
    WITHOUT_NETWORK,
    medium,
    on_disk,
    tiny_config,
    tiny_dataset,
    tiny_model,
    trained,
)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    return tiny_dataset(tmp_path_factory.mktemp("input"))


def test_too_few_clips_are_named(dataset, tmp_path):
    for rows in ([], [0]):
        with pytest.raises(ValueError, match=f"at least 2 clips.*{len(rows)}"):
            trained(dataset.select(rows=rows), tmp_path / "run")


def test_an_empty_validation_split_is_named(dataset, tmp_path):
    config = replace(CONFIG, evaluate_every_epochs=1)
    with pytest.raises(ValueError, match="evaluate_every_epochs|validation"):
        trained(dataset.select(split="train"), tmp_path / "run", config)
    other = replace(config, evaluation_split="held out")
    with pytest.raises(ValueError, match="'held out'.*train"):
        mmlab.train_run(dataset, tmp_path / "other", other, model=tiny_config())


def test_a_dataset_without_a_split_to_train_on_is_named(dataset, tmp_path):
    with pytest.raises(ValueError, match="'train'.*validation"):
        mmlab.train_run(dataset.select(split="validation"), tmp_path / "run", CONFIG)


def without_audio(folder) -> ClipDataset:
    media, clips = {}, []
    for number in range(8):
        name = f"medium{number:02}"
        media[name] = {"video": medium(number)["video"]}
        clips.append((name, 1.0, 3.0, f"word{number}", "train"))
    features = {"video": FEATURES["video"]}
    return on_disk(make_dataset(folder, media, clip_table(clips), features=features))


def test_a_dataset_without_a_modality_of_the_model_is_named(tmp_path):
    silent = without_audio(tmp_path / "silent")
    with pytest.raises(ValueError, match="audio.*silent"):
        trained(silent, tmp_path / "run")
    outcome = mmlab.train_run(silent, tmp_path / "other", replace(CONFIG, epochs=1))
    assert outcome.finished  # a model of what there is
    assert mmlab.FusionModel.from_pretrained(tmp_path / "other").config.names == ("text", "video")


def test_a_model_of_fewer_modalities_trains_on_a_dataset_of_more(dataset, tmp_path):
    assert trained(dataset, tmp_path / "run", model=tiny_model(*WITHOUT_NETWORK)).finished
    assert set(read_steps(tmp_path / "run")[0]["terms"]) == {"total", "text | video"}


def test_features_of_another_width_are_named(dataset, tmp_path):
    wide = tiny_model(ModalityConfig("text", 300), ModalityConfig("video", 512))
    with pytest.raises(ValueError, match="video has width 6 .*512"):
        trained(dataset, tmp_path / "run", model=wide)


@pytest.mark.parametrize("field", ["monitor_query", "monitor_gallery"])
@pytest.mark.parametrize("value", ["text+audio", "smell", "video+video", ""])
def test_a_monitored_combination_that_the_model_lacks_is_named(dataset, tmp_path, field, value):
    sides = {"monitor_query": "text", "monitor_gallery": "video", field: value}
    config = replace(CONFIG, evaluate_every_epochs=1, **sides)
    with pytest.raises(ValueError, match=field):
        trained(dataset, tmp_path / "run", config, model=tiny_model(*WITHOUT_NETWORK))


@pytest.mark.parametrize(
    "weights", [{"text | smell": 1.0}, {"video | text": 1.0}, {"text | video": 0.0}, {}]
)
def test_loss_weights_of_no_pair_are_named(dataset, tmp_path, weights):
    with pytest.raises(ValueError, match="weight"):
        trained(dataset, tmp_path / "run", replace(CONFIG, loss_weights=weights))


@pytest.mark.parametrize("device", ["cuda", "gpu", "cuda:99"])
def test_a_device_that_is_not_there_is_named(dataset, tmp_path, device):
    if torch.cuda.is_available() and device == "cuda":
        pytest.skip("there is a GPU")
    with pytest.raises(ValueError, match="device"):
        trained(dataset, tmp_path / "run", replace(CONFIG, device=device))


def test_clips_without_anything_take_no_part(tmp_path):
    media = {f"medium{number:02}": medium(number) for number in range(4)}
    media["empty"] = {"brightness": medium(0)["video"][:, 0]}
    clips = [(name, 1.0, 3.0, f"says {name}", "train") for name in media if name != "empty"]
    clips += [("empty", 1.0, 3.0, "", "train")]
    holed = on_disk(make_dataset(tmp_path / "set", media, clip_table(clips)))
    config = TrainConfig(epochs=2, batch_clips=5, device="cpu")
    for chunk_clips in (None, 1):
        run = tmp_path / f"chunks of {chunk_clips}"
        assert trained(holed, run, replace(config, chunk_clips=chunk_clips)).skipped_steps == 0
        assert all(math.isfinite(row["terms"]["total"]) for row in read_steps(run))
