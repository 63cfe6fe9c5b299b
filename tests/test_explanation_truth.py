"""What a caption speaks of and when it is there; the measurement over clips; its command."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch

import mmlab
from mmlab import sample
from mmlab.cli import explanation
from mmlab.explanation import (
    ALONE,
    MEAN_OF_HEADS,
    RELEVANCE,
    Moment,
    left_out,
    measure_explanations,
    summarise,
    true_moments,
    true_seconds,
)
from mmlab.explanation.measured import AREA, CLIP, RANDOM, VIDEO
from mmlab.explanation.truth import ACTION_HEARD, ACTION_SEEN, WHOLE_CAPTION, WORD_HEARD
from mmlab.features.text import words as caption_words
from mmlab.runs import model_config
from tests.tiny_datasets import arrays, clip_table, make_dataset


def step(start, action, spoken=(), *, seen=True, sound="clear"):
    """A step of two seconds, its action in the second one."""
    words = [
        {"attribute": kind, "word": word, "start_seconds": at, "end_seconds": at + 0.4}
        for kind, word, at in spoken
    ]
    return {
        "start_seconds": start,
        "end_seconds": start + 2,
        "action_start_seconds": start + 1.0,
        "action_end_seconds": start + 2.0,
        "attributes": {"action": action},
        "action_seen": seen,
        "sound": sound,
        "words": words,
    }


STEPS = [
    step(0.0, "slice", [("action", "slice", 0.2), ("ingredient", "egg", 2.8)]),
    step(3.0, "stir", [("ingredient", "egg", 3.5)], sound="music"),
    step(6.0, "slice", [("colour", "red", 6.1)], seen=False),
]
WORDS = ["chop", "the", "egg"]


def moments(number, span):
    found = true_moments(STEPS, number, WORDS, span)
    return {(one.what, one.word_number): (one.modality, one.spans) for one in found}


def test_moments_of_a_clip():
    assert moments(0, (0.0, 2.0)) == {
        (ACTION_SEEN, WHOLE_CAPTION): ("video", ((1.0, 2.0),)),
        (ACTION_SEEN, 0): ("video", ((1.0, 2.0),)),
        (ACTION_HEARD, WHOLE_CAPTION): ("audio", ((1.0, 2.0),)),
        (ACTION_HEARD, 0): ("audio", ((1.0, 2.0),)),
        (WORD_HEARD, 0): ("audio", ((0.2, pytest.approx(0.6)),)),
    }


def test_what_straddles_the_clips_edge_is_cut_there():
    found = moments(0, (0.0, 1.5))
    assert found[ACTION_SEEN, WHOLE_CAPTION][1] == ((1.0, 1.5),)
    assert found[ACTION_HEARD, 0][1] == ((1.0, 1.5),)
    assert moments(0, (0.4, 2.0))[WORD_HEARD, 0][1] == ((0.4, pytest.approx(0.6)),)
    assert not moments(0, (0.6, 1.0))  # what only borders on the clip is not in it


def test_labels_say_what_it_is():
    found = true_moments(STEPS, 0, WORDS, (0.0, 10.0))
    assert {one.label for one in found} == {
        "slice seen", "slice heard", "slice spoken", "egg spoken"
    }  # fmt: skip


def test_in_the_whole_video_a_word_may_be_there_several_times():
    found = moments(0, (0.0, 10.0))
    assert found[ACTION_SEEN, WHOLE_CAPTION][1] == ((1.0, 2.0),)  # its own step
    assert found[ACTION_SEEN, 0][1] == ((1.0, 2.0),)  # the camera misses the other
    assert found[ACTION_HEARD, 0][1] == ((1.0, 2.0), (7.0, 8.0))
    assert [span[0] for span in found[WORD_HEARD, 2][1]] == [2.8, 3.5]


def test_what_is_not_there_or_not_written_is_no_moment():
    assert moments(1, (3.0, 5.0)) == {
        (ACTION_SEEN, WHOLE_CAPTION): ("video", ((4.0, 5.0),)),  # no word of it means to stir
        (WORD_HEARD, 2): ("audio", ((3.0, pytest.approx(3.2)), (3.5, 3.9))),  # cut at the edge
    }
    assert (ACTION_SEEN, WHOLE_CAPTION) not in moments(2, (6.0, 8.0))


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """An untrained model's run on a video whose truth is made up as well."""
    folder = tmp_path_factory.mktemp("corpus")
    clips = [("a.mp4", 3.0 * n, 3.0 * n + 2, " ".join(WORDS), "test") for n in range(3)]
    clips.append(("mute.mp4", 0.0, 3.0, "chop", "test"))
    media = {"a.mp4": arrays(), "mute.mp4": arrays(audio=None)}
    table = clip_table(clips)
    dataset = make_dataset(folder / "dataset", media, table)
    torch.manual_seed(0)
    model = mmlab.FusionModel(model_config(dataset.features)).eval()
    truth = {"videos": [{"video": "a.mp4", "duration_seconds": 10.0, "steps": STEPS}]}
    return folder, mmlab.Retriever(model, dataset), truth


def test_shares_of_single_clips(run):
    _, retriever, truth = run
    found = measure_explanations(retriever, truth, progress=False)
    assert set(found.weighting) == {MEAN_OF_HEADS, RELEVANCE, ALONE, RANDOM}
    assert set(found["where"]) == {CLIP, VIDEO}
    shares = found[found.what != AREA]
    assert shares.value.between(0, 1).all()
    first = shares[(shares.clip_id == "a.mp4#0.00-2.00") & (shares["where"] == CLIP)]
    seen = first[(first.what == ACTION_SEEN) & (first.of == "word")]
    assert (seen.chance == 0.5).all()  # one of two tokens of picture
    heat = mmlab.explanation.explain_clip(retriever, "a.mp4#0.00-2.00")
    own = heat.weights[RELEVANCE][1][np.array(heat.modality) == "video"]
    assert seen[seen.weighting == RELEVANCE].value.item() == pytest.approx(own[1] / own.sum())
    pd.testing.assert_frame_equal(found, measure_explanations(retriever, truth, progress=False))


def test_true_seconds_of_a_clip_and_of_any_sentence(run, monkeypatch):
    folder, retriever, truth = run
    clip_id = "a.mp4#0.00-2.00"
    path = folder / "truth.json"
    assert true_seconds(retriever, clip_id) == []  # no corpus lies around this dataset
    for foreign in ("no JSON", "[]", '{"videos": 3}'):
        path.write_text(foreign)
        assert true_seconds(retriever, clip_id) == []
    path.write_text(json.dumps(truth | {"version": 4, "held_out_pairs": []}))
    found = true_seconds(retriever, clip_id)
    assert found == true_moments(STEPS, 0, WORDS, (0.0, 2.0))
    assert true_seconds(retriever, "mute.mp4#0.00-3.00") == []
    other = true_seconds(retriever, clip_id, "an egg to slice")
    assert {one.word_number for one in other} == {3}
    assert true_seconds(retriever, clip_id, "nothing of it") == []
    path.unlink()


def test_share_of_a_moment_by_hand(run):
    heat = mmlab.explanation.explain_clip(run[1], "a.mp4#0.00-2.00")
    own = np.array(heat.modality) == "video"
    for number, row in ((WHOLE_CAPTION, 0), (1, 2)):
        moment = Moment(ACTION_SEEN, "video", ((1.0, 2.0),), number, "slice seen")
        share, chance = moment.share(heat, RELEVANCE)
        weights = heat.weights[RELEVANCE][row][own]
        assert share == pytest.approx(weights[1] / weights.sum())
        assert chance == 0.5
    picture = mmlab.explanation.explain_clip(run[1], "a.mp4#0.00-2.00", "text+video")
    heard = Moment(WORD_HEARD, "audio", ((1.0, 2.0),), 0, "slice spoken")
    assert np.isnan(heard.share(picture, RELEVANCE)).all()


def test_clips_that_the_model_shortens_have_no_area_and_it_says_so(run):
    _, retriever, truth = run
    config = model_config(retriever.dataset.features)
    short = [replace(one, max_tokens=4, shorten="average") for one in config.modalities]
    torch.manual_seed(0)
    model = mmlab.FusionModel(replace(config, modalities=tuple(short))).eval()
    shortened = mmlab.Retriever(model, retriever.dataset)
    found = measure_explanations(shortened, truth, progress=False)
    areas = found[found.what == AREA]
    assert areas.value[areas["where"] == VIDEO].isna().all()
    assert areas.value[areas["where"] == CLIP].notna().all()
    told = left_out(found)
    assert told.endswith(f"than the model takes: 3 of 3 in {VIDEO}.")
    figures = summarise(found)
    assert set(figures["where"][figures.what == AREA]) == {CLIP}
    assert not figures.isna().any(axis=None)
    assert f"deletion area, in {CLIP}" in explanation.short_table(figures)
    assert left_out(measure_explanations(retriever, truth, progress=False)) == ""


def test_without_a_truth_there_is_the_deletion_test_of_every_clip(run):
    _, retriever, _ = run
    found = measure_explanations(retriever, progress=False)
    assert set(found.what) == {AREA}
    assert len(found) == 4 * 4
    assert measure_explanations(retriever, clips=2, progress=False).clip_id.nunique() == 2


def test_a_truth_of_another_corpus_is_refused(run):
    with pytest.raises(ValueError, match="truth: no step of it is among these clips"):
        measure_explanations(run[1], {"videos": []}, progress=False)


def test_summary_by_hand():
    key = {"where": CLIP, "what": AREA, "of": "caption", "weighting": RELEVANCE}
    rows = [("a", 0.9, 0.5), ("a", 0.7, 0.5), ("b", 0.4, 0.2)]  # "a" twice: two words of it
    found = pd.DataFrame([key | {"clip_id": c, "value": v, "chance": e} for c, v, e in rows])
    told = summarise(found).iloc[0]
    assert told.clips == 2
    assert told.value == pytest.approx((0.8 + 0.4) / 2)
    assert told.difference == pytest.approx((0.3 + 0.2) / 2)
    assert told.low == pytest.approx(0.2)
    assert told.high == pytest.approx(0.3)


def test_the_command_prints_and_writes_the_same(run, monkeypatch, capsys, tmp_path):
    folder, retriever, truth = run
    opened = retriever.model, retriever.dataset
    monkeypatch.setattr("mmlab.runs.open_run", lambda run: opened)
    out = tmp_path / "new" / "explanation.json"
    explanation.explain(out=out)
    assert "deletion area, heat of the caption, in its clip (4 clips)" in capsys.readouterr().out
    (folder / "truth.json").write_text(json.dumps(truth))
    explanation.explain(out=out)
    printed = capsys.readouterr().out
    report = json.loads(out.read_text())
    assert "word heard, heat of the word, in its whole video" in printed
    assert "| word heard, in its whole video | " in printed
    assert f"{100 * report['figures'][0]['value']:.1f} %" in printed
    assert report["environment"]["torch"] == torch.__version__
    with pytest.raises(ValueError, match="--clips"):
        explanation.explain(clips=0)
    with pytest.raises(ValueError, match="is a folder"):
        explanation.explain(out=tmp_path)


@pytest.mark.slow
def test_spoken_words_of_the_sample_corpus():
    folder = mmlab.data_folder() / "sample"
    expected = sample.spoken_moments(folder)
    for video in sample.load_truth(folder)["videos"][:40]:
        for number, one in enumerate(video["steps"]):
            words = caption_words(one["caption"])
            span = (one["start_seconds"], one["end_seconds"])
            told = true_moments(video["steps"], number, words, span)
            heard = {words[m.word_number]: m.spans[0] for m in told if m.what == WORD_HEARD}
            inside = expected.get((video["video"], one["start_seconds"]), {})
            assert {word: heard[word] for word in inside} == inside
            for start, end in (heard[word] for word in heard.keys() - inside.keys()):
                assert start == span[0] or end == span[1]  # cut at the clip's edge
