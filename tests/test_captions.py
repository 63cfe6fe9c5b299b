"""Captions matched to media, and clips of a fixed length."""

from __future__ import annotations

import unicodedata

import numpy as np
import pandas as pd
import pytest

from mmlab.captions import clip_ids, clips_of_captions, fixed_clips


def captions(*rows: tuple, **further) -> pd.DataFrame:
    table = pd.DataFrame(rows, columns=["video", "start_seconds", "end_seconds", "text"])
    return table.assign(split="all", **further)


def test_clips_are_matched_ordered_and_kept_inside_their_file():
    table = captions(("b.mp4", 2, 9, "late"), ("b", 0, 1, ""), ("./sub/c.mkv", 0, 3, "in a folder"))
    clips, skipped = clips_of_captions(
        table.assign(count=[1, 2, 3]), {"b.mp4": 5.0, "sub/c.mkv": 3.0}
    )
    assert clips.media_id.tolist() == ["b.mp4", "b.mp4", "sub/c.mkv"]
    assert clips.text.tolist() == ["", "late", "in a folder"]
    assert clips.end_seconds.tolist() == [1, 5, 3]
    assert clips["count"].tolist() == [2, 1, 3]
    assert list(clips.columns)[0] == "media_id"
    assert skipped == []


def test_a_whole_file_ends_where_the_medium_does():
    clips, skipped = clips_of_captions(captions(("a", 0.0, np.inf, "x")), {"a.wav": 7.5})
    assert clips.end_seconds.tolist() == [7.5]
    assert skipped == []


@pytest.mark.parametrize(
    "name",
    [
        "training/113/xHr8X2Wpmno.webm",
        "training/113/xHr8X2Wpmno",
        "xHr8X2Wpmno",
        "113/xHr8X2Wpmno",
        "xHr8X2Wpmno.webm",
        r".\training\113\xHr8X2Wpmno",
    ],
)
def test_paths_and_published_ids_find_their_medium(name):
    durations = {"training/113/xHr8X2Wpmno.webm": 9.0, "training/113/-other.mp4": 9.0}
    clips, _ = clips_of_captions(captions((name, 0, 1, "x")), durations)
    assert clips.media_id.tolist() == ["training/113/xHr8X2Wpmno.webm"]


def test_what_is_written_exactly_comes_before_the_last_part_of_a_path():
    durations = {"a.mp4": 9.0, "sub/a.mp4": 9.0, "sub/b.v2.mp4": 9.0, "b.mp4": 9.0}
    rows = [("a", 0, 1, ""), ("sub/a", 0, 1, ""), ("b.v2", 0, 1, "")]
    clips, _ = clips_of_captions(captions(*rows), durations)
    assert sorted(clips.media_id) == ["a.mp4", "sub/a.mp4", "sub/b.v2.mp4"]


def test_ambiguous_names_are_reported_once():
    rows = [("a", 0, 1, ""), ("a", 1, 2, ""), ("x", 0, 1, "")]
    clips, skipped = clips_of_captions(
        captions(*rows), {"a.mp4": 9.0, "a.wav": 9.0, "1/x.mp4": 9.0, "2/x.mp4": 9.0}
    )
    assert clips.empty
    assert skipped == [
        ("a", "named by 2 captions: could be a.mp4 and a.wav; name its folder and ending"),
        ("x", "named by 1 caption: could be 1/x.mp4 and 2/x.mp4; name its folder and ending"),
    ]


def test_accents_match_in_both_ways_of_writing_them():
    decomposed = unicodedata.normalize("NFD", "légende.mp4")
    clips, _ = clips_of_captions(captions(("légende", 0, 1, "x")), {decomposed: 3.0})
    assert clips.media_id.tolist() == [decomposed]


def test_captions_that_fit_nothing_are_listed():
    rows = [
        ("a.mp4", 0, 1, "ok"),
        ("gone.mp4", 0, 1, "x"),
        ("a.mp4", np.nan, 2, "x"),
        ("a.mp4", 3, 2, "x"),
        ("a.mp4", -1, 2, "x"),
        ("a.mp4", 50, 51, "x"),
        (None, 0, 1, "x"),
    ]
    clips, skipped = clips_of_captions(captions(*rows), {"a.mp4": 10.0})
    assert clips.text.tolist() == ["ok"]
    assert [name for name, _ in skipped] == ["gone.mp4", "(no name)", *["a.mp4"] * 4]
    words = [
        "not among",
        "not among",
        "no number",
        "before its start",
        "before 0",
        "behind the end",
    ]
    for (_, reason), word in zip(skipped, words, strict=True):
        assert word in reason
    assert "from 50 to 51 s" in skipped[-1][1]


def test_no_captions_give_no_clips():
    clips, skipped = clips_of_captions(captions(), {"a.mp4": 1.0})
    assert clips.empty
    assert skipped == []


def test_fixed_clips_cover_the_file():
    clips = fixed_clips({"a.mp4": 20.5, "b.mp4": 0.4, "c.mp4": 8.5}, 8.0)
    spans = list(zip(clips.media_id, clips.start_seconds, clips.end_seconds, strict=True))
    assert spans == [
        ("a.mp4", 0, 8),
        ("a.mp4", 8, 16),
        ("a.mp4", 16, 20.5),
        ("b.mp4", 0, 0.4),
        ("c.mp4", 0, 8),
    ]


def test_clip_ids_are_unique():
    clips = fixed_clips({"a.mp4": 8.0}, 8.0)
    assert clip_ids(clips.loc[[0, 0, 0]]) == [
        "a.mp4#0.00-8.00",
        "a.mp4#0.00-8.00#2",
        "a.mp4#0.00-8.00#3",
    ]
