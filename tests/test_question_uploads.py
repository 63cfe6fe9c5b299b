import errno
import os
import re
import time

import numpy as np
import pytest

from mmlab.media import MediaError, probe, read_audio
from mmlab.question import uploads
from mmlab.question.uploads import Incoming, describe, keep_upload
from tests.conftest import grey_clock, moving_square, tone, write_video


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """Where uploads are kept during a test."""
    monkeypatch.setenv("MMLAB_DATA", str(tmp_path / "data"))
    return tmp_path / "data" / "cache" / "uploads"


def pieces_of(path, size=700):
    content = path.read_bytes()
    return [content[at : at + size] for at in range(0, len(content), size)]


def kept(folder):
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


@pytest.mark.parametrize("size", [1, 700, 1 << 30])
def test_any_pieces_give_the_same_file(media_folder, folder, size):
    path = media_folder / "blue mute.mp4"
    upload = keep_upload("my film.mp4", pieces_of(path, size))
    assert upload.path.read_bytes() == path.read_bytes()
    assert upload.path.parent == folder
    assert upload.path == keep_upload("another name", [path.read_bytes()]).path
    assert kept(folder) == [upload.path.name]


def test_what_it_holds_is_told(media_folder):
    both = keep_upload("a", pieces_of(media_folder / "red right.mp4"))
    assert (both.has_video, both.has_audio) == (True, True)
    assert both.seconds == pytest.approx(3.0, abs=0.1)
    assert both.note == "3.0 s, picture and sound"
    assert keep_upload("b", pieces_of(media_folder / "blue mute.mp4")).note.endswith(
        "a picture without sound"
    )
    sound = keep_upload("c", pieces_of(media_folder / "only sound.mp4"))
    assert sound.note == "2.0 s, sound alone"
    assert describe(sound.path) == sound


@pytest.mark.parametrize(
    "name",
    ["../../etc/passwd", "/etc/passwd", "a\0b.mp4", "", "x" * 10_000, "<b>.exe", "concat:a.mp4"],
)
def test_a_name_never_becomes_a_path(media_folder, folder, tmp_path, name):
    before = set(tmp_path.rglob("*"))
    upload = keep_upload(name, pieces_of(media_folder / "only sound.mp4"))
    assert upload.path.parent == folder
    assert re.fullmatch("[0-9a-f]{32}", upload.path.stem)
    assert upload.path.suffix == ".mp4"
    new = {path for path in tmp_path.rglob("*") if path.is_file()} - before
    assert new == {upload.path}


@pytest.mark.parametrize(
    ("ending", "codec"),
    [(".wav", "pcm_s16le"), (".webm", "libopus"), (".ogg", "libopus"), (".flac", "flac")],
)
def test_the_ending_is_what_the_file_is(tmp_path, ending, codec):
    path = write_video(
        tmp_path / f"a{ending}", 1.0, sound=tone(), codecs=("", codec), sample_rate=48_000
    )
    upload = keep_upload("lies.jpg", [path.read_bytes()])
    assert upload.path.suffix == ending
    assert upload.seconds == pytest.approx(1.0, abs=0.1)
    np.testing.assert_array_equal(read_audio(upload.path), read_audio(path))


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"no film at all\n" * 100,
        b"#EXTM3U\n#EXTINF:3,\n/etc/passwd\n",
        b"ffconcat version 1.0\nfile '/etc/passwd'\n",
        b"\x89PNG\r\n\x1a\n" + bytes(200),
    ],
)
def test_what_is_no_media_is_a_sentence_and_leaves_nothing(folder, content):
    with pytest.raises(
        ValueError, match="^notes.txt: is empty, damaged or .*; record it"
    ) as raised:
        keep_upload("notes.txt", [content])
    assert str(folder) not in str(raised.value)  # where it lay is nobody's business
    assert kept(folder) == []


def test_a_broken_film_is_a_sentence(media_folder, folder):
    content = (media_folder / "red right.mp4").read_bytes()
    with pytest.raises(ValueError, match=r"^half\.mp4: .*damaged"):
        keep_upload("half.mp4", [content[: len(content) // 2]])
    assert kept(folder) == []


def test_an_unusual_kind_is_refused(tmp_path, folder):
    path = write_video(tmp_path / "a.au", 1.0, sound=tone(), codecs=("", "pcm_s16be"))
    with pytest.raises(ValueError, match=r"a\.au: .* of a kind that is not read here.* wav"):
        keep_upload("a.au", [path.read_bytes()])
    assert kept(folder) == []


def test_three_hours_are_refused(tmp_path, folder):
    times = np.arange(0.0, 3 * 3600.0 + 60, 60.0)
    path = write_video(tmp_path / "long.mp4", picture=moving_square(), times=times)
    with pytest.raises(ValueError, match=r"film: lasts 180 minutes, over 10; .*mmlab localize"):
        keep_upload("film", pieces_of(path))
    assert kept(folder) == []


def test_ten_minutes_are_taken(tmp_path):
    picture = grey_clock(seconds_to_grey=0.1)
    path = write_video(tmp_path / "a.mp4", picture=picture, times=np.array([0.0, 599.0]))
    assert keep_upload("a", pieces_of(path)).seconds > 590


def test_too_large_is_refused_before_and_while_it_comes(monkeypatch, folder):
    monkeypatch.setattr(uploads, "MOST_BYTES", 2_000_000)
    with pytest.raises(ValueError, match="^film: has 3 MB, over 2 MB; cut it"):
        Incoming("film", 3_000_000)

    taken = []

    def endless():
        while True:
            taken.append(1)
            yield bytes(1_000_000)

    with pytest.raises(ValueError, match="over 2 MB"):
        keep_upload("film", endless())
    assert len(taken) == 3  # it stops reading there
    assert kept(folder) == []


def test_a_full_disk_is_a_sentence(media_folder, folder, monkeypatch):
    upload = Incoming("film")

    def full(*_, **__):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(uploads.Path, "open", full)
    with pytest.raises(ValueError, match="^film: not kept, the disk is full; free some space"):
        upload.add(b"123")
    upload.cancel()
    assert kept(folder) == []


def test_a_folder_that_cannot_be_written_is_a_sentence(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("MMLAB_DATA", str(tmp_path / "file"))
    with pytest.raises(ValueError, match="^film: not kept, .*; make .* writable"):
        Incoming("film")


def test_what_is_forgotten_half_way_leaves_nothing(folder):
    upload = Incoming("film")
    upload.add(b"123")
    assert len(kept(folder)) == 1
    del upload
    assert kept(folder) == []


def test_a_killed_upload_is_removed_by_a_later_one(media_folder, folder):
    folder.mkdir(parents=True)
    for name, age_seconds in (("old.part", 2 * uploads.ABANDONED_SECONDS), ("new.part", 60)):
        (folder / name).write_bytes(b"x")
        then = time.time() - age_seconds
        os.utime(folder / name, (then, then))
    upload = keep_upload("a", pieces_of(media_folder / "only sound.mp4"))
    assert kept(folder) == sorted(["new.part", upload.path.name])


def test_the_longest_unused_go(media_folder, folder, monkeypatch):
    names = ("red right.mp4", "green left.mp4", "blue mute.mp4")
    first, second = (keep_upload(name, pieces_of(media_folder / name)) for name in names[:2])
    for age_seconds, one in ((100, first), (200, second)):
        then = time.time() - age_seconds
        os.utime(one.path, (then, then))
    last_bytes = (media_folder / names[2]).stat().st_size
    room = first.path.stat().st_size + last_bytes
    monkeypatch.setattr(uploads, "KEPT_BYTES", room)
    last = keep_upload("c", pieces_of(media_folder / names[2]))
    assert kept(folder) == sorted([first.path.name, last.path.name])


def test_an_upload_larger_than_the_room_is_kept_alone(media_folder, folder, monkeypatch):
    monkeypatch.setattr(uploads, "KEPT_BYTES", 1)
    keep_upload("a", pieces_of(media_folder / "red right.mp4"))
    upload = keep_upload("b", pieces_of(media_folder / "blue mute.mp4"))
    assert kept(folder) == [upload.path.name]


def test_describing_a_missing_file_says_so(tmp_path):
    with pytest.raises(MediaError, match="no such file"):
        describe(tmp_path / "gone.mp4")


def test_an_upload_is_a_question(tiny_retriever, media_folder):
    upload = keep_upload("a", pieces_of(media_folder / "red right.mp4"))
    assert probe(upload.path).has_video
    expected = tiny_retriever.query(audio=media_folder / "red right.mp4")
    np.testing.assert_allclose(tiny_retriever.query(audio=upload.path), expected)
