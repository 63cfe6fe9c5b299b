"""The pictures: what they show is what the tables hold, and in words too."""

import math

import pandas as pd
import pytest

from mmlab.ablation.report import summarise
from mmlab.ablation.variants import MAIN
from mmlab.types import all_combinations, combination_name
from mmlab.views.ablation_picture import VERDICT_COLOURS, ablation_picture, claims_picture
from mmlab.views.recall_matrix import recall_matrix
from tests.ablation_cases import SETTINGS, made_up_results


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    shares = {MAIN: 0.5, "no-transformer": 0.3, "two-blocks": 0.7}
    results = made_up_results(tmp_path_factory.mktemp("runs"), shares)
    return summarise(results, SETTINGS, {})


@pytest.fixture
def table():
    names = [combination_name(one) for one in all_combinations()]
    rows = [
        {"query": query, "gallery": gallery, "R@1": float(7 * i + j), "R@5": 50.0}
        for i, query in enumerate(names)
        for j, gallery in enumerate(names)
    ]
    shared = [bool(set(r["query"].split("+")) & set(r["gallery"].split("+"))) for r in rows]
    return pd.DataFrame(rows).assign(shared=shared)


def texts(picture):
    return [text.get_text() for axes in picture.figure.axes for text in axes.texts]


def test_each_variant_is_a_row_with_its_interval(report):
    picture = ablation_picture(report)
    values, differences = picture.figure.axes
    labels = [label.get_text() for label in values.get_yticklabels()]
    assert labels == ["everything at once", "no transformer", "two blocks"]
    scores = report.scores.set_index(["variant", "gallery", "how"])
    low, high = values.lines[0].get_xdata()
    row = scores.loc[(MAIN, "video+audio", "joint")]
    assert (low, high) == (row["R@10 low"], row["R@10 high"])
    assert len(differences.lines) == 1 + 2 * 2  # zero, then a line and a dot for the two others
    assert picture.png()


def test_better_and_worse_have_their_colours(report):
    _, differences = ablation_picture(report).figure.axes
    colours = [line.get_color() for line in differences.lines[1::2]]
    assert colours == [VERDICT_COLOURS["does not hold"], VERDICT_COLOURS["holds"]]


def test_the_sentence_tells_every_number_and_how_short_training_was(report):
    sentence = ablation_picture(report, k=1).sentence
    assert "R@1 of 3 variants" in sentence
    apart = report.differences.set_index(["variant", "measure"]).loc[("two-blocks", "R@1")]
    assert f"{apart['difference']:+.1f}, from {apart['low']:+.1f}" in sentence
    assert "Training is shorter than the sample model's 40 epochs" in sentence


def test_one_variant_alone_is_a_picture_too(tmp_path):
    report = summarise(made_up_results(tmp_path, {MAIN: 0.5}, seeds=1), SETTINGS, {})
    assert "R@10 of 1 variants" in ablation_picture(report).sentence
    assert ablation_picture(report).png()


def test_measured_claims_are_shown_with_their_verdict_and_basis(report):
    picture = claims_picture(report)
    measured = report.conclusions[report.conclusions["verdict"] != "not measured"]
    assert texts(picture)[::2] == measured["verdict"].tolist()
    assert set(texts(picture)[1::2]) <= {"a choice of the paper", "a question of ours"}
    assert "beats no transformer at all: holds" in picture.sentence
    assert "One block is enough: two do no better: does not hold" in picture.sentence
    assert picture.png()


def test_no_measured_claim_says_so(report):
    nothing = report.conclusions.assign(verdict="not measured")
    picture = claims_picture(type(report)(**(vars(report) | {"conclusions": nothing})))
    assert picture.sentence.endswith("nothing was measured.")
    assert picture.png()


def test_every_direction_is_a_cell(table):
    picture = recall_matrix(table)
    (axes,) = picture.figure.axes
    assert len(axes.patches) == 49
    row = table[(table["query"] == "audio") & (table.gallery == "text+video")].iloc[0]
    assert f"{row['R@1']:.1f}" in texts(picture)
    assert picture.png()


def test_the_best_is_looked_for_among_directions_that_share_nothing(table):
    sentence = recall_matrix(table).sentence
    assert "12 directions" in sentence
    assert "best is video+audio → text with 35.0 %" in sentence
    assert "worst text → video with 1.0 %" in sentence


def test_what_is_shared_is_grey_and_sets_no_scale(table):
    inflated = table.assign(**{"R@1": table["R@1"].where(~table["shared"], 100.0)})
    plain, other = recall_matrix(table), recall_matrix(inflated)
    for name, mine, theirs in zip(
        zip(table["query"], table["gallery"], strict=True),
        plain.figure.axes[0].patches,
        other.figure.axes[0].patches,
        strict=True,
    ):
        assert mine.get_facecolor() == theirs.get_facecolor(), name


def test_intervals_stand_below_their_figure(table):
    ends = {"R@1 low": table["R@1"] - 1, "R@1 high": table["R@1"] + 1}
    picture = recall_matrix(table.assign(**ends))
    assert "34 to 36" in texts(picture)
    assert len(texts(picture)) == 2 * 49 + 1


def test_another_measure_and_a_part_of_the_directions(table):
    some = table[table["query"] == "text"].drop(columns="shared")
    some.loc[some.index[0], "R@5"] = math.nan
    picture = recall_matrix(some, "R@5", title="Asked in words")
    assert len(picture.figure.axes[0].patches) == 6
    assert picture.sentence.startswith("Asked in words. Among 6 directions")


def test_nothing_measured_is_said(table):
    picture = recall_matrix(table.assign(**{"R@1": math.nan}))
    assert picture.sentence.endswith("nothing was measured.")
    assert picture.png()
