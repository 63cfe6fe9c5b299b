import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_rgb

from mmlab.views.map import look_of
from mmlab.views.map.look import (
    GREYS,
    MORE,
    MOST_COLOURS,
    MOST_LOOKS,
    OTHER,
    STEPS,
    telling_columns,
)
from mmlab.views.map.picture import MARKERS
from mmlab.views.map.plotly_engine import SYMBOLS
from mmlab.views.theme import CATEGORIES


def test_combinations_keep_their_order_and_their_fixed_colours():
    table = pd.DataFrame({"combination": ["video", "text", "video+audio", "video"]})
    look = look_of(table, "combination")
    assert look.names == ["video", "text", "video+audio"]
    assert look.counts == [2, 1, 1]
    assert [look.palette[code] for code in look.codes] == [
        "#0072B2",
        "#CC79A7",
        "#009E73",
        "#0072B2",
    ]
    assert look.shapes.tolist() == [0, 0, 1, 0]


def test_rare_values_are_other_and_missing_ones_have_no_name():
    words = [f"w{n}" for n in range(30) for _ in range(31 - n)] + [None]
    look = look_of(pd.DataFrame({"word": words}), "word")
    assert len(look.names) == MOST_LOOKS
    assert look.names[-1] == OTHER
    assert sum(look.counts) == len(words)
    assert look.counts[look.names.index("w0")] == 31
    few = look_of(pd.DataFrame({"word": ["b", None, "a"]}), "word")
    assert few.names == ["a", "b", "(none)"]


@pytest.mark.parametrize("count", [1, 7, 8, 14, 15, 20, 21, 22, 60])
@pytest.mark.parametrize("shape", [None, "kind"])
@pytest.mark.parametrize("only_dots", [False, True])
def test_no_two_categories_look_alike(count, shape, only_dots):
    words = [f"w{n:02}" for n in range(count)] * 2 + ["video", "w00", None]
    table = pd.DataFrame({"word": words, "kind": "k"})
    look = look_of(table, "word", shape, only_dots=only_dots)
    free = shape is None and not only_dots
    assert len(look.names) == min(count + 2, MOST_LOOKS if free else MOST_COLOURS)
    told_by = set(zip(look.palette, look.marks, strict=True)) if free else set(look.palette)
    assert len(told_by) == len(look.names)
    assert sum(look.counts) == len(words)
    if shape is None:
        assert look.shapes.tolist() == [look.marks[code] for code in look.codes]


def test_combinations_spelled_in_two_ways_look_different():
    names = ["video+audio", "audio+video", "text"]
    look = look_of(pd.DataFrame({"combination": names}), "combination")
    assert len(set(look.palette)) == 3


def test_a_value_that_is_called_other_is_among_the_others():
    words = ["other"] * 50 + [f"w{n}" for n in range(30)]
    look = look_of(pd.DataFrame({"word": words}), "word")
    assert look.names.count("other") == 1
    assert sum(look.counts) == 80


def test_the_longer_palette_is_apart_and_visible_on_light_and_dark():
    colours = np.array([to_rgb(colour) for colour in MORE])
    light = np.where(colours > 0.04045, ((colours + 0.055) / 1.055) ** 2.4, colours / 12.92)
    luminance = light @ [0.2126, 0.7152, 0.0722]
    assert (1.05 / (luminance + 0.05)).min() > 1.6
    assert ((luminance + 0.05) / 0.0556).min() > 1.7
    every = np.array([to_rgb(colour) for colour in (*CATEGORIES, *MORE, *GREYS.values())])
    apart = np.linalg.norm(every[:, None] - every[None], axis=2) + 9 * np.eye(len(every))
    assert apart.min() > 0.2


def test_numbers_lie_on_a_scale_and_few_numbers_are_categories():
    values = np.arange(20.0)
    values[7] = np.nan
    look = look_of(pd.DataFrame({"v": values, "n": [10, 9] * 10}), "v")
    assert look.names == []
    assert look.codes[[0, 7, 19]].tolist() == [0, STEPS, STEPS - 1]
    assert look_of(pd.DataFrame({"n": [10, 9] * 10}), "n").names == ["9", "10"]


def test_outliers_do_not_rule_a_scale():
    values = np.r_[np.linspace(0, 1, 101), 1000, -1000, np.inf]
    look = look_of(pd.DataFrame({"v": values}), "v")
    assert (look.low, look.high) == pytest.approx(np.percentile(values[:-1], [2, 98]))
    assert [end[:2] for end in look.ends] == ["≤ ", "≥ "]
    assert look.codes[-3:].tolist() == [STEPS - 1, 0, STEPS]
    assert len(set(look.codes[:101])) == STEPS


def test_a_scale_of_mostly_one_number_takes_all_of_them():
    values = np.r_[np.zeros(1000), np.arange(1, 16)]
    look = look_of(pd.DataFrame({"v": values}), "v")
    assert (look.low, look.high, *look.ends) == (0, 15, "0", "15")
    missing = pd.Series([*range(20), None], dtype="Int64")
    assert look_of(pd.DataFrame({"v": missing}), "v").codes[-1] == STEPS


def test_no_points_have_neither_categories_nor_a_scale():
    look = look_of(pd.DataFrame({"v": np.zeros(0)}), "v")
    assert (look.names, look.palette, list(look.ends)) == ([], [], [])


def test_a_shape_column_shapes_and_is_explained():
    table = pd.DataFrame({"combination": ["text", "video"], "kind": ["z", "a"]})
    look = look_of(table, "combination", "kind")
    assert look.shapes.tolist() == [1, 0]
    assert list(look.shape_names) == ["a", "z"]
    assert len(SYMBOLS) == len(MARKERS) == 7


def test_only_columns_that_repeat_are_offered():
    table = pd.DataFrame({"clip_id": [f"c{n}" for n in range(90)], "same": "x"})
    table = table.assign(kind=["p", "q", "r"] * 30, seconds=np.linspace(0, 9, 90))
    assert telling_columns(table) == ["kind", "seconds"]
    assert telling_columns(table, 7) == ["kind"]
