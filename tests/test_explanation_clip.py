"""A clip explained: against the model's own attention, search's score, and a planted signal."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

import mmlab
from mmlab.clip_features import ClipFeatures
from mmlab.explanation import (
    ALL_WORDS,
    ALONE,
    MEAN_OF_HEADS,
    RELEVANCE,
    clip_deletion,
    deletion_test,
    explain_clip,
    explain_features,
    head_name,
)
from mmlab.explanation.clip import caption_and_words
from mmlab.explanation.tokens import fused_tokens, token_seconds
from mmlab.model import FusionModel
from mmlab.runs import model_config
from mmlab.types import pad_tokens
from tests.small_models import TEXT, VIDEO, small
from tests.tiny_datasets import arrays, clip_table, make_dataset

CLIPS = [
    ("both.mp4", 2.0, 7.0, "a red square", "test"),
    ("both.mp4", 0.0, 10.0, "the whole of it <script>alert(1)</script>", "test"),
    ("mute.mp4", 0.0, 4.0, "no sound", "test"),
    ("both.mp4", 1.0, 3.0, "", "test"),
]


@pytest.fixture(scope="module")
def retriever(tmp_path_factory):
    media = {"both.mp4": arrays(), "mute.mp4": arrays(audio=None)}
    dataset = make_dataset(tmp_path_factory.mktemp("clips") / "d", media, clip_table(CLIPS))
    torch.manual_seed(0)
    return mmlab.Retriever(FusionModel(model_config(dataset.features)).eval(), dataset)


def explained(retriever, row, combination="text+video+audio", **options):
    return explain_clip(retriever, retriever.dataset.manifest.clip_id[row], combination, **options)


def test_attention_is_the_models_own(retriever):
    found = explained(retriever, 0)
    told = retriever.model.attention(retriever.dataset.batch([0]), ("text", "video", "audio"))
    weights, modality = told.weights[-1][0].numpy(), np.array(told.modality)
    expected = weights[:, modality == "text"][:, :, modality != "text"]  # (heads, W, N)
    np.testing.assert_allclose(found.weights[MEAN_OF_HEADS][1:], expected.mean(0), atol=1e-6)
    np.testing.assert_allclose(found.weights[head_name(1)][1:], expected[1], atol=1e-6)
    whole = expected.mean((0, 1))
    np.testing.assert_allclose(found.weights[MEAN_OF_HEADS][0], whole, atol=1e-6)
    assert found.rows(MEAN_OF_HEADS) == [ALL_WORDS, "a", "red", "square"]
    assert found.media_path == retriever.dataset.media_path(0)
    assert found.log_mel.shape == (500, 40)


@pytest.mark.parametrize("combination", ["video", "audio", "video+audio"])
def test_without_text_all_tokens_look_and_words_have_relevance(retriever, combination):
    found = explained(retriever, 0, combination)
    names = mmlab.parse_combination(combination)
    told = retriever.model.attention(retriever.dataset.batch([0]), names)
    expected = told.weights[-1][0].numpy().mean((0, 1))
    np.testing.assert_allclose(found.weights[MEAN_OF_HEADS], expected[None], atol=1e-6)
    assert len(found.weights[RELEVANCE]) == 4
    assert found.scored == combination


@pytest.mark.parametrize("row", [0, 1, 2])
@pytest.mark.parametrize("combination", ["text+video", "video+audio", "text+video+audio"])
def test_the_score_is_that_of_search(retriever, row, combination):
    found = explained(retriever, row, combination)
    assert found.scored == combination.removeprefix("text+")
    clip, caption = retriever.embeddings(found.scored)[row], retriever.embeddings("text")[row]
    assert found.score == pytest.approx(float(clip @ caption), abs=1e-5)


def test_rows_of_relevance_and_of_tokens_alone_are_shares(retriever):
    found = explained(retriever, 0)
    for name in (RELEVANCE, ALONE):
        sums = found.weights[name].sum(axis=1)
        assert all(np.isclose(one, 1, atol=1e-5) or one == 0 for one in sums)


def test_a_word_alone_is_as_if_the_caption_were_that_word(retriever):
    clip = retriever.dataset.window("both.mp4", 2.0, 7.0, "a red square")
    alone = retriever.dataset.window("both.mp4", 2.0, 7.0, "red")
    names = ("video", "audio")
    word = explain_features(retriever.model, clip, names).weights[RELEVANCE][2]
    caption = explain_features(retriever.model, alone, names).weights[RELEVANCE][0]
    np.testing.assert_allclose(word, caption, atol=1e-5)


def test_any_sentence_may_be_asked(retriever):
    own, asked = explained(retriever, 0), explained(retriever, 0, caption="no sound")
    assert asked.caption == "no sound"
    assert asked.words == ["no", "sound"]
    clip = retriever.embeddings("video+audio")[0]
    assert asked.score == pytest.approx(float(clip @ retriever.query(text="no sound")), abs=1e-5)
    assert asked.weights[RELEVANCE].shape == (3, len(own.modality))
    same = explained(retriever, 0, caption=own.caption)
    np.testing.assert_array_equal(same.weights[RELEVANCE], own.weights[RELEVANCE])
    for word, sentence in ((None, asked.caption), (1, "sound")):
        result = clip_deletion(retriever, asked, RELEVANCE, word_number=word, draws=3)
        score = float(clip @ retriever.query(text=sentence))
        assert result.ordered[0] == pytest.approx(score, abs=1e-5)
    assert "the cosine of “sound” with video+audio" in result.sentence()
    silent = explained(retriever, 3, caption="a square")  # a clip that has no caption of its own
    assert silent.score is not None


@pytest.mark.parametrize("caption", ["", "?!"])
def test_a_sentence_of_unknown_words_is_refused(retriever, caption):
    with pytest.raises(ValueError, match="holds no word that the model knows"):
        explained(retriever, 0, caption=caption)


def test_each_token_alone_is_ranked_below_zero_too(retriever):
    found = explained(retriever, 0)
    tokens = fused_tokens(retriever.model, retriever.dataset[0], ("video", "audio"))
    sentence = caption_and_words(retriever.model, retriever.dataset[0])[0].numpy()
    score = lambda kept: tokens.embed_kept(kept).numpy() @ sentence  # noqa: E731
    alone = score(np.eye(len(found.modality), dtype=bool))
    np.testing.assert_allclose(found.heat(ALONE), alone.clip(0) / alone.clip(0).sum(), atol=1e-5)
    expected = deletion_test(score, alone, draws=4)
    result = clip_deletion(retriever, found, ALONE, draws=4)
    np.testing.assert_allclose(result.ordered, expected.ordered, atol=1e-5)


def test_no_token_lies_outside_of_its_clip(retriever):
    part = retriever.dataset.window("both.mp4", 2.25, 5.38, "red")
    assert token_seconds(retriever.model, part, "video")[-1, 1] > 5.38
    found = explain_features(retriever.model, part, ("text", "video", "audio"))
    assert found.seconds.min() == 2.25
    assert found.seconds.max() == 5.38


def test_nothing_of_the_model_is_touched(retriever):
    model = retriever.model
    model.train()
    for parameter in model.parameters():
        parameter.requires_grad_(False)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    first, again = explained(retriever, 0), explained(retriever, 0)
    np.testing.assert_array_equal(first.weights[RELEVANCE], again.weights[RELEVANCE])  # no dropout
    assert first.weights[RELEVANCE].any()
    assert all(module.training for module in model.modules())
    for name, parameter in model.named_parameters():
        assert parameter.grad is None
        assert not parameter.requires_grad
        assert torch.equal(before[name], parameter)
    for parameter in model.parameters():
        parameter.requires_grad_(True)
    model.eval()


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_gives_nearly_the_same(retriever, dtype):
    exact = explained(retriever, 0)
    with torch.autocast("cpu", dtype=dtype):
        found = explained(retriever, 0)
    assert found.weights[MEAN_OF_HEADS].dtype == np.float32
    for name in (MEAN_OF_HEADS, RELEVANCE):
        np.testing.assert_allclose(found.weights[name], exact.weights[name], atol=0.02)


def test_what_is_missing(retriever):
    mute = explained(retriever, 2)
    assert set(mute.modality) == {"video"}
    assert mute.log_mel.shape[0] == 0
    silent = explained(retriever, 3)  # no caption
    assert silent.words == []
    assert silent.score is None
    assert RELEVANCE not in silent.weights
    assert silent.rows(MEAN_OF_HEADS) == [ALL_WORDS]
    text = explained(retriever, 0, "text")
    assert text.weights[MEAN_OF_HEADS].shape == (4, 0)
    with pytest.raises(ValueError, match="no score to lower"):
        clip_deletion(retriever, silent, MEAN_OF_HEADS)
    with pytest.raises(ValueError, match="has no audio"):
        explained(retriever, 2, "audio")
    with pytest.raises(ValueError, match="block 7: the model has 1"):
        explained(retriever, 0, block=7)


def test_deletion_of_a_clip_begins_with_its_score(retriever):
    found = explained(retriever, 1)
    for word, name in ((None, RELEVANCE), (2, ALONE)):
        result = clip_deletion(retriever, found, name, word_number=word, draws=4)
        asked = found.caption if word is None else found.words[word]
        score = float(retriever.embeddings("video+audio")[1] @ retriever.query(text=asked))
        assert result.ordered[0] == pytest.approx(score, abs=1e-5)
        assert result.ordered[-1] == 0


def test_ten_minutes(retriever):
    """About 1,500 tokens: answered in bounded memory."""
    video = torch.rand(600, 6)
    sound = -60 * torch.rand(60_000, 40)
    text = retriever.dataset[0].tokens["text"][:1]
    times = {
        "video": np.stack([np.arange(600.0), np.arange(600.0) + 1], axis=1),
        "audio": np.stack([np.arange(60_000) / 100, np.arange(60_000) / 100 + 0.01], axis=1),
    }
    tokens = {"text": text, "video": video, "audio": sound}
    clip = ClipFeatures("long", "long", 0.0, 600.0, "a red square", ["a"], tokens, times)
    found = explain_features(retriever.model, clip, ("text", "video", "audio"))
    assert found.weights[RELEVANCE].shape == (2, 600 + 938)
    assert found.seconds[-1, 1] == pytest.approx(600)


@pytest.fixture(scope="module")
def planted():
    """A model taught that a clip says one thing, in one of its ten tokens; the rest is noise."""
    generator = torch.Generator().manual_seed(0)
    config = small(TEXT, VIDEO, depth=1)
    meanings = torch.randn(8, VIDEO.width, generator=generator) * 2
    words = torch.randn(8, TEXT.width, generator=generator) * 2
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = FusionModel(config)

    def make_clips(concepts):
        video = torch.randn(len(concepts), 10, VIDEO.width, generator=generator) * 0.25
        places = torch.randint(10, (len(concepts),), generator=generator)
        video[torch.arange(len(concepts)), places] = meanings[concepts]
        return video, places

    optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
    for _ in range(100):
        video, _ = make_clips(torch.arange(8).repeat(4))
        batch = {"text": pad_tokens(list(words[:, None].repeat(4, 1, 1)), TEXT.width)}
        batch["video"] = pad_tokens(list(video), VIDEO.width)
        vectors = model(batch, ["text", "video"]).vectors
        scores = vectors[("video",)] @ vectors[("text",)][:8].T / 0.1
        optimizer.zero_grad()
        F.cross_entropy(scores, torch.arange(8).repeat(4)).backward()
        optimizer.step()
    return model.eval(), words, make_clips


def test_a_planted_signal_gets_the_heat_and_its_loss_the_score(planted):
    model, words, make_clips = planted
    concepts = torch.arange(8).repeat(3)
    video, places = make_clips(concepts)
    seconds = np.stack([np.arange(10.0), np.arange(10.0) + 1], axis=1)
    found, areas = [], []
    for concept, one, place in zip(concepts, video, places, strict=True):
        tokens = {"text": words[concept][None], "video": one}
        clip = ClipFeatures("c", "c", 0.0, 10.0, "it", ["it"], tokens, {"video": seconds})
        heat = explain_features(model, clip, ("text", "video")).weights[RELEVANCE][0]
        found.append(heat.argmax() == place)
        fused, asked = fused_tokens(model, clip, ("video",)), caption_and_words(model, clip)[0]
        score = lambda kept, fused=fused, asked=asked: (fused.embed_kept(kept) @ asked).numpy()  # noqa: E731
        areas.append(deletion_test(score, heat, draws=5).area)
    assert np.mean(found) > 0.6  # one in ten by chance
    assert np.mean(areas) > 0.1
