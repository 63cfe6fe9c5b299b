"""An index follows its dataset: what is new or changed is embedded, the rest is left alone."""

from __future__ import annotations

import sys

import numpy as np
import pytest
import torch

import mmlab
from mmlab.evaluation.long_clips import LongClips
from mmlab.index import IndexAbout, build_index, building, open_index

WITHOUT_TEXT = ("video", "audio", "video+audio", "video+audio late")


@pytest.fixture
def counted(monkeypatch) -> list[str]:
    seen: list[str] = []
    real = building._embedded

    def noted(retriever, dataset, combinations):
        seen.extend(dataset.manifest.clip_id)
        return real(retriever, dataset, combinations)

    monkeypatch.setattr(building, "_embedded", noted)
    return seen


def changed(retriever: mmlab.Retriever, **columns) -> mmlab.Retriever:
    """The same clips with other columns."""
    dataset = retriever.dataset.select(range(len(retriever.dataset)))
    dataset.manifest = dataset.manifest.assign(**columns)
    return mmlab.Retriever(retriever.model, dataset)


def test_an_index_holds_the_embeddings_of_the_retriever(tiny_retriever, tmp_path):
    told = []
    index = build_index(tiny_retriever, tmp_path / "a", progress=lambda *one: told.append(one))
    ids = tiny_retriever.dataset.manifest.clip_id.tolist()
    assert told == [(0, len(ids)), (len(ids), len(ids))]
    assert (index.ids(), index.about.combinations) == (ids, WITHOUT_TEXT)
    for name in WITHOUT_TEXT:
        expected = tiny_retriever.embeddings(name)
        torch.testing.assert_close(torch.from_numpy(index.vectors(name, ids)), expected)
    columns = tiny_retriever.dataset.manifest.columns.tolist()
    assert index.table(columns).equals(tiny_retriever.dataset.manifest)


def test_a_retriever_answers_the_same_with_an_index(tiny_retriever, tmp_path):
    index = build_index(tiny_retriever, tmp_path / "a")
    fast = mmlab.Retriever(tiny_retriever.model, tiny_retriever.dataset, index=index)
    question = tiny_retriever.query(text="a red square")
    for among in WITHOUT_TEXT:
        for where in (None, {"media_id": ["red right.mp4", "only sound.mp4"]}):
            slow_hits = tiny_retriever.nearest(question, among, where=where)
            hits = fast.nearest(question, among, where=where)
            assert hits.clip_id.tolist() == slow_hits.clip_id.tolist()
            np.testing.assert_allclose(hits.score, slow_hits.score, atol=1e-6)
    assert len(fast.nearest(question, "video")) == 4  # a sound has no picture


def test_what_was_added_by_hand_takes_up_nobodys_place(tiny_retriever, tmp_path):
    index = build_index(tiny_retriever, tmp_path / "a")
    question = tiny_retriever.query(text="a red square")
    ids = [f"added {number}" for number in range(12)]
    rows = np.repeat(question[None].numpy(), len(ids), axis=0)
    like = index.table().iloc[[0] * len(ids)].assign(clip_id=ids)
    index.add(dict.fromkeys(WITHOUT_TEXT, rows), like)
    assert index.search("video", question[None].numpy(), 12).clip_ids[0].tolist() == ids
    fast = mmlab.Retriever(tiny_retriever.model, tiny_retriever.dataset, index=index)
    for top in (1, 3, 100):
        hits = fast.nearest(question, "video", top=top)
        slow_hits = tiny_retriever.nearest(question, "video", top=top)
        assert hits.clip_id.tolist() == slow_hits.clip_id.tolist()


@pytest.mark.parametrize("before", ["", "milvus:"])
def test_a_name_that_is_not_utf8_is_refused_at_once(tiny_retriever, tmp_path, before):
    with pytest.raises(ValueError, match=r"ix\\xe9: is a name that is not UTF-8; give another"):
        build_index(tiny_retriever, f"{before}{tmp_path}/ix\udce9")
    assert not list(tmp_path.iterdir())


def test_only_what_changed_is_embedded_again(tiny_retriever, tmp_path, counted):
    index = build_index(tiny_retriever, tmp_path / "a")
    every = index.ids()
    counted.clear()
    build_index(tiny_retriever, tmp_path / "a")
    assert counted == []
    texts = tiny_retriever.dataset.manifest.text.tolist()
    build_index(changed(tiny_retriever, text=[*texts[:1], "another", *texts[2:]]), tmp_path / "a")
    assert counted == [every[1]]
    assert sorted(index.ids()) == sorted(every)
    assert index.table(["clip_id", "text"]).set_index("clip_id").text[every[1]] == "another"


def test_a_dataset_whose_columns_changed_is_indexed_anew(tiny_retriever, tmp_path, counted):
    index = build_index(tiny_retriever, tmp_path / "a")
    every, where = index.ids(), {"shelf": 7}
    build_index(changed(tiny_retriever, shelf=7), tmp_path / "a")
    assert counted == every * 2
    asked = index.vectors("video", every[:1])
    assert index.search("video", asked, 1, where=where).clip_ids[0, 0] == every[0]
    renamed = changed(tiny_retriever, shelf=7)
    renamed.dataset.manifest = renamed.dataset.manifest.rename(columns={"shelf": "box"})
    build_index(renamed, tmp_path / "a")
    assert "box" in index.columns
    build_index(changed(tiny_retriever, shelf="top"), tmp_path / "a")
    assert index.table(["shelf"])["shelf"].tolist() == ["top"] * len(every)


def test_what_is_gone_is_deleted_and_what_was_added_by_hand_stays(tiny_retriever, tmp_path):
    index = build_index(tiny_retriever, tmp_path / "a")
    ids = index.ids()
    vectors = {name: index.vectors(name, ids[:1]) for name in WITHOUT_TEXT}
    mine = index.table().iloc[:1].assign(clip_id="mine", fingerprint="")
    index.add(vectors, mine)
    some = tiny_retriever.dataset.select(range(2, len(ids)))
    updated = build_index(mmlab.Retriever(tiny_retriever.model, some), tmp_path / "a")
    assert updated.ids() == index.ids() == [*ids[2:], "mine"]


def test_engine_and_combinations_stay_as_they_are(tiny_retriever, tmp_path):
    build_index(tiny_retriever, tmp_path / "a", combinations=["audio+video"])
    index = build_index(tiny_retriever, tmp_path / "a")
    assert (index.about.combinations, index.about.engine) == (("video+audio",), "exact")
    with pytest.raises(ValueError, match=r"has video\+audio, asked are video; leave"):
        build_index(tiny_retriever, tmp_path / "a", combinations=["video"])


def test_another_model_is_refused(tiny_retriever, tmp_path):
    index = build_index(tiny_retriever, tmp_path / "a")
    torch.manual_seed(5)
    other = mmlab.Retriever(mmlab.FusionModel(tiny_retriever.model.config), tiny_retriever.dataset)
    for refused in (
        lambda: open_index(tmp_path / "a", origin=other.origin),
        lambda: build_index(other, tmp_path / "a"),
        lambda: mmlab.Retriever(other.model, other.dataset, index=index),
    ):
        with pytest.raises(ValueError, match=r"index is of model \w{8}, asked is model \w{8}: "):
            refused()
    assert index.ids() == tiny_retriever.dataset.manifest.clip_id.tolist()


def test_other_clips_or_another_reading_of_them_are_refused(tiny_retriever, tmp_path):
    build_index(tiny_retriever, tmp_path / "a")
    model, dataset = tiny_retriever.model, tiny_retriever.dataset
    fewer = mmlab.Retriever(model, dataset.select([0, 1]))
    with pytest.raises(ValueError, match=r"of the split test, not of 2 chosen clips \(\w{8}\);"):
        open_index(tmp_path / "a", origin=fewer.origin)
    cut = mmlab.Retriever(model, dataset, LongClips.msrvtt("nearest"))
    with pytest.raises(ValueError, match="read long clips as whole, asked is {"):
        build_index(cut, tmp_path / "a")


def test_another_dataset_is_refused(tiny_retriever):
    about = IndexAbout("exact", tiny_retriever.origin.model, "f" * 32, ("video",), 8)
    with pytest.raises(
        ValueError, match="of dataset ffffffff, asked is .* run `mmlab index` again"
    ):
        about.refuse_another(tiny_retriever.origin)


def test_what_is_no_index_is_left_alone(tiny_retriever, tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(ValueError, match="holds something else than an index"):
        build_index(tiny_retriever, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_a_missing_package_is_named_before_anything_is_embedded(
    tiny_retriever, tmp_path, monkeypatch, counted
):
    monkeypatch.setitem(sys.modules, "faiss", None)
    with pytest.raises(ImportError, match=r"hnsw needs faiss: pip install 'mmlab\[index\]'"):
        build_index(tiny_retriever, tmp_path / "a", engine="hnsw")
    assert not counted
    assert not (tmp_path / "a").exists()


def test_an_engine_that_the_target_does_not_have(tiny_retriever, tmp_path):
    with pytest.raises(ValueError, match="engine milvus: .* is a folder"):
        build_index(tiny_retriever, tmp_path / "a", engine="milvus")
