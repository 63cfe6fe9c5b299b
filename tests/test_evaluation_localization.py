"""Localisation of videos as a whole: scores, bounds, tables, and everything that can be odd."""

import json

import numpy as np
import pandas as pd
import pytest
import torch

import mmlab
from mmlab.evaluation.assignment import best_steps, ordered_assignment
from mmlab.evaluation.localization import (
    LocalizationResult,
    localization_recall,
    localize_videos,
)
from mmlab.evaluation.scoring import media_of_videos
from mmlab.evaluation.step_recall import VARIANTS
from mmlab.readers.localization import LocalizationVideo, LocalizationVideos
from mmlab.runs import model_config
from tests.tiny_datasets import arrays, clip_table, make_dataset

STEPS = ("peel the potato", "stir the soup", "slice the bread")


def video(name: str, *segments: tuple[int, float, float], steps=STEPS) -> LocalizationVideo:
    return LocalizationVideo("7", name, steps, segments)


@pytest.fixture(scope="module")
def retriever(tmp_path_factory):
    """An untrained model, two test videos of 10 s and one of another split."""
    folder = tmp_path_factory.mktemp("long videos")
    media = {f"{name}.mp4": arrays(seed=seed) for seed, name in enumerate(("one", "two", "three"))}
    splits = {"one.mp4": "test", "two.mp4": "test", "three.mp4": "train"}
    clips = clip_table([(name, 0.0, 8.0, "stir the soup", split) for name, split in splits.items()])
    dataset = make_dataset(folder, media, clips)
    torch.manual_seed(0)
    model = mmlab.FusionModel(model_config(dataset.features))
    return mmlab.Retriever(model, dataset.select(split="test"))


@pytest.fixture
def perfect(retriever, monkeypatch):
    """Scores of 1 in seconds 0, 3 and 6 for the first, second and third text that is asked."""

    def score_seconds(medium, texts, **_):
        table = np.zeros((10, len(texts)))
        table[[3 * step for step in range(len(texts))], range(len(texts))] = 1
        return table

    monkeypatch.setattr(retriever, "score_seconds", score_seconds)
    return retriever


def test_scores_are_the_retrievers_own(retriever):
    videos = [video("one", (0, 0, 2)), video("two", (1, 3.5, 5))]
    result = localize_videos(retriever, videos, among="video", radius_seconds=1.0)
    assert result.videos == videos
    for one, scores in zip(("one.mp4", "two.mp4"), result.scores, strict=True):
        expected = retriever.score_seconds(one, STEPS, among="video", radius_seconds=1.0)
        np.testing.assert_allclose(scores, expected, atol=1e-6)
    assert [truth.sum() for truth in result.truth] == [2, 2]
    for chosen, scores in zip(result.chosen, result.scores, strict=True):
        np.testing.assert_array_equal(chosen, ordered_assignment(scores))


def test_perfect_scores_find_everything(perfect):
    result = localize_videos(perfect, [video("one", (0, 0, 1), (1, 3, 4), (2, 6, 7))])
    for variant in VARIANTS:
        assert (
            result.recall(variant) == result.oracle(variant) == result.upper_bound(variant) == 100
        )
        assert 0 < result.chance(variant, draws=50) < 100
    assert result.detection().percent == 100
    assert result.moments().percent == {0.5: 100, 0.7: 100}


def test_videos_that_are_not_at_hand_are_listed(perfect):
    videos = [video("none", (0, 0, 1)), video("one", (0, 0, 1)), video("three", (0, 0, 1))]
    result = localize_videos(perfect, videos)
    assert [one.video_id for one in result.videos] == ["one"]
    assert [name for name, _ in result.skipped] == ["none", "three"]
    with pytest.raises(ValueError, match=r"none of the 1 videos can be scored \(1 listed: none: "):
        localize_videos(perfect, videos[:1])
    with pytest.raises(ValueError, match="none of the 0 videos"):
        localize_videos(perfect, [])


def test_a_damaged_video_takes_no_other_with_it(perfect, monkeypatch):
    score = perfect.score_seconds

    def damaged(medium, texts, **how):
        if medium == "one.mp4":
            raise ValueError("0000.safetensors: is cut short")
        return score(medium, texts, **how)

    monkeypatch.setattr(perfect, "score_seconds", damaged)
    result = localize_videos(perfect, [video("one", (0, 0, 1)), video("two", (0, 0, 1))])
    assert [one.video_id for one in result.videos] == ["two"]
    assert result.skipped == [("one", "0000.safetensors: is cut short; left out")]


def test_scores_that_are_nan_are_listed_and_never_counted(perfect, monkeypatch):
    score = perfect.score_seconds

    def nan_in_one(medium, texts, **how):
        return score(medium, texts, **how) + (np.nan if medium == "one.mp4" else 0)

    monkeypatch.setattr(perfect, "score_seconds", nan_in_one)
    result = localize_videos(perfect, [video("one", (0, 0, 1)), video("two", (0, 0, 1))])
    assert result.skipped == [("one", "its scores hold NaN or infinite values; left out")]
    assert localization_recall(result).videos.video.tolist() == ["two"]
    with pytest.raises(ValueError, match="none of the 1 videos can be scored.*NaN"):
        localize_videos(perfect, [video("one", (0, 0, 1))])


def test_a_video_without_annotation_stays_and_counts_nowhere(perfect):
    videos = [video("one", (0, 0, 1), (1, 8, 9)), video("two")]
    result = localize_videos(perfect, videos)
    for variant in VARIANTS:
        found = localization_recall(result, variant)
        assert (found.percent, found.unannotated) == (50, 1)
        assert found.videos.video.tolist() == ["one", "two"]
    assert result.table().unannotated.tolist() == [1, 1, 1]
    assert result.moments().unannotated == 4
    with pytest.raises(ValueError, match="no video has an annotated step"):
        localize_videos(perfect, videos[1:]).recall()


def test_more_steps_than_seconds_count_as_missed(retriever, monkeypatch):
    many = tuple(f"stir number {number}" for number in range(11))
    videos = [video("one", (0, 0, 1)), video("two", (4, 2, 3), steps=many)]
    truth = [one.truth(10) for one in videos]
    scores = [np.where(true, 1.0, 0.0) for true in truth]
    result = LocalizationResult(videos, scores, truth)
    assert [result.recall("micro_task"), result.recall("macro_video")] == [50, 50]
    assert result.upper_bound() == result.oracle() == 50
    assert result.recall("frame") == 100  # which knows no order
    monkeypatch.setattr(
        retriever, "score_seconds", lambda _, texts, **how: np.zeros((10, len(texts)))
    )
    listed = localize_videos(retriever, videos)
    assert ("two", "has 11 steps in 10 s, so they count as missed") in listed.skipped


def test_steps_behind_the_end_of_the_video_are_listed(perfect):
    result = localize_videos(perfect, [video("one", (0, 0, 1), (2, 12, 15.5))])
    assert result.truth[0].any(axis=0).tolist() == [True, False, False]
    problem = "is annotated from 12 to 15.5 s, the video ends at 10 s; left out"
    assert result.skipped == [("one: 'slice the bread'", problem)]
    assert result.moments().queries == 1


def test_a_moment_ends_where_its_video_ends(perfect):
    """As the truth of the recall does; perfect scores find it."""
    one = video("one", (0, 5.5, 20.0), (1, 30.0, 40.0))
    truth = one.truth(10)
    result = LocalizationResult([one], [truth.astype(float)], [truth])
    assert result.moments().percent == {0.5: 100, 0.7: 100}
    assert result.moments().mean_iou == pytest.approx(100 * 4.5 / 5)
    assert result.moments().unannotated == 2


def test_a_step_without_a_known_word_scores_nothing(perfect):
    steps = ("peel the potato", "!!!", "stir the soup")
    result = localize_videos(perfect, [video("one", (0, 0, 1), steps=steps)])
    assert not result.scores[0][:, 1].any()
    assert result.scores[0][3, 2] == 1  # the second that is asked
    assert result.skipped == [("one: '!!!'", "holds no word that the model knows: similarity 0")]
    with pytest.raises(ValueError, match="none of its texts holds a word"):
        localize_videos(perfect, [video("one", steps=("!!!",))])


def test_unknown_combinations_and_variants_are_named(perfect):
    videos = [video("one", (0, 0, 1))]
    for mistake, named in (
        ({"among": "video+smell"}, "smell"),
        ({"among": "text+video"}, "'text.video'"),
        ({"radius_seconds": -1.0}, "radius_seconds is 0 or more, found -1"),
        ({"radius_seconds": float("nan")}, "radius_seconds is 0 or more, found nan"),
        ({"form": "softmax"}, "similarity, log_softmax, found 'softmax'"),
    ):
        with pytest.raises(ValueError, match=named) as raised:
            localize_videos(perfect, videos, **mistake)
        assert "listed" not in str(raised.value)  # of the call, not of its videos
    result = localize_videos(perfect, [video("one", (0, 0, 1))])
    with pytest.raises(ValueError, match="micro_task, macro_video, frame"):
        result.recall("micro")


def test_a_dataset_without_sound_is_named(tmp_path):
    media = {"one.mp4": {"video": arrays()["video"]}}
    features = {"video": mmlab.about.FeatureInfo("colours", 6, 1.0)}
    clips = clip_table([("one.mp4", 0.0, 8.0, "stir", "test")])
    dataset = make_dataset(tmp_path, media, clips, features=features)
    torch.manual_seed(0)
    config = mmlab.ModelConfig.sample(6, dataset.features["text"].width)
    retriever = mmlab.Retriever(mmlab.FusionModel(config), dataset)
    with pytest.raises(ValueError, match="has no audio"):
        localize_videos(retriever, [video("one", (0, 0, 1))])
    assert len(localize_videos(retriever, [video("one", (0, 0, 1))], among="video").videos) == 1


def test_a_video_without_anything_of_the_combination_is_listed(tmp_path):
    media = {"loud.mp4": arrays(), "silent.mp4": arrays(seed=1, audio=None)}
    clips = clip_table([(name, 0.0, 8.0, "stir", "test") for name in media])
    dataset = make_dataset(tmp_path, media, clips)
    torch.manual_seed(0)
    retriever = mmlab.Retriever(mmlab.FusionModel(model_config(dataset.features)), dataset)
    videos = [video("loud", (0, 0, 1)), video("silent", (0, 0, 1))]
    result = localize_videos(retriever, videos, among="audio")
    assert [one.video_id for one in result.videos] == ["loud"]
    ((name, reason),) = result.skipped
    assert (name, reason) == ("silent", "silent.mp4 has no audio: nothing to compare; left out")
    assert len(localize_videos(retriever, videos).videos) == 2  # it can be seen


def test_what_the_reader_could_not_use_comes_first_and_explains_a_failure(perfect):
    unread = [("7_one.csv line 3", "names step 9 of 3")]
    videos = LocalizationVideos([video("one", (0, 0, 1)), video("none", (0, 0, 1))], unread)
    result = localize_videos(perfect, videos)
    assert result.skipped[0] == unread[0]
    assert [name for name, _ in result.skipped] == ["7_one.csv line 3", "none"]
    for empty, problem in (([], "none of the 0 videos"), ([video("one")], "no video has an anno")):
        with pytest.raises(ValueError, match=f"{problem}.*line 3: names step 9 of 3"):
            localize_videos(perfect, LocalizationVideos(empty, unread)).recall()


def test_the_table_holds_what_the_methods_give(retriever):
    videos = [video("one", (0, 0, 2), (2, 5, 6)), video("two", (1, 3.5, 5))]
    result = localize_videos(retriever, videos)
    table = result.table(draws=5)
    assert table.index.tolist() == list(VARIANTS)
    for variant in VARIANTS:
        row = table.loc[variant]
        assert row.recall == result.recall(variant)
        assert row.chance == result.chance(variant, draws=5)
        assert (row.oracle, row.upper_bound) == (
            result.oracle(variant),
            result.upper_bound(variant),
        )
        assert (row.tasks, row.videos, row.steps) == (1, 2, 3)
    summary = result.summary()
    assert summary["recall"]["frame"]["recall"] == result.recall("frame")
    assert json.loads(json.dumps(summary))["videos"] == 2


def test_log_probabilities_shift_each_second(retriever):
    result = localize_videos(retriever, [video("one", (0, 0, 2))])
    scaled = result.log_probabilities(temperature=0.05)
    expected = torch.log_softmax(torch.from_numpy(result.scores[0]) / 0.05, dim=1)
    np.testing.assert_allclose(scaled.scores[0], expected, rtol=1e-5)
    assert (result.score_name, scaled.score_name) == (
        "similarity",
        "log_softmax, temperature 0.05",
    )
    assert set(scaled.table(draws=1).scores) == {scaled.summary()["scores"]} == {scaled.score_name}
    twice = result.log_probabilities(temperature=0.1).log_probabilities(temperature=0.5)
    np.testing.assert_allclose(twice.scores[0], scaled.scores[0], rtol=1e-4)
    assert twice.score_name == scaled.score_name
    assert scaled.recall("frame") == result.recall("frame")  # an offset changes no second's best
    np.testing.assert_array_equal(scaled.chosen[0], ordered_assignment(scaled.scores[0]))


def test_the_form_of_the_scores_decides_which_second_is_chosen(perfect, monkeypatch):
    """Second 2 is like every step, second 6 only like the first: a softmax prefers that."""

    def score_seconds(medium, texts, **_):
        table = np.zeros((10, len(texts)))
        table[2], table[6, 0] = 1.0, 0.9
        return table

    monkeypatch.setattr(perfect, "score_seconds", score_seconds)
    one = video("one", (0, 6, 7), steps=STEPS[:2])
    similar = localize_videos(perfect, [one])
    shares = localize_videos(perfect, [one], form="log_softmax")
    assert shares.score_name == "log_softmax"
    np.testing.assert_array_equal(shares.scores, similar.log_probabilities().scores)
    assert similar.chosen[0][2, 0]
    assert shares.chosen[0][6, 0]
    assert (similar.recall(), shares.recall()) == (0, 100)


def test_the_frame_variant_reads_the_best_step_of_each_second(retriever):
    result = localize_videos(retriever, [video("one", (0, 0, 2), (1, 4, 6), (2, 7, 10))])
    chosen, truth = best_steps(result.scores[0]), result.truth[0]
    hits = sum(any(chosen[t, k] and truth[t, k] for t in range(10)) for k in range(3))
    assert result.recall("frame") == pytest.approx(100 * hits / 3)


def test_videos_without_tasks_are_detected_one_by_one():
    videos = [
        LocalizationVideo("", name, ("a", "b")[:k], ((0, 0, 1),))
        for name, k in (("v", 1), ("w", 2))
    ]
    truth = [one.truth(4) for one in videos]
    result = LocalizationResult(videos, [table.astype(float) for table in truth], truth)
    assert result.detection().tasks.index.tolist() == ["v", "w"]
    assert result.detection().percent == 100


def test_media_are_found_by_name_without_folder_and_ending(retriever):
    named = pd.DataFrame({"media_id": ["a/v.mp4", "b/v.mp4", "w.mp4", "w", "c/-x_1.webm"]})
    dataset = retriever.dataset.select()
    dataset.manifest = named
    media, skipped = media_of_videos(dataset, ["v", "w", "w.mp4", "-x_1", "b/v.mp4", "y", "y"])
    assert media == {"w": "w", "w.mp4": "w.mp4", "-x_1": "c/-x_1.webm", "b/v.mp4": "b/v.mp4"}
    assert [name for name, _ in skipped] == ["v", "y"]
    assert "a/v.mp4 or b/v.mp4" in skipped[0][1]
