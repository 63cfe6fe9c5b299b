"""A dataset's HTML: complete, escaped, small, and never failing for a picture."""

from __future__ import annotations

import base64
import io

import numpy as np
import pandas as pd
import pytest
from bs4 import BeautifulSoup
from PIL import Image

from mmlab.about import FeatureInfo
from mmlab.views import dataset as view
from mmlab.views.dataset import dataset_html, rows_to_show
from tests.conftest import write_video
from tests.tiny_datasets import FEATURES, arrays, clip_table, make_dataset

SOUND_ONLY = {"video": None, "brightness": None}


def page_of(folder, clips, media=None, **options) -> BeautifulSoup:
    media = media or {name: arrays() for name in dict.fromkeys(clip[0] for clip in clips)}
    dataset = make_dataset(folder, media, clip_table(clips), **options)
    return BeautifulSoup(dataset_html(dataset), "html.parser")


def stages(page: BeautifulSoup) -> list[str]:
    """What each card shows: the words in it, or the name of its picture's tag."""
    cards = page.select(".mmlab-dataset-stage")
    return [card.get_text() or card.find(True).name for card in cards]


def test_summary_modalities_and_cards(media_folder, tmp_path):
    clips = [
        ("red right.mp4", 0.0, 2.0, "a red square", "train"),
        ("blue mute.mp4", 0.5, 1.5, "a blue one", "test"),
    ]
    page = page_of(tmp_path / "d", clips, media_root=media_folder)
    words = page.get_text(" ", strip=True)
    for part in (
        "2 clips of 2 media, 3 seconds",
        "train 1",
        "test 1",
        "colours · 6 wide · 1 per second",
    ):
        assert part in words
    assert stages(page) == ["img", "img"]
    assert [one.get_text(" ") for one in page.select(".mmlab-dataset-times")] == [
        "0.0–2.0 s train",
        "0.5–1.5 s test",
    ]


def test_the_thumbnail_is_the_clips_middle_frame(media_folder, tmp_path):
    clips = [("red right.mp4", 0.0, 2.0, "x", "all")]
    image = page_of(tmp_path / "d", clips, media_root=media_folder).img
    picture = Image.open(io.BytesIO(base64.b64decode(image["src"].split(",")[1])))
    pixels = np.asarray(picture, np.int16)
    red = pixels[..., 0] - pixels[..., 1] > 80
    middle = np.argwhere(red).mean(axis=0)[1] * 128 / picture.width
    assert middle == pytest.approx(10 + 24 * 1.0 + 12, abs=3)  # of the square at 1 s
    assert max(picture.width / 256, picture.height / 144) == 1


def test_nothing_of_the_captions_becomes_markup(tmp_path):
    bad = "<script>alert(1)</script><img src=x onerror=y>\"'"
    page = page_of(tmp_path / "d", [(f"{bad}.mp4", 0.0, 1.0, bad, bad)])
    assert not page.find_all(["script", "img"])
    assert page.select_one(".mmlab-dataset-text").get_text() == bad
    assert bad in page.select_one(".mmlab-dataset-cards > div")["title"]


def test_sound_has_a_wave_that_follows_its_loudness(tmp_path):
    quiet_then_loud = np.repeat(np.array([-60, -10], np.float16), 500)[:, None].repeat(40, axis=1)
    media = {"a.wav": arrays(audio=quiet_then_loud, **SOUND_ONLY)}
    page = page_of(tmp_path / "d", [("a.wav", 0.0, 10.0, "", "all")], media)
    heights = [float(bar["height"]) for bar in page.find_all("rect")]
    assert len(heights) == view.WAVE_BARS
    assert heights == sorted(heights)
    assert (heights[0], heights[-1]) == (2.0, 66.0)
    assert page.find("i", string="a.wav")  # for want of words


def test_sound_of_another_backbone_is_drawn_from_its_loudness(tmp_path, monkeypatch):
    features = FEATURES | {"audio": FeatureInfo("clap", 40, 1.0)}
    loudness = np.array([-100, -100, -20, -100], np.float16)
    monkeypatch.setattr(
        "mmlab.dataset.ClipDataset.levels", lambda *_: {"loudness": loudness}, raising=False
    )
    media = {"a.wav": arrays(4, **SOUND_ONLY)}
    page = page_of(tmp_path / "d", [("a.wav", 1.0, 4.0, "x", "all")], media, features=features)
    assert [float(bar["height"]) for bar in page.find_all("rect")] == [2.0, 66.0, 2.0]


def test_media_that_are_broken_gone_or_were_never_there(tmp_path):
    clips = [(name, 0.0, 1.0, "x", "all") for name in ("broken.mp4", "gone.mp4", "never")]
    media = {name: arrays() for name in ("broken.mp4", "gone.mp4", "never")}
    manifest = clip_table(clips)
    manifest.loc[2, "media_path"] = ""
    dataset = make_dataset(tmp_path / "d", media, manifest)
    (tmp_path / "d" / "gone.mp4").unlink()
    page = BeautifulSoup(dataset_html(dataset), "html.parser")
    assert stages(page) == ["no picture", "media not at hand", "media not at hand"]


@pytest.mark.parametrize("error", [RuntimeError("decoder"), MemoryError(), KeyError("x")])
def test_no_failure_of_a_picture_is_raised(media_folder, tmp_path, monkeypatch, error):
    def fail(*_, **__):
        raise error

    view._thumbnail.cache_clear()
    monkeypatch.setattr(view, "poster", fail)
    clips = [("red right.mp4", 0.0, 2.0, "x", "all")]
    assert stages(page_of(tmp_path / "d", clips, media_root=media_folder)) == ["no picture"]


def test_damaged_shards_do_not_hide_the_summary(tmp_path):
    dataset = make_dataset(
        tmp_path / "d", {"a.wav": arrays(**SOUND_ONLY)}, clip_table([("a.wav", 0, 1.0, "x", "all")])
    )
    next((tmp_path / "d" / "features").iterdir()).write_bytes(b"")
    assert stages(BeautifulSoup(dataset_html(dataset), "html.parser")) == ["no picture"]


def test_slow_media_are_given_up(media_folder, tmp_path, monkeypatch):
    monkeypatch.setattr(view, "PATIENCE_SECONDS", -1.0)
    clips = [("red right.mp4", 0.0, 2.0, "x", "all")]
    page = page_of(tmp_path / "d", clips, media_root=media_folder)
    assert stages(page) == ["takes too long to read"]


def test_noise_and_long_captions_stay_small(tmp_path, monkeypatch):
    monkeypatch.setattr(view, "PATIENCE_SECONDS", 60.0)
    noise = np.random.default_rng(0)
    draw = lambda _: noise.integers(0, 255, (288, 512, 3), dtype=np.uint8)  # noqa: E731
    write_video(tmp_path / "noise.mp4", 0.4, picture=draw)
    clips = [("noise.mp4", 0.0, 0.1 + n / 20, "&" * 5000, f"{n:0500}") for n in range(7)]
    dataset = make_dataset(
        tmp_path / "d", {"noise.mp4": arrays()}, clip_table(clips), media_root=tmp_path
    )
    page = dataset_html(dataset)
    assert page.count("<img") == 6
    assert len(page.encode()) < 200_000


def test_clips_are_shown_over_all_media_and_splits():
    many = clip_table([(f"{n // 3}.mp4", n % 3, n % 3 + 1.0, "", "train") for n in range(60)])
    rows = rows_to_show(many)
    assert len(rows) == len(set(many.media_id.iloc[rows])) == 6
    assert rows[0] == 0
    assert rows[-1] >= 54
    many.loc[15:, "split"] = "test"
    assert set(many.split.iloc[rows_to_show(many)]) == {"train", "test"}
    assert rows_to_show(many[:2]) == [0, 1]
    assert rows_to_show(many[:0]) == []


def test_a_split_that_nobody_named_is_not_shown(tmp_path):
    page = page_of(tmp_path / "d", [("a.mp4", 0.0, 1.0, "", "all")])
    assert "all" not in page.select_one(".mmlab-dataset-line").get_text(" ").split()
    assert not page.select(".mmlab-dataset-times span")


def test_an_empty_selection_and_unknown_lengths(tmp_path):
    manifest = clip_table([("a.mp4", 0.0, float("inf"), "x", "all")])
    manifest["split"] = pd.Series([None], dtype=object)
    dataset = make_dataset(tmp_path / "d", {"a.mp4": arrays()}, manifest)
    assert "unknown length" in dataset_html(dataset)
    assert "<b>0</b> clips" in dataset_html(dataset.select(rows=[]))


def test_hours_minutes_seconds():
    assert [view._length(s) for s in (7200.0, 90.0, 12.2)] == [
        "2.0 hours",
        "1.5 minutes",
        "12 seconds",
    ]
