import pytest

from mmlab.views.player import ClipPlayer
from mmlab.views.posters import film_strip, poster_image, poster_jpeg


@pytest.fixture
def player(media_folder):
    player = ClipPlayer(media_folder / "red right.mp4", 1.0, 2.5, caption="<b>red</b>")
    player.sent = []
    player.send = lambda content, buffers=None: player.sent.append((content, buffers))
    return player


def ask_for_media(player):
    player._handle_custom_msg({"kind": "media"}, [])
    return player.sent[-1]


def test_nothing_but_a_poster_is_sent_before_play(player):
    state = player.get_state()
    assert player.poster[:3] == b"\xff\xd8\xff"  # JPEG
    assert sum(len(value) for value in state.values() if isinstance(value, bytes)) < 30_000


def test_media_is_sent_when_asked_for(player):
    content, buffers = ask_for_media(player)
    assert content == {"kind": "media", "generation": player.generation, "mime": "video/mp4"}
    assert buffers[0][4:8] == b"ftyp"


@pytest.mark.parametrize("budget", [100, 10_000])
def test_over_budget_is_a_sentence(player, budget):
    player.byte_budget = budget
    content, buffers = ask_for_media(player)
    assert content["kind"] == "refused"
    assert buffers is None
    assert "red right.mp4" in player.message
    assert "byte_budget" in player.message


def test_missing_file_is_a_sentence(tmp_path):
    player = ClipPlayer(tmp_path / "gone.mp4", 0, 3, caption="was here")
    assert "gone.mp4: no such file" in player.message
    assert player.message in player.still().sentence


def test_file_that_goes_after_showing_is_a_sentence(player, tmp_path):
    player.media_path = tmp_path / "gone.mp4"
    content, _ = ask_for_media(player)
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


def test_sound_alone_has_a_drawn_wave(media_folder):
    tile = poster_image(media_folder / "only sound.mp4", (0.0, 2.0))
    assert tile.size == (320, 180)
    assert len(tile.getcolors(100_000)) > 16


def test_a_missing_poster_comes_back_with_its_file(media_folder, tmp_path):
    path = tmp_path / "late.mp4"
    missing = poster_jpeg(path, (0.0, 1.0))
    path.write_bytes((media_folder / "red right.mp4").read_bytes())
    assert poster_jpeg(path, (0.0, 1.0)) != missing


def test_film_strip_is_true_to_time(media_folder):
    strip = film_strip(media_folder / "red right.mp4", (0.0, 3.0), height=24)
    frames = 10  # 128 x 96 pictures: 14 * 96 / 128 of them
    assert strip.shape == (24, frames * 32, 3)
    reds = [
        part[..., 0].astype(int).sum(0).argmax()
        for part in strip.reshape(24, 10, 32, 3).swapaxes(0, 1)
    ]
    assert reds == sorted(reds)  # the square moves to the right all the time


def test_film_strip_of_sound_or_nothing_is_empty(media_folder, tmp_path):
    assert film_strip(media_folder / "only sound.mp4", (0.0, 2.0)).size == 0
    assert film_strip(tmp_path / "gone.mp4", (0.0, 2.0)).size == 0
