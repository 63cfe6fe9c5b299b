"""One's own csv and parquet, good and bad."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mmlab.readers.tables import csv_rows, read_table
from mmlab.readers.times import seconds_of

HEADER = "video,start_seconds,end_seconds,text"


def csv(folder: Path, *lines: str, header: str = HEADER, encoding: str = "utf-8") -> Path:
    path = folder / "légendes.csv"
    path.write_bytes("\n".join([header, *lines]).encode(encoding))
    return path


@pytest.mark.parametrize(
    ("written", "seconds"),
    [
        ("62.5", 62.5),
        ("1:02.5", 62.5),
        ("00:01:02", 62.0),
        ("01:00:00,250", 3600.25),
        ("1,5", 1.5),
        ("90:00", 5400.0),
        (" 3 ", 3.0),
        ("-2", -2.0),
        (np.float32(2.5), 2.5),
    ],
)
def test_times(written, seconds):
    assert seconds_of(written) == seconds


@pytest.mark.parametrize("written", ["", "one", "1:75", "1:60:00", "inf", "nan", "1:2:3:4", None])
def test_what_is_no_time(written):
    assert np.isnan(seconds_of(written))


def test_further_columns_keep_their_types_and_odd_words_survive(tmp_path):
    path = csv(
        tmp_path,
        'a.mp4,0,1.5,"None, NA",train,3,0.5,',
        "b.mp4,1,2,x,test,4,1.5,yes",
        header=HEADER + ",split,count,score,remark",
        encoding="utf-8-sig",
    )
    table = read_table(path).table
    assert list(table.columns) == [*HEADER.split(","), "split", "count", "score", "remark"]
    assert table.text.tolist() == ["None, NA", "x"]
    assert table.split.tolist() == ["train", "test"]
    assert table["count"].dtype == np.int64
    assert table.score.dtype == np.float64
    assert table.remark.tolist()[1] == "yes"
    assert table.remark.isna().tolist() == [True, False]


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_other_delimiters_and_names(tmp_path, delimiter):
    header = delimiter.join(["Start Time", "end", "Video_ID", "caption", "note"])
    path = csv(tmp_path, delimiter.join(["0:01", "1:02.5", "a", '"x, y; z"', "n"]), header=header)
    captions = read_table(path)
    row = captions.table.iloc[0]
    assert (row.video, row.start_seconds, row.end_seconds, row.text) == ("a", 1, 62.5, "x, y; z")
    assert row.note == "n"
    assert row.split == "all"


def test_a_decimal_comma_between_semicolons(tmp_path):
    path = csv(tmp_path, "a;0,5;1,5;x", header=HEADER.replace(",", ";"))
    assert read_table(path).table.iloc[0].tolist()[1:3] == [0.5, 1.5]


def test_without_times_a_row_is_about_the_whole_file(tmp_path):
    table = read_table(csv(tmp_path, "a.mp4,hello", header="file_name,sentence")).table
    assert table.iloc[0].tolist() == ["a.mp4", 0.0, np.inf, "hello", "all"]


@pytest.mark.parametrize(
    ("header", "words"),
    [
        ("video,text,path,start", "'end_seconds' is missing"),
        ("video,start,end", "'text' is missing"),
        ("start,end,text", "'video' is missing"),
        ("video_id,path,text", "'video_id' and 'path' could each be 'video'"),
        ("video,caption,sentence", "'caption' and 'sentence' could each be 'text'"),
        ("video,start_frame,end_frame,text", "'start_frame' looks like a time"),
        ("video,text,text", "'text' twice"),
        ("video", "'text' is missing"),
    ],
)
def test_unclear_columns_are_refused_by_name(tmp_path, header, words):
    with pytest.raises(ValueError, match=words) as error:
        read_table(csv(tmp_path, "1,2,3,4", header=header))
    assert "légendes.csv" in str(error.value)


def test_the_proper_name_wins_over_a_synonym(tmp_path):
    path = csv(tmp_path, "a.mp4,77,0,1,x", header="video,video_id,start,end,text")
    row = read_table(path).table.iloc[0]
    assert (row.video, row.video_id) == ("a.mp4", 77)


def test_columns_of_a_dataset_are_renamed_and_media_path_can_be_the_video(tmp_path):
    path = csv(
        tmp_path, ",c,m,a.mp4,0,1,x", header=",clip_id,media_id,media_path,start,end,caption"
    )
    row = read_table(path).table.iloc[0]
    assert (row.video, row.own_clip_id, row.own_media_id) == ("a.mp4", "c", "m")
    assert not any("named" in name for name in row.index)


def test_bad_rows_are_listed_by_line_and_good_ones_kept(tmp_path):
    lines = [
        "a.mp4,0,1,good",
        "a.mp4,one,2,x",
        "a.mp4,3,3,x",
        "a.mp4,-1,2,x",
        "a.mp4,0,inf,x",
        "a.mp4,,2,x",
        ",0,1,x",
        "a.mp4,0,1,two, fields",
        "a.mp4,0",
        'a.mp4,4,5,"spans',
        'two lines"',
        'a.mp4,0,1,"never closed',
        "",
        "a.mp4,0.5,1.5,overlaps",
    ]
    captions = read_table(csv(tmp_path, *lines))
    assert captions.table.text.tolist() == ["good", "spans\ntwo lines", "overlaps"]
    reasons = dict(captions.skipped)
    assert set(reasons) == {f"légendes.csv line {n}" for n in (3, 4, 5, 6, 7, 8, 9, 10, 13)}
    for line, word in [(3, "no number"), (4, "before its start"), (5, "before 0"), (8, "no video")]:
        assert word in reasons[f"légendes.csv line {line}"]
    assert "5 values, the header 4" in reasons["légendes.csv line 9"]
    assert "quote" in reasons["légendes.csv line 13"]


def test_a_header_alone_holds_no_captions(tmp_path):
    assert read_table(csv(tmp_path)).table.empty


def test_lines_that_are_no_text_are_listed(tmp_path):
    path = csv(tmp_path, "a.mp4,0,1,x", "a.mp4,1,2,crème", "a.mp4,2,3,z", encoding="latin-1")
    captions = read_table(path)
    assert captions.table["text"].tolist() == ["x", "z"]
    assert [name for name, _ in captions.skipped] == [f"{path.name} line 3"]
    path = csv(tmp_path, "a.mp4,0,1,crème", encoding="utf-16")  # as Excel writes it
    assert read_table(path).table["text"].tolist() == ["crème"]


def test_what_is_no_table_in_utf8_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"légendes\.csv.*UTF-8"):
        read_table(csv(tmp_path, "a.mp4,0,1,crème", encoding="latin-1"))
    with pytest.raises(ValueError, match="empty"):
        read_table(csv(tmp_path, header="\n\n"))
    with pytest.raises(FileNotFoundError):
        read_table(tmp_path / "none.csv")


def test_parquet_keeps_types(tmp_path):
    table = pd.DataFrame(
        {
            "video": ["a", "b", None],
            "start": ["0:01", "0:02", "0:03"],
            "end": ["0:02", "0:01", "0:09"],
            "caption": ["x", "y", "z"],
            "box": [[1, 2], [3, 4], [5, 6]],
            "when": pd.to_datetime(["2020-01-01"] * 3),
        }
    )
    table.to_parquet(tmp_path / "t.parquet", index=False)
    captions = read_table(tmp_path / "t.parquet")
    assert captions.table.video.tolist() == ["a"]
    assert captions.table.start_seconds.tolist() == [1.0]
    assert captions.table.box.iloc[0].tolist() == [1, 2]
    assert captions.table.when.dtype.kind == "M"
    assert [name for name, _ in captions.skipped] == ["t.parquet row 1", "t.parquet row 2"]


def test_parquet_with_lists_of_texts_or_damage_is_refused(tmp_path):
    path = tmp_path / "t.parquet"
    pd.DataFrame({"video": ["a"], "text": [["x", "y"]]}).to_parquet(path)
    with pytest.raises(ValueError, match="text 'text' holds lists; write a row for each"):
        read_table(path)
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(ValueError, match=r"t\.parquet: is a damaged parquet"):
        read_table(path)


def test_csv_rows_agree_with_a_plain_reader(tmp_path):
    path = tmp_path / "t.csv"
    generator = np.random.default_rng(0)
    words = np.array(["a", "b c", "x,y", 'say "hi"', "two\nlines", ""])
    table = pd.DataFrame(words[generator.integers(0, len(words), (60, 3))], columns=list("abc"))
    table.insert(0, "number", range(60))
    table.to_csv(path, index=False)
    rows, skipped = csv_rows(path)
    assert [values for _, values in rows[1:]] == table.astype(str).to_numpy().tolist()
    assert skipped == []


def test_parquet_with_broken_characters(tmp_path):
    path = tmp_path / "captions.parquet"
    pd.DataFrame({"video": ["a"], "text": ["some words"]}).to_parquet(path, compression=None)
    path.write_bytes(path.read_bytes().replace(b"some words", b"some w\xffrds"))
    with pytest.raises(ValueError, match=r"captions\.parquet: is a damaged parquet"):
        read_table(path)
