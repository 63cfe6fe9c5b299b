"""The attention view from Python: what it chooses, says and keeps; the browser is tested apart."""

import html
import json
import re
import threading
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from mmlab.explanation import MEAN_OF_HEADS, RELEVANCE, Moment, TokenMap
from mmlab.views.attention import AttentionView, explaining
from mmlab.views.attention import view as views_attention_view
from mmlab.views.attention.later import Later
from mmlab.views.attention.links import strongest_links
from mmlab.views.attention.moments import moments_sentence
from mmlab.views.attention.saving import FORMATS
from mmlab.views.reopen import reopen

SECONDS = np.array([[0, 1], [1, 2], [2, 3], [0, 0.64], [0.64, 1.28]])
NASTY = "<script>alert('$x$')</script>"


def token_map(words=("mash", "two", "bananas"), heat=None, **changes):
    rows = 1 + len(words)
    random = np.random.default_rng(0).random((rows, 5))
    heat = random / random.sum(axis=1, keepdims=True) if heat is None else heat
    given = {
        "words": list(words),
        "modality": ["video"] * 3 + ["audio"] * 2,
        "seconds": SECONDS,
        "weights": {MEAN_OF_HEADS: heat, RELEVANCE: heat[:, ::-1] * 10},
        "span": (0.0, 3.0),
        "caption": " ".join(words),
        "log_mel": np.linspace(-80, 0, 300 * 40, dtype=np.float32).reshape(300, 40),
    }
    return TokenMap(**given | changes)


@pytest.fixture
def view(tiny_retriever):
    return AttentionView(tiny_retriever, clip_of(tiny_retriever, "a red square"), word="square")


def clip_of(retriever, text):
    manifest = retriever.dataset.manifest
    return manifest.clip_id[manifest.text == text].item()


def test_the_browser_gets_every_word_and_token(view):
    clock, found = view.clock, view.token_map
    assert clock.words == ["(all)", "a", "red", "square"]
    heat = np.frombuffer(clock.weights, "<f4").reshape(4, len(found.modality))
    np.testing.assert_allclose(heat, found.weights[MEAN_OF_HEADS], rtol=1e-6)
    seconds = np.frombuffer(clock.seconds, "<f4").reshape(-1, 2)
    np.testing.assert_allclose(seconds, found.seconds, rtol=1e-6)
    labels = [lane["label"] for lane in clock.lanes]
    below = ["sound, low to high", "loudness", "heat over sound"]
    assert labels == ["picture", "heat over picture", *below]
    assert sorted(n for lane in clock.lanes for n in lane["tokens"]) == list(range(heat.shape[1]))
    assert {picture["name"] for picture in clock.pictures} == {"film", "spectrogram", "wave"}


def test_words_are_chosen_by_name_number_or_not(view):
    assert view.clock.chosen == 3
    view.choose(1)
    assert view.parameters()["word"] == "red"
    view.choose(None)
    assert view.parameters()["word"] is None
    for nobody in ("fry", 3, -1):
        with pytest.raises(ValueError, match="no word .*: a, red, square"):
            view.choose(nobody)


def test_a_word_that_is_said_twice_is_told_by_its_number():
    view = AttentionView.of(token_map(["stir", "and", "stir"]), word=2)
    assert view.clock.chosen == 3
    assert view.parameters()["word"] == 2


def test_a_click_on_a_second_plays_from_there(view, monkeypatch):
    sent = []
    monkeypatch.setattr(view.player, "play", lambda: sent.append(view.player.current_time))
    view.clock._handle_custom_msg({"kind": "play", "seconds": 0.75}, [])
    assert sent == [0.75]
    assert view.clock.second == 0.75
    view.seek(99)
    assert view.clock.second == view.player.current_time == 1.5  # the clip's end
    assert sent == [0.75]


def test_another_heat_changes_all_that_tells_it(view):
    before = view.clock.weights, view.links.value, view.table
    view.weighting.value = RELEVANCE
    assert view.clock.weights != before[0]
    assert view.links.value != before[1]
    pd.testing.assert_frame_equal(view.table, view.token_map.table(RELEVANCE))
    assert view.clock.chosen == 3


def test_another_combination_keeps_heat_and_word(view):
    view.weighting.value = RELEVANCE
    view.combination.value = "text+audio"
    assert view.weighting.value == RELEVANCE
    assert view.clock.chosen == 3
    assert {lane["name"] for lane in view.clock.lanes} == {"spectrogram", "wave", "heat audio"}
    view.combination.value = "video"
    assert view.weighting.value == RELEVANCE
    view.weighting.value = MEAN_OF_HEADS
    assert view.clock.words == ["(all)"]  # nobody looks from a word
    assert view.clock.chosen == 0


def test_the_deletion_test_stands_below(view):
    assert view.deletion.sentence() in view.worth.value
    assert view.worth.value.count("<polyline") == 2
    assert view.deletion.sentence() in view.still().sentence


def test_any_score_can_be_tested():
    heat = np.array([[0.6, 0.1, 0.1, 0.1, 0.1]] * 4)
    view = AttentionView.of(token_map(heat=heat), score=lambda kept: kept[:, 0].astype(float))
    assert view.deletion.area > 0.2  # the one token that counts is the first that goes
    assert view.deletion.area_interval[0] > 0
    assert AttentionView.of(token_map()).worth.value == ""


def test_a_zoom_brings_sharper_pictures_of_that_part(view):
    whole = view.clock.pictures
    view.clock.shown = [0.5, 1.0]
    closer = view.clock.pictures[len(whole) :]
    assert [(one["start"], one["end"]) for one in closer] == [(0.5, 1.0)] * 3
    view.clock.shown = [0.0, 1.5]
    assert view.clock.pictures == whole


def test_the_strongest_links_come_first():
    view = AttentionView.of(token_map())
    best = view.table.nlargest(8, "weight")
    told = [cell for cell in view.links.value.split("<td>")[1:]]
    assert [cell.removesuffix("</td>") for cell in told[::5]] == best.word.tolist()
    assert told[3] == f"{100 * best.weight.iloc[0]:.2g} %</td>"


def test_weights_that_are_no_shares_get_no_percent():
    view = AttentionView.of(token_map(), weighting=RELEVANCE)
    assert view.clock.unit == ""
    assert "%" not in view.links.value


@pytest.mark.parametrize("text", ["blue without a sound", "nothing to see"])
def test_a_clip_without_picture_or_sound_shows_the_other(tiny_retriever, text):
    view = AttentionView(tiny_retriever, clip_of(tiny_retriever, text))
    heats = [lane["name"] for lane in view.clock.lanes if lane["tokens"]]
    assert len(heats) == 1
    assert view.clock.message == ""
    assert view.still().png()[:4] == b"\x89PNG"


def test_a_combination_of_which_the_clip_has_nothing_is_a_sentence(tiny_retriever):
    view = AttentionView(tiny_retriever, clip_of(tiny_retriever, "blue without a sound"), "audio")
    assert "audio" in view.clock.message
    assert view.clock.lanes == []
    assert view.still().png()[:4] == b"\x89PNG"
    assert view.deletion is None
    view.combination.value = "text+video+audio"
    assert view.clock.message == ""


@pytest.mark.parametrize(
    "changes",
    [
        {"modality": [], "seconds": np.zeros((0, 2)), "weights": {"w": np.zeros((4, 0))}},
        {"words": [], "weights": {"w": np.full((1, 5), 0.2)}},
        {"words": [NASTY], "weights": {"w": np.full((2, 5), 0.2)}, "caption": NASTY},
        {"words": ["word"] * 200, "weights": {"w": np.zeros((201, 5))}, "caption": "word " * 200},
        {"log_mel": np.zeros((0, 1), np.float32), "span": (0.0, 0.0), "seconds": np.zeros((5, 2))},
        {"modality": ["smell"] * 5},
    ],
)
def test_odd_maps_are_shown(changes, media_folder):
    shown = token_map(**changes, media_path=media_folder / "gone.mp4")
    view = AttentionView.of(shown)
    assert bool(view.clock.message) == (not shown.modality)
    assert "gone.mp4" in view.player.message
    picture = view.still()
    assert picture.png()[:4] == b"\x89PNG"
    assert picture.figure.get_size_inches()[1] < 12
    assert "<script" not in view.links.value


def test_it_is_saved_as_its_ending_says(view, tmp_path):
    for ending in FORMATS.values():
        assert view.save(tmp_path / "new" / f"view{ending}").stat().st_size > 100
    assert Image.open(tmp_path / "new" / "view.png").size[0] > 1000
    assert b"<svg" in (tmp_path / "new" / "view.svg").read_bytes()
    loaded = TokenMap.load(tmp_path / "new" / "view.safetensors")
    np.testing.assert_array_equal(loaded.heat(RELEVANCE), view.token_map.heat(RELEVANCE))
    assert len(pd.read_csv(tmp_path / "new" / "view.csv")) == len(view.table)
    with pytest.raises(ValueError, match=r"view\.gif: a view is saved as \.png"):
        view.save(tmp_path / "view.gif")


def test_the_save_button_says_what_it_did(view, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    control = view.children[1].children[-1]
    control.format.value = ".csv"
    control.button.click()
    (saved,) = tmp_path.iterdir()
    assert saved.name in control.message.value
    name = "attention-red-right.mp4-0.00-1.50-text+video+audio-attention-mean-of-heads-square.csv"
    assert saved.name == name
    view.weighting.value = RELEVANCE
    control.button.click()
    assert len(list(tmp_path.iterdir())) == 2, "another heat is another file"
    control.button.click()
    assert "Saved again as" in control.message.value


def test_the_page_holds_all_and_no_markup_of_the_captions(media_folder, tmp_path):
    shown = token_map([NASTY, "two"], caption=NASTY, media_path=media_folder / "red right.mp4")
    view = AttentionView.of(shown)
    page = view.save(tmp_path / "page.html").read_text()
    assert page.count("</script>") == 2  # the state and the code
    assert "<script>alert" not in page
    assert 'src="http' not in page
    assert "data:video/mp4;base64," in page
    assert page.count("<option") == 2


def test_its_stamp_makes_it_again(view):
    view.weighting.value = RELEVANCE
    view.combination.value = "text+video"
    view.sentence.value = "a blue square"
    view.choose("blue")
    view.seek(0.75)
    view.clock.shown = [0.5, 1.0]
    view.every_word.value = True
    again = reopen(view.stamp.to_json(), view.retriever)
    assert again.parameters() == view.parameters()
    assert again.parameters() | {"word": "blue", "second": 0.75, "shown": [0.5, 1.0]} == (
        view.parameters() | {"caption": "a blue square", "every_word": True, "block": 0}
    )
    assert again.clock.weights == view.clock.weights
    assert AttentionView.of(token_map()).stamp is None


def test_links_worth_and_sentence_follow_the_chosen_word(view):
    assert "Strongest seconds of “square”" in view.links.value
    assert "“square” with video+audio" in view.worth.value
    assert "of “square” in “a red square”" in view.still().sentence
    view.choose(None)
    assert "Strongest links of all words" in view.links.value
    assert "the caption with video+audio" in view.worth.value
    assert "cosine of the caption with video+audio" in view.notes.value


def test_any_sentence_can_be_asked(view):
    view.sentence.value = "green circle"
    assert view.clock.words == ["(all)", "green", "circle"]
    assert view.clock.chosen == 0, "its words are others"
    assert view.parameters()["caption"] == "green circle"
    assert view.deletion is not None
    view.sentence.value = "?!"
    assert "no word" in view.clock.message
    view.sentence.value = ""
    assert view.clock.words == ["(all)", "a", "red", "square"]
    assert view.parameters()["caption"] is None
    assert view.clock.message == ""


def test_the_player_says_what_the_clip_says_whatever_it_is_asked(tiny_retriever, tmp_path):
    clip_id = clip_of(tiny_retriever, "a red square")
    view = AttentionView(tiny_retriever, clip_id, caption="zzzz qqqq")
    assert view.player.caption == "a red square"
    assert 'aria-label="a red square"' in view.save(tmp_path / "a.html").read_text()


def test_a_clip_that_the_model_shortens_has_a_sentence_for_its_worth(view, monkeypatch):
    def refuse(*_, **__):
        raise ValueError("tokens of audio cannot be removed one by one")

    monkeypatch.setattr(explaining, "clip_deletion", refuse)
    view.choose("red")
    assert "cannot be removed one by one" in view.worth.value
    assert view.deletion is None
    assert view.still().png()[:4] == b"\x89PNG"


def test_a_long_clip_keeps_the_kernel_free(view, monkeypatch):
    """Nothing of the old question stands while the new one is worked out in a thread."""
    started, go = threading.Event(), threading.Event()
    explain = explaining.explain_clip

    def slow(*args, **kwargs):
        started.set()
        assert go.wait(30)
        return explain(*args, **kwargs)

    monkeypatch.setattr(explaining, "explain_clip", slow)
    monkeypatch.setattr(explaining, "LONG_TOKENS", 1)
    view.combination.value = "text+audio"
    assert started.wait(30)
    assert "Working out text+audio" in view.clock.message
    assert view.links.value == view.worth.value == ""
    view.clock._handle_custom_msg({"kind": "play", "seconds": 0.5}, [])
    assert view.clock.second == 0.5
    go.set()
    view.wait()
    assert {lane["name"] for lane in view.clock.lanes if lane["tokens"]} == {"heat audio"}
    assert view.clock.message == ""
    assert "hottest" in view.worth.value


def test_only_the_newest_question_is_told():
    told, go = [], threading.Event()
    later = Later(told.append)
    later.ask("slow", lambda: go.wait(30) and "old", at_once=False)
    later.ask("never begun", lambda: told.append("worked out") or "never", at_once=False)
    later.ask("new", lambda: "new", at_once=False)
    go.set()
    later.wait()
    assert told == ["new"]
    later.ask("slow", lambda: "again", at_once=False)
    assert told == ["new", "old"], "what was worked out is kept"


@pytest.mark.parametrize(
    ("text", "combination", "told"),
    [
        ("blue without a sound", "text+video+audio", "no sound: only its words and its picture"),
        ("blue without a sound", "video+audio", "no sound: only its picture is fused"),
    ],
)
def test_what_a_clip_lacks_is_said(tiny_retriever, text, combination, told):
    view = AttentionView(tiny_retriever, clip_of(tiny_retriever, text), combination)
    assert told in view.notes.value
    assert told in view.still().sentence


def test_how_much_of_a_long_caption_is_read_is_said():
    long = token_map([f"w{n}" for n in range(20)], caption=" ".join(f"w{n}" for n in range(200)))
    assert "reads the first 20 of 200 words" in AttentionView.of(long).notes.value
    some = token_map(["red"], caption="a red zzz")
    assert "knows 1 of these 3 words" in AttentionView.of(some).notes.value


def test_the_picture_of_a_long_caption_has_the_chosen_word():
    view = AttentionView.of(token_map([f"w{n}" for n in range(200)], np.ones((201, 5)) / 5))
    view.choose("w150")
    figure = view.still().figure
    names = [label.get_text() for axes in figure.axes for label in axes.get_yticklabels()]
    assert "▸ w150" in names
    assert any("14 strongest of 200 words" in text.get_text() for text in figure.texts)


def test_without_words_nothing_is_said_of_words():
    view = AttentionView.of(token_map([], np.full((1, 5), 0.2)))
    told = view.still().sentence + view.links.value
    assert "words" not in told
    assert "all that is fused" in told


def test_true_seconds_are_marked_where_the_corpus_knows_them(view, monkeypatch):
    true = [Moment("action seen", "video", ((0.0, 0.5),), 2, "fry seen")]
    monkeypatch.setattr(views_attention_view, "true_seconds", lambda *_: true)
    view.combination.value = "text+video"
    assert view.clock.truth[0] == {
        "row": 3, "lane": "heat video", "what": "fry seen", "spans": [[0.0, 0.5]]
    }  # fmt: skip
    sentence = moments_sentence(view.token_map, view.weighting.value, 3, true)
    heat, seconds = view.token_map.heat(view.weighting.value, 2), view.token_map.seconds
    here = seconds[:, 0] < 0.5
    assert f"{100 * heat[here].sum() / heat.sum():.0f} % of the heat over picture" in sentence
    assert f"{100 * here.mean():.0f} % by chance" in sentence
    assert sentence in view.still().sentence
    assert "black lines: true seconds" in view.still().figure.texts[1].get_text()
    view.combination.value = "text+audio"  # of a picture that is not shown, nothing is explained
    assert "true seconds" not in view.still().figure.texts[1].get_text()


def test_pages_and_drawings_carry_the_stamp(view, tmp_path):
    stamp = view.stamp.to_json()
    page = view.save(tmp_path / "a.html").read_text()
    held = re.search('<meta name="mmlab" content="([^"]*)">', page)
    assert html.unescape(held[1]) == stamp
    drawing = ElementTree.parse(view.save(tmp_path / "a.svg"))
    assert stamp in [text.strip() for text in drawing.getroot().itertext()]


def test_a_page_holds_links_and_worth_of_every_heat(view, tmp_path):
    page = view.save(tmp_path / "a.html").read_text()
    for number in range(len(view.token_map.weights)):
        assert f'data-of="{number} 0"' in page
    state = json.loads(re.search('id="clock-state">(.*?)</script>', page)[1])
    links = state["weightings"][RELEVANCE]["links"][3]
    assert links["title"] == "Strongest seconds of “square”, by relevance"
    assert [tuple(link) for link in links["cells"]] == strongest_links(
        view.token_map, RELEVANCE, row=3
    )


def test_a_sentence_without_known_words_changes_no_other_choice(view):
    view.weighting.value = chosen = "attention, head 1"
    view.sentence.value = "?!"
    assert chosen not in view.token_map.weights
    view.sentence.value = ""
    assert view.weighting.value == chosen
    assert view.sentence.placeholder == view.player.caption, "what is asked is told nowhere"


def test_a_part_that_ends_before_it_starts_is_refused(view):
    with pytest.raises(ValueError, match=r"shown is a start and a later end .* \(5, 1\)"):
        AttentionView(view.retriever, view.clip_id, shown=(5, 1))


def test_an_unknown_heat_is_refused():
    with pytest.raises(ValueError, match="no heat 'warmth'; there are attention, mean of heads"):
        AttentionView.of(token_map(), weighting="warmth")
