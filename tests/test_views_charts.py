import pandas as pd
import pytest

from mmlab.losses import disjoint_pairs, pair_name
from mmlab.types import MODALITIES
from mmlab.views.charts import LossCurve, recall_chart
from mmlab.views.theme import category_colours, colour_of, shape_number


@pytest.fixture
def scores():
    return pd.DataFrame(
        {
            "query": ["text", "text"],
            "gallery": ["video", "video+audio"],
            "R@1": [10.0, 22.0],
            "R@1 low": [8.0, 19.0],
            "R@1 high": [12.0, 25.0],
            "R@5": [30.0, 50.0],
            "R@10": [45.0, 100.0],
        }
    )


def labels(picture):
    return [text.get_text() for axes in picture.figure.axes for text in axes.texts]


def test_loss_curve_keeps_every_line_as_long_as_its_steps():
    curve = LossCurve()
    curve.update(1, {"total": 3.0, "text ~ video": 2.0})
    curve.update(2, {"total": 2.0, "late": 1.0})
    assert curve.steps == [1, 2]
    assert {len(values) for values in curve.terms.values()} == {2}
    assert curve.still().sentence.endswith("The total goes from 3.00 to 2.00.")
    assert any(label.startswith("late") for label in labels(curve.still()))


def test_loss_curve_redraws_where_it_was_shown():
    curve, redrawn = LossCurve(), []
    curve._handle = type("Handle", (), {"update": lambda self, view: redrawn.append(view)})()
    curve.update(1, {"total": 3.0})
    assert redrawn == [curve]


def test_an_empty_loss_curve_says_so():
    assert "nothing measured yet" in LossCurve().still().sentence
    assert LossCurve().still().png()


def test_labels_of_close_lines_do_not_overlap():
    curve = LossCurve()
    for step in (1, 2):
        curve.update(step, {f"term {n}": 1.0 + n / 1000 for n in range(6)} | {"total": 9.0 / step})
    heights = sorted(text.xy[1] for text in curve.still().figure.axes[0].texts)
    assert min(b - a for a, b in zip(heights, heights[1:], strict=False)) > 0.05


def test_every_term_has_a_look_of_its_own():
    curve = LossCurve()
    for step in (1, 2):
        curve.update(step, {pair_name(pair): 9.0 / step for pair in disjoint_pairs(MODALITIES)})
    lines = curve.still().figure.axes[0].get_lines()
    looks = [(line.get_color(), line.get_gapcolor()) for line in lines[: len(curve.terms)]]
    assert len(set(looks)) == 6
    assert looks[0] == (colour_of("text"), colour_of("video"))


def test_a_blind_guess_is_a_line_with_its_name():
    curve = LossCurve(blind_guess=9.7)
    curve.update(1, {"total": 9.9})
    curve.update(2, {"total": 5.0})
    assert "blind guess  9.70" in labels(curve.still())
    assert "9.70" in curve.still().sentence
    assert curve.still().figure.axes[0].get_ylim()[1] > 9.7


def test_recall_chart_tells_numbers(scores):
    ceilings = scores[["query", "gallery"]].assign(**{"R@1": 40.0, "R@5": 60.0, "R@10": 80.0})
    picture = recall_chart(scores, ceilings=ceilings, clips=200)
    assert "text → video+audio 22 %" in picture.sentence
    assert labels(picture) == ["10", "22", "30", "50", "45", "100"]
    assert picture.png()


def test_recall_chart_without_ceilings_or_intervals(scores):
    plain = scores[["query", "gallery", "R@1"]]
    assert recall_chart(plain, cutoffs=[1]).png()


def test_modalities_have_fixed_colours():
    assert colour_of("video") == colour_of(("video",)) == "#0072B2"
    assert len({colour_of(name) for name in ("text", "video", "audio", "video+audio")}) == 4
    assert category_colours(["audio", "text"])["audio"] == colour_of("audio")
    assert category_colours(["chop", "mash"])["chop"] != category_colours(["chop", "mash"])["mash"]


def test_shape_tells_what_repeated_colours_cannot():
    assert [shape_number(name, 0) for name in ("text", "text+audio", "text+video+audio")] == [
        0,
        1,
        2,
    ]
    categories = [f"c{n}" for n in range(20)]
    colours = category_colours(categories)
    looks = {(colours[name], shape_number(name, place)) for place, name in enumerate(categories)}
    assert len(looks) == 20
