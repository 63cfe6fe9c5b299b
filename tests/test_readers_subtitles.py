"""WebVTT and SRT, clean and as they are found."""

from __future__ import annotations

from pathlib import Path

import pytest

from mmlab.readers.captions import find_subtitles, read_captions
from mmlab.readers.subtitles import clean, read_subtitles

REAL = Path(__file__).parents[2] / "shared" / "real" / "annotations" / "mining_youtube"

SRT = """1
00:00:01,000 --> 00:00:02,500
{\\an8}Hello <b>big</b>
<i>world</i>

2
00:00:03,000 --> 00:00:04,000
Salt &amp; pepper

3
01:00:00,000 --> 01:00:01,000
5
"""

VTT = """WEBVTT - a title

STYLE
::cue { color: red }

REGION
id:fred

NOTE 00:00 is not a time
of a cue

intro
00:01.000 --> 00:02.500 align:start position:0%
<v Mary>Hello <c.yellow.bg_blue>big</c>
world

NOTE another

1:00:00.000 --> 1:00:01.000
a < b &lt; c
"""


def spans(captions):
    table = captions.table
    return list(zip(table.start_seconds, table.end_seconds, table.text, strict=True))


def written(folder, text, name="talk.srt"):
    path = folder / name
    path.write_bytes(text.encode())
    return path


EXPECTED = [(1, 2.5, "Hello big world"), (3, 4, "Salt & pepper"), (3600, 3601, "5")]


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text,
        lambda text: "\ufeff" + text,
        lambda text: text.replace("\n", "\r\n"),
        lambda text: text.replace("\n", "\r"),
        lambda text: text.replace("\n\n", "\n"),  # no empty lines
        lambda text: text.replace("1\n00", "00").replace("2\n00", "00").replace("3\n01", "01"),
        lambda text: text.replace(",", "."),
        lambda text: text.replace(",000", ",0").replace(" --> ", "-->"),
        lambda text: text.replace("-->", "->"),
        lambda text: text.replace("big</b>\n", "big</b>\n\n"),  # an empty line within a text
        lambda text: text.replace("500\n", "500 X1:40 X2:600 Y1:20 Y2:50\n"),
        lambda text: text.rstrip() + "\n\n4\n",  # cut off behind a number
        lambda text: "\n\n" + text,
    ],
)
def test_srt_in_many_dresses(tmp_path, change):
    captions = read_subtitles(written(tmp_path, change(SRT)))
    assert spans(captions) == EXPECTED
    assert captions.skipped == []
    assert captions.format == "SRT"
    assert set(captions.table.video) == {"talk"}
    assert set(captions.table.split) == {"all"}


@pytest.mark.parametrize("change", [str, lambda text: text.replace("\n", "\r\n")])
def test_web_blocks_settings_and_voices(tmp_path, change):
    captions = read_subtitles(written(tmp_path, change(VTT), "talk.en-US.vtt"))
    assert spans(captions) == [(1, 2.5, "Hello big world"), (3600, 3601, "a < b < c")]
    assert captions.format == "WebVTT"
    assert set(captions.table.video) == {"talk"}


def test_web_without_empty_lines(tmp_path):
    text = "WEBVTT\n00:01.000 --> 00:02.000\none\n00:02.000 --> 00:03.000\ntwo"
    assert spans(read_subtitles(written(tmp_path, text))) == [(1, 2, "one"), (2, 3, "two")]


def test_broken_cues_are_listed_and_the_others_kept(tmp_path):
    text = (
        "1\n00:00:01,000 --> 00:00:02,000\ngood\n\n"
        "2\n00:00:aa,000 --> 00:00:03,000\nlost\n\n"
        "3\n00:00:05,000 --> 00:00:04,000\nbackwards\n\n"
        "4\n00:00:05,000 -->\nno end\n\n"
        "5\n00:00:06,000 --> 00:00:07,000\n\n"
        "6\n00:75:06,000 --> 00:76:07,000\nno minute\n\n"
        "7\n-00:00:02,000 --> 00:00:01,000\nearly\n\n"
        "8\n00:00:08,000 --> 00:00:09,000\nit goes --> there\n"
    )
    captions = read_subtitles(written(tmp_path, text))
    assert spans(captions) == [(1, 2, "good"), (8, 9, "it goes --> there")]
    lines = {6: "cannot be read", 10: "before its start", 14: "cannot be read", 18: "no text"}
    lines |= {21: "no number", 25: "no number"}
    reasons = dict(captions.skipped)
    assert set(reasons) == {f"talk.srt line {line}" for line in lines}
    for line, words in lines.items():
        assert words in reasons[f"talk.srt line {line}"]


def rolling(word_times=True, trimmed=False):
    """YouTube's automatic captions: two rows that move up."""
    said = [("so", "we", "crack"), ("the", "egg"), ("okay",), ("okay",)]
    text, before = "WEBVTT\nKind: captions\nLanguage: en\n\n", " "
    for number, words in enumerate(said):
        start = 2.0 * number
        timed = words[0] + "".join(
            f"<00:00:0{start + 0.3 * place:.3f}><c> {word}</c>" if word_times else f" {word}"
            for place, word in enumerate(words[1:], start=1)
        )
        plain = " ".join(words)
        text += f"00:00:0{start:.3f} --> 00:00:0{start + 1.99:.3f} align:start position:0%\n"
        text += f"{before}\n{timed}\n\n"
        text += f"00:00:0{start + 1.99:.3f} --> 00:00:0{start + 2:.3f} align:start position:0%\n"
        text += f"{plain}\n \n\n"
        before = plain
    return "\n".join(map(str.rstrip, text.split("\n"))) if trimmed else text


@pytest.mark.parametrize("options", [{}, {"word_times": False}, {"trimmed": True}])
def test_each_rolling_text_is_read_once(tmp_path, options):
    captions = read_subtitles(written(tmp_path, rolling(**options), "talk.vtt"))
    assert captions.table.text.tolist() == ["so we crack", "the egg", "okay", "okay"]
    assert captions.table.start_seconds.tolist() == [0, 2, 4, 6]
    assert captions.table.end_seconds.tolist() == [1.99, 3.99, 5.99, 7.99]
    assert captions.skipped == []


def test_repeated_words_of_common_subtitles_stay(tmp_path):
    text = "1\n00:00:01,000 --> 00:00:02,000\nNo.\n\n2\n00:00:02,000 --> 00:00:03,000\nNo.\n"
    assert read_subtitles(written(tmp_path, text)).table.text.tolist() == ["No.", "No."]


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("<c.colorE5E5E5>a</c><00:00:01.000> b", "a b"),
        ("{\\an8\\pos(1,2)}top", "top"),
        ("I <3 you & 1 < 2", "I <3 you & 1 < 2"),
        ("a&nbsp;b\u200e \\N c", "a b c"),
        ("<font color='#fff'>x</font></>", "x"),
    ],
)
def test_clean(line, text):
    assert clean(line) == text


def test_what_is_no_subtitle_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"talk\.srt: holds no times like"):
        read_subtitles(written(tmp_path, "just words\n"))
    (tmp_path / "talk.srt").write_bytes("1\n00:00:01,000 --> 00:00:02,000\né".encode("latin-1"))
    captions = read_subtitles(tmp_path / "talk.srt")
    assert captions.table.empty
    assert [name for name, _ in captions.skipped] == ["talk.srt line 3", "talk.srt line 2"]


def cue(text):
    return f"00:00:01,000 --> 00:00:02,000\n{text}\n"


def test_subtitles_beside_media(tmp_path):
    (tmp_path / "sub").mkdir()
    for name in [
        "a.srt",
        "a.de.vtt",
        "sub/b.de.srt",
        "sub/b.en-US.vtt",
        "sub/b.en.srt",
        "c.mp4.srt",
        "other.srt",
        "d.fr.SRT",
        "e.mov.srt",
        "a.b.srt",
    ]:
        written(tmp_path, cue(name), name)
    media = ["a.mp4", "sub/b.mkv", "c.mp4", "d.webm", "e.mp4", "none.mp4"]
    captions = find_subtitles(tmp_path, media)
    found = dict(zip(captions.table.video, captions.table.text, strict=True))
    assert found == {
        "a.mp4": "a.srt",
        "sub/b.mkv": "sub/b.en.srt",
        "c.mp4": "c.mp4.srt",
        "d.webm": "d.fr.SRT",
    }
    assert dict(captions.skipped) == {
        "a.de.vtt": "a.srt is read instead",
        "b.de.srt": "b.en.srt is read instead",
        "b.en-US.vtt": "b.en.srt is read instead",
    }


def test_a_broken_subtitle_is_listed_and_the_next_language_read(tmp_path):
    (tmp_path / "a.srt").write_bytes(b"\xff\xfe\x00")
    written(tmp_path, cue("hello"), "a.en.srt")
    (tmp_path / "b.srt").write_bytes(b"")
    captions = find_subtitles(tmp_path, ["a.mp4", "b.mp4"])
    assert captions.table.text.tolist() == ["hello"]
    assert [name for name, _ in captions.skipped] == ["a.srt", "b.srt"]


def test_a_folder_of_subtitles(tmp_path):
    (tmp_path / "sub").mkdir()
    written(tmp_path, cue("one"), "sub/talk.en.srt")
    written(tmp_path, cue("two"), "my.mov.srt")
    captions = read_captions(tmp_path)
    found = dict(zip(captions.table.video, captions.table.text, strict=True))
    assert found == {"sub/talk": "one", "my.mov": "two"}


@pytest.mark.skipif(not REAL.exists(), reason="the real annotations are not at hand")
def test_real_srt_with_byte_order_mark():
    captions = read_captions(REAL / "annotations" / "GEn8L3VODk8.srt")
    assert len(captions.table) == 20
    assert captions.table.iloc[0].tolist() == ["GEn8L3VODk8", 61.575, 83.241, "crack_eggs", "all"]
    assert captions.skipped == []


def test_a_cue_whose_time_is_destroyed_does_not_fall_to_the_one_before(tmp_path):
    path = tmp_path / "talk.srt"
    path.write_text(
        "1\n00:00:01,000 --> 00:00:02,000\nfirst\n\nof two parts\n\n2\n00:00\nlost\n\n"
        "3\n00:00:05,000 --> 00:00:06,000\nthere are\n\n42\napples\n"
    )
    captions = read_subtitles(path)
    assert captions.table["text"].tolist() == ["first of two parts", "there are 42 apples"]
    assert captions.skipped == [("talk.srt line 7", "is the number of a cue without its time")]
