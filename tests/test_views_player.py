import math
import re

import numpy as np
import pytest

from mmlab.media import MediaError, probe
from mmlab.views.player import ClipPlayer, Segment, pieces
from mmlab.views.player.pieces import cut_piece, take_stills
from tests.conftest import grey_clock, tone, write_video


@pytest.fixture
def player(media_folder):
    player = ClipPlayer(media_folder / "red right.mp4", 1.0, 2.5, caption="<b>red</b>")
    player.sent = []
    player.send = lambda content, buffers=None: player.sent.append((content, buffers))
    return player


@pytest.fixture(scope="module")
def long_file(tmp_path_factory):
    """A file that travels in pieces where these are `short_pieces`."""
    path = tmp_path_factory.mktemp("long") / "long.mp4"
    clock = grey_clock(seconds_to_grey=20.0)
    return write_video(path, 10.0, picture=clock, sound=tone(), frames_per_second=2)


@pytest.fixture
def short_pieces(monkeypatch):
    monkeypatch.setattr(pieces, "PIECE_SECONDS", 5.0)
    monkeypatch.setattr(pieces, "FIRST_SECONDS", 2.0)


def ask(player, kind="media", **request):
    """What the browser sends, and what it is answered."""
    asked = {"kind": kind, "generation": player.generation, "view": "one"}
    if kind == "media":
        asked |= {"seconds": player.current_time, "ahead": False}
    player._handle_custom_msg(asked | request, [])
    return player.sent[-1] if player.sent else None


def seconds_of(media, folder):
    path = folder / "piece.mp4"
    path.write_bytes(media)
    return probe(path).duration_seconds


def test_nothing_but_a_poster_is_sent_before_play(player):
    state = player.get_state()
    assert player.poster[:3] == b"\xff\xd8\xff"  # JPEG
    assert sum(len(value) for value in state.values() if isinstance(value, bytes)) < 30_000


def test_media_is_sent_when_asked_for(player, tmp_path):
    content, buffers = ask(player)
    assert content["kind"] == "media"
    assert content["view"] == "one"  # of several views, the one that asked takes it
    assert (content["start"], content["end"]) == (1.0, 2.5)
    assert seconds_of(buffers[0], tmp_path) == pytest.approx(1.5, abs=0.1)


def test_what_is_asked_of_an_earlier_clip_is_not_answered(player):
    assert ask(player, generation=player.generation - 1) is None


def test_over_budget_is_a_sentence(player):
    player.byte_budget = 100
    content, buffers = ask(player)
    assert content["kind"] == "refused"
    assert buffers is None
    assert "red right.mp4" in player.message
    assert re.search(r"need [\d.]+ kB, over the budget of 100 bytes", player.message)
    assert "byte_budget" in player.message


@pytest.mark.parametrize(
    ("count", "said"),
    [(0, "0 bytes"), (999, "999 bytes"), (1234, "1.2 kB"), (20_000_000, "20.0 MB")],
)
def test_sizes_are_said_in_their_unit(count, said):
    assert pieces._size(count) == said


def test_a_long_clip_comes_in_pieces_that_touch(long_file, short_pieces, tmp_path):
    span, start, found = (0.5, 10.0), 0.5, []
    while start < span[1]:
        found.append(cut_piece(long_file, span, start, ahead=bool(found)))
        start = found[-1].end_seconds
    assert [piece[:2] for piece in found] == [(0.5, 2.5), (2.5, 7.5), (7.5, 10.0)]
    for start, end, media in found:
        assert seconds_of(media, tmp_path) == pytest.approx(end - start, abs=0.6)


@pytest.mark.parametrize("at", [-5.0, 0.0, 5.0, 9.9, 10.0, 1e9])
def test_a_seek_gets_a_piece_that_holds_it(long_file, short_pieces, at):
    start, end, _ = cut_piece(long_file, (0.0, 10.0), at, ahead=False)
    assert 0.0 <= start <= min(max(at, 0.0), 10.0) <= end <= 10.0
    assert end > start


def test_a_piece_shrinks_to_its_budget(long_file):
    whole = cut_piece(long_file, (0.0, 10.0), 0.0, ahead=False)
    budget = len(whole.media) // 2
    piece = cut_piece(long_file, (0.0, 10.0), 2.0, ahead=False, byte_budget=budget)
    assert len(piece.media) <= budget
    assert piece.start_seconds == 2.0
    with pytest.raises(MediaError, match="byte_budget"):
        cut_piece(long_file, (0.0, 10.0), 0.0, ahead=False, byte_budget=10)


def test_stills_stand_for_a_browser_that_cannot_play(player):
    content, pictures = ask(player, "stills")
    assert content["kind"] == "stills"
    assert content["at"] == pytest.approx([1.0, 1.5, 2.0])
    assert len(set(pictures)) == 3  # the square moves
    assert all(picture[:3] == b"\xff\xd8\xff" for picture in pictures)
    assert player.message.startswith("Stills without sound")


def test_what_cannot_be_cut_is_shown_as_stills(player, monkeypatch):
    def fail(path, *_, **__):
        raise MediaError(path, "has damaged sound", "record it again")

    monkeypatch.setattr("mmlab.views.player.widget.cut_piece", fail)
    content, _ = ask(player)
    assert content["kind"] == "stills"
    assert "damaged sound" in player.message


def test_the_next_piece_that_plays_takes_the_sentence_back(player):
    ask(player, "stills")
    assert player.message
    assert ask(player)[0]["kind"] == "media"
    assert player.message == ""


def test_stills_are_few_and_within_their_budget(long_file, monkeypatch):
    monkeypatch.setattr(pieces, "MOST_STILLS", 12)
    many = take_stills(long_file, (0.0, 10.0))
    assert len(many.seconds) == len(many.pictures) == 12
    budget = sum(map(len, many.pictures)) // 3
    few = take_stills(long_file, (0.0, 10.0), byte_budget=budget)
    assert sum(map(len, few.pictures)) <= budget
    assert few.seconds[0] == 0.0
    assert np.ptp(np.diff(few.seconds)) < 1e-9
    with pytest.raises(MediaError, match="byte_budget"):
        take_stills(long_file, (0.0, 10.0), byte_budget=10)


def test_sound_alone_sends_its_wave_and_no_picture(media_folder):
    player = ClipPlayer(media_folder / "only sound.mp4")
    assert player.poster == b""
    wave = np.frombuffer(player.wave, np.uint8)
    assert wave.max() == 255
    assert wave.min() > 100  # a steady tone after its onset


def test_segments_are_in_order_and_their_labels_are_text(media_folder):
    steps = [Segment(1.5, 2.0, "<b>later</b>"), Segment(0.0, 1.5, "first")]
    player = ClipPlayer(media_folder / "red right.mp4", segments=steps)
    assert player.marks == [
        {"start": 0.0, "end": 1.5, "label": "first"},
        {"start": 1.5, "end": 2.0, "label": "<b>later</b>"},
    ]
    player.show(media_folder / "green left.mp4")
    assert player.marks == []


def test_a_poster_can_wait_until_the_player_is_seen(player, media_folder):
    player.show(media_folder / "green left.mp4", with_poster=False)
    assert player.poster == b""
    ask(player, "poster")
    assert player.poster[:3] == b"\xff\xd8\xff"


def test_choosing_calls_back(player):
    chosen = []
    player.on_choose(lambda: chosen.append("one"))
    ask(player, "chosen")
    assert chosen == ["one"]


def test_a_span_behind_the_files_end_is_a_sentence(media_folder):
    player = ClipPlayer(media_folder / "red right.mp4", 60.0, 70.0)
    assert "red right.mp4: nothing lies from 60.0" in player.message
    assert player.end_seconds <= player.start_seconds


def test_a_clip_of_words_alone_is_a_sentence():
    player = ClipPlayer()
    player.show(None, caption="only words")
    assert player.message == "There is no media file."
    assert "There is no media file." in player.still().sentence


def test_missing_file_is_a_sentence(tmp_path):
    player = ClipPlayer(tmp_path / "gone.mp4", 0, 3, caption="was here")
    assert "gone.mp4: no such file" in player.message
    assert player.message in player.still().sentence


def test_file_that_goes_after_showing_is_a_sentence(player, tmp_path):
    player.media_path = tmp_path / "gone.mp4"
    content, _ = ask(player)
    assert content["kind"] == "refused"
    assert "gone.mp4: no such file" in player.message


def test_a_broken_file_is_a_sentence(tmp_path):
    (tmp_path / "broken.mp4").write_bytes(b"no media at all")
    assert "broken.mp4" in ClipPlayer(tmp_path / "broken.mp4").message


def test_seek_stays_within_the_clip(player):
    for wanted, expected in ((0.0, 1.0), (2.0, 2.0), (9.0, 2.5)):
        player.seek(wanted)
        assert player.current_time == expected
        assert player.sent[-1][0] == {"kind": "seek", "seconds": expected}


@pytest.mark.parametrize("seconds", [math.nan, math.inf, -math.inf])
def test_seconds_that_are_none_are_refused_and_change_nothing(player, media_folder, seconds):
    path, before = media_folder / "green left.mp4", player.get_state()
    wrong = {
        "start_seconds": {"start_seconds": seconds, "end_seconds": 2.0},
        "end_seconds": {"end_seconds": seconds},
        "segment 'one'": {"segments": [Segment(0.0, seconds, "one")]},
    }
    for name, arguments in wrong.items():
        with pytest.raises(ValueError, match=name):
            player.show(path, **arguments)
        with pytest.raises(ValueError, match="finite"):
            ClipPlayer(path, **arguments)
    with pytest.raises(ValueError, match="finite"):
        player.seek(seconds)
    assert player.get_state() == before
    assert player.sent == []


def test_a_late_word_about_the_clip_before_is_not_heard(player, media_folder):
    old = player.generation
    player.set_state({"told": [old, 1.5, True], "current_time": 1.5, "playing": True})
    assert (player.current_time, player.playing) == (1.5, True)
    player.show(media_folder / "green left.mp4", 0.5, 2.0)
    player.set_state({"told": [old, 2.4, True], "current_time": 2.4, "muted": True})
    assert (player.current_time, player.playing, player.muted) == (0.5, False, True)
    player.set_state({"told": [old + 1, 0.75, True], "current_time": 0.7, "playing": False})
    assert (player.current_time, player.playing) == (0.75, True), "told is whole, the rest is not"


def test_a_clip_from_before_the_file_is_refused(media_folder):
    with pytest.raises(ValueError, match="start_seconds of the clip is -5.0; .* from 0 up"):
        ClipPlayer(media_folder / "green left.mp4", -5.0, 1.0)


def test_what_ends_before_it_starts_is_refused(player, media_folder):
    path = media_folder / "green left.mp4"
    with pytest.raises(ValueError, match="the clip starts at 2.0 s and ends at 1.0 s"):
        ClipPlayer(path, 2.0, 1.0)
    with pytest.raises(ValueError, match="segment 'x' starts at 1.0 s and ends at 0.5 s"):
        player.show(path, segments=[(1.0, 0.5, "x")])


def test_end_defaults_to_the_files_end(media_folder):
    assert ClipPlayer(media_folder / "red right.mp4").end_seconds == pytest.approx(3.0, abs=0.1)


def test_another_clip_starts_paused_at_its_start(player, media_folder):
    player.playing, before = True, player.generation
    player.show(media_folder / "green left.mp4", 0.5, 2.0, caption="green")
    assert (player.playing, player.current_time, player.caption) == (False, 0.5, "green")
    assert player.generation == before + 1
    assert player.message == ""


def test_an_empty_player_says_so(tmp_path):
    assert ClipPlayer().still().sentence.endswith("Nothing chosen yet.")
