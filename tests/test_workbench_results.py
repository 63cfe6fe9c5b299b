import base64
import errno
import json
import os
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from mmlab.workbench.exporting import as_list
from mmlab.workbench.filters import Among
from mmlab.workbench.results import ANSWERS, PINNED, Results

FILES = ["red right.mp4", "green left.mp4", "blue mute.mp4"]


@pytest.fixture
def dataset(media_folder):
    """Twenty clips of three media, with columns of every kind."""
    numbers = np.arange(20)
    manifest = pd.DataFrame(
        {
            "clip_id": [f"clip{n}" for n in numbers],
            "media_path": [FILES[n % 3] for n in numbers],
            "start_seconds": numbers / 20,
            "end_seconds": numbers / 20 + 0.5 + numbers % 5 / 10,
            "text": [f"<i>{n}</i> & more" for n in numbers],
            "ingredient": [["onion", "tomato", None][n % 3] for n in numbers],
            "step": numbers % 4,
            "heard": numbers % 2 == 0,
        }
    )
    return SimpleNamespace(
        manifest=manifest,
        row_of=manifest["clip_id"].tolist().index,
        media_path=lambda row: media_folder / FILES[row % 3],
    )


@pytest.fixture
def results(dataset):
    return Results(dataset, on_more_like=print, on_why=print)


def hits(dataset, *numbers):
    found = dataset.manifest.iloc[list(numbers)].reset_index(drop=True)
    found.insert(0, "score", 0.9 - 0.01 * np.arange(len(found)))
    found.insert(0, "rank", range(1, len(found) + 1))
    return found


def players(results):
    return [box.children[0] for box in results.cards.cards.children]


def feet(results):
    return [box.children[1] for box in results.cards.cards.children]


def press(results, kind, card):
    feet(results)[card]._handle_custom_msg({"kind": kind}, [])


def drawn(player):
    """The browser asks for the poster of what is on screen."""
    player._handle_custom_msg({"kind": "poster", "generation": player.generation}, [])


def test_a_card_has_rank_score_seconds_caption_and_title(results, dataset):
    results.show(hits(dataset, 4, 2), "Two clips.")
    assert [player.heading for player in players(results)] == [
        "1 · score 0.90 · 0.2–1.1 s",
        "2 · score 0.89 · 0.1–0.8 s",
    ]
    assert players(results)[0].caption == "<i>4</i> & more"  # text, which is never parsed
    assert [foot.title for foot in feet(results)] == ["green left.mp4", "blue mute.mp4"]
    assert results.status.words == "Two clips."
    assert "Two clips." in results.still().sentence


def test_before_a_question_there_is_nothing(results):
    assert results.cards.cards.children == ()
    assert results.hits == []
    assert results.status.words == ""


def test_players_are_kept_and_what_stays_is_not_loaded_again(results, dataset):
    results.show(hits(dataset, 0, 1, 2))
    before, generations = players(results), [player.generation for player in players(results)]
    results.show(hits(dataset, 0, 7, 2).assign(score=0.5))
    assert players(results) == before
    changed = [player.generation for player in before]
    assert [new - old for old, new in zip(generations, changed, strict=True)] == [0, 1, 0]
    assert before[0].heading.startswith("1 · score 0.50")
    assert before[1].caption == "<i>7</i> & more"


def test_posters_wait_until_they_are_seen_and_then_come_at_once(results, dataset):
    results.show(hits(dataset, 0, 1))
    first = players(results)[0]
    assert first.poster == b""
    drawn(first)
    poster = first.poster
    assert poster
    results.show(hits(dataset, 1, 0))
    assert players(results)[0].poster == b""
    assert players(results)[1].poster == poster


def test_a_file_that_changes_is_measured_again(dataset, media_folder, tmp_path):
    moved = tmp_path / "clip.mp4"
    moved.write_bytes((media_folder / FILES[0]).read_bytes())
    dataset.media_path = lambda row: moved
    results = Results(dataset)
    results.show(hits(dataset, 0))
    assert players(results)[0].message == ""
    results.show(hits(dataset, 1))
    moved.write_bytes(b"no media at all")
    os.utime(moved, (1, 1))
    results.show(hits(dataset, 0))
    assert "clip.mp4" in players(results)[0].message
    moved.unlink()
    results.show(hits(dataset, 2))
    assert "no such file" in players(results)[0].message


def test_buttons_act_on_the_clip_of_their_card(dataset):
    told = []
    results = Results(
        dataset,
        on_more_like=lambda clip_id: told.append(("more", clip_id)),
        on_why=lambda clip_id: told.append(("why", clip_id)),
        on_pin=lambda clip_id: told.append(("pin", clip_id)),
        on_choose=lambda clip_id: told.append(("choose", clip_id)),
        per_page=2,
    )
    results.show(hits(dataset, 0, 1, 2, 3))
    results.cards.next.click()
    for kind in ("more", "why", "pin"):
        press(results, kind, 1)
    players(results)[0]._handle_custom_msg({"kind": "chosen"}, [])
    assert told == [("more", "clip3"), ("why", "clip3"), ("pin", "clip3"), ("choose", "clip2")]


def test_a_button_without_a_purpose_is_not_there(dataset):
    results = Results(dataset, on_why=print)
    results.show(hits(dataset, 0))
    assert feet(results)[0].kinds == ["pin", "why"]


def test_pinned_clips_keep_their_rank_from_question_to_question(results, dataset):
    results.show(hits(dataset, 3, 4, 5))
    press(results, "pin", 1)
    assert [foot.pinned for foot in feet(results)] == [False, True, False]
    results.show(hits(dataset, 8, 9, 10, 4))
    assert [foot.pinned for foot in feet(results)] == [False, False, False, True]
    results.pin("clip8")
    results.which.value = PINNED
    assert [player.heading[:14] for player in players(results)] == [
        "2 · score 0.89",
        "1 · score 0.90",
    ]
    assert results.pinned["clip_id"].tolist() == ["clip4", "clip8"]
    assert [label for label, _ in results.which.options] == ["Found", "Pinned (2)"]
    press(results, "pin", 0)
    assert results.pinned["clip_id"].tolist() == ["clip8"]
    assert len(players(results)) == 1
    results.show(hits(dataset, 1))
    assert results.which.value == ANSWERS
    assert results.hits[0]["clip_id"] == "clip1"


def test_what_is_no_answer_cannot_be_pinned(results, dataset):
    results.show(hits(dataset, 1))
    with pytest.raises(ValueError, match="“clip2” is not among the answers"):
        results.pin("clip2")
    results.which.value = PINNED
    assert "Nothing is pinned" in results.status.words


@pytest.mark.parametrize(
    "conditions",
    [
        {"ingredient": ["onion"]},
        {"ingredient": ["onion", "tomato"], "step": [1, 2]},
        {"seconds": (0.65, 0.85)},
        {"start_seconds": (0.2, 0.7), "heard": [True], "ingredient": ["tomato"]},
        {"ingredient": ["nobody has this"]},
    ],
)
def test_filters_against_a_loop(results, dataset, conditions):
    results.show(hits(dataset, *range(20)))
    for column, wanted in conditions.items():
        results.filters.set(column, wanted)

    def meets(clip):
        clip = {**clip, "seconds": clip["end_seconds"] - clip["start_seconds"]}
        return all(
            wanted[0] <= clip[column] <= wanted[1]
            if isinstance(wanted, tuple)
            else clip[column] in wanted
            for column, wanted in conditions.items()
        )

    expected = [one for one in dataset.manifest.to_dict("records") if meets(one)]
    assert [hit["clip_id"] for hit in results.hits] == [one["clip_id"] for one in expected]
    assert results.status.words.startswith(f"{len(expected)} of 20 clips with ")


def test_every_condition_is_for_the_retriever(dataset):
    asked = []
    results = Results(dataset, on_filter=lambda: asked.append(results.where))
    results.filters.set("ingredient", ["onion"])
    results.filters.set("start_seconds", (0.1, 0.4))
    told = results.filters.in_words()
    results.filters.set("start_seconds", [])
    results.filters.set("ingredient", [])
    onion, both = {"ingredient": ["onion"]}, {"clip_id": Among(told, ["clip3", "clip6"])}
    assert asked == [onion, both, onion, {}]


def test_values_are_typed_or_chosen(results, dataset):
    filters = results.filters
    results.show(hits(dataset, *range(20)))
    filters.column.value = "step"
    assert filters.value.options == ("0", "1", "2", "3")
    assert filters.range.layout.display == "none"
    for value in ("2", "3", "3"):
        filters.value.value = value
    assert results.where == {"step": [2, 3]}
    assert {hit["step"] for hit in results.hits} == {2, 3}
    filters.value.value = "17"
    assert results.where == {"step": [2, 3]}
    assert filters.value.value == "17"  # stays, to be mended
    assert filters.note.words == "No clip has step “17”."
    assert filters.note.problem


def test_what_was_asked_with_is_not_told_again(dataset):
    results = Results(dataset, on_filter=lambda: None)
    results.show(hits(dataset, 1, 4, 7))
    results.filters.set("ingredient", ["tomato"])
    assert results.status.words == ""
    results.filters.set("start_seconds", (0.1, 0.9))
    assert results.status.words == ""


def test_answers_are_plain_python_and_kept_alike(results, dataset, tmp_path):
    results.show(hits(dataset, 0, 2).assign(score=np.float32([0.5, 0.25])))
    listed = results.hits
    assert json.loads(json.dumps(listed)) == listed
    assert listed[1]["ingredient"] is None
    assert [(hit["rank"], hit["score"], hit["heard"]) for hit in listed] == [
        (1, 0.5, True),
        (2, 0.25, True),
    ]
    assert json.loads(results.save(tmp_path / "deep" / "a.json").read_text()) == listed
    table = pd.read_csv(results.save(tmp_path / "a.csv"))
    assert as_list(table) == listed


def test_only_what_is_shown_is_kept(results, dataset, tmp_path):
    results.show(hits(dataset, *range(20)))
    results.filters.set("ingredient", ["tomato"])
    assert set(pd.read_csv(results.save(tmp_path / "a.csv"))["ingredient"]) == {"tomato"}
    with pytest.raises(ValueError, match=r"a\.txt: answers are kept as \.csv or \.json"):
        results.save(tmp_path / "a.txt")
    results.filters.set("ingredient", ["nothing"])
    with pytest.raises(ValueError, match="no clips are shown"):
        results.save(tmp_path / "b.csv")
    results.children[0].children[-1].children[0].click()
    assert results.status.words.endswith("ask something, or take filters away.")
    assert not (tmp_path / "b.csv").exists()


def test_the_buttons_take_free_names_and_give_a_download(results, dataset, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    results.show(hits(dataset, 0, 1))
    csv, json_button = results.children[0].children[-1].children
    assert csv.tooltip == "Keep the answers as CSV, and get a link to download them"
    for button in (csv, csv, json_button):
        button.click()
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "answers-1.csv",
        "answers-1.json",
        "answers-2.csv",
    ]
    assert results.status.words == "Kept 2 clips as answers-1.json."
    content = results.kept.value.split("base64,")[1].split('"')[0]
    assert base64.b64decode(content) == (tmp_path / "answers-1.json").read_bytes()
    results.show(hits(dataset, 1))
    assert results.kept.value == ""


def test_a_full_disk_is_a_sentence(results, dataset, tmp_path, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.chdir(tmp_path)
    results.show(hits(dataset, 0))
    monkeypatch.setattr(os, "replace", full)
    results.children[0].children[-1].children[0].click()
    assert results.status.problem
    assert "Not kept: " in results.status.words
    assert "free some space" in results.status.words
    assert list(tmp_path.iterdir()) == []


def test_answers_of_a_retriever(tiny_retriever):
    results = Results(tiny_retriever.dataset, on_more_like=print)
    found = tiny_retriever.search(text="a red square", top=5)
    results.show(found)
    assert [hit["clip_id"] for hit in results.hits] == found["clip_id"].tolist()
    assert results.still().png()


def test_a_pinned_card_keeps_the_question_it_was_pinned_for(results, dataset):
    results.show(hits(dataset, 4, 2), asked="“first”")
    press(results, "pin", 0)
    results.show(hits(dataset, 2, 4), asked="“second”")
    press(results, "pin", 0)
    assert [foot.asked for foot in feet(results)] == ["“second”", "“first”"]
    results.which.value = PINNED
    assert "mmlab-results-pinned" in results._dom_classes  # where the cards say it in words
    assert [foot.asked for foot in feet(results)] == ["“first”", "“second”"]
    results.which.value = ANSWERS
    assert "mmlab-results-pinned" not in results._dom_classes
    press(results, "pin", 0)
    assert [foot.asked for foot in feet(results)] == ["", "“first”"]
