"""The gap panel: what it shows is what the table holds, and in words too."""

import dataclasses
import re
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from mmlab.space import embedding_space_of
from mmlab.space.gap import modality_gap
from mmlab.views.gap_picture import PANELS, gap_panel


@pytest.fixture(scope="module")
def space():
    draw = np.random.default_rng(0)
    names = ["text", "video", "text+video"]
    table = pd.DataFrame({"clip_id": [f"c{n}" for n in range(20)] * 3})
    table["combination"] = np.repeat(names, 20)
    return embedding_space_of(draw.normal(size=(60, 6)), table)


def rows(picture):
    return [label.get_text() for label in picture.figure.axes[0].get_yticklabels()]


def test_each_pair_is_a_row_with_its_figures(space):
    table = modality_gap(space)
    picture = gap_panel(space)
    assert [axes.get_title(loc="left") for axes in picture.figure.axes] == list(PANELS)
    assert rows(picture) == [f"● {row.one}  ◆ {row.other}" for row in table.itertuples()]
    dots = [line.get_xdata()[0] for line in picture.figure.axes[0].lines]
    assert dots == pytest.approx(table["centroid distance"].tolist())
    written = [text.get_text() for text in picture.figure.axes[0].texts]
    assert written == [f"{value:.2f}" for value in table["centroid distance"]]
    assert picture.png()


def test_a_table_shows_the_same_as_the_space(space):
    assert gap_panel(modality_gap(space)).sentence == gap_panel(space).sentence
    assert len(rows(gap_panel(space, [("video", "text")]))) == 1


def test_the_sentence_tells_the_furthest_and_what_centring_does(space):
    table = modality_gap(space)
    table.loc[1, ["centroid distance", "R@10 change"]] = [1.5, 50.0]
    table[["R@10 change low", "R@10 change high"]] = [[-1.0, 2.0], [41.5, 60.0], [-0.01, 0.0]]
    sentence = gap_panel(table).sentence
    assert "text and text+video lie furthest apart (1.50 of at most 2)" in sentence
    most = "to +50.0 points, most from text to text+video (+50.0, 95 % interval +41.5 to +60.0)"
    assert f"{most}; the interval leaves out 0 for 1 of 3 pairs." in sentence


def test_a_single_pair_is_said_as_one(space):
    sentence = gap_panel(modality_gap(space, [("text", "video")])).sentence
    assert sentence.startswith("The modality gap of 1 pair of combinations.")
    assert re.search(r"tells the sides of \d+ % of the points", sentence)
    assert re.search(r"changes R@10 by \S+ points \(95 % interval \S+ to \S+\)\.$", sentence)


def test_equal_shares_are_no_range(space):
    told = gap_panel(modality_gap(space).assign(separability=[50.2, 49.9, 50.0])).sentence
    assert "tells the sides of 50 % of" in told


def test_recalls_are_written_with_the_interval_of_their_change(space):
    table = modality_gap(space)
    table.loc[0, ["R@1", "R@1 centred", "R@1 change low", "R@1 change high"]] = [5, 20, -0.04, 31]
    panels = dict(zip(PANELS, gap_panel(table).figure.axes, strict=True))
    written = [text.get_text() for text in panels["R@1"].texts]
    assert written[:2] == ["5 → 20", "+0.0 to +31.0"]
    assert len(written) == 2 * len(table)
    for name in ("separability", "R@1", "R@10"):
        assert panels[name].get_xticks().tolist() == [0, 50, 100]


def test_what_the_dots_of_recall_are_is_said_in_one_line(space):
    figure = gap_panel(space).figure
    said = [text.get_text() for text in figure.texts]
    assert any(
        "○ before, ● after centring; small: 95 % interval of the change" in one for one in said
    )
    figure.draw_without_rendering()
    titles = [axes.title.get_window_extent() for axes in figure.axes]
    key, inside = figure.texts[1].get_window_extent(), figure.bbox
    assert inside.x0 <= key.x0
    assert key.x1 <= inside.x1
    assert not any(key.overlaps(title) for title in [*titles, figure.texts[0].get_window_extent()])


def test_below_it_stands_what_it_was_made_of(space):
    made = dataclasses.replace(space, retriever=SimpleNamespace(origin="model <abc>"))
    for source in (made, modality_gap(made)):
        assert gap_panel(source).made_of == "Made of model <abc>"
    assert gap_panel(space).made_of == ""


def test_every_dot_lies_inside_its_panel(space):
    table = modality_gap(space)
    table.loc[0, ["separability", "R@10", "uniformity one"]] = [0.0, 0.0, -4.0]
    for axes in gap_panel(table).figure.axes:
        low, high = axes.get_xlim()
        dots = [x for line in axes.lines for x in line.get_xdata()]
        assert low <= min(dots) <= max(dots) <= high


def test_nothing_to_compare_is_a_sentence(space):
    alone = embedding_space_of(space.vectors[:20], space.table[:20])
    for source in (alone, modality_gap(space).assign(clips=0)):
        picture = gap_panel(source)
        assert picture.sentence.startswith("No two combinations share a clip")
        assert picture.png()


def test_a_single_clip_and_dollars_in_names_can_be_drawn(space):
    one = space.table[space.table.clip_id == "c0"]
    single = embedding_space_of(space.vectors[one.index], one)
    assert gap_panel(single).png()
    assert "nan" not in gap_panel(single).sentence
    odd = single.table.assign(combination=["$x$", "<b>", "y"])
    assert "$x$" in rows(gap_panel(embedding_space_of(single.vectors, odd)))[0]
