"""The asker against slow ways of answering, what it remembers, and bad questions."""

import numpy as np
import pandas as pd
import pytest
import torch

import mmlab
from mmlab.features.text import WordVectorFile
from mmlab.question import Asker, Part, Question
from tests.conftest import moving_square, tone, write_video

RED, MOVES, GREEN = "red right.mp4", "moves on", "green left.mp4"


@pytest.fixture(scope="module")
def retriever(tiny_run):
    return mmlab.Retriever(*mmlab.open_run(tiny_run))


@pytest.fixture
def asker(retriever):
    return Asker(retriever)


@pytest.fixture
def passes(monkeypatch, retriever):
    """How often the model was asked."""
    counted, embed = [], retriever.model.embed
    retriever.embeddings("video")  # embeds the clips once for all

    def counting(*arguments, **named):
        counted.append(1)
        return embed(*arguments, **named)

    monkeypatch.setattr(retriever.model, "embed", counting)
    return counted


def clip_of(retriever, media_id):
    manifest = retriever.dataset.manifest
    return manifest.clip_id[manifest.media_id == media_id].iloc[0]


def three_parts(retriever, **named):
    clip = clip_of(retriever, RED)
    return Question.of(text="a red square", video=clip, audio=clip, **named)


def test_a_plain_question_is_the_retrievers_own_but_for_the_clip_asked_with(asker, retriever):
    clip = clip_of(retriever, RED)
    given = {"text": "a red square", "video": clip, "audio": clip}
    hits = asker.answer(Question.of(**given), top=3).hits
    every = retriever.search(**given, top=4)
    assert clip in every.clip_id.tolist()
    others = every[every.clip_id != clip].reset_index(drop=True).assign(rank=[1, 2, 3])
    pd.testing.assert_frame_equal(hits, others, rtol=1e-5, atol=1e-6)
    words = asker.answer(Question.of(text="a red square"), top=3).hits
    pd.testing.assert_frame_equal(words, retriever.search(text="a red square", top=3), rtol=1e-5)


@pytest.mark.parametrize("fusion", ["joint", "late"])
@pytest.mark.parametrize("among", ["", "video", "video+audio", "text+audio"])
def test_scores_are_the_weighted_parts_less_the_negatives(asker, retriever, fusion, among):
    question = Question.of(
        text="a red square",
        audio=clip_of(retriever, GREEN),
        without="blue",
        strength=0.8,
        among=among,
        fusion=fusion,
        weights={"audio": 0.3},
    )
    text = retriever.query(text="a red square")
    sound = retriever.query(audio=clip_of(retriever, GREEN))
    both = retriever.query(text="a red square", audio=clip_of(retriever, GREEN))
    mixed = 0.3 * both + 0.7 * text if fusion == "joint" else text + 0.3 * sound
    vector = mixed / mixed.norm() - 0.8 * retriever.query(text="blue")
    name = among or "video+audio"
    late = " late" if fusion == "late" and "+" in name else ""
    gallery = retriever.embeddings(name + late)
    scores = {
        clip: float(row @ vector)
        for clip, row in zip(retriever.dataset.manifest.clip_id, gallery, strict=True)
        if row.any() and clip != clip_of(retriever, GREEN)  # it is asked with
    }
    hits = asker.answer(question).hits
    assert hits.clip_id.tolist() == sorted(scores, key=scores.get, reverse=True)
    np.testing.assert_allclose(hits.score, sorted(scores.values(), reverse=True), atol=1e-5)


def test_two_sentences_are_read_one_after_the_other(asker, retriever):
    question = Question((Part("text", "a red"), Part("text", "square moves")))
    composed = asker.compose(question)
    whole = retriever.query(text="a red square moves")
    torch.testing.assert_close(composed.vector(), whole, atol=1e-5, rtol=0)


def test_sliders_and_switches_need_no_pass(asker, retriever, passes):
    question = three_parts(retriever, without="blue")
    asker.answer(question)
    first = len(passes)
    assert first == 2  # the parts in every subset, and what is not wanted
    text, video, audio = question.parts
    for parts in (
        (Part("text", text.source, 0.2), video, audio),
        (Part("text", text.source, 0.0), video, audio),
        (Part("text", text.source, on=False), video, audio),
        (audio, text),
    ):
        asker.compare(Question(parts, ("blue",), 0.1))
    assert len(passes) == first
    asker.answer(Question.of(text="another"))
    assert len(passes) == first + 1


def test_what_is_remembered_changes_nothing(asker, retriever):
    question = three_parts(retriever, weights={"video": 0.4})
    first = asker.answer(question).hits
    pd.testing.assert_frame_equal(asker.answer(question).hits, first, check_exact=True)
    pd.testing.assert_frame_equal(Asker(retriever).answer(question).hits, first, check_exact=True)


def test_only_the_last_embeddings_are_kept(retriever, passes, monkeypatch):
    monkeypatch.setattr("mmlab.question.answers.SUBSETS_KEPT", 3)
    asker = Asker(retriever)

    def passes_for(word):
        before = len(passes)
        asker.compose(Question.of(text=word))
        return len(passes) - before

    assert [passes_for(word) for word in ("a", "b", "c", "a", "d")] == [1, 1, 1, 0, 1]
    assert passes_for("a") == 0  # it was used after b
    assert passes_for("b") == 1


def test_a_file_that_was_written_again_is_read_again(asker, tmp_path):
    path = write_video(tmp_path / "knock.mp4", 1.0, sound=tone(200))
    question = Question.of(audio=path)
    before = asker.compose(question).vector()
    write_video(path, 1.0, sound=tone(3000))
    assert not torch.allclose(asker.compose(question).vector(), before, atol=1e-3)


def test_a_file_and_a_clip_ask_together(asker, retriever, media_folder):
    question = Question(
        (Part("audio", str(media_folder / GREEN)), Part("video", clip_of(retriever, RED)))
    )
    composed = asker.compose(question)
    alone = retriever.query(audio=media_folder / GREEN)
    torch.testing.assert_close(composed.vector_of({0}), alone, atol=1e-5, rtol=0)


def test_comparing_is_both_answers_side_by_side(asker, retriever):
    question = three_parts(retriever, without="blue", fusion="late")
    table = asker.compare(question, top=2).set_index("clip_id")
    every = {}
    for fusion in ("joint", "late"):
        alone = Question(question.parts, question.without, question.strength, fusion=fusion)
        every[fusion] = asker.answer(alone, top=100).hits.set_index("clip_id")
    top = {clip for hits in every.values() for clip in hits.index[:2]}
    assert set(table.index) == top
    assert table.joint_rank.is_monotonic_increasing
    for clip, row in table.iterrows():
        for fusion, hits in every.items():
            assert row[f"{fusion}_rank"] == hits["rank"][clip]
            assert row[f"{fusion}_score"] == pytest.approx(hits["score"][clip])
        assert row.moved == row.late_rank - row.joint_rank
        assert row.text == every["joint"].text[clip]


def test_one_part_among_one_modality_is_the_same_either_way(asker):
    table = asker.compare(Question.of(text="a red square", among="video"), top=3)
    assert table.moved.tolist() == [0, 0, 0]


def test_ranks_beyond_what_is_compared_are_missing(asker, monkeypatch):
    whole = asker.compare(Question.of(text="moves on"), top=1)
    assert whole.notna().all(axis=None)
    monkeypatch.setattr("mmlab.question.answers.RANKS_COMPARED", 1)
    table = asker.compare(Question.of(text="moves on"), top=1)
    assert len(table) == len(whole)
    assert table.text.tolist() == whole.text.tolist()
    if len(table) > 1:
        assert table.moved.isna().all()


def test_filters_leave_only_their_clips(asker):
    question = Question.of(text="red")
    wanted = {"media_id": [RED, GREEN]}
    assert set(asker.answer(question, where=wanted).hits.media_id) == {RED, GREEN}
    table = asker.compare(question, where=wanted)
    assert set(table.joint_rank) == {1, 2, 3}
    with pytest.raises(ValueError, match="no column 'colour'"):
        asker.answer(question, where={"colour": "red"})


@pytest.mark.parametrize(
    ("question", "message"),
    [
        (Question(()), "an empty question"),
        (Question((Part("text", "red", on=False),)), "switched off; switch one on"),
        (Question((Part("text", "red", 0.0),)), "weight 0; give one a weight above 0"),
        (Question((Part("text", "a", 0.0), Part("text", "b", on=False))), "has the weight 0"),
        (Question(tuple(Part("text", one) for one in "abcdef")), "has 6 parts, at most 5"),
        (Question((Part("depth", "x"),)), "'depth'; the model and these clips have text, video"),
        (Question.of(text="?!"), "no word that the model knows"),
        (Question.of(text="red", without="?!"), "no word that the model knows"),
        (Question.of(video="nosuch.mp4"), "neither in this selection"),
        (Question.of(text="red", among="smell"), "a combination is one or more"),
    ],
)
def test_bad_questions_are_said_in_a_sentence(asker, question, message):
    for ask in (asker.answer, asker.compare):
        with pytest.raises(ValueError, match=message):
            ask(question)


def test_media_that_lack_what_is_asked_with_are_named(asker, retriever, tmp_path):
    with pytest.raises(ValueError, match="holds no audio"):
        asker.answer(Question.of(audio=clip_of(retriever, "blue mute.mp4")))
    (tmp_path / "broken.mp4").write_bytes(b"no video")
    with pytest.raises(ValueError, match=r"broken\.mp4"):
        asker.answer(Question.of(video=tmp_path / "broken.mp4"))
    half = tmp_path / "half.mp4"
    write_video(half, 4.0, picture=moving_square(), options={"movflags": "faststart"})
    half.write_bytes(half.read_bytes()[: half.stat().st_size // 2])
    with pytest.raises(ValueError, match=r"^my film: ") as error:
        asker.answer(Question((Part("video", str(half), label="my film"),)))
    assert str(tmp_path) not in str(error.value)


@pytest.mark.parametrize("top", [0, -1, 2.5, "3", True])
def test_so_many_answers_cannot_be_given(asker, retriever, top):
    question = Question.of(text="red", video=clip_of(retriever, RED))
    for ask in (asker.answer, asker.compare):
        with pytest.raises(ValueError, match="top is how many answers to give, a whole number"):
            ask(question, top=top)
    assert len(asker.answer(question, top=np.int64(2)).hits) == 2


def test_a_file_that_is_too_long_is_refused_before_features_are_made(
    asker, retriever, tmp_path, monkeypatch
):
    path = write_video(
        tmp_path / "long.mp4", picture=moving_square(), times=np.arange(0.0, 10_860.0, 60.0)
    )
    monkeypatch.setattr(type(retriever.dataset), "extract", lambda *_: pytest.fail("extracted"))
    message = "lasts 180 minutes, over 10; cut out .* look through it with mmlab localize$"
    with pytest.raises(ValueError, match=rf"long\.mp4: {message}"):
        asker.answer(Question.of(text="red", video=path))
    with pytest.raises(ValueError, match=f"^my film: {message}"):
        asker.compare(Question((Part("video", str(path), label="my film"),)))


def test_six_parts_of_which_one_is_off_are_five(asker):
    parts = (*(Part("text", one) for one in "abcde"), Part("text", "f", on=False))
    assert len(asker.compose(Question(parts)).subsets) == 31


def test_unknown_words_are_noted_and_answered_all_the_same(asker):
    answers = asker.answer(Question.of(text="a red sqare", without="bleu"))
    assert len(answers.hits)
    assert answers.seconds > 0
    said = "\n".join(answers.notes)
    assert "“sqare” (alike: square) or “bleu” (alike: blue)" in said
    assert len(answers.notes) == 1


def test_a_sentence_of_unknown_words_tells_the_nearest(tiny_run, tmp_path):
    path = tmp_path / "vectors.txt"
    path.write_text("2 300\n" + "".join(f"{w} {'0.5 ' * 300}\n" for w in ("red", "square")))
    model, dataset = mmlab.open_run(tiny_run)
    dataset = mmlab.ClipDataset.open(dataset.folder, text_encoder=WordVectorFile(path))
    asker = Asker(mmlab.Retriever(model, dataset))
    with pytest.raises(
        ValueError, match=r"lack “sqare” \(alike: square\) or “rd” \(alike: red\); ask"
    ):
        asker.answer(Question.of(text="sqare rd"))
    assert asker.answer(Question.of(text="red sqare")).notes == (
        "the word vectors lack “sqare” (alike: square)",
    )
