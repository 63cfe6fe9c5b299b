"""Probes against ranks that are worked out clip by clip, and what they refuse."""

from __future__ import annotations

from dataclasses import replace
from typing import get_args

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from mmlab.evaluation import LongClips
from mmlab.evaluation.intervals import difference_interval
from mmlab.evaluation.retrieval import recall_at
from mmlab.question.probes import IN_WORDS, MOST_CUTOFF, How, ProbeResult, _sources, probe
from mmlab.retrieval import Retriever


def embed(retriever, tokens, names):
    """One item of any clips' tokens, fused by itself."""
    there = {name: tokens[name] for name in names}
    batch = retriever.dataset.collate([retriever.dataset[0]])
    batch = {
        name: type(batch[name])(one[None], torch.ones(1, len(one), dtype=torch.bool))
        for name, one in there.items()
    }
    return retriever.model.embed(batch, [names]).vectors[names][0]


def has_all(retriever, *names):
    there = [retriever.embeddings(name).any(dim=1) for name in names]
    return torch.stack(there).all(dim=0).numpy()


def test_dropping_is_asking_without(tiny_retriever):
    found = probe(tiny_retriever, "text+audio", "video", "audio", "drop")
    assert found.side == "query"
    np.testing.assert_array_equal(found.before, tiny_retriever.ranks("text+audio", "video"))
    np.testing.assert_array_equal(found.after, tiny_retriever.ranks("text", "video"))


def test_dropping_from_the_candidates(tiny_retriever):
    found = probe(tiny_retriever, "text", "video+audio", "video", "drop")
    assert found.side == "gallery"
    asked = tiny_retriever.rank_table([("text", "audio")]).set_index("clip_id")["rank"]
    for clip_id, after in zip(found.clip_ids, found.after, strict=True):
        assert after == asked.get(clip_id, np.inf)  # a mute clip is nothing without its picture
    assert np.isinf(found.after).sum() == 1


def test_late_fusion_is_dropped_from_as_well(tiny_retriever):
    found = probe(tiny_retriever, "text", "video+audio late", "audio", "drop")
    asked = tiny_retriever.rank_table([("text", "video")]).set_index("clip_id")["rank"]
    after = [asked.get(clip_id, np.inf) for clip_id in found.clip_ids]
    np.testing.assert_array_equal(found.after, after)


@pytest.mark.parametrize("late", [False, True])
def test_shuffled_ranks_are_those_of_clips_put_together_by_hand(tiny_retriever, late):
    side = "text+audio late" if late else "text+audio"
    found = probe(tiny_retriever, side, "video", "audio", "shuffle", seed=3)
    sources = _sources(tiny_retriever, "audio", "shuffle", 3, None)
    gallery = tiny_retriever.embeddings("video")
    pictured = gallery.any(dim=1)
    rows = tiny_retriever.dataset.manifest.set_index("clip_id").index
    for clip_id, after in zip(found.clip_ids, found.after, strict=True):
        row = rows.get_loc(clip_id)
        tokens = tiny_retriever.dataset[row].tokens | {
            "audio": tiny_retriever.dataset[int(sources[row])].tokens["audio"]
        }
        names = tuple(name for name in ("text", "audio") if len(tokens[name]))
        if late:
            each = [embed(tiny_retriever, tokens, (name,)) for name in names]
            query = F.normalize(torch.stack(each).sum(dim=0), dim=0)
        else:
            query = embed(tiny_retriever, tokens, names)
        scores = gallery @ query
        assert after == 1 + int((scores[pictured] > scores[row] + 1e-6).sum())


def test_shuffling_gives_each_clip_the_sound_of_another_and_each_sound_once(tiny_retriever):
    there = has_all(tiny_retriever, "audio")
    for seed in range(5):
        sources = _sources(tiny_retriever, "audio", "shuffle", seed, None)
        assert (sources[there] != np.flatnonzero(there)).all()
        assert sorted(sources[there]) == np.flatnonzero(there).tolist()
        assert (sources[~there] == np.flatnonzero(~there)).all()


def test_the_same_seed_shuffles_the_same(tiny_retriever):
    one, other, third = (
        _sources(tiny_retriever, "video", "shuffle", seed, None) for seed in (1, 1, 2)
    )
    assert one.tolist() == other.tolist() != third.tolist()


def test_swapping_gives_all_the_sound_of_one(tiny_retriever):
    clip_id = tiny_retriever.dataset.manifest["clip_id"][2]
    sources = _sources(tiny_retriever, "audio", "swap", 0, clip_id)
    assert set(sources[has_all(tiny_retriever, "audio")]) == {2}
    found = probe(tiny_retriever, "audio", "video", "audio", "swap", with_clip=clip_id)
    both = has_all(tiny_retriever, "audio", "video")
    query = tiny_retriever.embeddings("audio")[2]
    scores = (tiny_retriever.embeddings("video") @ query)[both].numpy()
    np.testing.assert_array_equal(found.after, [1 + (scores > one).sum() for one in scores])


def test_the_one_clip_whose_sound_is_swapped_in_keeps_its_query(tiny_retriever):
    clip_id = tiny_retriever.dataset.manifest["clip_id"].iloc[-1]
    found = probe(tiny_retriever, "text+audio", "video", "audio", "swap", with_clip=clip_id)
    own = found.clip_ids.tolist().index(clip_id)
    assert found.after[own] == found.before[own]


def result(before, after):
    ranks = [np.asarray(one, float) for one in (before, after)]
    ids = np.array([f"clip{n}" for n in range(len(before))])
    return ProbeResult("text+audio", "video", "audio", "drop", "query", ids, *ranks)


def test_the_curve_is_recall_at_every_cutoff_with_its_interval():
    random = np.random.default_rng(0)
    found = result(random.integers(1, 60, 40), np.append(random.integers(1, 60, 39), np.inf))
    curve = found.curve
    assert curve["K"].tolist() == list(range(1, MOST_CUTOFF + 1))
    for name, ranks in (("before", found.before), ("after", found.after)):
        slow = [100 * sum(rank <= k for rank in ranks) / 40 for k in curve["K"]]
        np.testing.assert_allclose(curve[name], slow)
        assert (curve[f"{name} low"] <= curve[name]).all()
        assert (curve[name] <= curve[f"{name} high"]).all()
        assert (np.diff(curve[name]) >= 0).all()


def test_the_difference_is_paired():
    found = result([1, 2, 30, 4] * 5, [11, 2, 30, 40] * 5)
    assert found.difference_interval(10) == difference_interval(
        found.after, found.before, recall_at(10)
    )
    assert found.difference_interval(10)[0] == -50
    assert "finds 75.0 % of 20 queries among the first 10" in found.sentence()
    assert "with the queries' sound dropped, 25.0 %: -50.0 points" in found.sentence()
    assert "which may be chance" not in found.sentence()
    assert "which may be chance" in result([1, 20], [20, 20]).sentence()


@pytest.mark.parametrize("how", get_args(How))
@pytest.mark.parametrize(("modality", "name"), [("text", "caption"), ("video", "picture")])
def test_it_is_told_with_a_readers_names(modality, name, how):
    told = replace(result([1, 20], [20, 20]), modality=modality, how=how, side="gallery").sentence()
    assert f"with the candidates' {name} {IN_WORDS[how]}, 0.0 %: " in told


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("text", "video", "audio", "drop"), "modality is one of those of text and video"),
        (("text", "video", "video", "drop"), r"video without video; give how='shuffle' or 'swap'"),
        (("text", "video", "video", "burn"), "how is one of drop, shuffle, swap"),
        (("text", "video", "video", "swap"), "with_clip names the clip whose video all get"),
        (("text", "smell", "text", "shuffle"), "smell"),
    ],
)
def test_what_cannot_be_probed_is_a_sentence(tiny_retriever, arguments, message):
    with pytest.raises(ValueError, match=message):
        probe(tiny_retriever, *arguments)


def test_a_swap_needs_a_clip_that_has_it(tiny_retriever):
    ids = tiny_retriever.dataset.manifest["clip_id"]
    mute = next(one for one in ids if "blue mute" in one)
    with pytest.raises(ValueError, match="give one that has audio"):
        probe(tiny_retriever, "text+audio", "video", "audio", "swap", with_clip=mute)


def test_shuffling_takes_two_clips(tiny_retriever):
    one = Retriever(tiny_retriever.model, tiny_retriever.dataset.select([-1]))
    with pytest.raises(ValueError, match="1 of these clips have audio; .* two or more"):
        probe(one, "text+audio", "video", "audio", "shuffle")


def test_long_clips_cannot_be_put_together(tiny_retriever):
    cut = Retriever(tiny_retriever.model, tiny_retriever.dataset, LongClips.msrvtt("clips"))
    with pytest.raises(ValueError, match="without long_clips"):
        probe(cut, "text+audio", "video", "audio", "shuffle")
