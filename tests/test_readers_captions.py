"""Formats found out from what files hold, and files that were damaged at random."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mmlab.readers.captions import (
    COLUMNS,
    Captions,
    joined_captions,
    read_captions,
    usable_captions,
)
from mmlab.readers.crosstask import read_crosstask_tasks

REAL = Path(__file__).parents[2] / "shared" / "real" / "annotations"

HOWTO100M = {"abc": {"start": [1.0, 4.0], "end": [2.0, 6.0], "text": ["crack it", "stir"]}}
YOUCOOK2 = {
    "database": {
        "abc": {
            "duration": 20.5,
            "subset": "training",
            "recipe_type": "113",
            "annotations": [{"segment": [1, 4], "id": 0, "sentence": "spread butter"}],
        }
    }
}
MSRVTT = {
    "info": {},
    "videos": [{"video_id": "video0", "split": "train", "category": 9, "url": "u"}],
    "sentences": [{"caption": "a car", "video_id": "video0", "sen_id": 1}],
}

FILES = {
    "own csv": "video,start_seconds,end_seconds,text,score\na.mp4,0,1.5,hello,3\nb,1,2,x,4\n",
    "own semicolons": 'file;start;end;caption\na;0:01;0:02,5;"x; y"\nb;1;2;z\n',
    "SRT": "1\n00:00:01,000 --> 00:00:02,500\nHello <b>big</b>\n\n2\n0:00:03,0 --> 0:00:04,0\nx\n",
    "WebVTT": "WEBVTT\n\nNOTE x\n\n00:01.000 --> 00:02.000 align:start\na<00:01.500><c> b</c>\n",
    "MSR-VTT 1k-A csv": "key,vid_key,video_id,sentence\nret0,msr9770,video9770,a person\n",
    "YouCook2 validation csv": "end,start,task,text,video_id\n60,47,226,pick it,xHr8X2Wpmno\n",
    "AudioCaps csv": "audiocap_id,youtube_id,start_time,caption\n1,7fmOlUlwoNg,30,A dog\n",
    "Clotho csv": "file_name,caption_1,caption_2,caption_3,caption_4,caption_5\na.wav,a,b,c,d,e\n",
    "HowTo100M captions (json)": json.dumps(HOWTO100M),
    "YouCook2 json": json.dumps(YOUCOOK2),
    "MSR-VTT videodatainfo json": json.dumps(MSRVTT),
    "HowTo100M captions (pickle)": pickle.dumps(HOWTO100M, protocol=4),
}


def content(name: str) -> bytes:
    value = FILES[name]
    return value if isinstance(value, bytes) else value.encode()


def written(folder: Path, data: bytes) -> Path:
    path = folder / "captions.pickle"  # the name says nothing, apart from pickles
    path = path if data[:1] == b"\x80" else folder / "captions.txt"
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("start", [b"", b"\xef\xbb\xbf"], ids=["", "byte-order mark"])
def test_formats_are_found_by_what_they_hold(tmp_path, name, start):
    start = b"" if "pickle" in name else start
    captions = read_captions(written(tmp_path, start + content(name)))
    expected = "csv of one's own (captions.txt)" if name.startswith("own") else name
    assert captions.format == expected
    assert not captions.table.empty
    assert captions.skipped == []
    assert tuple(captions.table.columns[:5]) == COLUMNS
    assert captions.table.start_seconds.dtype == captions.table.end_seconds.dtype == np.float64


def test_folders_are_found_by_what_they_hold(tmp_path):
    (tmp_path / "abc.csv").write_text("start,end,text\n1,2,crack it\n3,4,stir\n")
    captions = read_captions(tmp_path)
    assert captions.format == "HowTo100M captions (csv per video)"
    assert captions.table.video.tolist() == ["abc", "abc"]
    (tmp_path / "abc.csv").rename(tmp_path / "abc.txt")
    with pytest.raises(ValueError, match=r"holds no captions; captions can be .*CrossTask"):
        read_captions(tmp_path)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "is empty"),
        (b"just words\nand more\n", "captions can be a csv or parquet of your own"),
        (b'{"a": [1, 2]}', "is a json of another layout; captions can be"),
        (b'{"a": ', "damaged JSON"),
        (b"[" * 100_000, "nested"),
        (
            b"video_id\nvideo1\nvideo2\n",
            "without captions; .* `mmlab convert FEATURES --paths LIST`",
        ),
        (b"a,b,c\n1,2,3\n", "column 'video', 'text' is missing"),
        ("video,text\na,crème".encode("latin-1"), "UTF-8"),
        (b"\x89PNG\r\n\x1a\n\x00\x00", "UTF-8"),
        (b"PAR1" * 3, "damaged parquet"),
    ],
)
def test_what_is_none_of_them_is_refused_with_what_is_read(tmp_path, data, words):
    path = written(tmp_path, data)
    with pytest.raises(ValueError, match=words) as error:
        read_captions(path)
    assert path.name in str(error.value)


def test_what_is_not_there():
    with pytest.raises(FileNotFoundError):
        read_captions(Path("no such file.csv"))


def test_rows_that_cannot_be_used_are_listed_by_their_name():
    table = pd.DataFrame(
        {
            "video": ["a", "a", None, "a", "a", "a"],
            "start_seconds": [0, 1.0, 0, np.inf, "x", "0:02"],
            "end_seconds": [np.inf, 0.5, 1, np.inf, 2, 3],
            "extra": list("abcdef"),
        }
    )
    captions = usable_captions(table, "test", item="line {}".format, skipped=[("x", "before")])
    assert captions.table.extra.tolist() == ["a", "f"]
    assert captions.table.end_seconds.tolist() == [np.inf, 3]
    assert captions.table.text.tolist() == ["", ""]
    assert [item for item, _ in captions.skipped] == ["x", "line 1", "line 2", "line 3", "line 4"]
    assert table.shape == (6, 4)


def test_joined_captions_keep_all_columns():
    one = usable_captions(pd.DataFrame({"video": ["a"], "x": [1]}), "one", skipped=[("1", "r")])
    two = usable_captions(pd.DataFrame({"video": ["b"], "text": ["t"]}), "two")
    joined = joined_captions([one, two], "both")
    assert joined.table.video.tolist() == ["a", "b"]
    assert joined.skipped == [("1", "r")]
    assert joined_captions([], "none").table.empty


def check(captions: Captions) -> None:
    table = captions.table
    assert tuple(table.columns[:5]) == COLUMNS
    assert (table.start_seconds >= 0).all()
    assert (table.end_seconds > table.start_seconds).all()
    assert (table.video.str.strip() != "").all()
    assert all(item and reason for item, reason in captions.skipped)


@pytest.mark.skipif(not REAL.exists(), reason="the real annotations are not at hand")
@pytest.mark.parametrize(
    ("name", "format_name", "count"),
    [
        ("msrvtt/msrvtt_test.csv", "MSR-VTT 1k-A csv", 1000),
        ("youcook2/validation_youcook.csv", "YouCook2 validation csv", 3350),
        ("youcook2/youcookii_annotations_trainval.json", "YouCook2 json", 13_829),
        ("mining_youtube", "MiningYouTube", 45),
    ],
)
def test_real_annotations(name, format_name, count):
    captions = read_captions(REAL / name)
    assert (captions.format, len(captions.table)) == (format_name, count)
    check(captions)


@pytest.mark.skipif(not REAL.exists(), reason="the real annotations are not at hand")
def test_no_title_of_a_real_file_is_a_task():
    with pytest.raises(ValueError, match="holds no task"):
        read_crosstask_tasks(REAL / "mining_youtube" / "weakYouTube_dict.txt")


@pytest.mark.parametrize("column", ["start", "end", "text"])
def test_lists_in_lists_are_no_values(tmp_path, column):
    """Each holds the one before twice, so that writing them out would never end."""
    nested: list = []
    for _ in range(60):
        nested = [nested, nested]
    deep: list = []
    for _ in range(400):
        deep = [deep]
    good = {"start": [1.0], "end": [2.0], "text": ["crack it"]}
    path = tmp_path / "caption.pickle"
    path.write_bytes(
        pickle.dumps({"a": good, "b": good | {column: [nested]}, "c": good | {column: [deep]}})
    )
    captions = read_captions(path)
    assert captions.table["video"].tolist() == ["a"]
    assert [name for name, _ in captions.skipped] == ["b caption 0", "c caption 0"]


def test_captions_that_many_videos_share_are_bounded(tmp_path):
    """A pickle names a thing again for two bytes: 3,000 videos with 3,000 captions are 9e6."""
    shared = {"start": [0.0] * 3000, "end": [1.0] * 3000, "text": ["x"] * 3000}
    path = tmp_path / "caption.pickle"
    path.write_bytes(pickle.dumps({f"v{number}": shared for number in range(3000)}))
    with pytest.raises(ValueError, match=r"caption\.pickle: repeats its values"):
        read_captions(path)


def test_a_pickle_of_python_2_is_one_by_its_name(tmp_path):
    path = tmp_path / "caption.pickle"
    path.write_bytes(pickle.dumps({"a": {"start": [0.0], "end": [1.0], "text": ["x"]}}, 0))
    assert read_captions(path).table["video"].tolist() == ["a"]
