"""A model on disk, whole, damaged, or not there."""

import json

import pytest
import torch
from safetensors.torch import load_file, save_file

from mmlab.model import FusionModel
from tests.small_models import VARIANTS, mixed_batch, model_of, small


@pytest.mark.parametrize("variant", ["main", "masking token, everything", "four modalities"])
def test_there_and_back(tmp_path, variant):
    model = model_of(VARIANTS[variant])
    model.save_pretrained(tmp_path / "new" / "folder")
    loaded = FusionModel.from_pretrained(tmp_path / "new" / "folder")
    assert loaded.config == model.config
    assert not loaded.training
    batch = mixed_batch(model.config)
    one, other = model.embed(batch).raw, loaded.embed(batch).raw
    assert all(torch.equal(one[names], other[names]) for names in one)


def test_nothing_but_the_two_files_is_left(tmp_path):
    for _ in range(2):  # the second time over the first
        model_of(small()).save_pretrained(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"config.json", "model.safetensors"}


def test_no_model_there(tmp_path):
    with pytest.raises(FileNotFoundError, match="mmlab train"):
        FusionModel.from_pretrained(tmp_path / "nowhere")


def test_cut_off_weights(tmp_path):
    model_of(small()).save_pretrained(tmp_path)
    weights = tmp_path / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    with pytest.raises(ValueError, match=r"model\.safetensors is damaged"):
        FusionModel.from_pretrained(tmp_path)


def test_a_damaged_configuration(tmp_path):
    model_of(small()).save_pretrained(tmp_path)
    settings = tmp_path / "config.json"
    settings.write_text(json.dumps({**json.loads(settings.read_text()), "layers": 3}))
    with pytest.raises(ValueError, match=r"config\.json: .*layers"):
        FusionModel.from_pretrained(tmp_path)


MISFITS = {
    "a parameter too few": (lambda s: s.pop("projections.text.linear.weight"), "has no projec"),
    "a parameter too many": (lambda s: s.update(extra=torch.zeros(1)), "unknown parameter extra"),
    "another shape": (
        lambda s: s.update({"projections.text.linear.bias": torch.zeros(9)}),
        r"projections\.text\.linear\.bias is \(9,\), expected \(8,\)",
    ),
}


@pytest.mark.parametrize("case", MISFITS)
def test_weights_of_another_model(tmp_path, case):
    change, message = MISFITS[case]
    model_of(small()).save_pretrained(tmp_path)
    state = load_file(tmp_path / "model.safetensors")
    change(state)
    save_file(state, tmp_path / "model.safetensors")
    with pytest.raises(ValueError, match=message):
        FusionModel.from_pretrained(tmp_path)
