"""Every direction of retrieval, with clips that repeat, lack something or share a caption."""

import numpy as np
import pandas as pd
import pytest
import torch
import torch.nn.functional as F

import mmlab
from mmlab.evaluation.items import ClipItems
from mmlab.evaluation.matrix import Side, directions, parse_side
from mmlab.model import FusionModel, ModalityConfig
from mmlab.types import all_combinations, combination_name
from tests.small_models import ENCODER, small
from tests.tiny_datasets import FEATURES, arrays, clip_table, make_dataset

TEXT, VIDEO = ModalityConfig("text", 300), ModalityConfig("video", 6)
AUDIO = ModalityConfig("audio", 40, ENCODER)

CLIPS = [
    ("a", 0.0, 4.0, "slice the tomato", "test"),
    ("b", 0.0, 4.0, "stir the soup", "test"),
    ("a", 0.0, 4.0, "cut a tomato in two", "test"),
    ("a", 4.0, 8.0, "stir the soup", "test"),  # one caption for two videos
    ("mute", 0.0, 5.0, "pour some water", "test"),
    ("a", 0.0, 4.0, "a knife goes through it", "test"),
    ("b", 4.0, 9.0, "?!", "test"),  # no word
    ("b", 0.0, 4.0, "a spoon goes round", "test"),
    ("d", 1.0, 6.0, "whisk two eggs", "test"),
]


def media():
    sounds = {"a": {}, "b": {}, "mute": {"audio": None}, "d": {}}
    return {name: arrays(seed=seed, **more) for seed, (name, more) in enumerate(sounds.items())}


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    return make_dataset(tmp_path_factory.mktemp("clips"), media(), clip_table(CLIPS))


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    """Forty clips with a caption each, nothing missing."""
    videos = {f"v{number}": arrays(seed=number) for number in range(10)}
    clips = [
        (name, 2.0 * part, 2.0 * part + 2, f"{name} part {part}", "test")
        for name in videos
        for part in range(4)
    ]
    return make_dataset(tmp_path_factory.mktemp("plain"), videos, clip_table(clips))


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    return FusionModel(small(TEXT, VIDEO, AUDIO)).eval()


@pytest.fixture(scope="module")
def retriever(model, dataset):
    return mmlab.Retriever(model, dataset)


def slow_ranks(retriever, query, gallery):
    """One query at a time; a side with text is one item per row, one without one per clip."""
    manifest = retriever.dataset.manifest
    clip = list(zip(manifest.media_id, manifest.start_seconds, manifest.end_seconds, strict=True))
    sides = [retriever.embeddings(name).numpy() for name in (query, gallery)]
    usable = [row for row in range(len(clip)) if sides[0][row].any() and sides[1][row].any()]

    def item(side, row):
        return row if "text" in side else clip[row]

    asked = {item(query, row): row for row in reversed(usable)}
    answers = {item(gallery, row): row for row in reversed(usable)}
    ranks = []
    for name, first in sorted(asked.items(), key=lambda pair: pair[1]):
        right = {item(gallery, row) for row in usable if item(query, row) == name}
        scores = {one: sides[0][first] @ sides[1][row] for one, row in answers.items()}
        best = max(scores[one] for one in right)
        better = sum(score > best + 1e-6 for score in scores.values())
        tied = [one for one, score in scores.items() if abs(score - best) <= 1e-6]
        ranks.append(better + (len(tied) + 1) / (len(right & set(tied)) + 1))
    return np.array(ranks), len(answers)


@pytest.mark.parametrize("query", map(combination_name, all_combinations()))
def test_ranks_and_counts_of_clips_with_several_captions(retriever, query):
    table = retriever.matrix(late=True).set_index(["query", "gallery"])
    for gallery in [*map(combination_name, all_combinations()), "video+audio late"]:
        expected, candidates = slow_ranks(retriever, query, gallery)
        if " late" not in gallery:
            found = retriever.ranks(query, gallery)
            np.testing.assert_allclose(found, expected)
            assert table.loc[(query, gallery), "clips"] == len(expected)
            assert table.loc[(query, gallery), "candidates"] == candidates
        else:
            np.testing.assert_allclose(retriever.ranks(query, gallery), expected)


def test_counts_by_hand(retriever):
    table = retriever.evaluate().set_index(["query", "gallery"])
    columns = ["clips", "candidates", "missing", "repeated captions"]
    counts = {pair: tuple(table.loc[pair, columns]) for pair in table.index}
    assert counts["text", "video"] == (8, 5, 1, 2)  # a caption without words, its clip with it
    assert counts["video", "text"] == (5, 8, 1, 2)
    assert counts["text", "audio"] == (7, 4, 2, 2)  # and a clip without sound
    assert counts["video", "audio"] == (5, 5, 1, 0)
    assert counts["text", "video+audio"] == (8, 5, 1, 2)


def test_the_same_caption_ties_with_itself(retriever):
    """Asked from either clip, two candidates say the same: neither is first."""
    texts = retriever.embeddings("text")
    assert torch.equal(texts[1], texts[3])
    rank = retriever.ranks("video", "text")  # by clip: a, b, the second of a, mute, d
    assert rank[2] % 1 == 0.5


def test_what_has_no_text_is_embedded_once_for_each_clip(model, dataset, monkeypatch):
    read = []
    tensors_of = type(dataset).tensors_of
    monkeypatch.setattr(
        type(dataset), "tensors_of", lambda self, name: read.append(name) or tensors_of(self, name)
    )
    mmlab.Retriever(model, dataset).ranks("video", "audio")
    assert sorted(read) == ["a", "a", "b", "b", "d", "mute"]


def test_the_matrix_is_every_pair_and_evaluate_its_disjoint_part(model, plain):
    retriever = mmlab.Retriever(model, plain)
    table, disjoint = retriever.matrix(), retriever.evaluate()
    names = [combination_name(one) for one in all_combinations()]
    assert list(zip(table["query"], table["gallery"], strict=True)) == [
        (one, other) for one in names for other in names
    ]
    assert table.shared.sum() == 49 - 12
    own = table[table["query"] == table["gallery"]]
    assert (own["R@1"] == 100).all()
    same = table[~table.shared].reset_index(drop=True)
    pd.testing.assert_frame_equal(same, disjoint)
    row = disjoint.set_index(["query", "gallery"]).loc[("text", "video+audio")]
    ranks = retriever.ranks("text", "video+audio")
    for name, value in mmlab.retrieval_scores(ranks).items():
        assert row[name] == value
    for name in ("R@1", "R@5", "R@10", "R@50", "gmean", "MedR", "MeanR"):
        assert row[f"{name} low"] <= row[name] <= row[f"{name} high"]


def test_late_fusion_stands_beside_joint_fusion(retriever):
    table = retriever.evaluate(late=True)
    fused = table[table.late].set_index(["query", "gallery"])
    assert set(fused.index) == {
        *[("text", "video+audio late"), ("video+audio late", "text")],
        *[("video", "text+audio late"), ("text+audio late", "video")],
        *[("audio", "text+video late"), ("text+video late", "audio")],
    }
    units = [retriever.embeddings(name) for name in ("video", "audio")]
    expected = F.normalize((units[0] + units[1]) / 2, dim=1)
    torch.testing.assert_close(retriever.embeddings("video+audio late"), expected)
    silent = retriever.dataset.manifest.media_id.eq("mute").argmax()
    torch.testing.assert_close(expected[silent], units[0][silent])
    assert len(retriever.matrix(late=True)) == 49 + 40
    joint = table[~table.late].reset_index(drop=True)
    pd.testing.assert_frame_equal(joint, retriever.evaluate())


def test_the_missing_ones_of_a_complete_benchmark(model, plain):
    retriever = mmlab.Retriever(model, plain)
    table, alone = retriever.evaluate(total=50), retriever.evaluate()
    assert (table.missing == 10).all()
    np.testing.assert_allclose(table["R@10"], alone["R@10"] * 40 / 50)
    np.testing.assert_array_equal(table["MedR"], alone["MedR"])
    assert (table["MedR corrected"] >= alone["MedR"]).all()
    with pytest.raises(ValueError, match="found 39, but 40 are here"):
        retriever.evaluate(total=39)


def test_missing_queries_are_misses_without_being_asked_for(retriever):
    table = retriever.matrix(late=True)
    assert (table.missing > 0).sum() > 20
    sides = [retriever.ranks(*pair) for pair in zip(table["query"], table.gallery, strict=True)]
    for row, ranks in zip(table.to_dict("records"), sides, strict=True):
        asked = row["clips"] + row["missing"]
        complete = np.r_[ranks, np.full(row["missing"], float(asked))]
        assert row["R@1"] == pytest.approx(100 * (ranks == 1).sum() / asked)
        assert row["R@5"] == pytest.approx(100 * (ranks < 6).sum() / asked)
        assert row["MedR"] == np.median(ranks)
        assert row["MedR corrected"] == np.median(complete)
        assert row["MeanR corrected"] == pytest.approx(complete.mean())
        assert row["R@5 low"] <= row["R@5"] <= row["R@5 high"]


def test_a_clip_that_is_not_there_is_one_query_more_whatever_the_captions(retriever):
    """Nine captions of six clips are here, of a benchmark of ten."""
    table = retriever.evaluate(total=10).set_index(["query", "gallery"])
    alone = retriever.evaluate().set_index(["query", "gallery"])
    assert (table.missing == alone.missing + 4).all()
    asked = table.clips + table.missing
    assert (asked["text", "video"], asked["video", "text"]) == (9 + 4, 10)
    pd.testing.assert_series_equal(
        table["R@5"] * asked, alone["R@5"] * (alone.clips + alone.missing), check_names=False
    )
    pd.testing.assert_frame_equal(retriever.evaluate(total=6), retriever.evaluate())
    with pytest.raises(ValueError, match="found 5, but 6 are here"):
        retriever.evaluate(total=5)


def test_the_table_of_ranks_says_who_asked(retriever):
    pairs = [("text", "video+audio late"), ("video", "text"), ("text", "audio")]
    table = retriever.rank_table(pairs)
    assert table.columns.tolist() == ["query", "gallery", "clip_id", "rank"]
    ids = retriever.dataset.manifest.clip_id
    by_clip = ["a#0.00-4.00", "b#0.00-4.00", "a#4.00-8.00", "mute#0.00-5.00", "d#1.00-6.00"]
    of_text = [*ids[:6], *ids[7:]]
    asked = [of_text, by_clip, [one for one in of_text if "mute" not in one]]
    for pair, expected in zip(pairs, asked, strict=True):
        own = table[(table["query"] == pair[0]) & (table.gallery == pair[1])]
        assert own["rank"].tolist() == retriever.ranks(*pair).tolist()
        assert own.clip_id.tolist() == expected


def test_sides_are_read_and_bad_ones_named():
    assert parse_side("audio+video late") == Side(("video", "audio"), late=True)
    assert parse_side(("text",)) == parse_side("text") == Side(("text",))
    assert Side(("video", "audio"), late=True).name == "video+audio late"
    with pytest.raises(ValueError, match="nothing to fuse"):
        parse_side("video late")
    with pytest.raises(ValueError, match="a combination is one or more"):
        parse_side("video+smell late")


def test_directions_of_four_modalities():
    every = all_combinations(("text", "video", "audio", "depth"))
    assert len(directions(every, shared=True)) == 15 * 15
    assert len(directions(every)) == sum(not set(a) & set(b) for a in every for b in every)
    both = [pair for pair in directions(every, late=True) if all(side.late for side in pair)]
    assert (Side(("text", "video"), True), Side(("audio", "depth"), True)) in both


def test_a_dataset_without_one_modality_is_measured_without_it(model, tmp_path):
    videos = {name: arrays(seed=seed, audio=None) for seed, name in enumerate("abc")}
    clips = clip_table([(name, 0.0, 4.0, f"about {name}", "test") for name in videos])
    dataset = make_dataset(tmp_path, videos, clips, features={"video": FEATURES["video"]})
    retriever = mmlab.Retriever(model, dataset)
    table = retriever.matrix()
    assert set(table["query"]) == {"text", "video", "text+video"}
    with pytest.raises(ValueError, match="has no audio, so nothing of it is video.audio; it has"):
        retriever.search(text="about a", among="video+audio")
    with pytest.raises(ValueError, match="has no audio"):
        retriever.query(audio="a")
    with pytest.raises(ValueError, match="has no audio"):
        retriever.score_seconds("a", ["about a"], among="video+audio")


def test_a_model_without_one_modality_leaves_it_unread(dataset):
    torch.manual_seed(0)
    retriever = mmlab.Retriever(FusionModel(small(TEXT, VIDEO)), dataset)
    assert len(retriever.evaluate()) == 2
    with pytest.raises(ValueError, match="have no modality in common"):
        mmlab.Retriever(FusionModel(small(ModalityConfig("depth", 6))), dataset)
    with pytest.raises(ValueError, match="none of these clips has two"):
        mmlab.Retriever(FusionModel(small(VIDEO)), dataset).evaluate()


def test_a_direction_that_nobody_has_is_counted_and_the_others_are_measured(model, dataset):
    silent = dataset.select(media_id="mute")
    table = mmlab.Retriever(model, silent).evaluate().set_index(["query", "gallery"])
    assert table.loc[("text", "video"), "R@1"] == 100
    assert tuple(table.loc[("text", "audio"), ["clips", "missing"]]) == (0, 1)
    assert np.isnan(table.loc[("text", "audio"), "R@1"])


def test_embeddings_that_are_nan_are_named_and_never_dropped(dataset):
    torch.manual_seed(0)
    model = FusionModel(small(TEXT, VIDEO, AUDIO))
    with torch.no_grad():
        next(model.projections.parameters()).fill_(torch.nan)
    retriever = mmlab.Retriever(model, dataset)
    with pytest.raises(ValueError, match=r"embeddings of .* are NaN or infinite for a#0.00-4.00"):
        retriever.evaluate()


def test_a_model_in_training_stays_so(model, dataset):
    model.train()
    try:
        mmlab.Retriever(model, dataset).ranks("text", "video")
        assert model.training
    finally:
        model.eval()


@pytest.mark.skipif(not torch.cuda.is_available(), reason="torch finds no GPU here")
def test_a_model_on_a_gpu_gives_the_same_on_the_cpu(model, retriever):
    on_gpu = FusionModel(model.config).cuda()
    on_gpu.load_state_dict(model.state_dict())
    other = mmlab.Retriever(on_gpu, retriever.dataset)
    for names in retriever.combinations:
        torch.testing.assert_close(
            other.embeddings(names), retriever.embeddings(names), atol=1e-4, rtol=0
        )
    texts, videos = (retriever.embeddings(name) for name in ("text", "video"))
    found = mmlab.rank_of_match(texts.cuda(), videos.cuda())
    np.testing.assert_array_equal(found, mmlab.rank_of_match(texts, videos))


def test_items_of_a_manifest_in_any_order():
    manifest = clip_table(CLIPS)
    order = np.random.default_rng(0).permutation(len(CLIPS))
    moved = ClipItems(manifest.iloc[order].reset_index(drop=True))
    items = ClipItems(manifest)
    for one in ("first_of_clip", "first_of_text"):
        groups, others = getattr(items, one), getattr(moved, one)
        same = groups[:, None] == groups
        np.testing.assert_array_equal(same[np.ix_(order, order)], others[:, None] == others)
        assert (others <= np.arange(len(CLIPS))).all()
    np.testing.assert_array_equal(items.shared_captions[order], moved.shared_captions)
