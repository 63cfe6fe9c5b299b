from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from mmlab.views.map import EmbeddingMap, colour_columns
from mmlab.views.map_picture import map_picture, point_shapes

COMBINATIONS = ["text", "video", "video+audio"]


@pytest.fixture
def table():
    return pd.DataFrame(
        {
            "combination": np.repeat(COMBINATIONS, 2),
            "clip_id": ["a", "b"] * 3,
            "text": ["<b>mash</b> & eat", "pour"] * 3,
            "action": ["mash", "pour"] * 3,
            "start_seconds": 0.0,
            "end_seconds": 2.0,
        }
    )


@pytest.fixture
def view(table, media_folder):
    dataset = SimpleNamespace(
        manifest=table.head(2),
        row_of=["a", "b"].index,
        media_path=lambda row: media_folder / ["red right.mp4", "green left.mp4"][row],
    )
    points = np.random.default_rng(0).normal(size=(6, 2))
    return EmbeddingMap(points, table, dataset, symbol="action")


def pointer_at(trace, index):
    return trace, SimpleNamespace(point_inds=[] if index is None else [index]), None


def test_one_trace_per_value_in_its_fixed_colour(view):
    assert [trace.name for trace in view.figure.data] == COMBINATIONS
    assert view.figure.data[1].marker.color == "#0072B2"
    view.colour.value = "action"
    assert [trace.name for trace in view.figure.data] == ["mash", "pour"]


def test_every_point_is_drawn_once_where_it_lies(view):
    rows = np.concatenate([trace.customdata for trace in view.figure.data])
    assert sorted(rows) == list(range(6))
    xs = np.concatenate([trace.x for trace in view.figure.data])
    np.testing.assert_array_equal(xs, view.points[rows, 0])


def test_hover_text_is_escaped(view):
    text = view.figure.data[0].text[0]
    assert "&lt;b&gt;mash&lt;/b&gt; &amp; eat" in text
    assert text.endswith("<br>text<br>a")


def test_hover_shows_a_poster_and_click_the_player(view):
    view._on_hover(*pointer_at(view.figure.data[0], 1))
    assert view.preview.value[:2] == b"\xff\xd8"
    assert view.player.media_path is None
    view._on_click(*pointer_at(view.figure.data[2], 0))
    assert view.player.media_path.name == "red right.mp4"
    assert view.player.caption == "<b>mash</b> & eat"


def test_a_pointer_over_no_point_changes_nothing(view):
    view._on_hover(*pointer_at(view.figure.data[0], None))
    view._on_click(*pointer_at(view.figure.data[0], None))
    assert view.player.media_path is None


def test_columns_with_too_many_or_one_value_do_not_colour(table):
    assert colour_columns(table, "action") == ["combination", "clip_id", "text", "action"]
    with pytest.raises(ValueError, match="no column 'verb'; it has combination"):
        colour_columns(table, "verb")


def test_points_without_rows_are_refused(table):
    with pytest.raises(ValueError, match="3 points need as many rows, the table has 6"):
        EmbeddingMap(np.zeros((3, 2)), table, SimpleNamespace())


def test_still_names_groups_in_place_or_in_a_legend():
    values = pd.Series(["a", "b"] * 20, name="kind")
    apart = np.array([[0, 0], [9, 9]] * 20) + np.random.default_rng(0).normal(size=(40, 2)) / 10
    mixed = np.random.default_rng(0).normal(size=(40, 2))
    named = map_picture(apart, values, "kind").figure.axes[0]
    listed = map_picture(mixed, values, "kind").figure.axes[0]
    assert [text.get_text() for text in named.texts] == ["a", "b"]
    assert named.get_legend() is None
    assert listed.get_legend() is not None


@pytest.mark.parametrize("count", [1, 2])
def test_few_or_equal_points_are_drawn(count):
    picture = map_picture(np.zeros((count, 2)), pd.Series(["$x$"] * count), "kind")
    assert picture.png()[:4] == b"\x89PNG"


def test_shapes_follow_their_own_column():
    values = pd.Series(["text", "video+audio"])
    assert point_shapes(values) == [0, 1]
    assert point_shapes(values, pd.Series(["z", "a"])) == [1, 0]
