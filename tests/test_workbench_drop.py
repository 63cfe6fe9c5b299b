import re

import pytest

from mmlab.question import uploads
from mmlab.workbench.drop import MediaDrop
from mmlab.workbench.drop.widget import PIECE_BYTES


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """Where uploads are kept during a test."""
    monkeypatch.setenv("MMLAB_DATA", str(tmp_path / "data"))
    return tmp_path / "data" / "cache" / "uploads"


@pytest.fixture
def told():
    return []


@pytest.fixture
def drop(told):
    drop = MediaDrop(lambda path, name: told.append((path, name)))
    drop.sent = []
    drop.send = lambda content, buffers=None: drop.sent.append(content)
    return drop


def say(drop, kind, sender="one", buffers=(), **more):
    """What the browser sends, and the last that it is answered."""
    content = {"kind": kind, "sender": sender, **more}
    drop._handle_custom_msg(content, [memoryview(buffer) for buffer in buffers])
    return drop.sent[-1] if drop.sent else None


def send(drop, path, *, name="film.mp4", size=1000, sender="one"):
    """Send a file as the browser does: a piece whenever one is asked for."""
    content = path.read_bytes()
    answer = say(drop, "begin", sender, name=name, bytes=len(content))
    while answer["kind"] == "more" and answer["at"] < len(content):
        piece = content[answer["at"] : answer["at"] + size]
        answer = say(drop, "piece", sender, [piece])
    return say(drop, "end", sender) if answer["kind"] == "more" else answer


def kept(folder):
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


def test_a_file_arrives_piece_by_piece(drop, told, media_folder):
    path = media_folder / "red right.mp4"
    assert send(drop, path) == {"kind": "kept", "sender": "one"}
    assert drop.upload.path.read_bytes() == path.read_bytes()
    assert told == [(drop.upload.path, "film.mp4")]
    assert (drop.file_name, drop.note) == ("film.mp4", "3.0 s, picture and sound")
    asked = [answer["at"] for answer in drop.sent if answer["kind"] == "more"]
    assert asked == [*range(0, path.stat().st_size, 1000), path.stat().st_size]


def test_a_piece_fits_into_a_message_of_jupyter():
    assert PIECE_BYTES <= 1_000_000
    assert MediaDrop().piece_bytes == PIECE_BYTES


def test_where_it_lies_is_not_told_to_the_browser(drop, media_folder, folder):
    send(drop, media_folder / "red right.mp4")
    assert str(folder) not in repr(drop.get_state()) + repr(drop.sent)


def test_a_newer_file_takes_the_place_of_an_older_one(drop, told, media_folder, folder):
    send(drop, media_folder / "red right.mp4", name="first")
    send(drop, media_folder / "only sound.mp4", name="second")
    assert [name for _, name in told] == ["first", "second"]
    assert (drop.file_name, drop.note) == ("second", "2.0 s, sound alone")


def test_a_newer_transfer_stops_an_older_one(drop, told, media_folder, folder):
    say(drop, "begin", "old", name="a", bytes=10)
    say(drop, "piece", "old", [b"123"])
    send(drop, media_folder / "only sound.mp4", sender="new")
    assert say(drop, "piece", "old", [b"456"]) == {"kind": "stopped", "sender": "old"}
    assert len(told) == 1
    assert kept(folder) == [drop.upload.path.name]


def test_a_cancelled_file_leaves_nothing_and_the_older_one_stays(drop, told, media_folder, folder):
    send(drop, media_folder / "only sound.mp4")
    say(drop, "begin", name="b", bytes=10)
    say(drop, "piece", buffers=[b"123"])
    assert len(kept(folder)) == 2
    say(drop, "cancel")
    assert kept(folder) == [drop.upload.path.name]
    assert len(told) == 1


def test_closing_the_view_drops_what_is_on_its_way(drop, folder):
    say(drop, "begin", name="b", bytes=10)
    say(drop, "piece", buffers=[b"123"])
    drop.close()
    assert kept(folder) == []


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "film.mp4: Is empty"),
        (b"no film", "film.mp4: Is empty, damaged or of a kind"),
    ],
)
def test_what_is_no_media_is_a_sentence(drop, told, folder, tmp_path, content, said):
    (tmp_path / "a").write_bytes(content)
    assert send(drop, tmp_path / "a") == {"kind": "stopped", "sender": "one"}
    assert drop.message.startswith(said)
    assert drop.message.endswith(" or convert it to mp4 or wav.")
    assert (told, kept(folder), drop.upload) == ([], [], None)


def test_a_name_with_a_colon_stays_as_it_is(drop, folder, tmp_path):
    (tmp_path / "a").write_bytes(b"no film")
    send(drop, tmp_path / "a", name="take: one.mp4")
    assert drop.message.startswith("take: one.mp4: Is empty")


def test_what_is_refused_leaves_what_is_here(drop, media_folder, tmp_path):
    send(drop, media_folder / "red right.mp4")
    here = drop.upload
    (tmp_path / "a").write_bytes(b"no film")
    send(drop, tmp_path / "a")
    assert (drop.upload, drop.note) == (here, "3.0 s, picture and sound")
    assert "Is empty, damaged or of a kind" in drop.message
    send(drop, media_folder / "red right.mp4")
    assert (drop.note, drop.message) == ("3.0 s, picture and sound", "")


def test_too_large_is_a_sentence_before_anything_is_sent(drop, told, folder):
    answer = say(drop, "begin", name="film", bytes=uploads.MOST_BYTES + 1)
    assert answer == {"kind": "stopped", "sender": "one"}
    assert drop.message.startswith("film: Has 200 MB, over 200 MB; cut it")
    assert kept(folder) == []


def test_more_than_was_said_is_refused(drop, folder, monkeypatch):
    monkeypatch.setattr(uploads, "MOST_BYTES", 10)
    say(drop, "begin", name="film", bytes=5)
    assert say(drop, "piece", buffers=[bytes(11)])["kind"] == "stopped"
    assert "over" in drop.message
    assert kept(folder) == []


def test_a_full_disk_is_a_sentence(drop, told, folder, monkeypatch):
    def full(*_, **__):
        raise OSError(28, "No space left on device")

    say(drop, "begin", name="film", bytes=5)
    monkeypatch.setattr(uploads.Path, "open", full)
    assert say(drop, "piece", buffers=[b"12345"])["kind"] == "stopped"
    assert drop.message == "film: Not kept, the disk is full; free some space and try again."
    assert (told, kept(folder)) == ([], [])


@pytest.mark.parametrize(
    "content", [{}, {"kind": "piece"}, {"kind": "end"}, {"kind": "cancel"}, {"kind": "odd"}]
)
def test_messages_that_belong_to_nothing_do_nothing(drop, told, content):
    drop._handle_custom_msg(content, [])
    assert (told, drop.upload, drop.message) == ([], None, "")


def test_a_file_is_taken_away(drop, told, media_folder):
    send(drop, media_folder / "red right.mp4")
    say(drop, "remove")
    assert told[1:] == [(None, "")]
    assert (drop.upload, drop.file_name, drop.note, drop.message) == (None, "", "", "")


def test_a_file_is_shown_without_telling(drop, told, media_folder):
    drop.show(media_folder / "green left.mp4")
    assert (drop.file_name, drop.upload.has_audio) == ("green left.mp4", True)
    drop.show(media_folder / "green left.mp4", "mine")
    assert drop.file_name == "mine"
    drop.show(media_folder / "gone.mp4")
    assert drop.upload is None
    assert re.search(r"gone\.mp4: No such file.*\.$", drop.message)
    drop.show(None)
    assert (told, drop.upload, drop.message) == ([], None, "")
