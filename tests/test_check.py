"""`check`: each thing that can be wrong is planted and found; a clean dataset has no findings."""

from __future__ import annotations

import itertools
import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from bs4 import BeautifulSoup

from mmlab.about import FeatureInfo, StreamInfo
from mmlab.check import check
from mmlab.check.levels import highest
from mmlab.check.near_duplicates import near_duplicates, words_of
from mmlab.ingest import ingest
from tests.conftest import GREEN, moving_square, tone, write_video
from tests.tiny_datasets import arrays, clip_table, make_dataset

CLIPS = [
    ("a.mp4", 0.0, 4.0, "chop the onion", "train"),
    ("a.mp4", 4.0, 8.0, "fry the onion", "train"),
    ("sub/b.mp4", 0.5, 9.0, "slice a ripe tomato", "test"),
]
LICENCES = ["CC BY", "CC BY", "CC0"]


def two_media(**of_a) -> dict[str, dict[str, np.ndarray]]:
    return {"a.mp4": arrays(seed=1, **of_a), "sub/b.mp4": arrays(seed=2)}


def look(folder, media=None, clips=CLIPS, more=None, **options):
    manifest = clip_table(clips, **({"licence": ["CC0"] * len(clips)} if more is None else more))
    return check(
        make_dataset(folder, two_media() if media is None else media, manifest, **options),
        progress=False,
    )


def kinds(report) -> dict[str, tuple[str, int]]:
    return {one.what: (one.severity, one.count) for one in report.findings}


def one_finding(report, part: str):
    (finding,) = [one for one in report.findings if part in one.what]
    return finding


def test_a_clean_dataset_has_no_findings(tmp_path):
    report = look(tmp_path / "d", more={"Licence": LICENCES})
    assert kinds(report) == {}
    assert report.ok
    assert "nothing to complain about" in str(report)
    assert report.licences == {"CC BY": 2, "CC0": 1}


def test_counts(tmp_path):
    clips = [*CLIPS, ("a.mp4", 8.0, 10.0, "", "train")]
    report = look(tmp_path / "d", clips=clips)
    assert report.splits.loc["train"].to_dict() == {
        "clips": 3, "media": 1, "hours": pytest.approx(10 / 3600), "captions": 2,
        "words_per_caption": 3.0,
    }  # fmt: skip
    assert report.splits.index.tolist() == ["test", "train", "total"]
    assert report.splits.loc["total", "clips"] == 4
    assert report.features.loc["video", ["media", "clips"]].tolist() == [2, 4]
    assert kinds(report) == {"clips without text": ("note", 1)}
    clips = [(*clip[:4], "all") for clip in CLIPS]
    assert look(tmp_path / "e", clips=clips).splits.index.tolist() == ["all"]


@pytest.mark.parametrize(
    ("column", "value", "what", "severity"),
    [
        ("clip_id", "a.mp4#0.00-4.00", "clip ids that several clips share", "error"),
        ("media_id", "c.mp4", "clips of media that media.parquet does not list", "error"),
        ("end_seconds", 4.0, "clips with impossible times", "error"),
        ("start_seconds", -1.0, "clips with impossible times", "error"),
        ("end_seconds", np.nan, "clips with impossible times", "error"),
        ("end_seconds", "8 s", "clips with impossible times", "error"),
        ("end_seconds", np.inf, "clips with impossible times", "error"),
        ("end_seconds", 14.0, "clips that end more than 1 s after their media", "warning"),
        ("end_seconds", 4.5, "clips shorter than one video token (1 s)", "note"),
        ("text", None, "clips without text", "note"),
        ("licence", " ", "clips without a licence", "warning"),
    ],
)
def test_a_bad_cell_of_the_manifest(tmp_path, column, value, what, severity):
    manifest = clip_table(CLIPS, licence=LICENCES)
    manifest[column] = manifest[column].astype(object)
    manifest.loc[1, column] = value
    report = check(make_dataset(tmp_path / "d", two_media(), manifest), progress=False)
    finding = one_finding(report, what)
    assert (finding.severity, finding.count) == (severity, 1)
    assert report.ok is (severity != "error")


def test_doubled_clips_and_media_without_clips(tmp_path):
    clips = [CLIPS[0], CLIPS[0], CLIPS[1]]
    report = look(tmp_path / "d", clips=clips)
    assert kinds(report)["clips with the same text and time as another clip"] == ("warning", 1)
    assert kinds(report)["media without a clip"] == ("note", 1)


def test_media_with_equal_features_across_splits(tmp_path):
    media = {"a.mp4": arrays(seed=1), "sub/b.mp4": arrays(seed=1)}
    report = look(tmp_path / "d", media)
    finding = one_finding(report, "exactly the same features")
    assert finding.examples == ("a.mp4 (train) = sub/b.mp4 (test)",)


def test_media_and_captions_that_leak(tmp_path):
    clips = [
        ("a.mp4", 0.0, 4.0, "Chop the red onion, finely!", "training"),
        ("a.mp4", 4.0, 8.0, "chop the red onion finely", "val"),
        ("sub/b.mp4", 0.0, 4.0, "now chop the red onion finely", "test"),
        ("sub/b.mp4", 4.0, 8.0, "boil an egg", "test"),
    ]
    found = kinds(look(tmp_path / "d", clips=clips))
    assert found["media with clips both in training and in held-out splits"] == ("warning", 1)
    assert found["held-out clips whose caption is also one of training, word for word"][1] == 1
    assert found["held-out clips whose caption nearly is one of training"][1] == 1


@pytest.mark.parametrize("split", ["train", "test", "all"])
def test_one_split_alone_cannot_leak(tmp_path, split):
    clips = [(*clip[:3], "the same", split) for clip in CLIPS]
    assert not [what for what in kinds(look(tmp_path / "d", clips=clips)) if "training" in what]


def slow_near_duplicates(asked: list[str], known: list[str]) -> dict[int, float]:
    """The best Jaccard index of every caption that has one of at least 0.8."""
    best: dict[int, float] = {}
    for (one, a), b in itertools.product(enumerate(asked), known):
        a_words, b_words = set(words_of(a)), set(words_of(b))
        if a_words and b_words:
            share = len(a_words & b_words) / len(a_words | b_words)
            if share >= 0.8:
                best[one] = max(best.get(one, 0), share)
    return best


@pytest.mark.parametrize("chunk", [1, 7, 1000])
def test_near_duplicates_against_all_pairs(chunk):
    random = np.random.default_rng(3)
    words = np.array([f"w{n}" for n in range(30)])
    chance = 1 / np.arange(1, 31)

    def captions(count: int) -> list[str]:
        draw = lambda: random.choice(words, random.integers(0, 9), p=chance / chance.sum())  # noqa: E731
        return [" ".join(draw()) for _ in range(count)]

    asked, known = captions(120), [*captions(300), "totally other unknown words"]
    pairs = dict(near_duplicates(asked, known, chunk=chunk))
    expected = slow_near_duplicates(asked, known)
    assert len(expected) > 20
    assert pairs.keys() == expected.keys()
    for one, other in pairs.items():
        assert slow_near_duplicates([asked[one]], [known[other]]) == {0: expected[one]}


def test_near_duplicates_of_nothing():
    assert list(near_duplicates([], ["a b"])) == []
    assert list(near_duplicates(["a b", ""], ["", "!"])) == []


def test_values_that_are_not_finite(tmp_path):
    media = two_media()
    media["a.mp4"]["audio"][5, 3] = np.inf
    media["a.mp4"]["brightness"][0] = np.nan
    finding = one_finding(look(tmp_path / "d", media), "not finite")
    assert finding.severity == "error"
    assert finding.examples == ("a.mp4: audio", "a.mp4: brightness")


def test_tensors_of_another_shape_or_gone(tmp_path):
    media = two_media(video=np.zeros((10, 7), np.float16))
    report = look(tmp_path / "one", media)
    shape = one_finding(report, "another shape")
    assert shape.examples == ("a.mp4: video (10, 7), expected (N, 6)",)
    report = look(tmp_path / "two", two_media(audio=None), has_audio=True)
    assert one_finding(report, "promises").examples == ("a.mp4: no audio tokens",)
    assert not report.ok


def test_missing_modalities(tmp_path):
    report = look(tmp_path / "d", two_media(audio=None, loudness=None))
    assert kinds(report) == {
        "media without sound": ("note", 1),
        "clips without audio tokens": ("note", 2),
    }


def test_clips_without_any_token(tmp_path):
    clips = [*CLIPS, ("a.mp4", 11.0, 12.0, "behind the end", "train")]
    report = look(tmp_path / "d", clips=clips)
    assert one_finding(report, "in their own time").examples == ("a.mp4#11.00-12.00",)
    assert report.ok
    nothing = dict.fromkeys(["audio", "brightness", "loudness"])
    media = two_media(video=np.zeros((0, 6), np.float16), **nothing)
    report = look(tmp_path / "e", media, has_video=[False, True])
    finding = one_finding(report, "without any token")
    assert (finding.severity, finding.count) == ("error", 2)
    assert not report.ok


def test_tokens_with_times_of_their_own(tmp_path):
    seconds = np.array([[0, 1], [6, 7]], np.float32)
    own = {"video": np.ones((2, 6), np.float16), "video.seconds": seconds}
    media = {"a.mp4": arrays(audio=None, loudness=None, brightness=None, **own)}
    clips = [("a.mp4", s, s + 2.0, "x", "all") for s in (0.0, 2.0, 4.5, 8.0)]
    report = look(tmp_path / "d", media, clips=clips)
    assert one_finding(report, "in their own time").examples == (
        "a.mp4#2.00-4.00",
        "a.mp4#8.00-10.00",
    )
    media["a.mp4"]["video.seconds"] = seconds[:1]
    report = look(tmp_path / "e", media, clips=clips)
    assert "expected (2, 2)" in one_finding(report, "another shape").examples[0]


def test_streams_are_looked_at_one_by_one(tmp_path):
    streams = (StreamInfo("2d", 4, 1.0), StreamInfo("3d", 3, 1.5))
    features = {"video": FeatureInfo("published", 7, 1.5, streams=streams)}
    own = {"video.2d": np.ones((10, 4), np.float16), "video.3d": np.ones((15, 3), np.float16)}
    bad = own | {"video.3d": np.full((15, 3), np.nan, np.float16)}
    clips = [(name, 0.0, 4.0, "x", "all") for name in ("a", "b")]
    report = look(tmp_path / "d", {"a": own, "b": bad}, clips=clips, features=features)
    assert one_finding(report, "not finite").examples == ("b: video.3d",)
    assert report.features.loc["video", ["width", "media", "clips"]].tolist() == [7, 2, 2]
    assert [what for what in kinds(report) if "black" in what or "shape" in what] == [
        "clips of which it was not measured whether they are black"
    ]


def test_black_and_silent_clips(tmp_path):
    brightness = np.array([0.5, 0.01, 0.01, 0.01, 0, 0, 0, 0, 0.5, 0.5], np.float16)
    loudness = np.array([-100] * 4 + [-20] * 6, np.float16)
    report = look(tmp_path / "d", two_media(brightness=brightness, loudness=loudness))
    assert one_finding(report, "black clips").examples == ("a.mp4#4.00-8.00",)
    assert one_finding(report, "silent clips").examples == ("a.mp4#0.00-4.00",)
    assert report.ok


def test_silence_is_seen_in_the_log_mel_where_loudness_was_not_measured(tmp_path):
    quiet = arrays(seed=1)["audio"]
    quiet[:420] = -80
    report = look(tmp_path / "d", two_media(audio=quiet, loudness=None))
    assert one_finding(report, "silent clips").examples == ("a.mp4#0.00-4.00",)
    published = np.zeros_like(quiet)  # a silent file as published code writes it
    report = look(tmp_path / "e", two_media(audio=published, loudness=None))
    assert one_finding(report, "silent clips").count == 2


def test_what_was_not_measured_is_said(tmp_path):
    features = {"video": FeatureInfo("colours", 6, 1.0), "audio": FeatureInfo("clap", 40, 100.0)}
    media = two_media(brightness=None, loudness=None)
    found = kinds(look(tmp_path / "d", media, features=features))
    assert found == {
        "clips of which it was not measured whether they are black": ("note", 2),
        "clips of which it was not measured whether they are silent": ("note", 2),
    }


def test_highest_against_a_loop():
    random = np.random.default_rng(0)
    values = random.normal(size=13)
    starts = random.uniform(0, 8, 50)
    ends = starts + random.uniform(0.01, 4, 50)
    expected = [
        values[int(s * 2) : max(int(np.ceil(e * 2)), int(s * 2) + 1)]
        for s, e in zip(starts, ends, strict=True)
    ]
    loop = [max(part, default=values[-1]) for part in expected]
    np.testing.assert_allclose(highest(values, 2.0, starts, ends), loop, rtol=1e-6)
    assert highest(values, 2.0, starts[:0], ends[:0]).shape == (0,)


def test_sound_that_is_out_of_step(tmp_path):
    report = look(tmp_path / "d", sound_start_seconds=[0.5, 0.05], picture_start_seconds=[0, 0.2])
    assert one_finding(report, "s after the picture").examples == ("a.mp4 (0.50 s after)",)
    assert one_finding(report, "s before the picture").examples == ("sub/b.mp4 (0.15 s before)",)


def test_what_is_wrong_with_real_files_is_found(tmp_path):
    def late(seconds: np.ndarray) -> np.ndarray:
        return tone()(seconds) * (seconds < 2.0)

    black = lambda _: np.zeros((96, 128, 3), np.uint8)  # noqa: E731
    folder = tmp_path / "media"
    write_video(folder / "good.mp4", 4.0, picture=moving_square(), sound=tone())
    write_video(folder / "black.mp4", 4.0, picture=black, sound=tone())
    write_video(folder / "falls silent.mp4", 4.0, picture=moving_square(), sound=late)
    write_video(
        folder / "late.mp4", 4.0, picture=moving_square(GREEN), sound=tone(), sound_starts_at=0.5
    )
    dataset = ingest(folder, None, tmp_path / "d", workers=1, clip_seconds=2.0, progress=False)
    report = check(dataset, progress=False)
    assert one_finding(report, "black clips").examples == (
        "black.mp4#0.00-2.00",
        "black.mp4#2.00-4.00",
    )
    silent = one_finding(report, "silent clips").examples
    assert all(example.startswith("falls silent.mp4#") for example in silent)
    assert silent[0] in ("falls silent.mp4#2.00-4.00", "falls silent.mp4#2.00-4.02")
    (out_of_step,) = one_finding(report, "s after the picture").examples
    assert re.fullmatch(r"late.mp4 \(0\.(4[5-9]|5[0-5]) s after\)", out_of_step)
    assert not [finding for finding in report.findings if "not measured" in finding.what]
    assert report.ok


def test_older_tables_lack_the_starts(tmp_path):
    manifest = clip_table(CLIPS, licence=LICENCES)
    dataset = make_dataset(tmp_path / "d", two_media(), manifest)
    dataset.media = dataset.media.drop(columns="sound_start_seconds")
    assert [what for what in kinds(check(dataset, progress=False))] == [
        "media whose starts of picture and sound were not measured"
    ]


def test_media_files_that_are_gone_or_were_never_there(tmp_path):
    report = look(tmp_path / "d", media_root=tmp_path)
    assert one_finding(report, "media files that are not in").count == 2
    report = look(tmp_path / "e", media_path=["a.mp4", ""])
    assert kinds(report) == {"media that were never at hand (converted features)": ("note", 1)}


def test_damaged_and_missing_shards_are_findings(tmp_path):
    manifest = clip_table(CLIPS, licence=LICENCES)
    dataset = make_dataset(tmp_path / "d", two_media(), manifest)
    first, second = sorted((tmp_path / "d" / "features").iterdir())
    for damaged in (b"", first.read_bytes()[:200], b"\xff" * 500):
        first.write_bytes(damaged)
        report = check(dataset, progress=False)
        assert list(kinds(report)) == ["shards that are missing or damaged"]
        assert "is damaged" in one_finding(report, "shards").examples[0]
    second.rename(second.with_name("other.safetensors"))
    report = check(dataset, progress=False)
    assert kinds(report) == {
        "shards that are missing or damaged": ("error", 2),
        "shards that no medium belongs to": ("note", 1),
    }
    assert "0001.safetensors: is missing" in str(report)


def test_no_licence_column_and_things_left_out(tmp_path):
    manifest = clip_table(CLIPS)
    dataset = make_dataset(tmp_path / "d", two_media(), manifest)
    (tmp_path / "d" / "skipped.csv").write_text("media_path,reason\nx.mp4,is empty\n")
    report = check(dataset, progress=False)
    assert one_finding(report, "no such column").count == 3
    assert one_finding(report, "left out").examples == ("x.mp4: is empty",)
    (tmp_path / "d" / "skipped.csv").write_text("")
    assert one_finding(check(dataset, progress=False), "damaged skipped.csv").severity == "warning"


def test_examples_are_few_and_short(tmp_path):
    clips = [("a.mp4", float(n), n + 1.0, "", "x" * 9) for n in range(8)]
    clips.append(("n" * 500, 0.0, 1.0, "word", "train"))
    finding = one_finding(look(tmp_path / "d", clips=clips), "does not list")
    assert len(finding.examples[0]) == 160
    finding = one_finding(look(tmp_path / "e", clips=clips), "clips without text")
    assert (len(finding.examples), finding.count) == (5, 8)
    assert "and 3 more" in str(finding)


def test_the_report_is_text_table_and_escaped_html(tmp_path):
    clips = [*CLIPS, ("<img src=x>.mp4", 0.0, 1.0, "<b>bold</b>", "<i>train</i>")]
    report = look(tmp_path / "d", clips=clips)
    text = str(report)
    assert text.index("ERROR") < len(text)
    assert "<img src=x>.mp4" in text
    page = BeautifulSoup(report._repr_html_(), "html.parser")
    assert not page.find_all(["img", "i", "script"])
    assert "<img src=x>.mp4" in page.get_text()
    frame = report.to_frame()
    assert list(frame.columns) == ["severity", "what", "count", "examples", "advice"]
    assert frame.severity.tolist() == sorted(frame.severity, key=["error", "warning", "note"].index)
    assert isinstance(frame, pd.DataFrame)
    assert not replace(report, findings=()).to_frame().size


def test_an_empty_selection(tmp_path):
    dataset = make_dataset(tmp_path / "d", two_media(), clip_table(CLIPS, licence=LICENCES))
    report = check(dataset.select(rows=[]), progress=False)
    assert kinds(report) == {"media without a clip": ("note", 2)}
    assert report.splits.loc["total", "clips"] == 0
    assert str(report)
    assert report._repr_html_()
