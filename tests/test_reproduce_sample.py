"""The sample corpus in the paper's tables: the same figures as from the library's own calls."""

import pytest

import mmlab
from mmlab.evaluation.localization import localize_videos
from mmlab.reproduce import sample_tables

pytestmark = pytest.mark.slow


def test_the_tables_hold_what_the_retriever_says():
    model, dataset = mmlab.open_run()
    retriever = mmlab.Retriever(model, dataset.select(split="test"))
    found, steps, aligned = (table.ours.set_index("direction") for table in sample_tables())
    expected = retriever.evaluate().set_index(["query", "gallery"])
    for gallery in ("video", "audio", "video+audio"):
        row = expected.loc[("text", gallery)]
        for measure in ("R@1", "R@10 low", "MedR", "MeanR"):
            assert found.loc[f"text → {gallery}", measure] == row[measure]
    videos = mmlab.read_crosstask(mmlab.data_folder() / "sample" / "crosstask")
    result = localize_videos(retriever, videos)
    forms = steps.set_index("scores")
    assert forms.loc["similarity", "recall micro_task"] == pytest.approx(result.recall())
    shares = result.log_probabilities()
    assert forms.loc["log_softmax", "recall macro_video"] == shares.recall("macro_video")
    assert (forms["recall micro_task"] > forms["chance"]).all()
    by_method = aligned.set_index("method")["MoF"]
    assert by_method["sample model"] <= by_method["Oracle"]
