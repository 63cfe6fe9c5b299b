import dataclasses

import pytest
import torch

from mmlab.evaluation.long_clips import LongClips
from mmlab.origin import model_hash, origin_of, refuse_another, retriever_of
from mmlab.retrieval import Retriever


@pytest.fixture
def saved(tiny_retriever, tmp_path):
    tiny_retriever.model.save_pretrained(tmp_path / "model")
    return tiny_retriever


def test_the_same_model_has_the_same_hash_and_another_another(tiny_retriever):
    model = tiny_retriever.model
    before = model_hash(model)
    assert before == model_hash(model)
    with torch.no_grad():
        next(model.parameters()).view(-1)[0] += 1
    assert model_hash(model) != before


def test_weights_that_were_trained_on_are_another_origin(tiny_retriever):
    before = tiny_retriever.origin
    assert tiny_retriever.origin is before
    with torch.no_grad():
        next(tiny_retriever.model.parameters()).add_(1)
    assert tiny_retriever.origin.model != before.model


def test_whole_splits_are_named_and_chosen_clips_listed(tiny_retriever):
    dataset = tiny_retriever.dataset
    splits = sorted(set(dataset.manifest.split))
    assert origin_of(tiny_retriever).clips == {"split": splits}
    few = Retriever(tiny_retriever.model, dataset.select([1, 0]))
    assert few.origin.clips == {"clip_id": dataset.manifest.clip_id[[1, 0]].tolist()}


def test_a_retriever_is_made_again_from_its_origin(saved):
    origin = Retriever(saved.model, saved.dataset, LongClips.msrvtt("nearest")).origin
    again = retriever_of(origin)
    assert again.origin == origin
    assert again.long_clips == LongClips.msrvtt("nearest")
    assert again.dataset.manifest.equals(saved.dataset.manifest)


def test_folders_inside_the_data_folder_may_be_moved_with_it(saved, tmp_path, monkeypatch):
    monkeypatch.setenv("MMLAB_DATA", str(tmp_path))
    assert origin_of(saved).model_folder == "model"


def test_chosen_clips_come_back_in_their_order(saved):
    few = Retriever(saved.model, saved.dataset.select([1, 0]))
    again = retriever_of(few.origin)
    assert again.dataset.manifest.clip_id.tolist() == few.dataset.manifest.clip_id.tolist()


def test_a_model_that_was_never_on_disk_cannot_be_found_again(tiny_retriever):
    tiny_retriever.model.folder = None
    with pytest.raises(ValueError, match="save_pretrained"):
        retriever_of(origin_of(tiny_retriever))


@pytest.mark.parametrize(
    ("field", "value", "told"),
    [
        ("model", "0" * 32, "trained again"),
        ("dataset", "0" * 32, "made again"),
        ("clips", {"split": ["other"]}, "clips are not the same"),
    ],
)
def test_what_changed_is_named(saved, field, value, told):
    origin = saved.origin
    with pytest.raises(ValueError, match=told):
        refuse_another(origin, dataclasses.replace(origin, **{field: value}))
