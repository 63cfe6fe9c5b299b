"""`mmlab probe`: the figures are those of the retriever and of probes, as table and as JSON."""

from __future__ import annotations

import json

import pytest

from mmlab.cli.probing import probe as probe_command
from mmlab.evaluation.intervals import difference_interval
from mmlab.evaluation.retrieval import recall_at
from mmlab.question.measured import COMPARED, CUTOFFS, PROBED, measure_questions
from mmlab.question.probes import probe
from mmlab.retrieval import Retriever


@pytest.fixture
def report(tiny_retriever):
    return measure_questions(tiny_retriever)


def test_recall_is_that_of_the_retriever(report, tiny_retriever):
    rows = report.directions
    asked = {one for pair in COMPARED for one in pair} | set(PROBED)
    assert set(zip(rows["query"], rows["gallery"], strict=True)) == asked
    for row in rows.itertuples():
        ranks = tiny_retriever.ranks(row.query, row.gallery)
        assert row.recall == recall_at(row.cutoff)(ranks)
        assert row.low <= row.recall <= row.high
        assert row.queries == len(ranks)


def test_differences_are_paired_over_the_same_queries(report, tiny_retriever):
    rows = report.differences
    assert len(rows) == len(COMPARED) * len(CUTOFFS)
    row = rows[(rows["than_query"] == "audio") & (rows["cutoff"] == 1)].iloc[0]
    pair = [
        tiny_retriever.rank_table([(query, "video")]).set_index("clip_id")["rank"]
        for query in ("text+audio", "audio")
    ]
    both = pair[0].index.intersection(pair[1].index)
    assert len(both) < len(pair[0])  # the mute clip asks with its caption only
    ranks = [one.loc[both].to_numpy() for one in pair]
    wanted = difference_interval(*ranks, recall_at(1))
    assert (row["points"], row["low"], row["high"]) == wanted


def test_every_modality_but_the_text_is_dropped_and_shuffled(report, tiny_retriever):
    rows = report.probes[report.probes["cutoff"] == 5]
    assert list(zip(rows["query"], rows["modality"], rows["how"], strict=True)) == [
        ("text", "video", "drop"),
        ("text", "video", "shuffle"),
        ("text", "audio", "drop"),
        ("text", "audio", "shuffle"),
        ("text+audio", "audio", "drop"),
        ("text+audio", "audio", "shuffle"),
        ("text+audio", "video", "shuffle"),
    ]
    again = probe(tiny_retriever, "text", "video+audio", "audio", "drop")
    row = rows.iloc[2]
    assert (row["points"], row["low"], row["high"]) == again.difference_interval(5)


def test_shares_of_every_clip_add_up(report):
    assert report.shapley["fusion"].tolist() == ["joint", "late"]
    assert report.shapley["sums"].tolist() == [10, 10]  # two of five clips
    assert (report.shapley["largest_error"] < 1e-6).all()


def test_one_direction_is_probed_with_its_text(tiny_retriever):
    report = measure_questions(tiny_retriever, ("text", "video"))
    assert report.differences.empty
    changed = report.probes[["modality", "how"]].drop_duplicates().to_numpy().tolist()
    assert changed == [["text", "shuffle"], ["video", "shuffle"]]


def test_what_both_sides_hold_is_changed_once(tiny_retriever):
    report = measure_questions(tiny_retriever, ("text+video", "video"))
    assert set(report.probes["side"]) == {"query"}


def test_clips_without_sound_are_measured_as_far_as_they_go(tiny_retriever):
    dataset = tiny_retriever.dataset
    dataset.features = {name: dataset.features[name] for name in ("text", "video")}
    report = measure_questions(Retriever(tiny_retriever.model, dataset))
    assert report.differences.empty
    assert report.probes.empty
    assert (report.shapley["largest_error"] < 1e-6).all()


def test_the_command_prints_a_table_or_json_and_writes_it(tiny_run, tmp_path, capsys):
    out = tmp_path / "new" / "questions.json"
    probe_command(tiny_run, out=out)
    printed = capsys.readouterr().out
    assert "text → video+audio against text → video+audio late" in printed
    assert "text → video+audio, audio of the gallery dropped" in printed
    assert "Largest error of the sums of Shapley shares: joint" in printed
    probe_command(tiny_run, json=True)
    told, written = json.loads(capsys.readouterr().out), json.loads(out.read_text())
    assert told["probes"] == written["probes"]
    assert written["settings"] == {"split": None, "query": None, "gallery": None, "seed": 0}


def test_the_command_refuses_half_a_direction_and_a_folder(tiny_run, tmp_path):
    with pytest.raises(ValueError, match="--query and --gallery belong together"):
        probe_command(tiny_run, query="text")
    with pytest.raises(ValueError, match="is a folder"):
        probe_command(tiny_run, out=tmp_path)
