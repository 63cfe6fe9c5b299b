"""What is particular to an index in a Milvus: one step for all, one process, nothing left over."""

from __future__ import annotations

import gc
import json
import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mmlab.index import build_index, open_index
from mmlab.index.ledger import Ledger
from mmlab.index.milvus_words import condition, field_of, flag_of, read_columns, stored_columns
from tests.index_engines import COMBINATIONS, Case, another, check, clips, questions, server

pytest.importorskip("pymilvus")
pytest.importorskip("milvus_lite")

from mmlab.index import milvus, milvus_lite  # noqa: E402 - of packages that may be missing
from mmlab.index.milvus import MilvusIndex, about_of  # noqa: E402
from mmlab.index.milvus_connection import lite_folder  # noqa: E402
from mmlab.index.milvus_draft import draft_of  # noqa: E402


@pytest.fixture
def case(tmp_path: Path) -> Case:
    return Case("milvus lite", f"milvus:{tmp_path / 'clips.db'}").build(30)


def runs(case: Case) -> bool:
    return lite_folder(case.target).resolve() in milvus_lite._RUNNING


def test_after_the_last_one_has_closed_nothing_runs(case):
    before = threading.active_count()
    with case.opened() as one:
        with case.opened() as other:
            assert len(other) == 30
        assert len(one) == 30  # Milvus Lite is open still
        assert threading.active_count() > before
        one.close()
        one.close()  # once more does no harm
    assert not runs(case)
    gc.collect()  # with its executor the last of its threads end
    deadline = time.monotonic() + 10
    while threading.active_count() > before and time.monotonic() < deadline:
        time.sleep(0.01)
    assert threading.active_count() <= before  # threads of others may have ended, too


def test_one_of_another_model_is_let_go_of_at_once(case):
    with pytest.raises(ValueError, match="asked is model cccccccc"):
        open_index(case.target, origin=another(model="c" * 32))
    assert not runs(case)


def test_a_second_process_is_refused_in_a_sentence_and_the_first_goes_on(case):
    code = f"from mmlab.index import open_index; open_index({case.target!r})"
    with case.opened() as index:
        found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
        assert found.returncode
        last = found.stderr.strip().splitlines()[-1]
        assert last.startswith("ValueError: another process has ")
        assert "run a Milvus server" in last
        assert len(index) == 30


KILLED = """
import os, signal, sys
from mmlab.index import milvus, open_index
from mmlab.index.milvus_connection import Connection
from tests.index_engines import clips

milvus.REQUEST_BYTES = 4 * 12 * 3 * 10  # ten clips in a request
asked, ask = [], Connection.ask

def counted(self, method, **given):
    if method in ("insert", "upsert", "delete"):
        asked.append(method)
    if len(asked) == int(sys.argv[2]):
        os.kill(os.getpid(), signal.SIGKILL)
    return ask(self, method, **given)

index = open_index(sys.argv[1])
Connection.ask = counted
index.add(*clips(50, first=10))
print(len(asked), flush=True)
"""


SLOW = [pytest.param(number, marks=pytest.mark.slow) for number in (1, 3, 4, 8, 9, 11, 12)]


@pytest.mark.parametrize("change", [6, 10, *SLOW])
def test_a_killed_writer_leaves_all_or_nothing(case, change):
    """Of 12 changes 1 and 2 say who writes, 3 reserves, 4 to 8 insert, 9 is the ledger, 10 deletes
    what was replaced."""
    run = [sys.executable, "-c", KILLED, case.target, str(change)]
    found = subprocess.run(run, capture_output=True, text=True, env=os.environ)
    assert found.returncode == -signal.SIGKILL, found.stderr
    with case.opened() as index:
        done = len(index) == 60
        assert done or len(index) == 30
        assert done == (change > 9)
        if done:
            case.slow.add(*clips(50, first=10))
        assert index.ids() == list(case.slow.columns)
        asked = questions(2)
        for _ in range(2):
            found = index.search("video+audio", asked, 60)
            check(case, found, asked, [case.slow.best("video+audio", one, 60) for one in asked])
            case.add(index, *clips(50, first=10))  # sweeps what was left
        rows = index._milvus.ask("query", filter="", output_fields=["count(*)"])
        assert rows[0]["count(*)"] == 60 + 1


def test_an_add_that_fails_half_way_changes_nothing(case, monkeypatch):
    asked = questions(2)
    expected = [case.slow.best("video+audio", one, 10) for one in asked]
    monkeypatch.setattr(milvus, "REQUEST_BYTES", 4 * 12 * 3 * 10)
    with case.opened() as index:
        ask = index._milvus.ask
        asked_for = []

        def fail(method, **given):
            asked_for.append(method)
            if asked_for.count("insert") == 3:
                raise OSError(28, "No space left on device")
            return ask(method, **given)

        monkeypatch.setattr(index._milvus, "ask", fail)
        with pytest.raises(OSError, match="No space"):
            index.add(*clips(50, first=10))
        monkeypatch.setattr(index._milvus, "ask", ask)
        check(case, index.search("video+audio", asked, 10), asked, expected)
        assert len(index) == 30
        case.add(index, *clips(50, first=10))
        assert index.ids() == list(case.slow.columns)


def test_many_clips_are_replaced_and_deleted_in_steps(case, monkeypatch):
    monkeypatch.setattr(milvus, "MOST_GONE", 7)
    monkeypatch.setattr(milvus, "PAGE", 9)
    with case.opened() as index:
        case.add(index, *clips(30, first=5, seed=3))
        assert index.ids() == list(case.slow.columns)
        assert index.delete(index.ids()[:20]) == 20
        case.slow.delete(list(case.slow.columns)[:20])
        with case.opened() as reader:  # which knows no position yet
            assert reader.ids() == list(case.slow.columns)
        asked = questions(2)
        found = index.search("audio", asked, 20)
        check(case, found, asked, [case.slow.best("audio", one, 20) for one in asked])


def test_what_milvus_refuses_is_a_sentence(case, capfd):
    with case.opened() as index, pytest.raises(OSError, match="milvus:.* refuses to query"):
        index._milvus.ask("query", filter="no filter at all")
    assert "Traceback" not in capfd.readouterr().err


def test_a_password_is_not_told(monkeypatch):
    monkeypatch.setenv("MILVUS_TOKEN", "hidden too")
    with pytest.raises(OSError, match="does not answer") as told:
        MilvusIndex("milvus:http://me:hidden@127.0.0.1:1/db")
    assert "127.0.0.1:1" in str(told.value)
    assert "hidden" not in str(told.value)


def test_a_file_and_another_use_are_refused(tmp_path):
    (tmp_path / "old.db").write_text("a database of an older Milvus Lite")
    for path in ("old.db", "old.db/clips.db"):
        with pytest.raises(ValueError, match="old.db is a file; .* give another path"):
            MilvusIndex(f"milvus:{tmp_path / path}")
    assert about_of(f"milvus:{tmp_path / 'none.db'}") is None
    with server(tmp_path / "server.db") as address:
        assert about_of(address) is None


def refused(target: str, retriever, message: str) -> None:
    """To open and to build."""
    for attempt in (
        lambda: MilvusIndex(target),
        lambda: about_of(target),
        lambda: milvus_lite.start(lite_folder(target)),
        lambda: build_index(retriever, target),
    ):
        with pytest.raises(ValueError, match=message):
            attempt()


@pytest.mark.parametrize(
    "file",
    ["a.jpg", "index.json", ".hidden", "collections/a.jpg", "databases/mine/notes.txt", "LOCK.txt"],
)
def test_somebodys_folder_is_not_taken_over(tiny_retriever, tmp_path, file):
    path = tmp_path / "photos" / file
    path.parent.mkdir(parents=True)
    path.write_text("mine")
    before = sorted(tmp_path.rglob("*"))
    message = rf"photos: holds something else .*such as {file}; choose an empty folder"
    refused(f"milvus:{tmp_path / 'photos'}", tiny_retriever, message)
    assert sorted(tmp_path.rglob("*")) == before


def test_one_that_lies_among_other_files_is_refused_until_they_are_gone(case, tiny_retriever):
    stray = lite_folder(case.target) / "a.jpg"
    stray.write_text("mine")
    refused(case.target, tiny_retriever, "holds something else .*such as a.jpg")
    stray.rename(stray.with_name(".DS_Store"))  # a Mac was here
    with case.opened() as index:
        assert len(index) == 30


@pytest.mark.parametrize("begun", [[], ["collections"], ["collections", "databases"]])
def test_opening_makes_nothing_and_building_goes_on(tmp_path, begun):
    folder = tmp_path / "clips.db"
    folder.mkdir()
    for name in begun:  # by one that was killed at its very beginning
        (folder / name).mkdir()
    target = f"milvus:{folder}"
    with pytest.raises(FileNotFoundError, match="holds no index; make one"):
        MilvusIndex(target)
    assert about_of(target) is None
    assert sorted(path.name for path in folder.iterdir()) == begun
    with Case("milvus lite", target).build(5).opened() as index:
        assert len(index) == 5


@pytest.mark.parametrize("target", ["milvus:", "milvus: "])
def test_an_empty_path_is_not_the_current_folder(tiny_retriever, tmp_path, monkeypatch, target):
    monkeypatch.chdir(tmp_path)
    refused(target, tiny_retriever, "names no folder; give one, such as milvus:")
    assert not list(tmp_path.iterdir())


def test_a_ledger_is_read_as_it_was_written():
    about = Case("milvus lite", "milvus:x").about
    ledger = Ledger(about).begun(7)
    stored = json.loads(json.dumps(ledger.stored()))
    assert Ledger.read(stored) == Ledger.read({**stored, "writer": None}) == ledger
    assert ledger.dead == ["position >= 1"]


def test_words_of_milvus():
    assert field_of("video+audio late") == "vector_video_and_audio_late"
    assert flag_of("audio") == "has_audio"
    assert len({field_of(one) for one in (*COMBINATIONS, "video")}) == 4
    columns = {"clip_id": "a", "100 %": 1.5, 'say "x"[0]': None, "b\\c": "d", "n": np.int64(3)}
    assert read_columns("a", stored_columns(columns)) == columns
    assert not any(sign in "".join(stored_columns(columns)) for sign in '"[]\\')
    where = {"clip_id": 'a"b', "n": [True, 2, None], "b\\c": []}
    assert condition(where, [*columns]) == [
        'clip_id == "a\\"b"',
        '(columns["n"] == true or (columns["n"] == 2 or columns["n"] is null))',
        "position < 0",
    ]
    for value in (float("inf"), pd.Timestamp(0), {"a": 1}):
        with pytest.raises(ValueError, match="when: holds"):
            stored_columns({"when": value})


@pytest.mark.parametrize("engine", ["exact", "hnsw", "ivf"])
def test_milvus_finds_by_other_engines_too(tmp_path, engine):
    case = Case("milvus lite", f"milvus:{tmp_path / 'clips.db'}")
    about = replace(case.about, engine=engine)
    with draft_of(case.target, about) as draft:
        case.add(draft, *clips(200))
        draft.finish(about)
    with case.opened() as index:
        assert index.about == replace(about, complete=True)
        asked = questions(3)
        found = index.search("audio", asked, 5)
        check(case, found, asked, [case.slow.best("audio", one, 5) for one in asked])
    with pytest.raises(ValueError, match=f"finds by {engine}, asked is milvus"), case.draft():
        pass


def test_a_filter_of_many_values(case):
    with case.opened() as index:
        where = {"seconds": [*np.arange(2000) + 0.125, 1.25]}
        found = index.search("video+audio", questions(1), 3, where=where)
    assert found.clip_ids[0].tolist() == ["clip 5", "", ""]


def test_an_index_is_made_of_a_retriever_and_kept_up_to_date(tiny_retriever, tmp_path):
    target = f"milvus:{tmp_path / 'clips.db'}"
    told = []
    index = build_index(tiny_retriever, target, progress=lambda done, total: told.append(done))
    index.delete(["no such"])
    count = len(tiny_retriever.dataset)
    assert (len(index), told[-1]) == (count, count)
    about = index.about
    index.close()
    again = build_index(tiny_retriever, target, progress=lambda done, total: told.append(done))
    assert (told[-1], again.about) == (count, about)
    again.close()
    with pytest.raises(ValueError, match="finds by milvus, asked is hnsw"):
        build_index(tiny_retriever, target, engine="hnsw")
    from mmlab import Retriever

    vector = tiny_retriever.query(text="a red square")
    plain = tiny_retriever.nearest(vector, "video+audio late", top=4)
    index = open_index(target, origin=tiny_retriever.origin)
    indexed = Retriever(tiny_retriever.model, tiny_retriever.dataset, index=index)
    pd.testing.assert_frame_equal(indexed.nearest(vector, "video+audio late", top=4), plain)
    index.close()
