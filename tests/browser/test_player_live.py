"""The player as a person uses it, and as Python drives it."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Locator, expect

from tests.browser.corpus import views_notebook
from tests.browser.gestures import click_at, plays
from tests.browser.opened import Opened
from tests.conftest import grey_clock, tone, write_video

pytestmark = pytest.mark.slow

PLAYER = """from mmlab.views.player import Segment
steps = [Segment(0.5, 1.5, "first <i>step</i>"), Segment(1.5, 2.5, "second step")]
player = views.ClipPlayer(dataset.media_path(row), 0.5, 3, segments=steps,
                          caption="move the <b>red</b> square & wait")
player"""
LONGER = (
    PLAYER.replace("dataset.media_path(row), 0.5, 3,", "folder / 'minute.mp4', 0.5, 55,")
    .replace("(0.5, 1.5,", "(0.5, 25,")
    .replace("(1.5, 2.5,", "(25, 50,")
)
"""It still plays when a busy machine comes to look."""
MOVES = (
    (["Home"], 0.5),
    (["ArrowRight"], 1.5),
    (["l"], 6.5),
    (["j"], 1.5),
    (["End"], 55),
    (["Home"], 0.5),
    (["j"], 0.5),  # no further than the clip's start
    (["n"], 25),
    (["ArrowRight", "ArrowRight", "p"], 25),
)
"""Keys, and the second of the file where they lead."""

TWICE = "display(player, player)"
SOUND = """sound = dataset.media_path(
    dataset.manifest.index[dataset.manifest.media_path == "only sound.mp4"][0])
views.ClipPlayer(sound, 0, 2, caption="listen <script>alert(1)</script>")"""
GONE = """import shutil
lost = folder / "lost.mp4"
shutil.copy(dataset.media_path(row), lost)
vanishing = views.ClipPlayer(lost, 0, 2)
lost.unlink()
display(vanishing, views.ClipPlayer("gone.mp4", 0, 3), views.ClipPlayer(caption="Click a dot."))"""
LONG = "long = views.ClipPlayer(folder / 'long.mp4')\nlong"
GALLERY = """from mmlab.views.gallery import ClipGallery
gallery = ClipGallery(dataset, dataset.manifest, per_page=4)
gallery"""

WORDS = """from mmlab.views.gallery import ClipGallery
lost = dataset.select([0, 1])
lost.media_path = lambda row: folder / "gone.mp4"
display(ClipGallery(None, dataset.manifest.head(3)), ClipGallery(lost, lost.manifest))"""
ANSWERS = """from mmlab.workbench import Workbench
search = Workbench(retriever, text="red", top=5)
search"""


@pytest.fixture
def opened_player(views_corpus, open_notebook, lab, tmp_path):
    def open_it(theme: str, name: str, *cells: str) -> Opened:
        lab.use_theme(theme)
        path = tmp_path / f"{name}-{theme}.ipynb"
        opened = open_notebook(views_notebook(views_corpus, path, *cells))
        opened.run_all()
        return opened

    return open_it


def wait_for_time(player: Locator, low: float, high: float) -> None:
    """Until the seek bar stands between two seconds of the media file."""
    between = f"(seek) => Number(seek.value) >= {low} && Number(seek.value) <= {high}"
    player.page.wait_for_function(between, arg=player.locator(".mmlab-seek").element_handle())


@pytest.mark.parametrize("theme", ["Light", "Dark"])
def test_mouse_keys_and_python_drive_the_player(opened_player, views_corpus, theme):
    path = views_corpus / "minute.mp4"
    write_video(
        path, 60.0, picture=grey_clock(seconds_to_grey=3.0), sound=tone(), frames_per_second=5
    )
    opened = opened_player(theme, "player", LONGER)
    player = opened.view(".mmlab-player")
    expect(player).to_contain_text("move the <b>red</b> square & wait")  # markup is text
    assert player.locator("b, i").count() == 0
    expect(player.locator(".mmlab-poster")).to_be_visible()
    assert not player.locator("video").get_attribute("src"), "media is sent only when played"

    player.locator(".mmlab-play").click()
    assert plays(player.locator("video")), "play does not play"
    opened.wait_until("player.playing and player.current_time > 0.5")
    a_pause_taken_back_at_once_is_none(player)
    player.locator(".mmlab-play").click()
    opened.wait_until("not player.playing")
    keys_move_it(opened, player)
    segments_are_marked(opened, player)
    opened.screenshot(f"live-player-{theme.lower()}", ".mmlab-player")
    opened.ask("player.seek(2.0)")
    wait_for_time(player, 1.95, 2.05)
    opened.ask("player.play()")
    opened.wait_until("player.playing")
    opened.ask("player.pause()")
    opened.wait_until("not player.playing")
    assert opened.errors == []


def a_pause_taken_back_at_once_is_none(player: Locator) -> None:
    """The browser tells of the pause when it plays again already."""
    player.evaluate(
        """async (player) => {
            const told = { once: true };
            const video = player.querySelector("video");
            const paused = new Promise((heard) => video.addEventListener("pause", heard, told));
            const play = player.querySelector(".mmlab-play");
            play.click();
            play.click();
            await paused;
        }"""
    )
    assert player.locator(".mmlab-play").get_attribute("aria-label") == "Pause"
    assert plays(player.locator("video"))


def keys_move_it(opened: Opened, player: Locator) -> None:
    """All seconds are those of the file; the clip goes from 0.5 to 55."""
    press = opened.page.keyboard.press
    player.focus()
    for keys, seconds in MOVES:
        for key in keys:
            press(key)
        wait_for_time(player, seconds - 0.01, seconds + 0.01)
    mute = player.locator(".mmlab-mute")
    press("m")
    expect(mute).to_have_attribute("aria-label", "Unmute")
    opened.wait_until("player.muted")
    press("m")
    expect(mute).to_have_attribute("aria-label", "Mute")
    for key in ("k", " "):
        press("Home")
        press(key)
        opened.wait_until("player.playing")
        press(key)
        opened.wait_until("not player.playing")


def segments_are_marked(opened: Opened, player: Locator) -> None:
    segments = player.locator(".mmlab-segment")
    assert segments.all_inner_texts() == ["first <i>step</i>", "second step"]
    segments.nth(1).click()
    wait_for_time(player, 24.99, 25.01)
    expect(segments.nth(1)).to_have_attribute("aria-current", "true")


def test_another_clip_while_one_plays_starts_at_its_own_start(opened_player, views_corpus):
    path = views_corpus / "minute.mp4"
    write_video(path, 60.0, picture=grey_clock(seconds_to_grey=3.0), sound=tone())
    opened = opened_player("Light", "another", LONGER)
    player = opened.view(".mmlab-player")
    player.locator(".mmlab-play").click()
    for start in (30, 0, 30, 0, 30, 0):
        assert plays(player.locator("video")), f"it does not play before the clip from {start}"
        opened.wait_until("player.playing")
        opened.ask(f"player.show(folder / 'minute.mp4', {start}, {start + 20})")
        opened.page.wait_for_timeout(500)  # a late word of the clip before would come by now
        assert opened.ask("(player.playing, player.current_time)") == (False, start)
        expect(player.locator(".mmlab-player-clock")).to_contain_text(f"0:{start:02d}")
        player.locator(".mmlab-play").click()
    assert opened.errors == []


def test_two_views_of_one_player_stay_in_step(opened_player):
    opened = opened_player("Light", "twice", PLAYER.rsplit("\n", 1)[0], TWICE)
    first, second = (opened.page.locator(".mmlab-player").nth(n) for n in range(2))
    first.locator(".mmlab-play").click()
    assert plays(first.locator("video"))
    expect(second.locator(".mmlab-play")).to_have_attribute("aria-label", re.compile("^P"))
    wait_for_time(second, 0.6, 3)
    opened.wait_until("not player.playing and player.current_time > 2.9")  # to the end
    second.locator(".mmlab-seek").focus()
    opened.page.keyboard.press("Home")
    wait_for_time(first, 0.5, 0.6)
    second.locator(".mmlab-play").click()
    assert plays(second.locator("video"))
    assert first.locator("video").evaluate("(video) => video.paused"), "both sound at once"
    assert opened.errors == []


def test_sound_alone_shows_its_wave(opened_player):
    opened = opened_player("Dark", "sound", SOUND)
    player = opened.view(".mmlab-player")
    expect(player.locator(".mmlab-wave")).to_be_visible()
    expect(player).to_contain_text("listen <script>alert(1)</script>")
    player.locator(".mmlab-play").click()
    assert plays(player.locator("video")), "sound alone does not play"
    opened.screenshot("live-player-sound", ".mmlab-player")
    assert opened.errors == []


def test_media_that_is_gone_is_a_sentence(opened_player):
    opened = opened_player("Light", "gone", GONE)
    vanished, never, empty = (opened.page.locator(".mmlab-player").nth(n) for n in range(3))
    expect(empty).to_have_text("Click a dot.", use_inner_text=True)
    for part in (".mmlab-stage", ".mmlab-bar"):
        expect(empty.locator(part)).to_be_hidden()
        expect(never.locator(part)).to_be_hidden()
        expect(vanished.locator(part)).to_be_visible()
    expect(never.locator(".mmlab-message")).to_contain_text("gone.mp4")
    expect(never.locator(".mmlab-play")).to_be_disabled()
    vanished.locator(".mmlab-play").click()
    expect(vanished.locator(".mmlab-message")).to_contain_text("lost.mp4")
    assert opened.errors == []


def test_a_long_clip_comes_in_pieces(opened_player, views_corpus):
    """100 s are more than one piece: it plays from anywhere, and over the end of a piece."""
    picture = grey_clock(seconds_to_grey=2.0)
    path = views_corpus / "long.mp4"
    write_video(path, 100.0, picture=picture, sound=tone(), frames_per_second=5)
    opened = opened_player("Light", "long", LONG)
    player = opened.view(".mmlab-player")
    video = player.locator("video")
    player.locator(".mmlab-play").click()
    assert plays(video)
    assert video.evaluate("(video) => video.duration") < 60, "all of it came at once"
    opened.ask("long.seek(70)")
    wait_for_time(player, 70, 80)
    assert plays(video), "it does not play after a seek out of its piece"
    end_of_piece = video.evaluate("(video) => video.duration")
    over = 70 + end_of_piece
    if over < 99:
        opened.ask(f"long.seek({over - 1})")
        wait_for_time(player, over + 0.3, 100)
    click_at(player.locator(".mmlab-seek"), 0.1)
    wait_for_time(player, 5, 20)
    assert plays(video), "it does not play after a click on the bar"
    assert opened.errors == []


def test_a_gallery_turns_its_pages_and_arrows_move_between_cards(opened_player):
    opened = opened_player("Light", "gallery", GALLERY)
    gallery = opened.view(".mmlab-gallery")
    cards = gallery.locator(".mmlab-card .mmlab-player")
    expect(cards).to_have_count(4)
    expect(cards.first.locator(".mmlab-poster")).to_have_attribute("src", re.compile("^blob:"))
    heading = cards.first.locator(".mmlab-heading")
    assert heading.text_content().endswith("0.0\u2060–\u20602.0\u00a0s"), "a time may break"
    cards.first.focus()
    opened.page.keyboard.press("ArrowRight")
    expect(cards.nth(1)).to_be_focused()
    opened.page.keyboard.press("ArrowLeft")
    expect(cards.first).to_be_focused()
    first = cards.first.inner_text()
    pager = gallery.locator(".mmlab-gallery-pager")
    expect(pager).to_contain_text("1–4 of 13")
    expect(pager.get_by_role("button", name="Back")).to_be_disabled()
    pager.get_by_role("button", name="Next").click()
    expect(pager).to_contain_text("5–8 of 13")
    expect(cards.first).not_to_have_text(first)
    opened.screenshot("live-gallery", ".mmlab-gallery")
    assert opened.errors == []


def test_cards_without_media_are_words_alone(opened_player):
    opened = opened_player("Light", "words", WORDS)
    cards = opened.page.locator(".mmlab-card .mmlab-player")
    expect(cards).to_have_count(5)
    expect(cards.last.locator(".mmlab-message")).to_contain_text("gone.mp4")
    for card in cards.all():
        expect(card.locator(".mmlab-caption")).to_be_visible()
        for part in (".mmlab-stage", ".mmlab-play", ".mmlab-seek", ".mmlab-mute"):
            expect(card.locator(part)).to_be_hidden()
        expect(card).to_have_attribute("aria-label", re.compile(r"^Clip\. "))
    opened.screenshot("live-gallery-words", ".mmlab-gallery")
    assert opened.errors == []


def test_keys_that_the_player_does_not_use_go_on(opened_player):
    """Escape is for what the player lies in; J and the arrows never move JupyterLab's cells."""
    opened = opened_player("Light", "keys", PLAYER, GALLERY)
    opened.page.evaluate(
        """() => {
            window.heard = [];
            document.addEventListener("keydown", (event) => window.heard.push(event.key));
        }"""
    )
    for player in (opened.view(".mmlab-player"), opened.view(".mmlab-card .mmlab-player")):
        opened.page.evaluate("() => { window.heard = []; }")
        player.focus()
        for key in ("j", "k", "k", "l", "Home", "m", "m", "n", "Escape", "d", "d"):
            opened.page.keyboard.press(key)
        expect(player).to_be_focused()
        assert opened.page.evaluate("() => window.heard") == ["Escape", "d", "d"]
    opened.page.keyboard.press("ArrowDown")
    assert opened.page.evaluate("() => window.heard") == ["Escape", "d", "d"]
    expect(opened.page.locator(".jp-CodeCell")).to_have_count(3)  # D D deleted no cell
    assert opened.errors == []


def test_answers_ask_for_their_pictures_themselves(opened_player):
    opened = opened_player("Light", "answers", ANSWERS)
    cards = opened.view(".mmlab-results").locator(".mmlab-card")
    pictures = cards.locator(".mmlab-poster[src^='blob:'], .mmlab-wave svg:first-child")
    expect(cards).to_have_count(5)
    for number, words in enumerate(("red", "hum a low note")):
        if number:
            opened.ask(f"search.ask(text={words!r})['rank'].tolist()")
        for card in cards.all():
            card.scroll_into_view_if_needed()
        expect(pictures).to_have_count(5)
    assert opened.errors == []
