"""MiningYouTube: real files, and small ones in exactly their format."""

from pathlib import Path

import numpy as np
import pytest

from mmlab.readers.captions import read_captions
from mmlab.readers.mining_youtube import UNKNOWN, class_of, read_dictionary, read_mining_youtube

REAL = Path(__file__).parents[2] / "shared" / "real" / "annotations" / "mining_youtube"
CLASSES = ("crack_egg", "add_asparagu", "pres_egg", "use_spatula", "add_topp", "background")

real = pytest.mark.skipif(not REAL.exists(), reason="the real annotations are not at hand")


def small(folder):
    (folder / "weakYouTube_dict.txt").write_text("".join(f"{name} \n" for name in CLASSES))
    (folder / "videos_test.txt").write_text("b\n-a")
    (folder / "-a.grammar").write_text("background crack_egg background \n")
    (folder / "-a.gt").write_text("background\ncrack_egg\ncrack_egg\nfly_egg\nbackground\n")
    (folder / "b.srt").write_bytes(
        b"\xef\xbb\xbf1\r\n00:00:01,500 --> 00:00:02,000\r\ncrack_eggs\r\n\r\n"
        b"2\r\n00:00:00,000 --> 00:00:01,000\r\nusing_spatula\r\n\r\n"
        b"3\r\n00:00:05,000 --> 00:00:06,000\r\nfly_kites\r\n"
    )
    return folder


def test_a_small_folder(tmp_path):
    data = read_mining_youtube(small(tmp_path))
    assert data.classes == CLASSES
    assert data.background == 5
    b, a = data.videos
    assert (b.video_id, b.split, a.video_id, a.split) == ("b", "test", "-a", "test")
    assert a.transcript == ("background", "crack_egg", "background")
    assert a.frame_labels.tolist() == [5, 0, 0, UNKNOWN, 5]
    assert b.segments == (
        ("crack_egg", 1.5, 2.0),
        ("use_spatula", 0.0, 1.0),
        ("fly_kites", 5.0, 6.0),
    )
    assert data.skipped == [
        ("-a.gt", "label 'fly_egg' is not in the dictionary (1 times); kept as it is"),
        ("b.srt", "label 'fly_kites' is not in the dictionary (1 times); kept as it is"),
    ]
    (video,) = data.localization()
    assert video.steps == ("use spatula", "crack egg", "fly kites")
    assert video.segments == ((0, 0.0, 1.0), (1, 1.5, 2.0), (2, 5.0, 6.0))
    assert video.truth(6).sum(axis=0).tolist() == [1, 1, 1]


@pytest.mark.parametrize(
    ("label", "name"),
    [
        ("crack_egg", "crack_egg"),
        ("Crack Eggs ", "crack_egg"),
        ("add_asparagus", "add_asparagu"),
        ("press_eggs", "pres_egg"),
        ("using_spatulas", "use_spatula"),
        ("add_toppings", "add_topp"),
        ("add_strawberries", None),
        ("egg", None),
        ("", None),
        ("s" * 300 + "_s" * 300, None),
    ],
)
def test_labels_are_found_in_the_dictionary(label, name):
    assert class_of(label, {name: index for index, name in enumerate(CLASSES)}) == name


@pytest.mark.parametrize(
    ("word", "name"),
    [
        ("tomatoes", "tomato"),
        ("strawberry", "strawberrie"),
        ("berries", "berry"),
        ("leaf", "leave"),
    ],
)
def test_other_plurals(word, name):
    assert class_of(f"cut_{word}", {f"cut_{name}": 0}) == f"cut_{name}"


def test_files_by_folder_as_they_are_given_out(tmp_path):
    for name, text in [
        ("mapping_without_meta.txt", "1 background\n0 crack_egg\n"),
        ("transcripts/a.txt", "background crack_egg\n"),
        ("groundTruth/a.gt", "background\ncrack_egg\n"),
        ("readme.txt", "hello"),
    ]:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    data = read_mining_youtube(tmp_path)
    assert data.classes == ("crack_egg", "background")
    (video,) = data.videos
    assert video.transcript == ("background", "crack_egg")
    assert video.frame_labels.tolist() == [1, 0]
    captions = data.captions()
    assert captions.table.empty
    assert captions.skipped == [("a", "has no step times (a.srt)")]


def test_damaged_files_are_listed(tmp_path):
    small(tmp_path)
    (tmp_path / "c.gt").write_bytes(b"\xff\xff")
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "b.srt").write_text("1\n00:00:01,000 --> 00:00:02,000\nadd_topp\n")
    (tmp_path / "d.srt").write_text(
        "1\n00:00:03,000 --> 00:00:02,000\nadd_topp\n\n2\n00:00:03,000 --> 00:00:04,000\n\n"
        "3\n00:00:03,000 --> 00:00:0\nadd_topp\n\n4\n00:00:03,000 --> 00:00:04,000\nadd_topp\n"
    )
    data = read_mining_youtube(tmp_path)
    assert [video.video_id for video in data.videos] == ["b", "-a", "d"]
    assert data.videos[2].segments == (("add_topp", 3.0, 4.0),)
    names = [name for name, _ in data.skipped]
    assert names.count("d.srt line 2") == names.count("d.srt line 6") == 1
    assert names.count("d.srt line 9") == names.count("c.gt") == names.count("b.srt") - 1 == 1


@pytest.mark.parametrize(
    "text", ["", "a\nb\n", "a\na\nbackground\n", "0 a\n2 background\n", "0 a\n0 background"]
)
def test_a_bad_dictionary_is_refused(tmp_path, text):
    path = tmp_path / "weakYouTube_dict.txt"
    path.write_text(text)
    with pytest.raises(ValueError, match=r"weakYouTube_dict\.txt: "):
        read_mining_youtube(tmp_path)
    path.unlink()
    with pytest.raises(ValueError, match=r"holds no weakYouTube_dict\.txt"):
        read_mining_youtube(tmp_path)


@real
def test_the_real_dictionary_in_both_files():
    classes = read_dictionary(REAL / "weakYouTube_dict.txt")
    assert len(classes) == 513
    assert classes[512] == "background"
    assert "crack_egg" in classes
    assert set(read_dictionary(REAL / "mapping_without_meta.txt")) == set(classes)


@real
def test_real_transcript_frames_and_step_times():
    data = read_mining_youtube(REAL)
    assert data.skipped == []
    videos = {video.video_id: video for video in data.videos}
    video = videos["-1okAudsnAc"]
    assert video.transcript[:3] == ("background", "crack_egg", "background")
    assert len(video.frame_labels) == 3374
    changes = np.flatnonzero(np.diff(video.frame_labels, prepend=UNKNOWN))
    runs = [data.classes[video.frame_labels[frame]] for frame in changes]
    assert runs == list(video.transcript)
    assert (video.frame_labels == data.background).sum() == 2594
    counts = {name: len(one.segments) for name, one in videos.items() if one.segments}
    assert counts == {"2--rBUf69DM": 18, "GEn8L3VODk8": 20, "zsOHzVjwfF4": 7}
    labels = {label for one in videos.values() for label, _, _ in one.segments}
    assert labels <= set(data.classes)
    assert {"crack_egg", "beat_egg", "pour_egg", "use_spatula"} <= labels
    assert {video.split for video in data.videos if video.segments} == {"test"}


@real
def test_the_real_folder_as_captions():
    captions = read_captions(REAL)
    assert captions.format == "MiningYouTube"
    assert len(captions.table) == 45
    first = captions.table.iloc[0]
    assert (first.video, first.start_seconds, first.text) == ("2--rBUf69DM", 14.218, "crack egg")
