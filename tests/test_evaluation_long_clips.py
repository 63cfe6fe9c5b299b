"""Long clips as the published code reads them: its own numbers, and slow versions of its steps."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F

import mmlab
from mmlab.about import FeatureInfo, StreamInfo
from mmlab.evaluation.long_clips import LongClips, average_pieces, fit_model, read_pieces, sizes
from mmlab.features.published import unit
from mmlab.model import FusionModel, ModalityConfig
from mmlab.types import Tokens, pad_tokens
from tests.small_models import ENCODER, PUBLISHED, small
from tests.tiny_datasets import FEATURES, arrays, clip_table, make_dataset

REFERENCE = Path(__file__).parent / "data" / "reference_data_and_metrics.npz"
STRATEGIES = {"clip": "at_once", "nearest": "nearest", "max_pool": "max_pool"}

STREAMS = FeatureInfo(
    "published", 11, 1.5, streams=(StreamInfo("2d", 6, 1.0), StreamInfo("3d", 5, 1.5))
)
ONE_STREAM = FeatureInfo("published", 5, 1.5)
AT_PUBLISHED_RATE = FEATURES | {"video": FeatureInfo("colours", 6, 1.5)}


def reference(prefix):
    with np.load(REFERENCE) as file:
        cases = [c for c in json.loads(str(file["meta"])) if c["case"].startswith(prefix)]
        return [
            (case, {name.split("/")[-1]: file[name] for name in file if _of(case, name)})
            for case in cases
        ]


def _of(case, name):
    return name.startswith(case["case"] + "/")


def dataset_of(folder, media, features=AT_PUBLISHED_RATE):
    clips = clip_table([(name, 0.0, 1e4, f"{name} is here", "test") for name in media])
    return make_dataset(folder, media, clips, features=features)


def readable_cases():
    """All but the maximum of one stream: that is kept at norm 1, there it was taken before."""
    for case, values in reference("video/"):
        if case["use"] == "both" or case["strategy"] != "max_pool":
            yield case, values


@pytest.mark.parametrize(("case", "values"), readable_cases())
def test_video_tokens_are_the_published_ones(case, values, tmp_path):
    both = case["use"] == "both"
    streams = {"video.2d": values["feat_2d"], "video.3d": values["feat_3d"]}
    media = {"a": streams if both else {"video": unit(values["feat_3d"])}}
    dataset = dataset_of(tmp_path, media, {"video": STREAMS if both else ONE_STREAM})
    long_clips = LongClips(STRATEGIES[case["strategy"]], case["n_tokens"], 100)
    tokens = read_pieces(dataset, [0], long_clips).batch["video"]
    expected = values["tokens"][values["mask"].astype(bool)]
    np.testing.assert_allclose(tokens.values[0, tokens.mask[0]], expected, atol=1e-6)


def test_averaging_is_the_published_one():
    (case, values), *_ = reference("average")
    names = sorted({name for name in case["ids"] if name != "-1"})
    owners = torch.tensor([names.index(name) if name in names else -1 for name in case["ids"]])
    vectors = torch.from_numpy(values["embeddings"])
    found = average_pieces(vectors, owners, len(names))
    torch.testing.assert_close(found, torch.from_numpy(values["result"]))


def test_parts_that_have_nothing_do_not_count():
    vectors = torch.tensor([[2.0, 0.0], [0.0, 0.0], [0.0, 0.0]])
    found = average_pieces(vectors, torch.tensor([0, 0, 1]), 3)
    assert found.tolist() == [[2.0, 0.0], [0.0, 0.0], [0.0, 0.0]]


def test_the_published_numbers_of_both_benchmarks():
    for clips, parts in ((LongClips.msrvtt, 4), (LongClips.youcook2, 6)):
        assert clips() == LongClips("at_once", 12 * parts, 768 * parts)
        assert clips("nearest") == LongClips("nearest", 12, 768 * parts, audio_tokens=12)
        assert clips("max_pool") == LongClips("max_pool", 12, 768 * parts, audio_tokens=12)
        assert clips("clips") == LongClips("clips", 12, 768, clips=parts)
    assert (LongClips.msrvtt().video_tokens, LongClips.msrvtt().audio_frames) == (48, 3072)
    assert (LongClips.youcook2().video_tokens, LongClips.youcook2().audio_frames) == (72, 4608)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("whole", 12, 768), "at_once, nearest, max_pool, clips; found 'whole'"),
        (("at_once", 0, 768), "1 or more"),
        (("nearest", 12, 768, 0), "1 or more"),
        (("at_once", 12, 768, None, 2), 'with the strategy "clips"'),
    ],
)
def test_impossible_ways_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        LongClips(*arguments)


def cut_as_published(video, audio, long_clips):
    """Pad both to their full lengths, cut them in equal parts, mark the empty ones with -1."""
    parts, tokens, frames = long_clips.clips, long_clips.video_tokens, long_clips.audio_frames
    padded = [np.zeros((parts * tokens, 6)), np.zeros((parts * frames, 40))]
    masks = [np.zeros(parts * tokens, bool), np.zeros(parts * frames, bool)]
    for whole, mask, values in zip(padded, masks, (video, audio), strict=True):
        count = min(len(values), len(whole))
        whole[:count], mask[:count] = values[:count], True
    heard = int(masks[1].sum())
    for number in range(parts):
        if number == 0 or heard - number * frames > 0.7 * frames:
            picture = slice(number * tokens, (number + 1) * tokens)
            sound = slice(number * frames, (number + 1) * frames)
            yield padded[0][picture][masks[0][picture]], padded[1][sound][masks[1][sound]]


@pytest.mark.parametrize("frames", [0, 40, 100, 169, 170, 171, 200, 270, 300, 1000])
@pytest.mark.parametrize("seconds", [1, 9, 40])
def test_clips_are_cut_as_published(frames, seconds, tmp_path):
    sound = np.random.default_rng(1).random((frames, 40), dtype=np.float32)
    media = arrays(seconds, audio=sound)
    dataset, long_clips = dataset_of(tmp_path, {"a": media}), LongClips("clips", 3, 100, clips=4)
    pieces = read_pieces(dataset, [0], long_clips)
    expected = list(cut_as_published(media["video"], media["audio"], long_clips))
    assert pieces.owners.tolist() == [0] * len(expected)
    for item, (video, audio) in enumerate(expected):
        for name, values in (("video", video), ("audio", audio)):
            tokens = pieces.batch[name]
            np.testing.assert_allclose(tokens.values[item, tokens.mask[item]], values, atol=1e-6)
    texts = pieces.batch["text"]
    assert all(torch.equal(texts.values[0], one) for one in texts.values)


def test_without_sound_in_the_dataset_the_picture_says_how_long_a_clip_is(tmp_path):
    media = {"a": arrays(9, audio=None), "b": arrays(8, audio=None)}
    dataset = dataset_of(tmp_path, media, {"video": AT_PUBLISHED_RATE["video"]})
    owners = read_pieces(dataset, [0, 1], LongClips("clips", 3, 100, clips=4)).owners
    assert owners.tolist() == [0, 0, 0, 1, 1]  # the rest of two tokens is too short


def of_rates(video, audio):
    return {"video": FeatureInfo("any", 6, video), "audio": FeatureInfo("any", 40, audio)}


@pytest.mark.parametrize("clips", [LongClips.msrvtt, LongClips.youcook2])
@pytest.mark.parametrize("strategy", ["at_once", "nearest", "max_pool", "clips"])
def test_other_rates_take_the_tokens_of_the_same_seconds(clips, strategy):
    read = clips(strategy)
    published = (read.video_tokens, read.audio_frames, read.audio_tokens)
    assert sizes(read, of_rates(1.5, 100.0)) == published
    assert sizes(read, {}) == sizes(read, of_rates(None, None)) == published
    for video, audio in ((1.0, 100.0), (3.0, 50.0), (0.5, 1.0), (25.0, 100.0)):
        found = sizes(read, of_rates(video, audio))
        assert found.video == round(read.video_tokens / 1.5 * video)
        assert found.audio == round(read.audio_frames / 100 * audio)
        if read.audio_tokens is not None and audio != 100:  # no network: as many as are read
            assert found.audio_tokens == round(7.68 * audio)
    tiny = LongClips("nearest", 1, 1, audio_tokens=1)
    assert sizes(tiny, of_rates(0.01, 0.01)) == (1, 1, 1)


@pytest.mark.parametrize("rate", [0.5, 1.0, 1.5, 2.0, 6.0])
def test_picture_and_sound_of_a_part_are_of_the_same_seconds(rate, tmp_path):
    seconds = 40
    times = np.arange(round(seconds * rate)) / rate
    frames = np.arange(100 * seconds) / 100
    media = {
        "video": np.repeat(times[:, None], 6, axis=1).astype(np.float32),
        "audio": np.repeat(frames[:, None], 40, axis=1).astype(np.float32),
    }
    features = FEATURES | {"video": FeatureInfo("times", 6, rate)}
    dataset = dataset_of(tmp_path, {"a": media}, features)
    batch = read_pieces(dataset, [0], LongClips.msrvtt("clips")).batch
    assert len(batch["video"].values) == 4
    for part in range(4):
        starts = [float(batch[name].values[part, 0, 0]) for name in ("video", "audio")]
        assert starts == pytest.approx([8.0 * part, 7.68 * part], abs=1e-3)
        assert int(batch["video"].mask[part].sum()) == round(8 * rate)


def test_at_once_sees_as_long_as_it_hears(tmp_path):
    dataset = dataset_of(tmp_path, {"a": arrays(60)}, FEATURES)  # 1 token per second
    batch = read_pieces(dataset, [0], LongClips.msrvtt()).batch
    assert int(batch["video"].mask.sum()) == 32
    assert int(batch["audio"].mask.sum()) == 3072


MODEL = small(
    ModalityConfig("text", 300), ModalityConfig("video", 6), ModalityConfig("audio", 40, ENCODER)
)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    """Two long videos and a silent one."""
    media = {"a": arrays(20), "b": arrays(13, seed=1), "c": arrays(11, seed=2, audio=None)}
    return dataset_of(tmp_path_factory.mktemp("long"), media)


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    return FusionModel(MODEL).eval()


def test_what_is_long_enough_changes_nothing(model, dataset):
    whole = mmlab.Retriever(model, dataset)
    roomy = mmlab.Retriever(model, dataset, LongClips("at_once", 100, 10_000))
    for names in whole.combinations:
        torch.testing.assert_close(roomy.embeddings(names), whole.embeddings(names))


def test_at_once_keeps_the_beginning(model, dataset):
    limited = mmlab.Retriever(model, dataset, LongClips("at_once", 4, 256))
    tokens = {name: one.clone() for name, one in dataset[0].tokens.items()}
    tokens |= {"video": tokens["video"][:4], "audio": tokens["audio"][:256]}
    batch = {name: pad_tokens([one], one.shape[1]) for name, one in tokens.items()}
    for names, vectors in model.embed(batch).vectors.items():
        torch.testing.assert_close(limited.embeddings(names)[:1], vectors, atol=1e-5, rtol=0)


def test_the_embedding_of_a_cut_clip_is_the_mean_of_its_parts(model, dataset):
    long_clips = LongClips("clips", 4, 256, clips=4)
    retriever = mmlab.Retriever(model, dataset, long_clips)
    for row in range(3):
        pieces = read_pieces(dataset, [row], long_clips)
        batch = {name: one for name, one in pieces.batch.items() if one.mask.any()}
        embedded = model.embed(batch)
        for names, raw in embedded.raw.items():
            expected = F.normalize(raw.mean(dim=0), dim=0)
            found = retriever.embeddings(names)[row]
            torch.testing.assert_close(found, expected, atol=1e-5, rtol=0)
        units = [embedded.vectors[(name,)].mean(dim=0) for name in batch if name != "text"]
        late = F.normalize(torch.stack(units).mean(dim=0), dim=0)
        found = retriever.embeddings("video+audio late")[row]
        torch.testing.assert_close(found, late, atol=1e-5, rtol=0)
    assert len(read_pieces(dataset, [0, 1, 2], long_clips).owners) == 4 + 4 + 1


@pytest.mark.parametrize("strategy", ["nearest", "max_pool"])
def test_sound_is_shortened_behind_its_network(model, dataset, strategy):
    long_clips = LongClips(strategy, 5, 1000, audio_tokens=3)
    fitted = fit_model(model, long_clips, FEATURES)
    limited = replace(
        MODEL.modalities[2], max_tokens=3, shorten="max" if strategy == "max_pool" else strategy
    )
    own = FusionModel(replace(MODEL, modalities=(*MODEL.modalities[:2], limited))).eval()
    own.load_state_dict(model.state_dict())
    batch = read_pieces(dataset, [0, 1], long_clips).batch
    for names, vectors in own.embed(batch).vectors.items():
        torch.testing.assert_close(fitted.embed(batch).vectors[names], vectors)
    assert model.config == MODEL
    assert next(fitted.parameters()) is next(model.parameters())
    assert not torch.allclose(
        fitted.embed(batch).vectors[("audio",)], model.embed(batch).vectors[("audio",)]
    )


def test_a_model_with_positions_keeps_its_own_smaller_limit():
    modalities = [replace(one, max_tokens=2) for one in MODEL.modalities]
    model = FusionModel(replace(MODEL, modalities=tuple(modalities), positions=True))
    fitted = fit_model(model, LongClips("nearest", 2, 1000, audio_tokens=12), FEATURES)
    assert fitted.config.modalities[2].max_tokens == 2


def test_networks_that_hear_padding_hear_the_same_in_every_company(dataset):
    torch.manual_seed(0)
    audio = replace(MODEL.modalities[2], encoder=PUBLISHED)
    model = FusionModel(replace(MODEL, modalities=(*MODEL.modalities[:2], audio))).eval()
    long_clips = LongClips("at_once", 100, 2304)

    def shorter_clip(*rows):
        chosen = dataset.select(rows=rows)
        return mmlab.Retriever(model, chosen, long_clips).embeddings("audio")[-1]

    torch.testing.assert_close(shorter_clip(1), shorter_clip(0, 1), atol=1e-6, rtol=0)
    frames = F.pad(dataset[1].tokens["audio"], (0, 0, 0, 2304 - len(dataset[1].tokens["audio"])))
    mask = torch.arange(2304)[None] < len(dataset[1].tokens["audio"])
    padded = {"audio": Tokens(frames[None], mask)}
    expected = model.embed(padded).vectors[("audio",)][0]
    torch.testing.assert_close(shorter_clip(1), expected, atol=1e-6, rtol=0)
