"""One writer at a time in a Milvus: whoever comes second is told so, and no clip is lost."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from mmlab.index import build_index
from tests.index_engines import Case, clips, server

pytest.importorskip("pymilvus")
pytest.importorskip("milvus_lite")

from mmlab.index import milvus_connection, milvus_writers  # noqa: E402 - of packages that may miss
from mmlab.index.milvus import MilvusIndex, about_of  # noqa: E402
from mmlab.index.milvus_connection import Connection  # noqa: E402
from mmlab.index.milvus_writers import Writer  # noqa: E402

FIRST = -(1 << 62)
"""A number before which everybody else withdraws."""


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Case]:
    with server(tmp_path / "server.db") as address:
        yield Case("milvus server", address)


@pytest.fixture(params=["milvus lite", "milvus server"])
def case(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Case]:
    if request.param == "milvus lite":
        yield Case(request.param, f"milvus:{tmp_path / 'clips.db'}")
    else:
        yield request.getfixturevalue("served")


def says(index: MilvusIndex, writer: Writer) -> None:
    """As if it had come."""
    index._milvus.write_row(writer.number, asdict(writer), index.about)


BUILDS = """
import sys
from mmlab.index.milvus import MilvusIndex
from tests.index_engines import Case, clips

case = Case("milvus server", sys.argv[1])
print("ready", flush=True)
sys.stdin.readline()
try:
    with case.draft() as draft:
        there = set(draft.ids())
        for first in range(0, 200, 10):
            if f"clip {first}" not in there:
                draft.add(*clips(10, first=first))
        draft.finish(case.about)
        ids = draft.ids()
    print("done", len(ids), len(set(ids)))
except Exception as error:
    print(type(error).__name__, error)
"""


@pytest.mark.parametrize(
    "seconds", [0, 0.02, 0.1, *(pytest.param(one, marks=pytest.mark.slow) for one in (0.05, 0.5))]
)
def test_of_two_builders_one_goes_on_and_the_other_is_told(served, seconds):
    command = [sys.executable, "-c", BUILDS, served.target]
    talk = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    builders = [subprocess.Popen(command, **talk) for _ in range(2)]
    for one in builders:
        assert one.stdout.readline() == "ready\n"
    for one in builders:
        one.stdin.write("\n")
        one.stdin.flush()
        time.sleep(seconds)
    told = [one.communicate(timeout=120)[0].strip() for one in builders]
    done = [one for one in told if one == "done 200 200"]
    refused = [
        one for one in told if one.startswith(f"ValueError {served.target} is being written")
    ]
    assert done, told
    assert len(done) + len(refused) == 2, told
    processes = [str(one.pid) for one in builders]
    assert all(any(f"by process {one} on" in text for one in processes) for text in refused)
    with served.opened() as index:
        assert sorted(index.ids()) == sorted(f"clip {number}" for number in range(200))
        assert len(index) == 200


def test_who_writes_is_told_and_a_dead_one_taken_over(served):
    with served.build(5).opened() as index:
        for writer in (Writer(process=os.getppid()), Writer(machine="another")):
            says(index, writer)
            with pytest.raises(ValueError, match=f"process {writer.process} on .* since .*; try"):
                index.delete(["clip 1"])
            index._milvus.ask("delete", filter=f"position in [{writer.number}]")
        dead = subprocess.Popen([sys.executable, "-c", ""])
        dead.wait()
        long_ago = Writer(machine="another", heard="2020-01-01 00:00:00+00:00")
        for number, writer in enumerate((Writer(process=dead.pid), long_ago, Writer())):
            says(index, writer)
            assert index.delete([f"clip {number}"]) == 1
        rows = index._milvus.query("position < 0", ["position"])
        assert rows == []


def test_in_one_process_too_only_one_writes(case):
    case.build(5)
    with case.draft() as draft:
        other = MilvusIndex.__new__(type(draft))
        other._use(Connection(case.target))
        with pytest.raises(ValueError, match=f"being written by process {os.getpid()} on"):
            other.add(*clips(1, first=9))
        draft.add(*clips(1, first=5))
        draft.finish(case.about)
        other.close()
    with case.opened() as index:
        assert index.delete(["clip 5"]) == 1


def test_a_writer_that_was_taken_over_stops_and_loses_nothing(served):
    with served.build(5).opened() as index, index._claim.held(index.about):
        index._milvus.ask("delete", filter="position < 0")  # as one does that finds it dead
        with pytest.raises(ValueError, match="nothing was heard of this process for 10 minutes"):
            index.add(*clips(3, first=5))
        assert len(index) == 5


def test_of_two_who_come_at_once_the_smaller_number_goes_on(served, monkeypatch):
    monkeypatch.setattr(milvus_writers, "WITHDRAWING_SECONDS", 0.2)
    with served.build(5).opened() as index:
        say = milvus_writers.Claim._say

        def meets(claim: milvus_writers.Claim) -> None:
            monkeypatch.setattr(milvus_writers.Claim, "_say", say)
            says(index, replace(Writer(process=os.getppid()), number=number))
            say(claim)

        for number in (FIRST, -1):  # before one, and behind one that does not withdraw
            monkeypatch.setattr(milvus_writers.Claim, "_say", meets)
            with pytest.raises(ValueError, match=f"written by process {os.getppid()} on"):
                index.delete(["clip 1"])
            rows = index._milvus.query("position < 0", ["position"])
            assert [row["position"] for row in rows] == [number]
            index._milvus.ask("delete", filter="position < 0")
        with index._claim.held(index.about):
            says(index, Writer(process=os.getppid(), number=-1))
            assert index.delete(["clip 1"]) == 1
            says(index, Writer(process=os.getppid(), number=FIRST))
            with pytest.raises(ValueError, match=f"written by process {os.getppid()} on"):
                index.delete(["clip 2"])


@pytest.mark.parametrize("step", ["_create", "prepare"])
def test_where_somebody_was_killed_at_the_very_beginning_a_build_goes_on(case, step, monkeypatch):
    monkeypatch.setattr(milvus_connection, "BEGINNING_SECONDS", 0.1)
    begun = Connection(case.target)
    getattr(begun, step)(case.about)
    begun.close()
    assert about_of(case.target) is None
    with pytest.raises(FileNotFoundError, match="holds no index; make one"):
        MilvusIndex(case.target)
    with case.build(5).opened() as index:
        assert len(index) == 5


def test_a_collection_of_other_combinations_or_of_somebody_else_is_refused(case):
    begun = Connection(case.target)
    begun.prepare(replace(case.about, combinations=("audio",)))
    with pytest.raises(ValueError, match="has other combinations than audio, video"), case.draft():
        pass
    begun.ask("drop_collection")
    begun.ask("create_collection", dimension=4)
    for refused in (lambda: MilvusIndex(case.target), lambda: case.draft().__enter__()):
        with pytest.raises(ValueError, match="holds something else; choose another database"):
            refused()
    begun.close()


def twice(index: MilvusIndex, count: int) -> None:
    """As two writers at once left it: rows of the first clips again, and a wrong number."""
    rows = index._milvus.query(f"position >= 1 and position <= {count}", ["*"])
    ledger = index._milvus.read_ledger()
    again = [row | {"position": ledger.end + place} for place, row in enumerate(rows)]
    index._milvus.ask("insert", data=again)
    more = {"clips": ledger.clips + 2 * count, "end": ledger.end + count}
    index._milvus.write_ledger(replace(ledger, **more, reserved=ledger.end + count))


def test_what_was_lost_is_not_called_complete_and_is_mended(case):
    case.build(5)
    with case.draft() as draft:
        twice(draft, 3)
        with pytest.raises(ValueError, match="holds 5 clips where 11 were written; run the same"):
            draft.finish(case.about)
    with case.draft() as draft:
        assert len(draft) == len(draft.ids()) == 5
        draft.add(*clips(2, first=5))
        draft.finish(case.about)
    with case.opened() as index:
        assert sorted(index.ids()) == [f"clip {number}" for number in range(7)]


def test_a_build_goes_on_with_clips_that_are_there_twice(tiny_retriever, tmp_path):
    target = f"milvus:{tmp_path / 'clips.db'}"
    index = build_index(tiny_retriever, target)
    every = sorted(index.ids())
    twice(index, 2)
    index.close()
    again = build_index(tiny_retriever, target)
    assert (sorted(again.ids()), len(again)) == (every, len(every))
    again.close()


def test_a_full_disk_says_what_to_do(case, monkeypatch):
    from pymilvus.exceptions import MilvusException

    def full(*_: object, **__: object) -> None:
        raise MilvusException(message="[Errno 28] No space left on device")

    with case.build(5).opened() as index:
        monkeypatch.setattr(index._milvus._client, "insert", full)
        with pytest.raises(OSError, match=r"Errno 28.*; free some space and run the same command"):
            index.add(*clips(1, first=7))
        monkeypatch.undo()
        assert index.delete(["clip 1"]) == 1
