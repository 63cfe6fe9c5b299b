"""What faiss finds is compared exactly; where it cannot answer, everything is."""

from __future__ import annotations

import shutil
import sys
from contextlib import closing
from dataclasses import replace

import numpy as np
import pytest

from mmlab.index import FolderIndex, folder, graphs, open_index
from mmlab.index.draft import draft_in
from tests.index_cases import ABOUT, Slow, clips, questions, same

pytest.importorskip("faiss")


@pytest.fixture(params=["hnsw", "ivf"])
def made(request, monkeypatch, tmp_path):
    """900 clips found by faiss, and what must be answered."""
    monkeypatch.setattr(folder, "GRAPHED_ROWS", 500)
    monkeypatch.setattr("mmlab.index.scan.FEW_ROWS", 100)
    about, slow = replace(ABOUT, engine=request.param), Slow()
    with draft_in(tmp_path / "index", about) as draft:
        for first in (0, 400):
            for one in (draft, slow):
                one.add(*clips(first, first + 500 - first // 4))
        draft.finish(about)
    return open_index(tmp_path / "index"), slow


@pytest.fixture
def walked(monkeypatch) -> list[str]:
    """The combinations that faiss was asked for."""
    seen: list[str] = []
    real = graphs.Graphs.nearest

    def noted(self, combination, *arguments):
        seen.append(combination)
        return real(self, combination, *arguments)

    monkeypatch.setattr(graphs.Graphs, "nearest", noted)
    return seen


def recall(index: FolderIndex, slow: Slow, top: int = 10) -> float:
    asked = questions(30)
    found, best = (one.search("video", asked, top) for one in (index, slow))
    pairs = zip(found.clip_ids, best.clip_ids, strict=True)
    return float(np.mean([len(set(mine) & set(true)) / top for mine, true in pairs]))


def test_nearly_all_of_the_nearest_with_their_exact_scores(made, walked):
    index, slow = made
    assert recall(index, slow) >= 0.95
    assert walked
    found, best = (one.search("video", questions(3), 5) for one in (index, slow))
    exact = dict(zip(best.clip_ids.ravel(), best.scores.ravel(), strict=True))
    for clip, score in zip(found.clip_ids.ravel(), found.scores.ravel(), strict=True):
        assert score == exact.get(clip, score)


def test_a_filter_and_many_answers_are_exact(made, walked):
    index, slow = made
    asked = questions(4)
    found = index.search("video", asked, 5, where={"split": "test"})
    same(found, slow.search("video", asked, 5, split=["test"]))
    same(index.search("video", asked, 1001), slow.search("video", asked, 1001))
    assert not walked


def test_added_replaced_and_deleted_clips_count_at_once(made, walked):
    index, slow = made
    for one in (index, slow):
        one.add(*clips(100, 160, seed=3))
        one.add(*clips(2000, 2020, seed=4))
        one.delete([f"clip {number}" for number in range(200, 500)])
    assert recall(index, slow) >= 0.95
    mine = clips(2003, 2004, seed=4)[0]["video"]
    assert index.search("video", mine, 1).clip_ids[0, 0] == "clip 2003"
    gone = clips(207, 208)[0]["video"]
    assert "clip 207" not in index.search("video", gone, 50).clip_ids
    assert walked
    index.prepare()
    state = index._newest().state
    assert (state.graphed, sum(state.rows)) == (len(state.segments), len(slow.held))
    assert recall(index, slow) >= 0.95
    assert len(list((index.folder / "graphs").iterdir())) == 1


def test_an_index_made_anew_in_its_place_is_read_anew(made):
    index, _ = made
    index.search("video", questions(1), 3)
    about = index.about
    shutil.rmtree(index.folder)
    with draft_in(index.folder, about) as draft:
        draft.add(*clips(0, 600, seed=5))
        draft.finish(about)
    mine = clips(50, 51, seed=5)[0]["video"]
    assert index.search("video", mine, 1).clip_ids[0, 0] in ("clip 50", "clip 350")


def test_there_are_as_many_answers_as_clips(made):
    index, slow = made
    for one in (index, slow):
        one.delete([f"clip {number}" for number in range(850) if number % 50])
    same(index.search("video", questions(4), 60), slow.search("video", questions(4), 60))


@pytest.mark.parametrize("something", [0, 2])
def test_a_combination_of_which_hardly_any_clip_has_something(made, tmp_path, something):
    about = made[0].about
    vectors, table = clips(0, 600)
    vectors["video"][something:] = 0
    with draft_in(tmp_path / "rare", about) as draft:
        draft.add(vectors, table)
        draft.finish(about)
    with closing(open_index(tmp_path / "rare")) as index:
        found = index.search("video", questions(1), 3).clip_ids[0]
        assert set(found) == {"clip 0", "clip 1", ""} if something else set(found) == {""}


def test_damaged_graphs_are_named(made):
    index, _ = made
    (path,) = index.folder.glob("graphs/*/video.faiss")
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(ValueError, match=r"video\.faiss: is damaged"):
        open_index(index.folder).search("video", questions(1), 3)


def test_an_exact_index_has_no_graphs(made, tmp_path):
    index, slow = made
    about = replace(index.about, engine="exact")
    with draft_in(index.folder, about) as draft:
        draft.finish(about)
    assert not list((index.folder / "graphs").iterdir())
    same(index.search("video", questions(3), 9), slow.search("video", questions(3), 9))


def test_without_faiss_it_is_named(made, monkeypatch, tmp_path):
    index, _ = made
    shutil.copytree(index.folder, tmp_path / "copy")
    monkeypatch.setitem(sys.modules, "faiss", None)
    copy = FolderIndex(tmp_path / "copy")
    with pytest.raises(ImportError, match=r"pip install 'mmlab\[index\]'"):
        copy.search("video", questions(1), 3)
    copy.add(*clips(0, 100))
    with pytest.raises(ImportError, match="engine .* needs faiss"):
        copy.prepare()
    assert len(copy) == len(index)
