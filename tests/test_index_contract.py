"""The same questions to every engine: what an index answers does not depend on where it lies."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mmlab.index import VectorIndex, open_index
from mmlab.index import folder as folder_index
from tests.index_engines import (
    APPROXIMATE,
    COMBINATIONS,
    ENGINES,
    ORIGIN,
    WIDTH,
    Case,
    another,
    check,
    clips,
    questions,
    server,
)


@contextmanager
def empty_case(engine: str, folder: Path, patch: pytest.MonkeyPatch) -> Iterator[Case]:
    if engine in ("hnsw", "ivf"):
        pytest.importorskip("faiss")
        patch.setattr(folder_index, "GRAPHED_ROWS", 10)  # fewer would be compared with all
    if "milvus" in engine:
        pytest.importorskip("pymilvus")
        pytest.importorskip("milvus_lite")
    if engine == "milvus server":
        with server(folder / "server.db") as address:
            yield Case(engine, address)
    else:
        yield Case(
            engine, f"milvus:{folder / 'clips.db'}" if "lite" in engine else str(folder / "i")
        )


@pytest.fixture(params=ENGINES)
def case(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Case]:
    """Nothing yet, and the test may do what it likes."""
    with empty_case(request.param, tmp_path, monkeypatch) as made:
        yield made


@pytest.fixture(scope="module", params=ENGINES)
def built(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Case, VectorIndex]]:
    """Sixty clips, to be asked only."""
    with (
        pytest.MonkeyPatch.context() as patch,
        empty_case(request.param, tmp_path_factory.mktemp("built"), patch) as made,
        made.build().opened() as index,
    ):
        yield made, index


@pytest.mark.parametrize("combination", COMBINATIONS)
def test_the_nearest_are_found(built, combination):
    case, index = built
    asked = questions()
    found = index.search(combination, asked, 10)
    assert found.clip_ids.shape == found.scores.shape == (len(asked), 10)
    check(case, found, asked, [case.slow.best(combination, one, 10) for one in asked])


def test_a_question_of_another_length_has_the_same_answers_and_other_scores(built):
    case, index = built
    asked = questions(1)
    one, other = (index.search("video+audio", asked * scale, 8) for scale in (1, 0.01))
    np.testing.assert_array_equal(one.clip_ids, other.clip_ids)
    np.testing.assert_allclose(one.scores * np.float32(0.01), other.scores, rtol=1e-5)


def test_equal_scores_are_told_in_the_order_of_ids(case):
    vectors, table = clips(40)
    vectors["video+audio"][7:35] = vectors["video+audio"][0]
    with case.build(0).opened() as index:
        case.add(index, vectors, table)
        asked = vectors["video+audio"][:1]
        found = index.search("video+audio", asked, 12)
        expected = ["clip 0", *(f"clip {number}" for number in range(7, 18))]
        places = [index.ids().index(one) for one in found.clip_ids[0]]
    np.testing.assert_array_equal(found.scores, found.scores[0, 0])
    assert places == sorted(places)
    if case.engine not in APPROXIMATE:
        assert found.clip_ids[0].tolist() == expected


def test_what_a_clip_has_nothing_of_is_no_answer(built):
    case, index = built
    asked = questions(2)
    found = index.search("audio", asked, 60)
    check(case, found, asked, [case.slow.best("audio", one, 60) for one in asked])
    assert (found.clip_ids != "").sum(axis=1).tolist() == [48, 48]
    assert "clip 4" not in found.clip_ids
    assert "clip 4" in index.search("video+audio", asked, 60).clip_ids[0]


FILTERS = {
    "a value": {"split": "train"},
    "several values": {"split": ["train", "test"]},
    "a number": {"take": 2},
    "a fraction": {"seconds": [1.25, 2.5, 99.0]},
    "a truth": {"spoken": False},
    "two columns": {"split": "val", "take": [0, 1]},
    "an id": {"clip_id": ["clip 3", "clip 8"]},
    "numpy's": {"take": np.int64(3), "split": np.array(["val", "test"])},
    "nothing there": {"split": "no such"},
    "no value": {"split": []},
}


@pytest.mark.parametrize("where", FILTERS.values(), ids=FILTERS.keys())
def test_only_clips_with_the_wanted_values_answer(built, where):
    case, index = built

    def keep(clip: dict) -> bool:
        return all(clip[name] in np.atleast_1d(wanted) for name, wanted in where.items())

    asked = questions(2)
    found = index.search("video+audio", asked, 6, where=where)
    expected = [case.slow.best("video+audio", one, 6, keep) for one in asked]
    check(case, found, asked, expected)


ODD = [
    "it's",
    'say "no"',
    "back\\slash",
    "漢字 é 🎬",
    "two\nlines",
    "{x} %s $",
    "[a] or b == 1",
    " ",
]


def test_odd_ids_columns_and_values_are_kept_and_found(case):
    vectors, table = clips(len(ODD))
    table = table.assign(clip_id=ODD)
    for name in ODD:
        table[f"column {name}"] = [*ODD[:-1], None]
    with case.build(0).opened() as index:
        case.add(index, vectors, table)
    with case.opened() as index:
        assert index.ids() == ODD
        read = index.table(table.columns.tolist())
        assert read.fillna("none").to_dict("list") == table.fillna("none").to_dict("list")
        for number, name in enumerate(ODD):
            np.testing.assert_array_equal(
                index.vectors("audio", [name]), vectors["audio"][number : number + 1]
            )
            where = {f"column {name}": [ODD[2], ODD[0]], "clip_id": ODD[:2]}
            found = index.search("video+audio", questions(1), 3, where=where)
            assert found.clip_ids[0].tolist() == [ODD[0], "", ""]
            found = index.search("video+audio", questions(1), 3, where={f"column {name}": [None]})
            assert found.clip_ids[0].tolist() == [ODD[-1], "", ""]
        assert index.delete(ODD[1:]) == len(ODD) - 1
        assert index.ids() == ODD[:1]


def test_what_is_added_is_found_in_another_opened_index_too(case):
    asked = questions(2)
    with case.build(30).opened() as index, case.opened() as reader:
        assert len(reader) == 30
        case.add(index, *clips(25, first=30))
        for one in (index, reader):
            found = one.search("video+audio", asked, 10)
            check(case, found, asked, [case.slow.best("video+audio", ask, 10) for ask in asked])
            assert len(one) == 55
            assert one.ids() == list(case.slow.columns)


def test_a_clip_that_is_added_again_is_replaced_and_comes_last(case):
    asked = questions(2)
    with case.build(30).opened() as index:
        case.add(index, *clips(12, first=5, seed=1, split=["new"] * 12))
        assert len(index) == 30
        assert index.ids() == list(case.slow.columns)
        assert index.ids()[-1] == "clip 16"
        found = index.search("video+audio", asked, 12)
        check(case, found, asked, [case.slow.best("video+audio", one, 12) for one in asked])
        new = index.search("video+audio", asked, 30, where={"split": "new"})
        assert (new.clip_ids != "").sum(axis=1).tolist() == [12, 12]


def test_what_is_deleted_is_forgotten(case):
    asked = questions(2)
    with case.build(30).opened() as index:
        gone = [f"clip {number}" for number in range(3, 20)]
        assert index.delete([*gone, gone[0], "no such clip"]) == 17
        assert index.delete(gone) == 0
        case.slow.delete(gone)
        found = index.search("video+audio", asked, 15)
        check(case, found, asked, [case.slow.best("video+audio", one, 15) for one in asked])
        with pytest.raises(KeyError, match="clip 3"):
            index.vectors("audio", ["clip 1", "clip 3"])
        case.add(index, *clips(2, first=3, seed=2))  # and may come again
        assert index.ids() == list(case.slow.columns)


def test_it_is_the_same_when_opened_again(case):
    asked = questions(3)
    with case.build(30).opened() as index:
        case.add(index, *clips(10, first=30))
        index.delete(["clip 0", "clip 35"])
        case.slow.delete(["clip 0", "clip 35"])
        before = index.search("video+audio", asked, 8)
        about, table = index.about, index.table()
    with case.opened() as index:
        assert index.about == about
        assert about.complete
        assert index.columns == table.columns.tolist()
        pd.testing.assert_frame_equal(index.table(), table)
        assert index.table(["take", "clip_id"]).columns.tolist() == ["take", "clip_id"]
        wanted = [*reversed(index.ids()), "clip 7"]
        for name in COMBINATIONS:
            held = np.stack([case.slow.vectors[one][name] for one in wanted])
            np.testing.assert_array_equal(index.vectors(name, wanted), held)
        after = index.search("video+audio", asked, 8)
    np.testing.assert_array_equal(before.clip_ids, after.clip_ids)
    np.testing.assert_array_equal(before.scores, after.scores)


def test_an_index_of_another_model_or_dataset_is_refused(case):
    case.build(3)
    for origin, said in (
        (another(model="c" * 32), "model cccccccc"),
        (another(dataset="d" * 32), "dataset bbbbbbbb"),
    ):
        with pytest.raises(ValueError, match=said), case.opened(origin):
            pass
    with case.opened(ORIGIN) as index:
        assert len(index) == 3


def test_an_empty_index_answers_nothing(case):
    with case.build(0).opened() as index:
        found = index.search("audio", questions(2), 4)
        assert (found.clip_ids == "").all()
        assert np.isneginf(found.scores).all()
        assert (len(index), index.ids(), index.delete(["clip 1"])) == (0, [], 0)
        assert index.vectors("audio", []).shape == (0, WIDTH)
        case.add(index, *clips(2))
        index.delete(index.ids())
        assert (index.search("video+audio", questions(2), 4).clip_ids == "").all()
        assert index.search("audio", questions(2)[:0], 4).scores.shape == (0, 4)


def test_more_answers_than_clips_leave_places_empty(built):
    case, index = built
    asked = questions(1)
    found = index.search("video+audio", asked, 1000)
    assert found.clip_ids.shape == (1, 1000)
    check(case, found, asked, [case.slow.best("video+audio", asked[0], 1000)])


def test_what_cannot_be_asked_is_refused_in_a_sentence(built):
    case, index = built
    asked = questions(1)
    for said, ask in {
        'has audio.*folder with --in "text"': lambda: index.search("text", asked, 3),
        "expected .*12": lambda: index.search("audio", asked[:, :5], 3),
        "NaN": lambda: index.search("audio", asked * np.nan, 3),
        "at least 1": lambda: index.search("audio", asked, 0),
        "no column 'genre'": lambda: index.search("audio", asked, 3, where={"genre": "x"}),
        "no column 'kind'": lambda: index.table(["kind"]),
        "asked is 'video'": lambda: index.vectors("video", ["clip 1"]),
    }.items():
        with pytest.raises(ValueError, match=said):
            ask()


def test_what_cannot_be_added_changes_nothing(case):
    vectors, table = clips(4, first=3, seed=1)
    broken = {name: rows.copy() for name, rows in vectors.items()}
    broken["video+audio late"][3] = np.nan
    short = {name: rows[:2] for name, rows in vectors.items()}
    with case.build(5).opened() as index:
        for said, given in {
            "NaN": (broken, table),
            "2 vectors for 4 clips": (short, table),
            "twice": (vectors, table.assign(clip_id="clip 9")),
            "clip_id": (vectors, table.drop(columns="clip_id")),
            "columns": (vectors, table.assign(genre="x")),
            "index needs": ({"audio": vectors["audio"]}, table),
            "no name": (vectors, table.assign(clip_id=["", "a", "b", "c"])),
        }.items():
            with pytest.raises(ValueError, match=said):
                index.add(*given)
        assert index.ids() == [f"clip {number}" for number in range(5)]
        held = np.stack([case.slow.vectors[one]["audio"] for one in index.ids()])
        np.testing.assert_array_equal(index.vectors("audio", index.ids()), held)


def test_an_unfinished_index_answers_nothing_and_can_be_finished(case):
    with case.draft() as draft:
        case.add(draft, *clips(6))
    with pytest.raises(ValueError, match="not finished.*mmlab index"):
        open_index(case.target)
    with case.draft() as draft:
        assert draft.ids() == list(case.slow.columns)
        case.add(draft, *clips(3, first=6))
        draft.finish(case.about)
    with case.opened() as index:
        assert len(index) == 9


def test_what_is_not_there_cannot_be_opened(case, tmp_path):
    target = case.target
    if case.engine != "milvus server":
        target = target.replace(str(tmp_path), str(tmp_path / "nowhere"))
    with pytest.raises(FileNotFoundError, match="holds no index.*mmlab index"):
        open_index(target)
    assert not (tmp_path / "nowhere").exists()
