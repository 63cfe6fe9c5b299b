"""AudioCaps and Clotho in exactly their published format."""

import numpy as np
import pytest

from mmlab.readers.audio_captions import read_audiocaps, read_clotho
from mmlab.readers.captions import read_captions

AUDIOCAPS = """audiocap_id,youtube_id,start_time,caption
103549,7fmOlUlwoNg,0,Constant rattling noise and sharp vibrations
103548,6BJ455B1aAs,30,A rocket flies by, followed by a crash
103547,GOD8Bt5LfDE,100,"Humming and vibrating with a man and children speaking, laughing"
103546,-zzz,soon,A dog
"""

CLOTHO = """file_name,caption_1,caption_2,caption_3,caption_4,caption_5
Distorted AM Radio noise.wav,"A muddled noise, broken",One,Two,Three,Four
Paper_Parchment_Rustling.wav,A person is rustling,b,,d,e
"""


def test_audiocaps(tmp_path):
    path = tmp_path / "val.csv"
    path.write_text(AUDIOCAPS)
    captions = read_captions(path)
    assert captions.format == "AudioCaps csv"
    first, last = captions.table.iloc[0], captions.table.iloc[-1]
    assert first.tolist() == [
        "7fmOlUlwoNg",
        0.0,
        10.0,
        "Constant rattling noise and sharp vibrations",
        "val",
        "103549",
    ]
    assert (last.video, last.start_seconds, last.end_seconds) == ("GOD8Bt5LfDE", 100.0, 110.0)
    assert [name for name, _ in captions.skipped] == ["val.csv line 3", "val.csv line 5"]


def test_audiocaps_whose_files_are_the_clips(tmp_path):
    path = tmp_path / "val.csv"
    path.write_text(AUDIOCAPS)
    table = read_audiocaps(path, files_are_clips=True).table
    assert (table.start_seconds == 0).all()
    assert np.isinf(table.end_seconds).all()


def test_clotho(tmp_path):
    path = tmp_path / "clotho_captions_evaluation.csv"
    path.write_text(CLOTHO)
    captions = read_captions(path)
    table = captions.table
    assert captions.format == "Clotho csv"
    assert len(table) == 9
    assert table.iloc[0].tolist() == [
        "Distorted AM Radio noise.wav",
        0.0,
        np.inf,
        "A muddled noise, broken",
        "evaluation",
        1,
    ]
    assert table.caption.tolist() == [1, 2, 3, 4, 5, 1, 2, 4, 5]
    assert captions.skipped == [
        ("clotho_captions_evaluation.csv line 3", "caption_3 is empty"),
    ]


@pytest.mark.parametrize("read", [read_audiocaps, read_clotho])
def test_missing_columns_are_named(tmp_path, read):
    path = tmp_path / "x.csv"
    path.write_text("a,b\n1,2\n")
    with pytest.raises(ValueError, match=r"x\.csv: has no column .*caption"):
        read(path)
