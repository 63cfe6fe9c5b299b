"""The panel of reasons: what the browser is told, what plays, and how it stands still."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from mmlab.question import Asker, Question
from mmlab.question.why import explain_hit
from mmlab.views.theme import AUDIO, PLAIN, TEXT
from mmlab.workbench.why_panel import GREETING, WhyPanel


@pytest.fixture
def reasons(tiny_retriever):
    clip_id = next(i for i in tiny_retriever.dataset.manifest["clip_id"] if "green" in i)
    question = Question.of(text="<b>move</b> on", audio=clip_id, without="blue")
    return explain_hit(Asker(tiny_retriever), question, clip_id)


def test_before_anything_is_chosen_there_is_a_sentence():
    panel = WhyPanel()
    assert panel.bars.reasons == {}
    assert panel.bars.greeting == panel.still().sentence.removeprefix("A clip player. Why: ")
    assert GREETING in panel.still().sentence


def test_the_browser_is_told_every_share_with_its_rank(reasons):
    panel = WhyPanel(reasons)
    told = json.loads(json.dumps(panel.bars.reasons))  # as it travels
    asked, seen = told["tables"]
    assert [row["value"] for row in asked["rows"]] == reasons.parts["share"].tolist()
    assert [row["colour"] for row in asked["rows"]] == [TEXT, AUDIO, PLAIN]
    assert asked["rows"][0]["name"] == "“<b>move</b> on”"  # text, which the browser never parses
    assert [row["name"] for row in seen["rows"]] == ["Picture", "Sound"]
    assert told["total"] == f"{reasons.score:+.3f}"
    assert [word["name"] for word in told["words"][0]["words"]] == ["b", "move", "b", "on"]
    assert len(told["sentences"]) == 5


def test_the_lanes_are_the_seconds_of_the_medium(reasons):
    lanes = WhyPanel(reasons).bars.reasons["lanes"]
    assert [lane["name"] for lane in lanes] == ["Picture", "Sound"]
    pieces = [piece for lane in lanes for piece in lane["pieces"]]
    assert [piece["start"] for piece in pieces] == reasons.seconds["start_seconds"].tolist()
    assert [piece["value"] for piece in pieces] == reasons.seconds["share"].tolist()
    assert pieces[0]["name"] == "0.0–1.0 s"


def test_a_click_on_a_second_plays_there(reasons):
    panel, sent = WhyPanel(reasons), []
    panel.player.send = lambda content, *_: sent.append(content)
    panel.bars._handle_custom_msg({"kind": "play", "seconds": 1.0}, [])
    assert sent == [{"kind": "seek", "seconds": 1.0}, {"kind": "play"}]
    assert panel.player.caption == reasons.caption


def test_no_rank_and_no_share_are_written_plainly(reasons):
    parts = reasons.parts.assign(rank_without=[np.nan, np.inf, 1.0], share=[-0.0, 0.1, -0.2])
    panel = WhyPanel(replace(reasons, parts=parts))
    rows = panel.bars.reasons["tables"][0]["rows"]
    assert [row["without"] for row in rows] == ["–", "beyond the 1,000th", "1st"]
    assert [row["share"] for row in rows] == ["+0.000", "+0.100", "-0.200"]


def test_a_clip_that_is_not_among_the_answers_is_not_said_to_rank(reasons):
    parts = reasons.parts.assign(rank_without=np.nan)
    sides = reasons.modalities.assign(rank_without=np.nan)
    panel = WhyPanel(replace(reasons, rank=np.nan, parts=parts, modalities=sides))
    told = panel.bars.reasons
    assert told["title"] == f"“{reasons.caption}” is not among these clips"
    assert told["sentences"] == []
    assert [row["without"] for table in told["tables"] for row in table["rows"]] == ["–"] * 5
    assert panel.player.heading.startswith("not among these clips · score ")
    assert "rank" not in panel.still().sentence


def test_showing_another_answer_replaces_the_first(reasons):
    panel = WhyPanel(reasons)
    panel.show(replace(reasons, clip_id="other", caption="other words"))
    assert panel.bars.reasons["title"].startswith("Why “other words” ranks")
    assert panel.player.caption == "other words"


def test_it_stands_still_with_its_reasons_in_words(reasons):
    picture = WhyPanel(reasons).still()
    assert picture.sentence == reasons.sentence
    assert picture.png().startswith(b"\x89PNG")
    assert len(picture.figure.axes) == 4


def test_without_words_and_seconds_the_picture_has_fewer_panels(reasons):
    none = pd.DataFrame(columns=reasons.seconds.columns)
    bare = replace(reasons, words=reasons.words.iloc[:0], seconds=none)
    panel = WhyPanel(bare)
    assert len(panel.still().figure.axes) == 2
    assert (panel.bars.reasons["words"], panel.bars.reasons["lanes"]) == ([], [])


def test_long_names_and_many_words_stay_in_the_picture(reasons):
    words = pd.DataFrame({"part": "x", "word": ["extraordinarily"] * 20, "share": 0.01})
    parts = reasons.parts.assign(part=["$wide$ " * 20, "narrow", "without “blue”"])
    picture = WhyPanel(replace(reasons, words=words, parts=parts)).still()
    figure = picture.figure
    figure.canvas.draw()
    edges = [label.get_window_extent().x0 for label in figure.axes[0].get_yticklabels()]
    assert min(edges) >= 0


def test_the_same_clip_goes_on_playing(reasons):
    panel = WhyPanel(reasons)
    panel.player.current_time, generation = 1.0, panel.player.generation
    panel.show(replace(reasons, score=0.123, rank=4.0))
    assert (panel.player.generation, panel.player.current_time) == (generation, 1.0)
    assert panel.player.heading == "4th · score 0.12"
    panel.show(replace(reasons, span=(0.5, 1.0)))
    assert panel.player.generation > generation


def test_it_is_blank_again(reasons):
    panel = WhyPanel(reasons)
    panel.clear()
    assert panel.bars.reasons == {}
    assert panel.reasons is panel.player.media_path is None
    assert panel.player.message == GREETING
    assert GREETING in panel.still().sentence
    panel.show(reasons)
    assert panel.player.message == ""
    assert panel.player.caption == reasons.caption


def test_the_title_is_the_caption_and_long_words_are_cut_off(reasons):
    words = pd.DataFrame({"part": "x", "word": ["w" * 3000], "share": 0.01})
    told = WhyPanel(replace(reasons, words=words, caption="c" * 300)).bars.reasons
    assert told["title"].startswith("Why “ccc")
    assert len(told["title"]) < 120
    assert told["clip"] == reasons.clip_id
    assert len(told["words"][0]["words"][0]["name"]) < 30
