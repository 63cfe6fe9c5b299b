"""Captions files, good and bad, and clips of a fixed length."""

from __future__ import annotations

from pathlib import Path

import pytest

from mmlab.captions import clip_ids, clips_of_captions, fixed_clips, read_captions

HEADER = "video,start_seconds,end_seconds,text"


def captions(folder: Path, *lines: str, header: str = HEADER, encoding: str = "utf-8") -> Path:
    path = folder / "légendes.csv"
    path.write_bytes("\n".join([header, *lines]).encode(encoding))
    return path


def test_further_columns_and_odd_words_survive(tmp_path):
    path = captions(
        tmp_path,
        'a.mp4,0,1.5,"None, NA",train,3',
        header=HEADER + ",split,count",
        encoding="utf-8-sig",
    )
    row = read_captions(path).iloc[0]
    assert (row.video, row.text, row.split, row["count"]) == ("a.mp4", "None, NA", "train", 3)


def test_missing_column_is_named_with_the_file_and_the_mend(tmp_path):
    path = captions(tmp_path, "a.mp4,0,hello", header="video,start,text")
    with pytest.raises(ValueError, match=r"légendes\.csv: column 'start_seconds', 'end_seconds'"):
        read_captions(path)


def test_what_is_no_csv_in_utf8_is_refused(tmp_path):
    with pytest.raises(ValueError, match="UTF-8"):
        read_captions(captions(tmp_path, "a.mp4,0,1,crème", encoding="latin-1"))
    with pytest.raises(ValueError, match="not a csv"):
        read_captions(captions(tmp_path, header=""))
    with pytest.raises(ValueError, match="not a csv"):
        read_captions(captions(tmp_path, "a,1,2,x", "a,1,2,3,4,5"))


def test_clips_are_matched_ordered_and_kept_inside_their_file(tmp_path):
    table = read_captions(
        captions(tmp_path, "b.mp4,2,9,late", "b,0,1,", "./sub/c.mkv,0,3,in a folder")
    )
    clips, bad = clips_of_captions(table, {"b.mp4": 5.0, "sub/c.mkv": 3.0})
    assert clips.media_id.tolist() == ["b.mp4", "b.mp4", "sub/c.mkv"]
    assert clips.text.tolist() == ["", "late", "in a folder"]
    assert clips.end_seconds.tolist() == [1, 5, 3]
    assert bad == []


def test_captions_that_fit_nothing_are_listed_with_their_line(tmp_path):
    lines = [
        "a.mp4,0,1,ok",
        "gone.mp4,0,1,x",
        "a.mp4,one,2,x",
        "a.mp4,3,2,x",
        "a.mp4,50,51,x",
        ",,,",
    ]
    clips, bad = clips_of_captions(read_captions(captions(tmp_path, *lines)), {"a.mp4": 10.0})
    assert clips.text.tolist() == ["ok"]
    reasons = [f"{path}|{reason}" for path, reason in bad]
    for reason, words in zip(
        reasons,
        ["not read", "not a number", "empty time", "behind the end", "not read"],
        strict=True,
    ):
        assert words in reason
    assert "line 3" in reasons[0]
    assert "line 7" in reasons[-1]


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
