"""Planted trouble is found, in real media and in captions, and nothing else is."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import mmlab
from mmlab.check.near_duplicates import SAME_SHARE, words_of
from mmlab.retrieval import Retriever
from mmlab.trouble import (
    disagreeing_clips,
    near_duplicate_captions,
    silent_clips,
    static_clips,
)
from tests.conftest import moving_square, tone, write_video


class Captions:
    """A dataset of captions; what stands twice before a `/` is the same clip."""

    def __init__(self, texts):
        names = [text.split("/")[0] if "/" in text else str(n) for n, text in enumerate(texts)]
        table = {"clip_id": [f"clip{n}" for n in range(len(texts))], "media_id": names}
        self.manifest = pd.DataFrame(table).assign(
            text=[text.split("/")[-1] for text in texts], start_seconds=0.0, end_seconds=1.0
        )


def most_alike(texts):
    """By comparing all with all: each caption's greatest share of words, if it is enough."""
    sets, found = [set(words_of(text)) for text in texts], {}
    for n, one in enumerate(sets):
        shares = [len(one & o) / len(one | o) for m, o in enumerate(sets) if m != n and one | o]
        if one and shares and max(shares) >= SAME_SHARE - 1e-9:
            found[f"clip{n}"] = max(shares)
    return found


def test_each_caption_is_listed_with_its_most_similar_one():
    random = np.random.default_rng(0)
    words = ["cut", "the", "red", "onion", "in", "a", "small", "green", "pan", "now"]
    texts = [" ".join(random.permutation(words)[: random.integers(4, 9)]) for _ in range(60)]
    found = near_duplicate_captions(Captions(texts))
    slow = most_alike(texts)
    assert slow, "nothing is alike: the test says nothing"
    assert dict(zip(found["clip_id"], found["share"], strict=True)) == pytest.approx(slow)
    assert (found["clip_id"] != found["similar_clip_id"]).all()


def test_those_that_hang_together_are_a_group_and_the_largest_is_first():
    texts = [
        "peel two eggs",
        "one two three four",
        "Peel two eggs!",
        "a b c d e f",
        "EGGS two peel",
    ]
    texts += ["one two three four five", "nothing like it"]
    found = near_duplicate_captions(Captions(texts))
    assert found["group"].tolist() == [1, 1, 1, 2, 2]
    assert found["clip_id"].tolist() == ["clip0", "clip2", "clip4", "clip1", "clip5"]
    assert found["share"].tolist() == pytest.approx([1, 1, 1, 0.8, 0.8])
    assert found["heading"].tolist()[::4] == ["group 1", "group 2"]


def test_captions_of_the_same_clip_are_no_negatives():
    own = ["one/cut the onion", "one/cut the onion", "two/peel it"]
    assert near_duplicate_captions(Captions(own)).empty
    found = near_duplicate_captions(Captions([*own, "three/cut the onion"]))
    assert found["clip_id"].tolist() == ["clip0", "clip1", "clip3"]
    assert found["similar_clip_id"].tolist() == ["clip3", "clip3", "clip0"]


@pytest.mark.parametrize("texts", [[], ["one"], ["", "", "!"]])
def test_no_captions_have_no_duplicates(texts):
    found = near_duplicate_captions(Captions(texts))
    assert found.empty
    assert {"clip_id", "heading", "group", "share", "similar_clip_id"} <= set(found)


@pytest.fixture(scope="module")
def odd_clips(tmp_path_factory):
    """A still picture, a silent track, a mute medium, a short clip, and one that is in order."""
    folder = tmp_path_factory.mktemp("odd")
    still = moving_square(pixels_per_second=(0, 0))
    write_video(folder / "still.mp4", 4.0, picture=still, sound=tone())
    write_video(folder / "silent.mp4", 4.0, picture=moving_square(), sound=lambda s: 0 * s)
    write_video(folder / "mute.mp4", 4.0, picture=moving_square())
    write_video(
        folder / "slow.mp4", 4.0, picture=moving_square(pixels_per_second=(6, 0)), sound=tone()
    )
    rows = [f"{name}.mp4,0,3,{name} words,test" for name in ("still", "silent", "mute", "slow")]
    rows.append("still.mp4,3,3.9,one second only,test")
    (folder / "captions.csv").write_text(
        "\n".join(["video,start_seconds,end_seconds,text,split", *rows]) + "\n"
    )
    return mmlab.ingest(
        folder, folder / "captions.csv", folder / "dataset", workers=1, progress=False
    )


def test_silence_is_found_where_there_is_a_track(odd_clips):
    assert silent_clips(odd_clips)["clip_id"].str.contains("silent").tolist() == [True]
    assert silent_clips(odd_clips)["heading"].tolist() == ["silent"]


def test_still_pictures_are_found_but_not_in_a_single_second(odd_clips):
    found = static_clips(odd_clips)
    assert found["text"].tolist() == ["still words"]
    assert found["change"][0] < 0.1
    assert found["heading"].tolist() == ["still"]


def test_a_selection_is_all_that_is_looked_at(odd_clips):
    slow = odd_clips.select(text="slow words")
    assert silent_clips(slow).empty
    assert static_clips(slow).empty


def test_captions_and_sounds_that_disagree_most_come_first(tiny_retriever):
    found = disagreeing_clips(tiny_retriever)
    table = tiny_retriever.rank_table([("text", "audio")]).set_index("clip_id")["rank"]
    assert dict(zip(found["clip_id"], found["rank"], strict=True)) == table.to_dict()
    assert found["rank"].is_monotonic_decreasing
    assert not found["clip_id"].str.contains("mute").any()
    assert (found["candidates"] == 4).all()
    row = tiny_retriever.dataset.row_of(found["clip_id"][0])
    own = tiny_retriever.embeddings("text")[row] @ tiny_retriever.embeddings("audio")[row]
    assert found["score"][0] == pytest.approx(float(own), abs=1e-6)
    assert found["heading"][0] == f"rank {found['rank'][0]:g}"


def test_of_equal_ranks_the_lower_score_comes_first_and_count_cuts(tiny_retriever):
    found = disagreeing_clips(tiny_retriever, against="video")
    for _, same in found.groupby("rank"):
        assert same["score"].is_monotonic_increasing
    assert len(disagreeing_clips(tiny_retriever, 2)) == 2


def test_what_cannot_be_listed_is_said(tiny_retriever):
    with pytest.raises(ValueError, match="count is how many"):
        disagreeing_clips(tiny_retriever, 0)
    with pytest.raises(ValueError, match="smell"):
        disagreeing_clips(tiny_retriever, against="smell")
    mute = tiny_retriever.dataset.select(media_path="blue mute.mp4")
    assert disagreeing_clips(Retriever(tiny_retriever.model, mute)).empty
