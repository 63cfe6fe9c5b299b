"""The matrix of buttons over a real, untrained model's run on tiny media."""

import pandas as pd
import pytest
import torch

import mmlab
from mmlab.evaluation.failures import worst_failures
from mmlab.views.recall_matrix import GREETING, RecallMatrix, recall_matrix

EVIL = "<script>alert(1)</script> & green to the left"


@pytest.fixture(scope="module")
def retriever(media_folder, tmp_path_factory):
    folder = tmp_path_factory.mktemp("matrix")
    lines = [
        "video,start_seconds,end_seconds,text,split",
        "red right.mp4,0,1.5,a red square,test",
        "red right.mp4,1.5,3,moves on,test",
        f"green left.mp4,0,1,{EVIL},test",
        "green left.mp4,1,2.5,a tone,test",
        "blue mute.mp4,0,2,blue without a sound,test",
    ]
    captions = folder / "captions.csv"
    captions.write_text("\n".join(lines) + "\n")
    dataset = mmlab.ingest(media_folder, captions, folder / "dataset", workers=1, progress=False)
    torch.manual_seed(0)
    widths = {name: info.width for name, info in dataset.features.items()}
    config = mmlab.ModelConfig.sample(widths["video"], widths["text"], widths["audio"])
    return mmlab.Retriever(mmlab.FusionModel(config), dataset)


@pytest.fixture
def matrix(retriever):
    return RecallMatrix(retriever)


def cell(matrix, query, gallery):
    return next(c for c in matrix.grid.cells if (c["query"], c["gallery"]) == (query, gallery))


def test_every_direction_has_a_button_with_its_figure(matrix):
    assert len(matrix.grid.cells) == 49
    row = matrix.table[(matrix.table["query"] == "text") & (matrix.table.gallery == "video")].iloc[
        0
    ]
    shown = cell(matrix, "text", "video")
    assert shown["value"] == f"{row['R@1']:.1f}"
    assert shown["interval"] == f"{row['R@1 low']:.0f} to {row['R@1 high']:.0f}"
    assert [c["shared"] for c in matrix.grid.cells] == matrix.table.shared.tolist()
    best = max(c["strength"] for c in matrix.grid.cells if not c["shared"])
    assert best == 1
    assert matrix.message.value == GREETING


def test_another_measure_changes_the_figures(matrix):
    before = matrix.stamp.name
    matrix.measure.value = "R@10"
    shown = [c["value"] for c in matrix.grid.cells]
    assert shown == [f"{value:.1f}" for value in matrix.table["R@10"]]
    assert shown != [f"{value:.1f}" for value in matrix.table["R@1"]]
    assert matrix.grid.measure == "R@10"
    assert matrix.stamp.name != before


def test_a_click_lists_the_worst_failures_with_players(matrix, retriever):
    matrix.grid.chosen = ["text", "video"]  # as the browser sets it
    expected = worst_failures(retriever, "text", "video", 5)
    pd.testing.assert_frame_equal(matrix.failures, expected)
    assert len(matrix.pairs.children) == len(expected) > 0
    for pair, row in zip(matrix.pairs.children, expected.itertuples(), strict=True):
        own, first = pair.children
        assert (own.caption, first.caption) == (row.text, row.first_text)
        assert f"rank {row.rank:g} of 5" in own.heading
        assert first.heading == f"came first instead: score {row.score_first:.2f}"
        assert not own.poster  # the browser asks for it once the player is on screen
    assert matrix.message.value.startswith("text → video:")


def test_players_are_kept_from_direction_to_direction(matrix):
    matrix.choose("text", "video")
    before = matrix.pairs.children
    matrix.choose("video", "text")
    shared = min(len(before), len(matrix.pairs.children))
    assert matrix.pairs.children[:shared] == before[:shared]


def test_where_nothing_fails_it_says_so(matrix):
    failures = matrix.choose("text", "text")
    assert failures.empty
    assert matrix.pairs.children == ()
    assert matrix.message.value.endswith("None fails.")
    assert "Worst of" not in matrix.still().sentence


@pytest.mark.parametrize(
    ("query", "gallery", "said"),
    [
        ("text", "text", ["Each clip asks for itself"]),
        ("text", "text+audio", ["Both sides hold the same modality"]),
        ("text", "video", []),
    ],
)
def test_what_a_direction_measures_is_said(matrix, query, gallery, said):
    matrix.choose(query, gallery)
    sayings = ("Each clip asks for itself", "Both sides hold the same modality")
    assert [words for words in sayings if words in matrix.message.value] == said


def test_one_of_something_is_no_plural(retriever):
    matrix = RecallMatrix(retriever, worst=1)
    assert len(matrix.choose("text", "video")) == 1
    assert "The worst: left" in matrix.message.value
    alone = matrix.table[(matrix.table["query"] == "text") & (matrix.table.gallery == "video")]
    assert "The only direction without a common modality is text → video" in (
        recall_matrix(alone).sentence
    )


def test_the_greyed_late_directions_are_there_when_asked_for(retriever):
    late = RecallMatrix(retriever, late=True, worst=1)
    failures = late.choose("text", "video+audio late")
    assert len(failures) <= 1
    assert {"video+audio late", "text+video late"} <= {c["query"] for c in late.grid.cells}
    assert late.still().png()


def test_the_same_view_comes_back_from_its_parameters(matrix, retriever):
    matrix.measure.value = "R@5"
    matrix.choose("audio", "text")
    again = RecallMatrix(retriever, **matrix.parameters())
    assert again.parameters() == matrix.parameters()
    assert again.stamp == matrix.stamp
    pd.testing.assert_frame_equal(again.failures, matrix.failures)
    assert RecallMatrix(retriever, **RecallMatrix(retriever).parameters()).grid.chosen == []


def test_it_stands_still_as_the_square_of_numbers(matrix):
    plain = recall_matrix(matrix.table).sentence
    assert matrix.still().sentence == plain
    matrix.choose("text", "audio")
    told = matrix.still().sentence
    assert told.startswith(plain)
    assert "Worst of text → audio: “" in told
    assert "image/png" in matrix._repr_mimebundle_()[0]


def test_markup_in_captions_stays_text(retriever):
    matrix, captions = RecallMatrix(retriever, worst=10), set()
    for query, gallery in (("text", "video"), ("video", "text"), ("text", "audio")):
        matrix.choose(query, gallery)
        captions |= {player.caption for pair in matrix.pairs.children for player in pair.children}
        assert "<" not in matrix.message.value
    assert EVIL in captions


def test_media_that_are_gone_are_a_sentence_in_the_player(retriever, monkeypatch, tmp_path):
    monkeypatch.setattr(retriever.dataset, "media_path", lambda row: tmp_path / "gone.mp4")
    matrix = RecallMatrix(retriever, direction=["text", "video"])
    assert "gone.mp4" in matrix.pairs.children[0].children[0].message


def test_what_cannot_be_measured_is_a_sentence(retriever, monkeypatch):
    def broken(**_):
        raise ValueError("embeddings of <video> are NaN")

    monkeypatch.setattr(retriever, "matrix", broken)
    matrix = RecallMatrix(retriever)
    assert matrix.message.value == "Nothing was measured: embeddings of &lt;video&gt; are NaN"
    assert "embeddings of <video> are NaN" in matrix.still().sentence
    assert matrix.still().png()
    with pytest.raises(ValueError, match="no direction text → video was measured"):
        matrix.choose("text", "video")


def test_bad_questions_are_named(matrix, retriever):
    with pytest.raises(ValueError, match="no direction text → smell .* text, video, audio"):
        matrix.choose("text", "smell")
    with pytest.raises(ValueError, match="measure is one of R@1, .* found 'MedR'"):
        RecallMatrix(retriever, measure="MedR")
