from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch
import torch.nn.functional as F

from mmlab.space import embedding_space, embedding_space_of, with_columns
from mmlab.types import all_combinations

NAMES = ("text", "audio")


def fake_retriever():
    """Three clips in text and sound; clip b is silent."""
    manifest = pd.DataFrame({"text": ["x", "y", "z"], "clip_id": ["a", "b", "c"]})

    def embeddings(combination):
        if combination == "text+audio late":
            return F.normalize(embeddings(("text",)) + embeddings(("audio",)), dim=1)
        values = torch.randn(3, 4, generator=torch.Generator().manual_seed(len(combination)))
        values[1] *= float(combination != ("audio",))
        return F.normalize(values, dim=1)

    return SimpleNamespace(
        model=SimpleNamespace(config=SimpleNamespace(names=NAMES)),
        dataset=SimpleNamespace(manifest=manifest),
        combinations=all_combinations(NAMES),
        embeddings=embeddings,
    )


def table_of(count):
    return pd.DataFrame({"clip_id": [f"clip{number}" for number in range(count)]})


def test_what_a_clip_does_not_have_is_no_point():
    retriever = fake_retriever()
    space = embedding_space(retriever)
    assert len(space) == len(space.vectors) == 3 * 3 - 1
    assert space.combinations == ["text", "audio", "text+audio"]
    assert list(space.table)[:2] == ["combination", "clip_id"]
    assert space.table.index.tolist() == list(range(8))
    assert space.retriever is retriever
    assert space.dataset is retriever.dataset
    assert space.note == ""
    assert space.row("b", "audio") is None
    for clip, name in enumerate("abc"):
        row = space.row(name, "text+audio")
        assert space.table.loc[row, ["combination", "clip_id"]].tolist() == ["text+audio", name]
        expected = retriever.embeddings(("text", "audio"))[clip]
        np.testing.assert_allclose(space.vectors[row], expected, atol=1e-6)


def test_combinations_are_chosen_in_any_spelling_and_once():
    space = embedding_space(fake_retriever(), ["audio+text", ("text", "audio"), "audio"])
    assert space.combinations == ["text+audio", "audio"]
    with pytest.raises(ValueError, match="combinations is empty"):
        embedding_space(fake_retriever(), [])
    with pytest.raises(ValueError, match="smell"):
        embedding_space(fake_retriever(), ["smell"])


def test_vectors_of_any_model_are_brought_to_length_1_and_broken_ones_left_out():
    vectors = np.random.default_rng(0).normal(size=(6, 3)) * 7
    vectors[1, 2], vectors[2], vectors[4, 0] = np.nan, 0, np.inf
    before = vectors.copy()
    space = embedding_space_of(vectors, table_of(6))
    assert space.note == "Of 6 vectors 2 hold NaN or infinity and 1 are zero: left out."
    assert space.table.clip_id.tolist() == ["clip0", "clip3", "clip5"]
    assert space.combinations == ["all"]
    assert space.vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(space.vectors, axis=1), 1, atol=1e-6)
    np.testing.assert_array_equal(vectors, before)


def test_a_clip_that_stands_twice_is_its_first_row():
    table = pd.DataFrame({"clip_id": ["a", "a"], "combination": ["video", "video"]})
    assert embedding_space_of(np.eye(2), table).row("a", "video") == 0


@pytest.mark.parametrize("vectors", [np.zeros((0, 3)), np.full((2, 3), np.nan)])
def test_a_space_may_be_empty(vectors):
    space = embedding_space_of(vectors, table_of(len(vectors)))
    assert len(space) == 0
    assert space.combinations == []
    assert space.row("clip0", "all") is None
    assert repr(space).startswith("EmbeddingSpace(0 points of 0 clips")


@pytest.mark.parametrize(
    ("vectors", "table", "told"),
    [
        (np.ones(3), table_of(3), r"found shape \(3,\)"),
        (np.ones((3, 2)), table_of(2), "3 vectors need as many rows, table has 2"),
        (np.ones((1, 2)), pd.DataFrame({"name": ["a"]}), "needs a column clip_id, found name"),
    ],
)
def test_what_is_no_space_is_refused(vectors, table, told):
    with pytest.raises(ValueError, match=told):
        embedding_space_of(vectors, table)


def test_the_fusion_distance_is_that_to_late_fusion():
    retriever = fake_retriever()
    table = embedding_space(retriever).table.set_index(["combination", "clip_id"])
    found = table["fusion distance"]
    assert found[["text", "audio"]].isna().all()
    fused = retriever.embeddings(("text", "audio")).numpy()
    for clip, name in enumerate("abc"):
        alone = [retriever.embeddings((one,))[clip].numpy() for one in NAMES]
        middle = sum(alone) / np.linalg.norm(sum(alone))
        assert found["text+audio", name] == pytest.approx(1 - fused[clip] @ middle, abs=1e-6)
    assert "fusion distance" in embedding_space(retriever, ["audio"]).table


def test_the_fusion_distance_is_nothing_where_fusion_is_late():
    retriever = fake_retriever()
    alone = retriever.embeddings

    def embeddings(combination):
        return alone("text+audio late" if len(combination) == 2 else combination)

    retriever.embeddings = embeddings
    found = embedding_space(retriever, ["text+audio"]).table["fusion distance"]
    np.testing.assert_allclose(found, 0, atol=1e-6)


def test_numbers_as_clip_ids_become_text():
    table = pd.DataFrame({"clip_id": [3, 4]})
    space = embedding_space_of(np.eye(2), table)
    assert space.table.clip_id.tolist() == ["3", "4"]
    assert space.row("4", "all") == space.row(4, "all") == 1
    assert table.clip_id.tolist() == [3, 4]
    wider = with_columns(space, pd.DataFrame({"clip_id": [4], "v": [0.5]}))
    assert wider.table.v.fillna(-1).tolist() == [-1, 0.5]


def test_a_column_for_the_map():
    table = pd.DataFrame({"clip_id": ["c0", "c1", "c2"] * 2})
    table["combination"] = ["video"] * 3 + ["video+audio"] * 3
    space = embedding_space_of(np.eye(6), table)
    found = pd.DataFrame({"clip_id": ["c1"], "combination": "video+audio", "distance": [0.5]})
    wider = with_columns(space, found)
    there = wider.table.distance.notna()
    assert wider.table[there].clip_id.tolist() == ["c1"]
    assert wider.table[there].combination.tolist() == ["video+audio"]
    assert "distance" not in space.table
    assert wider.vectors is space.vectors
    by_clip = with_columns(wider, pd.DataFrame({"clip_id": ["c2"], "distance": [0.25]})).table
    assert by_clip[by_clip.distance.notna()].combination.tolist() == ["video", "video+audio"]
    with pytest.raises(ValueError, match="unique"):
        with_columns(space, pd.concat([found, found]))
    with pytest.raises(ValueError, match="needs a column clip_id, it has v"):
        with_columns(space, pd.DataFrame({"v": [1]}))
