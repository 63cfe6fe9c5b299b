import numpy as np
import pandas as pd
import pytest

from mmlab.workbench.filters import ENTER_VALUE, ENTER_WORDS, Filters, values_in_words


@pytest.fixture
def manifest():
    """Twenty clips with columns of every kind."""
    numbers = np.arange(20)
    return pd.DataFrame(
        {
            "clip_id": [f"clip{n}" for n in numbers],
            "media_path": [f"film{n % 3}.mp4" for n in numbers],
            "start_seconds": numbers / 20,
            "end_seconds": numbers / 20 + 0.5 + numbers % 5 / 10,
            "text": [f"{n} and more" for n in numbers],
            "ingredient": [["onion", "tomato", None][n % 3] for n in numbers],
            "step": numbers % 4,
            "heard": numbers % 2 == 0,
        }
    )


@pytest.fixture
def filters(manifest):
    filters = Filters(manifest, lambda: None)
    filters.manifest = manifest
    return filters


def kept(filters):
    return filters.manifest["clip_id"][filters.keeps(filters.manifest)].tolist()


def test_a_value_that_no_clip_has_is_told_as_text_with_what_is_alike(filters):
    filters.column.value = "ingredient"
    filters.value.value = "Tomatoe"
    assert filters.note.words == "No clip has ingredient “Tomatoe”; alike: tomato."
    filters.value.value = "<b>zzz</b>"
    assert filters.note.words == "No clip has ingredient “<b>zzz</b>”."  # a line of text alone
    filters.value.value = "onion"
    assert (filters.note.words, filters.where) == ("", {"ingredient": ["onion"]})
    filters.value.value = "zzz"
    filters.column.value = "step"
    assert (filters.value.value, filters.note.words) == ("", "")


def test_conditions_are_chips_that_go_away(filters):
    filters.set("ingredient", ["onion", "tomato"])
    filters.set("seconds", (0.5, 0.8))
    chips = filters.chips
    assert [chip.description for chip in chips.children] == [
        "ingredient: onion",
        "ingredient: tomato",
        "seconds: 0.5 to 0.8",
    ]
    for _ in range(3):
        chips.children[0].click()
    assert chips.children == ()
    assert len(kept(filters)) == 20


def test_numbers_have_a_slider_and_its_whole_width_is_no_condition(filters):
    filters.column.value = "start_seconds"
    assert (filters.range.min, filters.range.max) == (0.0, 0.95)
    assert filters.value.layout.display == "none"
    assert not filters.ranges
    filters.range.value = (0.5, 0.95)
    assert kept(filters) == [f"clip{n}" for n in range(10, 20)]
    filters.column.value = "step"
    filters.column.value = "start_seconds"
    assert filters.range.value == (0.5, 0.95)
    filters.chips.children[0].click()
    assert filters.range.value == (0.0, 0.95)
    assert len(kept(filters)) == 20


def test_every_column_with_more_than_one_value_is_offered(manifest):
    offered = Filters(manifest.assign(split="test"), print).column.options[1:]
    assert set(offered) == {*manifest.columns, "seconds"}


def test_a_value_of_few_clips_is_offered_wherever_they_stand(manifest, monkeypatch):
    monkeypatch.setattr("mmlab.workbench.filters.MOST_LOOKED_AT", 5)
    later = manifest.assign(split=["train"] * 10 + ["test"] * 10)
    assert "split" in Filters(later, print).column.options


def test_an_unknown_column_is_named_beside_those_there_are(filters):
    with pytest.raises(ValueError, match="no column “colour” to filter by; there are clip_id"):
        filters.set("colour", ["red"])


def test_texts_are_filtered_by_whole_words_they_hold(filters):
    filters.column.value = "text"
    assert filters.value.placeholder == ENTER_WORDS
    filters.value.value = "MORE 1"
    assert kept(filters) == ["clip1"]  # not clip10
    filters.value.value = "and 17 "
    assert kept(filters) == ["clip1", "clip17"]
    assert filters.in_words() == "text MORE 1 or and 17"
    filters.value.value = "21"
    assert filters.note.words == "No clip has text “21”."
    filters.chips.children[0].click()
    assert kept(filters) == ["clip17"]


def test_words_are_compared_with_what_is_there_as_text(manifest):
    heard = [None, "c++ (a", "C++", *["c"] * 3, *[f"word {n}" for n in range(14)]]
    filters = Filters(pd.concat([manifest] * 3).assign(text=heard * 3), print)
    filters.set("text", ["c++"])
    assert list(filters.where["clip_id"]) == ["clip1", "clip2"]
    filters.set("text", ["(a c++"])
    assert list(filters.where["clip_id"]) == ["clip1"]
    filters.set("text", ["nan"])
    assert list(filters.where["clip_id"]) == []


def test_a_clip_id_is_one_clip(filters):
    filters.column.value = "clip_id"
    assert filters.value.placeholder == ENTER_VALUE
    filters.value.value = "clip1"
    assert filters.where == {"clip_id": ["clip1"]}


def test_ranges_are_for_the_retriever_the_clips_that_meet_all(filters):
    filters.set("ingredient", ["onion", "tomato"])
    filters.set("clip_id", ["clip9", "clip10", "clip11", "clip3"])
    filters.set("start_seconds", (0.4, 0.6))
    assert {name: list(ids) for name, ids in filters.where.items()} == {
        "clip_id": ["clip9", "clip10"]
    }
    told = "ingredient onion or tomato, and clip_id clip9 or clip10 or clip11 or clip3"
    assert values_in_words(filters.where) == f"{told}, and start_seconds 0.4 to 0.6"
