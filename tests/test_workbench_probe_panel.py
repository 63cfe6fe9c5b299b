"""The panel of probes: what is chosen is measured, and what cannot be is a sentence."""

from __future__ import annotations

import re

import pytest

from mmlab.question.probes import probe
from mmlab.retrieval import Retriever
from mmlab.workbench.probe_panel import FADED, PLOT_HEIGHT, ProbePanel


@pytest.fixture
def panel(tiny_retriever):
    return ProbePanel(tiny_retriever, query="text+audio", gallery="video")


def test_it_measures_what_it_was_made_with(panel, tiny_retriever):
    wanted = probe(tiny_retriever, "text+audio", "video", "audio", "drop")
    assert panel.message.words == wanted.sentence()
    assert panel.still().sentence == wanted.sentence()
    assert panel.picture().png().startswith(b"\x89PNG")


def test_the_modality_has_the_name_of_its_sense(panel):
    assert dict(panel.modality.options) == {"caption": "text", "picture": "video", "sound": "audio"}


def test_another_choice_is_measured_anew(panel, tiny_retriever):
    panel.how.value = "shuffle"
    assert panel.result.how == "shuffle"
    panel.query.value = "video"
    assert (panel.modality.value, panel.result) == ("video", panel.result)
    assert "the queries' picture shuffled" in panel.message.words
    panel.gallery.value = "text+audio late"
    assert panel.result.gallery == "text+audio late"


def test_a_clip_is_asked_for_only_to_swap(panel, tiny_retriever):
    assert panel.with_clip.layout.display == "none"
    panel.how.value = "swap"
    assert panel.with_clip.layout.display is None
    assert panel.message.words == "Choose the clip whose sound all get."
    assert panel.with_clip.placeholder
    assert panel.result is None
    assert panel.still().sentence == panel.message.words
    panel.with_clip.value = tiny_retriever.dataset.manifest["clip_id"].iloc[-1]
    assert panel.result.how == "swap"
    panel.with_clip.value = "<nobody>"
    assert panel.message.words == "There is no clip “<nobody>”; choose one from the list."
    manifest = tiny_retriever.dataset.manifest
    panel.with_clip.value = manifest["clip_id"][manifest["media_id"] == "blue mute.mp4"].iloc[0]
    assert panel.message.words == "That clip has no sound; choose one that has."


def test_a_clip_is_chosen_by_its_label_or_typed_by_its_id(panel, tiny_retriever, monkeypatch):
    manifest = tiny_retriever.dataset.manifest
    last = manifest["clip_id"].iloc[-1]
    panel.how.value = "swap"
    assert panel.with_clip.options[-1] == f"{last} · {manifest['text'].iloc[-1]}"
    panel.with_clip.value = panel.with_clip.options[-1]
    assert panel.parameters()["with_clip"] == last
    assert "the queries' sound replaced by one clip's, " in panel.message.words
    again = ProbePanel.reopened(tiny_retriever, **panel.parameters())
    assert again.with_clip.value == panel.with_clip.value
    monkeypatch.setattr("mmlab.workbench.part_row.MOST_OFFERED", 2)
    few = ProbePanel.reopened(tiny_retriever, **panel.parameters())
    assert len(few.with_clip.options) == 2
    assert "2 of 5 are listed" in few.with_clip.placeholder
    assert (few.with_clip.value, few.result.how) == (last, "swap")


def test_the_legend_stands_below_what_the_axes_show(panel):
    panel.how.value = "shuffle"
    texts = re.findall(
        r'<text x="[\d.]+" y="(\d+)"[^>]*>([^<]*[a-z][^<]*)</text>', panel.plot.value
    )
    (down, axes), (beside, usual), (same, changed) = texts
    assert axes.startswith("percent of queries that find their clip among the first K")
    assert (usual, changed) == ("as it is", "sound shuffled")
    assert int(down) + 14 < int(beside) == int(same)


def test_what_leaves_nothing_is_a_sentence(tiny_retriever):
    panel = ProbePanel(tiny_retriever, query="text", gallery="video", modality="video")
    others = "“shuffled among the clips” or “replaced by one clip's”"
    told = f"Without the picture nothing is left to be found; choose {others}."
    assert panel.message.words == told
    panel.modality.value = "text"
    assert panel.message.words == told.replace("picture", "caption").replace("be found", "ask with")
    panel.gallery.value = "text"  # the same modality on both sides is that of the queries
    assert "to ask with" in panel.message.words
    panel.query.value = "text+audio late"
    assert panel.result.side == "query"


def test_what_the_probe_refuses_is_a_sentence(tiny_retriever):
    few = Retriever(tiny_retriever.model, tiny_retriever.dataset.select([-1]))
    panel = ProbePanel(few, query="text+audio", gallery="video", how="shuffle")
    assert panel.message.words == "1 of these clips have audio; to shuffle it takes two or more."


def test_a_refusal_leaves_no_blank_and_the_curve_where_it_was(panel, tiny_retriever):
    curve, height = panel.plot.value, panel.plot.layout.min_height
    panel.how.value = "swap"
    assert panel.plot.value == FADED.format(curve)
    assert panel.plot.layout.min_height == height == PLOT_HEIGHT
    panel.how.value = "drop"
    assert panel.plot.value == curve
    refused = ProbePanel(tiny_retriever, query="text", gallery="video", modality="text")
    assert (refused.plot.value, refused.plot.layout.min_height) == ("", None)
    refused.how.value = "shuffle"
    assert refused.plot.layout.min_height == PLOT_HEIGHT


def test_the_menus_are_read_as_one_sentence(panel):
    labels = [control.description for control in panel._controls]
    assert labels == ["Asks", "for", "with the", "is", "clip"]


def test_the_plot_says_the_figures_too(panel):
    html = panel.plot.value
    first = panel.result.curve.iloc[0]
    assert html.count("<polyline") == 2
    assert f"{first['before']:.1f} % ({first['before low']:.1f} to" in html
    drawn = [float(y) for y in re.findall(r"[\d.]+,(-?[\d.]+)", html.split("<table")[0])]
    assert min(drawn) >= 0
    assert max(drawn) <= 302


def test_it_is_made_again_from_its_parameters(panel, tiny_retriever):
    panel.how.value = "shuffle"
    again = ProbePanel.reopened(tiny_retriever, **panel.parameters())
    assert again.parameters() == panel.parameters()
    assert again.message.words == panel.message.words


def test_wrong_arguments_are_named(tiny_retriever):
    with pytest.raises(ValueError, match="how is one of drop, shuffle, swap, found 'burn'"):
        ProbePanel(tiny_retriever, how="burn")
    with pytest.raises(ValueError, match="no side 'smell'; there are text, "):
        ProbePanel(tiny_retriever, query="smell")
    with pytest.raises(ValueError, match="neither text nor video has 'audio'"):
        ProbePanel(tiny_retriever, query="text", gallery="video", modality="audio")


def test_a_modality_that_is_gone_from_both_sides_gives_way_to_another(panel):
    assert panel.modality.value == "audio"
    panel.query.value = "text"
    assert panel.modality.value == "text"
