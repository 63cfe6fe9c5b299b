import numpy as np
import pandas as pd
import pytest

from mmlab.workbench.filters import Filters


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


def test_what_tells_no_clips_apart_is_no_filter(filters):
    columns = filters.column.options
    assert {"ingredient", "step", "heard", "seconds", "media_path"} <= set(columns)
    assert not {"clip_id", "text"} & set(columns)
    with pytest.raises(ValueError, match="no column “colour” to filter by; there are clip_id"):
        filters.set("colour", ["red"])
