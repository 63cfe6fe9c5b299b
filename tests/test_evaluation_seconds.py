"""What a question looks through by default, and whole videos scored second by second."""

import numpy as np
import pandas as pd
import pytest
import torch

import mmlab
from mmlab.evaluation import seconds as seconds_module
from mmlab.evaluation.seconds import LOOKING, READING, second_windows, video_seconds
from mmlab.model import FusionModel, ModalityConfig
from tests.small_models import ENCODER, small
from tests.tiny_datasets import FEATURES, arrays, clip_table, make_dataset

TEXT, VIDEO = ModalityConfig("text", 300), ModalityConfig("video", 6)
AUDIO = ModalityConfig("audio", 40, ENCODER)


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    return FusionModel(small(TEXT, VIDEO, AUDIO)).eval()


@pytest.fixture(scope="module")
def retriever(model, tmp_path_factory):
    """Two videos and a mute one."""
    media = {"a": arrays(), "b": arrays(seed=1), "mute": arrays(seed=2, audio=None)}
    clips = [(name, 0.0, 4.0, f"stir the soup of {name}", "test") for name in media]
    dataset = make_dataset(tmp_path_factory.mktemp("clips"), media, clip_table(clips))
    return mmlab.Retriever(model, dataset)


@pytest.mark.parametrize("radius", [0.0, 0.5, 2.0, 100.0])
def test_a_second_has_what_lies_around_it(retriever, radius):
    dataset = retriever.dataset
    get = dataset.tensors_of("a")
    batch = second_windows(dataset.features, ("video", "audio"), get, 9.5, radius)
    for second in range(10):
        expected = dataset.window("a", max(0, second - radius), min(9.5, second + 1 + radius))
        for name, tokens in batch.items():
            own = tokens.values[second][tokens.mask[second]]
            torch.testing.assert_close(own, expected.tokens[name].float())
    assert len(batch["video"].values) == 10


def test_by_default_everything_but_text_is_looked_through(model, retriever, tmp_path):
    assert retriever.all_but_text == ("video", "audio")
    hits = retriever.search(text="stir the soup", top=3)
    pd.testing.assert_frame_equal(
        hits, retriever.search(text="stir the soup", among="video+audio", top=3)
    )
    videos = {name: arrays(seed=seed) for seed, name in enumerate("abc")}
    clips = clip_table([(name, 0.0, 4.0, f"about {name}", "test") for name in videos])
    silent = make_dataset(tmp_path, videos, clips, features={"video": FEATURES["video"]})
    torch.manual_seed(0)
    for one in (mmlab.Retriever(model, silent), retriever_of(small(TEXT, VIDEO), retriever)):
        assert one.all_but_text == ("video",)
        assert one.search(text="about a soup").score.tolist() == (
            one.search(text="about a soup", among="video").score.tolist()
        )
        np.testing.assert_array_equal(
            one.score_seconds("a", ["about a"]), one.score_seconds("a", ["about a"], among="video")
        )
    with pytest.raises(ValueError, match="share nothing but text"):
        retriever_of(small(TEXT), retriever).search(text="about a")


def retriever_of(config, other):
    """A model of this configuration on another retriever's clips."""
    return mmlab.Retriever(FusionModel(config).eval(), other.dataset)


@pytest.mark.parametrize(
    ("sentences", "how", "message"),
    [
        ([], {}, "no sentence to compare"),
        (["stir"], {"among": "text+video"}, "not compared as text.video; leave text out"),
        (["stir"], {"among": "text"}, "leave text out"),
        (["stir"], {"radius_seconds": -1.0}, "0 or more, found -1"),
        (["stir"], {"radius_seconds": float("nan")}, "0 or more, found nan"),
        (["?!"], {}, "no word that the model knows"),
    ],
)
def test_seconds_that_cannot_be_scored_are_named(retriever, sentences, how, message):
    with pytest.raises(ValueError, match=message):
        retriever.score_seconds("a", sentences, **how)


def test_a_video_that_has_nothing_of_what_is_fused_is_told_apart(retriever):
    with pytest.raises(ValueError, match="mute has no audio: nothing to compare"):
        retriever.score_seconds("mute", ["pour"], among="audio")
    seen = retriever.score_seconds("mute", ["pour"], among="video")
    np.testing.assert_allclose(retriever.score_seconds("mute", ["pour"]), seen, atol=1e-6)
    assert seen.any()


@pytest.mark.parametrize("block", [1, 3, 64])
@pytest.mark.parametrize("among", ["video", "audio", None])
def test_in_blocks_or_at_once_the_seconds_are_the_same(retriever, monkeypatch, block, among):
    monkeypatch.setattr(seconds_module, "BLOCK_SECONDS", block)
    told = []
    found = video_seconds(retriever, "a", among, tell=lambda *done: told.append(done))
    assert found.duration_seconds == 10
    assert told == [(LOOKING, min(end / 10, 1)) for end in range(block, 10 + block, block)]
    texts = torch.stack([retriever.query(text=text) for text in ("stir", "soup")])
    expected = retriever.score_seconds("a", ["stir", "soup"], among=among)
    np.testing.assert_allclose(found.scores(texts), expected, atol=1e-5)
    names = among or "video+audio"
    for second in (0, 4, 9):
        around = retriever.dataset.window("a", max(0, second - 2), min(10, second + 3))
        batch = {name: retriever.dataset.collate([around])[name] for name in names.split("+")}
        alone = retriever.model.embed(batch, [names]).vectors[tuple(names.split("+"))][0]
        torch.testing.assert_close(found.vectors[second], alone, atol=1e-5, rtol=0)


def test_some_seconds_are_some_of_all(retriever):
    get, features = retriever.dataset.tensors_of("a"), retriever.dataset.features
    every = second_windows(features, ("video",), get, 9.5, 1.0)["video"]
    some = second_windows(features, ("video",), get, 9.5, 1.0, seconds=[7, 2])["video"]
    for row, second in enumerate((7, 2)):
        torch.testing.assert_close(
            some.values[row][some.mask[row]], every.values[second][every.mask[second]]
        )


def test_what_is_no_video_and_what_the_dataset_lacks_is_named(retriever):
    with pytest.raises(ValueError, match="'gone.mp4' is neither in this selection"):
        video_seconds(retriever, "gone.mp4")
    with pytest.raises(ValueError, match="different modalities of text, video, audio"):
        video_seconds(retriever, "a", "smell")
    with pytest.raises(ValueError, match="mute has no audio: nothing to compare"):
        video_seconds(retriever, "mute", "audio")


def test_how_far_it_is_is_told_from_the_file_to_the_last_second(tiny_retriever, media_folder):
    told = []
    film = media_folder / "red right.mp4"
    video_seconds(tiny_retriever, film, tell=lambda *one: told.append(one))
    assert list(dict.fromkeys(doing for doing, _ in told)) == [READING, LOOKING]
    for doing in (READING, LOOKING):
        shares = [share for one, share in told if one == doing]
        assert shares == sorted(shares)
        assert shares[-1] == 1
    told.clear()
    video_seconds(tiny_retriever, "red right.mp4", tell=lambda *one: told.append(one))
    assert {doing for doing, _ in told} == {LOOKING}  # its features are there
