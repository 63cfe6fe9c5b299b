"""Why a clip answers: shares that add up, ranks without, words and seconds against plain loops."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch
import torch.nn.functional as F

from mmlab import Retriever
from mmlab.index import build_index
from mmlab.question import Asker, Part, Question
from mmlab.question.why import explain_hit, modality_shares, part_shares
from mmlab.question.why_telling import ordinal


@pytest.fixture
def asker(tiny_retriever):
    return Asker(tiny_retriever)


@pytest.fixture
def clip_ids(tiny_retriever):
    """Two of the red square, green, then the mute one and the sound alone."""
    ids = sorted(tiny_retriever.dataset.manifest["clip_id"])
    mute, green, sound, *red = ids
    return [*red, green, mute, sound]


def asks(clip_ids, **changes):
    parts = (
        Part("text", "a red square"),
        Part("audio", clip_ids[2], 0.6),
        Part("video", clip_ids[0]),
    )
    return replace(Question(parts, without=("blue", "sound")), **changes)


def embedding(asker, clip_id):
    return asker.retriever.embeddings("video+audio")[asker.retriever.dataset.row_of(clip_id)]


def rank_in(asker, question, clip_id):
    """Among the answers, of which the clip is one even if the question is asked with it."""
    vector, gallery = asker.compose(question).vector(), asker.gallery(question)
    hits = asker.nearest(question, vector, gallery, top=99, keep=clip_id)
    return float(hits.loc[hits["clip_id"] == clip_id, "rank"].iloc[0])


@pytest.mark.parametrize("fusion", ["joint", "late"])
@pytest.mark.parametrize("among", ["", "audio", "text+video+audio"])
def test_shares_of_parts_and_of_modalities_add_up_to_the_score_of_search(
    asker, clip_ids, fusion, among
):
    question = asks(clip_ids, fusion=fusion, among=among)
    for hit in asker.answer(question, top=99).hits.itertuples():
        reasons = explain_hit(asker, question, hit.clip_id)
        assert reasons.score == pytest.approx(hit.score, abs=1e-6)
        assert reasons.rank == hit.rank
        assert reasons.parts["share"].sum() == pytest.approx(hit.score, abs=1e-6)
        assert reasons.modalities["share"].sum() == pytest.approx(hit.score, abs=1e-6)
        assert reasons.error < 1e-6


def test_the_row_of_what_is_not_wanted_is_its_likeness_times_the_strength(asker, clip_ids):
    question = asks(clip_ids, strength=0.8)
    reasons = explain_hit(asker, question, clip_ids[0])
    clip = embedding(asker, clip_ids[0])
    unwanted = sum(float(asker.retriever.query(text=term) @ clip) for term in question.without)
    last = reasons.parts.iloc[-1]
    assert (last["part"], last["modality"]) == ("without “blue” or “sound”", "")
    assert last["share"] == pytest.approx(-0.8 * unwanted, abs=1e-6)


def test_two_parts_share_as_the_formula_of_two_players_says(asker, clip_ids):
    question = Question.of(text="green", audio=clip_ids[2])
    composed = asker.compose(question)
    clip = embedding(asker, clip_ids[1])
    one, other, both = (float(composed.vector_of(some) @ clip) for some in ({0}, {1}, {0, 1}))
    shares = part_shares(composed, clip)["share"]
    assert shares[0] == pytest.approx((one + both - other) / 2, abs=1e-6)
    assert shares[1] == pytest.approx((other + both - one) / 2, abs=1e-6)


def test_shares_of_a_clip_s_modalities_are_of_its_own_embeddings(tiny_retriever):
    names = [("video",), ("audio",), ("video", "audio")]
    embeddings = {one: tiny_retriever.embeddings(one)[0] for one in names}
    vector = tiny_retriever.query(text="green")
    worth = [float(vector @ embeddings[one]) for one in names]
    found = modality_shares(vector, embeddings)
    assert found["modality"].tolist() == ["video", "audio"]
    assert found["share"][0] == pytest.approx((worth[0] + worth[2] - worth[1]) / 2, abs=1e-6)


def test_ranks_without_are_those_of_the_shorter_question(asker, clip_ids):
    question = asks(clip_ids)
    for clip_id in clip_ids:
        reasons = explain_hit(asker, question, clip_id)
        for place in range(3):
            parts = question.parts[:place] + question.parts[place + 1 :]
            without = rank_in(asker, replace(question, parts=parts), clip_id)
            assert reasons.parts["rank_without"][place] == without
        assert reasons.parts["rank_without"][3] == rank_in(
            asker, replace(question, without=()), clip_id
        )


def test_ranks_without_a_modality_are_those_among_the_other(asker, clip_ids):
    question = asks(clip_ids)
    reasons = explain_hit(asker, question, clip_ids[0])
    for modality, other in (("video", "audio"), ("audio", "video")):
        row = reasons.modalities.set_index("modality").loc[modality]
        wanted = rank_in(asker, replace(question, among=other), clip_ids[0])
        assert row["rank_without"] == wanted


def test_nothing_left_to_ask_or_look_through_has_no_rank(asker, clip_ids):
    reasons = explain_hit(asker, Question.of(text="green", among="video"), clip_ids[0])
    assert reasons.parts["rank_without"].isna().all()
    assert reasons.modalities["rank_without"].isna().all()
    silent = explain_hit(asker, Question.of(text="green"), clip_ids[3])
    assert silent.modalities.set_index("modality")["rank_without"].isna()["video"]


def test_a_word_s_share_is_what_is_lost_without_it(asker, clip_ids):
    question = asks(clip_ids)
    reasons = explain_hit(asker, question, clip_ids[0])
    assert reasons.words["word"].tolist() == ["a", "red", "square"]
    shorter = (replace(question.parts[0], source="a square"), *question.parts[1:])
    clip = embedding(asker, clip_ids[0])
    without = float(asker.compose(replace(question, parts=shorter)).vector() @ clip)
    assert reasons.words["share"][1] == pytest.approx(reasons.score - without, abs=1e-6)


def test_without_its_only_word_a_question_has_no_score_left(asker, clip_ids):
    reasons = explain_hit(asker, Question.of(text="green"), clip_ids[0])
    assert reasons.words["share"].tolist() == pytest.approx([reasons.score])


@pytest.mark.parametrize("fusion", ["joint", "late"])
def test_a_second_s_share_is_what_is_lost_without_its_tokens(asker, clip_ids, fusion):
    question = asks(clip_ids, fusion=fusion)
    reasons = explain_hit(asker, question, clip_ids[0])
    retriever = asker.retriever
    clip = retriever.dataset[clip_ids[0]]
    kept = clip.tokens["video"][1:]  # a token is a second
    batch = retriever.dataset.collate([replace(clip, tokens=clip.tokens | {"video": kept})])
    names = [("video",), ("audio",), ("video", "audio")]
    found = retriever.model.embed({name: batch[name] for name in ("video", "audio")}, names)
    vectors = {one: vector[0] for one, vector in found.vectors.items()}
    left = vectors[("video", "audio")]
    if fusion == "late":
        left = F.normalize(vectors[("video",)] + vectors[("audio",)], dim=0)
    first = reasons.seconds.iloc[0]
    assert (first["modality"], first["start_seconds"]) == ("video", 0.0)
    lost = reasons.score - float(left @ asker.compose(question).vector())
    assert first["share"] == pytest.approx(lost, abs=1e-5)


def test_seconds_cover_the_clip_in_the_medium_s_time(asker, clip_ids):
    reasons = explain_hit(asker, Question.of(text="green"), clip_ids[1])
    assert reasons.span == (1.5, 3.0)
    seconds = reasons.seconds
    for _, lane in seconds.groupby("modality"):
        assert lane["start_seconds"].min() == 1.5
        assert lane["end_seconds"].max() == 3.0
        assert (lane["end_seconds"] > lane["start_seconds"]).all()


def test_only_the_caption_looked_through_has_no_seconds(asker, clip_ids):
    reasons = explain_hit(asker, Question.of(text="green", among="text"), clip_ids[0])
    assert reasons.seconds.empty
    assert reasons.modalities["share"].tolist() == pytest.approx([reasons.score], abs=1e-6)


def test_a_combination_that_the_index_does_not_hold_has_no_rank(asker, clip_ids):
    question = Question.of(text="green")
    about = SimpleNamespace(combinations=("video+audio", "audio"))
    held = asker.retriever
    asker.retriever = SimpleNamespace(
        model=held.model,
        dataset=held.dataset,
        long_clips=None,
        all_but_text=held.all_but_text,
        modalities=held.modalities,
        tokens=held.tokens,
        nearest=held.nearest,
        index=SimpleNamespace(about=about),
    )
    ranks = explain_hit(asker, question, clip_ids[0]).modalities.set_index("modality")
    assert ranks["rank_without"].notna()["video"]  # found in audio
    assert ranks["rank_without"].isna()["audio"]  # video is not in the index


def test_a_clip_that_is_no_answer_is_said(asker, clip_ids):
    with pytest.raises(ValueError, match="blue mute.* has no audio, so it is no answer"):
        explain_hit(asker, Question.of(text="green", among="audio"), clip_ids[3])
    with pytest.raises(KeyError, match="no clip 'nobody'"):
        explain_hit(asker, Question.of(text="green"), "nobody")


def assert_not_among(reasons):
    assert np.isnan(reasons.rank)
    for table in (reasons.parts, reasons.modalities):
        assert table["rank_without"].isna().all()
    assert f"{reasons.clip_id} is not among these clips; its score is " in reasons.sentence
    assert "rank" not in reasons.sentence
    assert reasons.error < 1e-6


def test_a_clip_that_a_filter_leaves_out_is_not_among_the_answers(asker, clip_ids):
    for where in ({"clip_id": clip_ids[1]}, {"clip_id": clip_ids[1:]}, {"clip_id": []}):
        assert_not_among(explain_hit(asker, asks(clip_ids), clip_ids[0], where=where))


def test_a_clip_that_the_index_does_not_hold_is_not_among_the_answers(asker, clip_ids, tmp_path):
    retriever = asker.retriever
    index = build_index(retriever, tmp_path / "index")
    indexed = Asker(Retriever(retriever.model, retriever.dataset, index=index))
    question = asks(clip_ids, among="video+audio")
    assert explain_hit(indexed, question, clip_ids[0]).rank >= 1
    index.delete([clip_ids[0]])
    assert_not_among(explain_hit(indexed, question, clip_ids[0]))


def test_behind_many_is_not_the_same_as_not_among_them(asker, clip_ids, monkeypatch):
    monkeypatch.setattr("mmlab.question.why.LAST_RANK", 2)
    question = Question.of(text="green")
    hits = asker.answer(question, top=99).hits
    last, others = hits["clip_id"].iloc[-1], hits["clip_id"].iloc[:-1].tolist()
    for where in ({}, {"clip_id": [*others, last]}, {"media_id": hits["media_id"].tolist()}):
        assert explain_hit(asker, question, last, where=where).rank == np.inf
    assert_not_among(explain_hit(asker, question, last, where={"clip_id": others}))
    assert_not_among(explain_hit(asker, question, last, where={"start_seconds": 99.0}))


def test_the_sentence_says_score_shares_and_what_would_be(asker, clip_ids):
    reasons = explain_hit(asker, asks(clip_ids), clip_ids[0])
    parts = reasons.parts.assign(rank_without=[7.0, reasons.rank, np.inf, np.nan])
    modalities = pd.DataFrame(
        {"modality": ["video", "audio"], "share": [0.25, -0.05], "rank_without": [1.0, 14.0]}
    )
    told = replace(reasons, rank=2.0, parts=parts, modalities=modalities).sentence
    assert f"ranks 2nd with a score of {reasons.score:.2f}." in told
    assert "the clip's picture +0.25 and sound -0.05." in told
    assert "Asked without “a red square” it would rank 7th instead of 2nd." in told
    assert "If no clip’s sound counted, it would rank 14th instead of 2nd." in told
    assert "beyond the 1,000th" in told
    assert told.count("would rank") == 5


@pytest.mark.parametrize(
    ("rank", "words"),
    [(1, "1st"), (2, "2nd"), (3, "3rd"), (4, "4th"), (11, "11th"), (12, "12th"), (21, "21st"),
     (113, "113th"), (1002, "1,002nd"), (np.inf, "beyond the 1,000th"),
     (np.nan, "not among these clips")],
)  # fmt: skip
def test_ordinals(rank, words):
    assert ordinal(float(rank)) == words


def test_nothing_is_changed_by_explaining(asker, clip_ids):
    question = asks(clip_ids)
    before = asker.compose(question).vector()
    assert asker.retriever.model.training is False
    explain_hit(asker, question, clip_ids[0])
    assert torch.equal(asker.compose(question).vector(), before)
    assert asker.retriever.model.training is False


def test_ranks_are_among_the_clips_of_a_filter(asker, clip_ids):
    question = asks(clip_ids)
    hits = asker.answer(question, top=99).hits
    last = hits.iloc[-1]
    where = {"clip_id": [last.clip_id, hits.clip_id.iloc[0]]}
    whole = explain_hit(asker, question, last.clip_id)
    among = explain_hit(asker, question, last.clip_id, where=where)
    assert whole.rank == len(hits) > 2
    assert among.rank == 2.0
    assert among.score == whole.score
    for table in (among.parts, among.modalities):
        assert table["rank_without"].dropna().max() <= 2
