"""An index in a folder: what is added and deleted is answered, at once or not at all."""

from __future__ import annotations

import errno
import multiprocessing
import os
import random
import resource
import shutil
import signal
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import pytest

from mmlab.index import FolderIndex, folder, merging, open_index
from mmlab.index.draft import draft_in
from mmlab.index.lock import WriterLock
from tests.index_cases import ABOUT, COMBINATIONS, WIDTH, Slow, clips, folder_size, questions, same


@pytest.fixture
def index(tmp_path):
    found = FolderIndex.begin(tmp_path / "index", ABOUT)
    found.add(*clips(0, 100))
    return found


def agree(index: FolderIndex, slow: Slow) -> None:
    assert index.ids() == list(slow.held)
    assert len(index) == len(slow.held)
    same(index.search("video", questions(3), 9), slow.search("video", questions(3), 9))
    assert index.table(["clip_id"])["clip_id"].tolist() == list(slow.held)
    assert not len(index) or index.table()["split"].tolist() == [
        one["split"] for _, one in slow.held.values()
    ]
    some = random.Random(1).sample(list(slow.held), min(5, len(slow.held)))
    expected = [slow.held[one][0][COMBINATIONS[1]] for one in some]
    np.testing.assert_array_equal(
        index.vectors(COMBINATIONS[1], some), np.reshape(expected, (-1, WIDTH))
    )


@pytest.mark.parametrize("rows", [10**6, 64])
def test_any_changes_one_after_the_other(tmp_path, monkeypatch, rows):
    monkeypatch.setattr(merging, "SEGMENT_ROWS", rows)
    index, slow = FolderIndex.begin(tmp_path / "index", ABOUT), Slow()
    reader = open_index(tmp_path / "index")
    generator = random.Random(rows)
    for _ in range(60):
        first = generator.randint(0, 200)
        if generator.random() < 0.6:
            added = clips(first, first + generator.choice([0, 1, 2, 40]), generator.randint(0, 3))
            for one in (index, slow):
                one.add(*added)
        else:
            gone = [f"clip {number}" for number in range(first, first + 60)] * 2
            assert index.delete(gone) == slow.delete(gone)
        agree(reader, slow)
    segments = list((tmp_path / "index" / "segments").iterdir())
    assert len(segments) < 3 + len(slow.held) / rows * 4 + np.log2(len(slow.held))


def test_what_is_deleted_leaves_the_disk(index):
    for first in range(100, 700, 100):
        index.add(*clips(first, first + 100))
    before = folder_size(index.folder)
    assert index.delete([one for one in index.ids() if one != "clip 7"]) == 699
    assert index.ids() == ["clip 7"]
    assert folder_size(index.folder) < before / 4
    assert index.delete(["clip 7"]) == 1
    assert (len(index), index.ids(), list((index.folder / "segments").iterdir())) == (0, [], [])
    assert index.search("video", questions(2), 3).clip_ids.tolist() == [["", "", ""]] * 2
    index.add(*clips(5, 6))
    assert index.ids() == ["clip 5"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda v, t: (v | {"text": v["video"]}, t), "vectors are of .* the index needs"),
        (lambda v, t: ({"video": v["video"]}, t), "vectors are of video, the index needs"),
        (lambda v, t: ({name: rows[:, 1:] for name, rows in v.items()}, t), r"video: of shape"),
        (lambda v, t: ({name: rows[1:] for name, rows in v.items()}, t), "2 vectors for 3 clips"),
        (lambda v, t: ({name: rows * np.nan for name, rows in v.items()}, t), "NaN"),
        (lambda v, t: (v, t.drop(columns="clip_id")), "no column clip_id"),
        (lambda v, t: (v, t.assign(clip_id="a")), "'a' is there twice"),
        (lambda v, t: (v, t.assign(clip_id=["a", "b", ""])), "no name"),
        (lambda v, t: (v, t.assign(year=1)), "give the same"),
        (lambda v, t: (v, t.assign(split=[1, "a", 2.0])), "cannot be stored"),
        (lambda v, t: (v, t.assign(split=[1, 2, 3])), "cannot be stored"),
    ],
)
def test_what_cannot_be_added_changes_nothing(index, change, message):
    with pytest.raises(ValueError, match=message):
        index.add(*change(*clips(200, 203)))
    assert index.ids() == clips(0, 100)[1].clip_id.tolist()
    index.add(*clips(200, 203))
    assert len(index) == 103


def test_what_cannot_be_asked_is_said(index):
    asked = questions(1)
    with pytest.raises(ValueError, match="index has video, video\\+audio late, asked is 'text'"):
        index.search("text", asked, 3)
    with pytest.raises(ValueError, match="at least 1, found 0"):
        index.search("video", asked, 0)
    with pytest.raises(ValueError, match=r"of shape \(1, 15\), expected \(n, 16\)"):
        index.search("video", asked[:, 1:], 3)
    with pytest.raises(ValueError, match="NaN"):
        index.search("video", asked * np.inf, 3)
    with pytest.raises(ValueError, match="no column 'colour'; there are clip_id, split"):
        index.search("video", asked, 3, where={"colour": "red"})
    with pytest.raises(KeyError, match="no clip 'nobody'"):
        index.vectors("video", ["clip 1", "nobody"])


def test_a_folder_without_an_index_says_how_to_make_one(tmp_path):
    with pytest.raises(FileNotFoundError, match="holds no index; make one with `mmlab index RUN"):
        open_index(tmp_path)


@pytest.mark.parametrize("content", [b"", b"[]", b'{"version": 1}', b"\xff"])
def test_a_damaged_index_is_refused(index, content):
    (index.folder / "index.json").write_bytes(content)
    with pytest.raises(ValueError, match="is damaged .*run `mmlab index` again"):
        open_index(index.folder)


@pytest.mark.parametrize("content", [b"", b"junk" * 50, None])
@pytest.mark.parametrize("file", ["segments/*/video.npy", "segments/*/clips.parquet", "alive-*"])
def test_a_damaged_file_is_named(index, file, content):
    index.delete(["clip 1"])
    (path,) = index.folder.glob(file)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2] if content is None else content)
    with pytest.raises(ValueError, match=f"{path.name}: is damaged .*run `mmlab index` again"):
        open_index(index.folder).search("video", questions(1), 3)


@pytest.mark.parametrize("file", ["*", "*/video.npy", "*/clips.parquet"])
def test_a_lost_file_is_named(index, file):
    index.delete(["clip 3"])
    path = next(index.folder.glob(f"segments/{file}"))
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    message = rf"{path.name}.*: is lost, so .*; delete the index and run `mmlab index` again"
    with pytest.raises(ValueError, match=message):
        open_index(index.folder).search("video", questions(1), 1)


def test_what_is_lost_is_named_when_the_index_is_opened_or_written(index):
    index.delete(["clip 3"])
    (alive,) = index.folder.glob("alive-*.npy")
    (segment,) = index.folder.glob("segments/*")
    shutil.rmtree(segment)
    with pytest.raises(ValueError, match=rf"{segment.name}/clips.parquet: is lost"):
        open_index(index.folder).add(*clips(200, 210))
    alive.unlink()
    with pytest.raises(ValueError, match=f"{alive.name}: is lost"):
        open_index(index.folder)


@pytest.mark.parametrize("path", ["file", "file/index"])
def test_a_file_is_no_index(tmp_path, path):
    (tmp_path / "file").write_text("mine")
    with pytest.raises(ValueError, match="file is a file; .* give another path"):
        open_index(tmp_path / path)
    with (
        pytest.raises(ValueError, match="file is a file; .* give another path"),
        draft_in(tmp_path / path, ABOUT),
    ):
        pass


def test_filters_of_many_values_are_told_apart(tmp_path):
    index = FolderIndex.begin(tmp_path / "index", ABOUT)
    index.add(*clips(0, 950))
    every = index.ids()
    ends = every[:3], every[-3:]  # all that numpy shows of a long array
    for middle in (["nobody"] * 1200, every[3:-3] * 2):
        where = {"clip_id": np.array([*ends[0], *middle, *ends[1]], object)}
        fresh = open_index(index.folder).search("video", questions(1), 9, where=where)
        same(index.search("video", questions(1), 9, where=where), fresh)


@pytest.mark.parametrize("file", ["segments/mine.txt", "segments/a/mine.txt", "film.part"])
def test_somebodys_folder_is_left_alone(tmp_path, file):
    (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / file).write_text("mine")
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(ValueError, match="holds something else"), draft_in(tmp_path, ABOUT):
        pass
    assert sorted(tmp_path.rglob("*")) == before


def test_a_stray_file_hinders_nobody(index):
    (index.folder / "segments" / ".DS_Store").write_text("a Mac was here")
    index.add(*clips(100, 101))
    assert len(index) == 101


def test_no_name_is_used_twice(index):
    reader = open_index(index.folder)._newest()
    index.delete(index.ids())
    index.add(*clips(0, 100, seed=1))
    with pytest.raises(FileNotFoundError):  # which makes a reader look again
        reader.search("video", questions(1), 1, {})


def test_an_index_of_the_future_is_refused(index):
    (index.folder / "index.json").write_text('{"version": 2}')
    with pytest.raises(ValueError, match="of version 2, this is version 1"):
        open_index(index.folder)


def test_a_reader_whose_files_go_away_reads_the_newer_ones(index, monkeypatch):
    reader = open_index(index.folder)
    old = reader._newest()
    index.delete(["clip 0"])
    index.add(*clips(100, 250))  # merges, and removes the old segment
    with pytest.raises(FileNotFoundError):
        old.search("video", questions(1), 1, {})
    answered = iter([old])
    newest = FolderIndex._newest
    monkeypatch.setattr(FolderIndex, "_newest", lambda self: next(answered, None) or newest(self))
    assert reader.table()["clip_id"].iloc[0] == "clip 1"


def test_a_second_writer_is_told_of_the_first(index):
    lock = WriterLock(index.folder)
    message = rf"is being written by process {os.getpid()} on .* since 20\d\d-"
    with lock, lock:
        with pytest.raises(ValueError, match=message):
            index.add(*clips(100, 101))
        with pytest.raises(ValueError, match=message):
            index.delete(["clip 1"])
        assert len(index.search("video", questions(1), 5).clip_ids[0]) == 5  # readers never wait
    assert index.delete(["clip 1"]) == 1


def hold(path, ready) -> None:
    with WriterLock(path):
        ready.set()
        signal.pause()


def test_a_writer_that_was_killed_holds_nothing(index):
    context = multiprocessing.get_context("fork")  # quick: the child only waits
    ready = context.Event()
    process = context.Process(target=hold, args=(index.folder, ready))
    process.start()
    assert ready.wait(60)
    with pytest.raises(ValueError, match=f"written by process {process.pid} on "):
        index.delete(["clip 1"])
    process.kill()
    process.join()
    assert index.delete(["clip 1"]) == 1


@contextmanager
def full_disk(free_bytes: int):
    """No file may become larger."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (free_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("free_bytes", [0, 100, 5000])
def test_a_full_disk_loses_nothing(index, free_bytes):
    before = sorted(path for path in index.folder.rglob("*") if path.name != "lock")
    with full_disk(free_bytes), pytest.raises(OSError, match="run again") as caught:
        index.add(*clips(50, 250))
    assert caught.value.errno == errno.EFBIG
    assert sorted(path for path in index.folder.rglob("*") if path.name != "lock") == before
    slow = Slow()
    slow.add(*clips(0, 100))
    agree(open_index(index.folder), slow)
    index.add(*clips(50, 250))
    slow.add(*clips(50, 250))
    agree(index, slow)


def test_a_disk_that_is_full_at_the_last_step_loses_nothing(index, monkeypatch):
    def refuse(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(folder.State, "save", refuse)
    with pytest.raises(OSError, match="No space left"):
        index.delete(["clip 3"])
    monkeypatch.undo()
    assert len(open_index(index.folder)) == 100
    assert index.delete(["clip 3"]) == 1


def test_a_moved_index_is_the_same(index, tmp_path):
    expected = index.search("video", questions(2), 5)
    shutil.move(index.folder, tmp_path / "élsewhere")
    same(open_index(tmp_path / "élsewhere").search("video", questions(2), 5), expected)


def test_what_it_is_of_is_kept(index):
    assert open_index(index.folder).about == replace(ABOUT, complete=True)
