"""Segments as json, csv and WebVTT, read back by whoever reads such files."""

import json

import pandas as pd
import pytest

from mmlab.evaluation.segment_files import save_segments, segments_text, timestamp
from mmlab.readers.subtitles import read_subtitles

STEPS = ["crack an egg", "whisk <b>it</b> & stir --> fast", "fry\nslowly"]


@pytest.fixture
def segments():
    times = {"start_seconds": [3.0, 0.25, 7199.5], "end_seconds": [4.5004, 2.0, 7200.0]}
    return pd.DataFrame({"step": STEPS, **times, "score": [0.5, 0.25, -0.125], "edited": False})


def test_web_vtt_is_read_back(segments, tmp_path):
    path = save_segments(segments, tmp_path / "new" / "steps.vtt", about="a --> b <model>")
    captions = read_subtitles(path)
    assert captions.skipped == []
    assert captions.table.text.tolist() == [STEPS[1], STEPS[0], "fry slowly"]
    assert captions.table.start_seconds.tolist() == [0.25, 3.0, 7199.5]
    assert captions.table.end_seconds.tolist() == [2.0, 4.5, 7200.0]


def test_web_vtt_is_as_the_standard_has_it(segments):
    text = segments_text(segments, ".vtt", about="made of --> this")
    assert text.startswith(
        "WEBVTT\n\nNOTE made of --&gt; this\n\n1\n00:00:00.250 --> 00:00:02.000\n"
    )
    assert "whisk &lt;b&gt;it&lt;/b&gt; &amp; stir --&gt; fast\n\n2\n" in text
    assert text.endswith("3\n01:59:59.500 --> 02:00:00.000\nfry slowly\n")
    short = segments.assign(end_seconds=segments.start_seconds)
    assert "00:00:03.000 --> 00:00:03.001" in segments_text(short, ".vtt")


def test_hours_are_written_out_and_may_be_many():
    assert timestamp(0) == "00:00:00.000"
    assert timestamp(3_723_004) == "01:02:03.004"
    assert timestamp(360_000_000) == "100:00:00.000"


def test_tables_and_objects_hold_every_column(segments, tmp_path):
    table = pd.read_csv(save_segments(segments, tmp_path / "steps.csv"))
    pd.testing.assert_frame_equal(table, segments, check_exact=False)
    kept = json.loads(save_segments(segments, tmp_path / "steps.JSON", about="this").read_text())
    assert kept["about"] == "this"
    assert kept["segments"] == segments.to_dict("records")


def test_tables_and_objects_hold_the_same_numbers(segments, tmp_path):
    thirds = segments.assign(score=[1 / 3, 2 / 3, -1 / 3], end_seconds=segments.end_seconds + 1 / 3)
    table = pd.read_csv(save_segments(thirds, tmp_path / "steps.csv"))
    kept = json.loads(save_segments(thirds, tmp_path / "steps.json").read_text())["segments"]
    assert kept == table.to_dict("records")
    assert kept[0]["score"] == 0.333333


def test_no_other_form_and_nothing_halfway(segments, tmp_path):
    with pytest.raises(ValueError, match=r"kept as .json, .csv, .vtt, found '.srt'"):
        save_segments(segments, tmp_path / "steps.srt")
    assert list(tmp_path.iterdir()) == []
