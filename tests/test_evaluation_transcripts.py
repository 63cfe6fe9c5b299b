"""Videos aligned with their transcripts from the retriever's scores to the measures."""

import functools
import json

import numpy as np
import pytest
import torch

import mmlab
from mmlab.evaluation.alignment import align_transcript
from mmlab.evaluation.overlap import frame_accuracy, overlap_scores
from mmlab.evaluation.transcripts import align_videos
from mmlab.readers.mining_youtube import read_mining_youtube
from mmlab.runs import model_config
from tests.tiny_datasets import arrays, clip_table, make_dataset

CLASSES = ("crack_egg", "pour_milk", "stir_dough", "background")
TRANSCRIPT = ("background", "crack_egg", "background", "stir_dough")
SECONDS = np.array([3, 3, 0, 0, 0, 3, 2, 2, 2, 2])
RATE = 3  # frames per second


@pytest.fixture(scope="module")
def retriever(tmp_path_factory):
    media = {f"{name}.mp4": arrays(seed=seed) for seed, name in enumerate(("one", "two"))}
    clips = clip_table([(name, 0.0, 8.0, "stir", "test") for name in media])
    dataset = make_dataset(tmp_path_factory.mktemp("long videos"), media, clips)
    torch.manual_seed(0)
    return mmlab.Retriever(mmlab.FusionModel(model_config(dataset.features)), dataset)


@pytest.fixture
def perfect(retriever, monkeypatch):
    """Each second scores its own class the most."""

    def score_seconds(medium, texts, **_):
        numbers = [CLASSES.index(text.replace(" ", "_")) for text in texts]
        return (SECONDS[:, None] == numbers).astype(float)

    monkeypatch.setattr(retriever, "score_seconds", score_seconds)
    return retriever


def corpus(folder, transcript=TRANSCRIPT, videos=("one",), frames=None):
    (folder / "weakYouTube_dict.txt").write_text("".join(f"{name}\n" for name in CLASSES))
    for name in videos:
        (folder / f"{name}.grammar").write_text(" ".join(transcript) + "\n")
        labels = np.repeat(SECONDS, RATE) if frames is None else frames
        (folder / f"{name}.gt").write_text("".join(f"{CLASSES[label]}\n" for label in labels))
    return read_mining_youtube(folder)


@pytest.mark.parametrize("length_model", [True, False])
def test_perfect_scores_reach_the_oracle(perfect, tmp_path, length_model):
    result = align_videos(perfect, corpus(tmp_path), length_model=length_model)
    table = result.table()
    assert (table.loc[["aligned", "oracle"]] == 100).all(axis=None)
    assert table.loc["evenly spread", "MoF"] == 70
    np.testing.assert_array_equal(result.predicted()[0], np.repeat(SECONDS, RATE))


def test_an_alignment_is_that_of_the_scores_with_its_mean_length(retriever, tmp_path):
    result = align_videos(retriever, corpus(tmp_path), among="video", temperature=0.1)
    texts = ["background", "crack egg", "stir dough"]
    scores = retriever.score_seconds("one.mp4", texts, among="video") / 0.1
    expected = align_transcript(scores, [0, 1, 0, 2], mean_lengths=10 / 4)
    np.testing.assert_array_equal(result.aligned[0], expected)
    long = align_videos(retriever, corpus(tmp_path), among="video", mean_seconds=1.0)
    expected = align_transcript(scores * 2, [0, 1, 0, 2], mean_lengths=1.0)
    np.testing.assert_array_equal(long.aligned[0], expected)


def test_the_normaliser_of_the_published_scores_would_change_nothing(retriever, tmp_path):
    result = align_videos(retriever, corpus(tmp_path), temperature=1)
    texts = [name.replace("_", " ") for name in CLASSES]
    similarities = torch.from_numpy(retriever.score_seconds("one.mp4", texts))
    published = torch.log_softmax(similarities, dim=1).numpy()
    transcript = [CLASSES.index(label) for label in TRANSCRIPT]
    expected = align_transcript(published, transcript, mean_lengths=10 / 4)
    np.testing.assert_array_equal(result.aligned[0], expected)


def test_the_table_holds_the_measures_of_the_frames(retriever, tmp_path):
    result = align_videos(retriever, corpus(tmp_path, videos=("one", "two")))
    predicted, truth = result.predicted(), result.truth
    row = result.table().loc["aligned"]
    assert row["MoF"] == frame_accuracy(predicted, truth)
    for variant in ("class", "segment"):
        found = overlap_scores(predicted, truth, variant, background=3)
        assert row[f"IoU by {variant} without background"] == found.iou
        assert row[f"IoD by {variant} without background"] == found.iod
    summary = json.loads(json.dumps(result.summary()))
    assert summary["videos"] == 2
    assert summary["alignment"]["aligned"]["MoF"] == pytest.approx(row["MoF"])


def test_no_whole_seconds_get_more_frames_right_than_the_oracle(retriever, tmp_path):
    """Frames whose rate does not fit the seconds, in another order than the transcript."""
    frames = np.random.default_rng(0).integers(4, size=47)
    result = align_videos(retriever, corpus(tmp_path, frames=frames))
    table = result.table()
    best = 0
    for cuts in np.ndindex(10, 10, 10):
        if 0 < cuts[0] < cuts[1] < cuts[2]:
            aligned = np.repeat(np.arange(4), np.diff([0, *cuts, 10]))
            labels = result.transcripts[0][aligned]
            middle = ((np.arange(47) + 0.5) * 10 / 47).astype(int)
            best = max(best, 100 * (labels[middle] == frames).mean())
    assert table.loc["oracle", "MoF"] == pytest.approx(best)
    assert table.loc["aligned", "MoF"] <= best


def test_what_cannot_be_aligned_is_listed(perfect, tmp_path):
    corpus(tmp_path, videos=("one", "two", "elsewhere"))
    (tmp_path / "two.grammar").write_text("background fly_kite background\n")
    (tmp_path / "three.grammar").write_text("background\n")
    (tmp_path / "four.gt").write_text("background\n")
    result = align_videos(perfect, read_mining_youtube(tmp_path))
    assert [video.video_id for video in result.videos] == ["one"]
    reasons = dict(result.skipped)
    assert reasons.keys() == {"two", "two.grammar", "three", "four", "elsewhere"}
    assert "'fly_kite', which is not in the dictionary" in reasons["two"]
    assert reasons["three"] == "has no frame labels; left out"
    assert reasons["four"] == "has no transcript; left out"


def test_a_transcript_longer_than_its_video_is_listed_or_named(perfect, tmp_path):
    corpus(tmp_path, videos=("one", "two"))
    (tmp_path / "two.grammar").write_text("background crack_egg " * 6 + "\n")
    result = align_videos(perfect, read_mining_youtube(tmp_path))
    ((name, reason),) = result.skipped
    assert name == "two"
    assert "12 entries of a transcript cannot fill 10 seconds" in reason
    (tmp_path / "one.grammar").write_text("background crack_egg " * 6 + "\n")
    with pytest.raises(ValueError, match="none of the 2 videos can be aligned.*2 listed"):
        align_videos(perfect, read_mining_youtube(tmp_path))


def test_a_video_that_its_transcript_cannot_fill_takes_no_other_with_it(
    perfect, tmp_path, monkeypatch
):
    align = functools.partial(align_transcript, longest=4)
    monkeypatch.setattr("mmlab.evaluation.transcripts.align_transcript", align)
    corpus(tmp_path, videos=("one", "two"))
    (tmp_path / "two.grammar").write_text("background crack_egg\n")
    result = align_videos(perfect, read_mining_youtube(tmp_path))
    assert [video.video_id for video in result.videos] == ["one"]
    ((name, reason),) = result.skipped
    assert name == "two"
    assert "2 entries of a transcript cannot fill 10 seconds, 1 to 4 each; left out" in reason


@pytest.mark.parametrize("name", ["mean_seconds", "temperature"])
@pytest.mark.parametrize("value", [0.0, -1.0, float("nan"), float("inf")])
def test_a_mean_or_temperature_that_is_none_is_the_caller_s_mistake(perfect, tmp_path, name, value):
    with pytest.raises(ValueError, match=f"{name} must be a number above 0, found {value}"):
        align_videos(perfect, corpus(tmp_path), **{name: value})


def test_what_the_scores_are_is_told(perfect, tmp_path):
    assert align_videos(perfect, corpus(tmp_path)).score_name == "similarity, temperature 0.05"
    published = align_videos(perfect, corpus(tmp_path), temperature=1.0)
    assert published.summary()["scores"] == "similarity"


def test_what_the_reader_could_not_use_is_listed_and_explains_a_failure(perfect, tmp_path):
    corpus(tmp_path)
    (tmp_path / "two.grammar").write_bytes(b"\xff\xfe\xff")
    assert [name for name, _ in align_videos(perfect, read_mining_youtube(tmp_path)).skipped] == [
        "two.grammar"
    ]
    (tmp_path / "one.grammar").unlink()
    with pytest.raises(ValueError, match=r"two\.grammar.*one: has no transcript"):
        align_videos(perfect, read_mining_youtube(tmp_path))
