"""Readers of the annotation and feature files of HowTo100M, MSR-VTT and YouCook2."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mmlab.readers import howto100m, msrvtt, youcook2
from mmlab.readers.feature_folders import (
    FeatureFolders,
    read_crosstask_features,
    read_features,
    read_paths,
)
from mmlab.readers.items import read_items
from tests.published_features import (
    features,
    msrvtt_items,
    spectrogram,
    speech,
    write_howto100m,
    write_json,
    write_pickle,
    youcook2_items,
)

REAL = Path(__file__).parent.parent.parent / "shared" / "real" / "annotations"
needs_real = pytest.mark.skipif(not REAL.exists(), reason=f"no real annotations in {REAL}")


def columns(captions, *names):
    return captions.table[list(names)].values.tolist()


# --- MSR-VTT -------------------------------------------------------------------------------------


@needs_real
def test_the_real_msrvtt_test_csv():
    captions = msrvtt.read_test_csv(REAL / "msrvtt" / "msrvtt_test.csv")
    assert (len(captions.table), captions.skipped) == (1000, [])
    assert captions.table["video"].nunique() == 1000
    first = captions.table.iloc[0]
    assert first["text"] == "a person is connecting something to system"
    assert (first["video"], first["split"]) == ("video9770", "test")
    assert (first["start_seconds"], first["end_seconds"]) == (0.0, np.inf)


def test_msrvtt_test_csv_with_bad_rows(tmp_path):
    path = tmp_path / "test.csv"
    path.write_bytes(
        b"\xef\xbb\xbfkey,vid_key,video_id,sentence\n"
        b'ret0,msr1,video1,"a man, talking"\nret1,msr2\nret2,msr3,,no video\nret3,msr4,video4,ok\n'
    )
    captions = msrvtt.read_test_csv(path)
    assert columns(captions, "video", "text") == [["video1", "a man, talking"], ["video4", "ok"]]
    assert [name for name, _ in captions.skipped] == ["test.csv line 3", "test.csv line 4"]


def test_msrvtt_json(tmp_path):
    path = write_json(
        tmp_path / "train_val_videodatainfo.json",
        {
            "info": {},
            "videos": [
                {"video_id": "video0", "split": "train", "category": 9, "url": "u", "id": 0},
                {"video_id": "video1", "split": "validate", "start time": 1.5, "end time": 9.0},
                "broken",
            ],
            "sentences": [
                {"caption": "a car", "video_id": "video0", "sen_id": 0},
                {"caption": "a dog", "video_id": "video1", "sen_id": 1},
                {"caption": 5, "video_id": "video1"},
                {"caption": "no video"},
                None,
                {"caption": "unknown video", "video_id": "video7"},
            ],
        },
    )
    captions = msrvtt.read_videodatainfo(path)
    assert columns(captions, "video", "text", "split", "category") == [
        ["video0", "a car", "train", "9"],
        ["video1", "a dog", "validate", ""],
        ["video7", "unknown video", "all", ""],
    ]
    assert [name.split()[-1] for name, _ in captions.skipped] == ["2", "4", "3"]
    assert set(captions.table["end_seconds"]) == {np.inf}


@pytest.mark.parametrize("value", [[], {}, {"videos": [], "sentences": {}}, 3])
def test_msrvtt_json_that_is_none(tmp_path, value):
    with pytest.raises(ValueError, match=r"a\.json: has no lists 'videos' and 'sentences'"):
        msrvtt.read_videodatainfo(write_json(tmp_path / "a.json", value))


def test_msrvtt_lists(tmp_path):
    path = tmp_path / "MSRVTT_train.9k.csv"
    path.write_text("video_id\nvideo1\nvideo0\nvideo1\n\n")
    assert msrvtt.read_video_ids(path) == ["video1", "video0"]
    path.write_text("name\nvideo1\n")
    with pytest.raises(ValueError, match="video_id"):
        msrvtt.read_video_ids(path)


# --- YouCook2 ------------------------------------------------------------------------------------


@needs_real
def test_the_real_youcook2_files():
    folder = REAL / "youcook2"
    rows = youcook2.read_validation_csv(folder / "validation_youcook.csv")
    assert (len(rows.table), rows.skipped) == (3350, [])
    first = ["xHr8X2Wpmno", 47.0, 60.0, "226"]
    assert columns(rows, "video", "start_seconds", "end_seconds", "task")[0] == first
    segments = youcook2.read_trainval(folder / "youcookii_annotations_trainval.json")
    assert (len(segments.table), segments.table["video"].nunique()) == (13_829, 1_790)
    assert segments.skipped == []
    assert dict(segments.table["split"].value_counts()) == {"training": 10_337, "validation": 3_492}
    first = segments.table.iloc[0]
    assert first["text"] == "spread margarine on two slices of white bread"
    assert (first["start_seconds"], first["end_seconds"], first["recipe_type"]) == (90, 102, "113")


def test_youcook2_json_keeps_the_good_segments(tmp_path):
    good = {"id": 0, "segment": [1, 2.5], "sentence": "cut"}
    bad = [
        {"segment": [1, 2]},
        {"segment": [1], "sentence": "x"},
        {"segment": [5, 2], "sentence": "x"},
        {"segment": [-1, 2], "sentence": "x"},
        {"segment": ["a", 2], "sentence": "x"},
        {"segment": [float("nan"), 2], "sentence": "x"},
        7,
    ]
    database = {
        "v1": {"subset": "training", "recipe_type": "113", "annotations": [good, *bad]},
        "v2": {"annotations": None},
        "v3": "broken",
        "v4": {"annotations": [good]},
    }
    captions = youcook2.read_trainval(write_json(tmp_path / "a.json", {"database": database}))
    assert columns(captions, "video", "start_seconds", "end_seconds", "text", "split") == [
        ["v1", 1.0, 2.5, "cut", "training"],
        ["v4", 1.0, 2.5, "cut", "all"],
    ]
    assert len(captions.skipped) == len(bad) + 2
    assert {name for name, _ in captions.skipped} >= {"v2", "v3", "v1 segment 7"}


# --- HowTo100M -----------------------------------------------------------------------------------

SPEECH = {
    "abc": speech((5.0, 7.0, "later"), (0.5, 4.0, "first words")),
    "x-1": speech((1.0, 2.0, "more")),
}


def speech_files(folder):
    write_pickle(folder / "caption.pickle", SPEECH, 2)
    write_json(folder / "raw_caption.json", SPEECH)
    (folder / "csv").mkdir()
    for video_id, captions in SPEECH.items():
        pd.DataFrame(captions).to_csv(folder / "csv" / f"{video_id}.csv")
    return [folder / name for name in ("caption.pickle", "raw_caption.json", "csv")]


@pytest.mark.parametrize("number", range(3))
def test_howto100m_captions(tmp_path, number):
    captions = howto100m.read_captions(speech_files(tmp_path)[number])
    assert columns(captions, "video", "start_seconds", "end_seconds", "text") == [
        ["abc", 0.5, 4.0, "first words"],
        ["abc", 5.0, 7.0, "later"],
        ["x-1", 1.0, 2.0, "more"],
    ]
    assert captions.skipped == []
    assert captions.format.startswith("HowTo100M captions")


def test_howto100m_captions_as_arrays_and_with_bad_ones(tmp_path):
    arrays = {name: np.array(values) for name, values in SPEECH["abc"].items()}
    bad = {
        "short": {"start": [0.0], "end": [1.0, 2.0], "text": ["a"]},
        "none": None,
        "times": speech((np.nan, 1.0, "x"), (3.0, 1.0, "x"), (-2.0, 1.0, "x"), (1.0, 2.0, "ok")),
    }
    captions = howto100m.read_captions(write_pickle(tmp_path / "a.pickle", {"abc": arrays} | bad))
    assert captions.table["text"].tolist() == ["first words", "later", "ok"]
    names = [name for name, _ in captions.skipped]
    assert names == ["short", "none", "times caption 0", "times caption 1", "times caption 2"]


def test_howto100m_csv_folder_with_bad_files(tmp_path):
    folder = speech_files(tmp_path)[2]
    (folder / "broken.csv").write_bytes(b"\xff\xfe\x00")
    (folder / "other.csv").write_text("a,b\n1,2\n")
    (folder / "empty.csv").write_text("")
    (folder / "y.csv").write_text("start,end,text\n1,2,fine\n3,4\n")
    captions = howto100m.read_captions(folder)
    assert len(captions.table) == 4
    names = {name.split()[0] for name, _ in captions.skipped}
    assert names == {"broken.csv", "other.csv", "empty.csv", "y.csv"}


@pytest.mark.parametrize("value", [{}, [1], {"a": [1, 2]}])
def test_howto100m_captions_that_are_none(tmp_path, value):
    with pytest.raises(ValueError, match=r"a\.json: is no table of captions"):
        howto100m.read_captions(write_json(tmp_path / "a.json", value))
    with pytest.raises(ValueError, match="has no csv"):
        howto100m.read_captions(tmp_path)


@pytest.mark.parametrize("flat", [False, True])
def test_howto100m_features_in_both_layouts(tmp_path, flat):
    write_howto100m(tmp_path, {"food/abc": 20, "x-1": 9}, flat=flat)
    folders = FeatureFolders(tmp_path)
    assert folders.paths() == ["food/abc", "x-1"]
    shapes = [folders.read(kind, "food/abc").shape for kind in ("2d", "3d", "audio")]
    assert shapes == [(20, 2048), (30, 2048), (2000, 40)]
    assert np.array_equal(folders.read("audio", "x-1"), spectrogram(1, 9).T)
    with pytest.raises(FileNotFoundError, match=r"2d features are missing, such as no/no_2d\.npz"):
        folders.read("2d", "no")


def test_features_in_folders_of_their_own(tmp_path):
    np.savez(tmp_path / "abc.npz", features=features(0, 3, 1024))
    (tmp_path / "sound").mkdir()
    np.savez(tmp_path / "sound" / "abc.npz", arr_0=spectrogram(0, 3))
    np.save(tmp_path / "abc_2d.npy", features(1, 3, 2048))
    folders = FeatureFolders(tmp_path, audio=tmp_path / "sound")
    shapes = [folders.read(kind, "abc").shape for kind in ("2d", "3d", "audio")]
    assert shapes == [(3, 2048), (3, 1024), (300, 40)]
    assert FeatureFolders(tmp_path).find("audio", "abc") is None


def test_feature_files_that_are_broken(tmp_path):
    path = tmp_path / "a.npz"
    cases = {
        "no array 'features'": {"arr_0": features(0, 2, 4)},
        "no array of": {"features": np.zeros(4)},
        "not finite": {"features": np.array([[np.nan]])},
        "no numbers": {"features": np.array([["a"]])},
    }
    for reason, arrays in cases.items():
        np.savez(path, **arrays)
        with pytest.raises(ValueError, match=rf"a\.npz: .*{reason}"):
            read_features(path, "2d")
    np.savez(path, arr_0=np.zeros((20, 40)))
    with pytest.raises(ValueError, match="20 bands, expected 40"):
        read_features(path, "audio")


def test_paths_csv(tmp_path):
    path = tmp_path / "paths.csv"
    path.write_text("path,other\nNone/abc,1\nfood/xyz,2\nNone/abc,3\n")
    assert read_paths(path) == ["abc", "food/xyz"]
    path.write_text("video_id,task\nabc,1\n")
    assert read_paths(path) == ["abc"]
    for bad in ("path\n../../etc/passwd\n", "path\n/etc/passwd\n", "name\nabc\n", ""):
        path.write_text(bad)
        with pytest.raises(ValueError, match=r"paths\.csv: "):
            read_paths(path)


def test_crosstask_features(tmp_path):
    values = features(0, 5, 3200)
    np.save(tmp_path / "a.npy", values)
    parts = read_crosstask_features(tmp_path / "a.npy")
    assert {name: part.shape[1] for name, part in parts.items()} == {
        "i3d": 1024,
        "resnet152": 2048,
        "audio": 128,
    }
    assert np.array_equal(np.concatenate(list(parts.values()), axis=1), values)
    np.save(tmp_path / "a.npy", values[:, :100])
    with pytest.raises(ValueError, match="width 100"):
        read_crosstask_features(tmp_path / "a.npy")


# --- feature pickles -----------------------------------------------------------------------------


def test_msrvtt_pickle(tmp_path):
    published = msrvtt_items(["video0", "video1"], test=True)
    items, skipped = read_items(write_pickle(tmp_path / "msrvtt.pkl", published))
    assert skipped == []
    assert [item.item_id for item in items] == ["video0", "video1"]
    assert np.array_equal(items[0].streams["2d"], published[0]["2d"])
    assert np.array_equal(items[1].audio, published[1]["audio"].T)
    assert items[0].captions == tuple(published[0]["caption"])
    assert items[1].test_caption == "test video1"


def test_youcook2_pickle_without_some_full_features(tmp_path):
    published = youcook2_items([f"clip{number}" for number in range(5)])
    for number in (1, 3):
        del published[number]["2d_full"]
    items, skipped = read_items(write_pickle(tmp_path / "youcook_val.pkl", published))
    assert [item.item_id for item in items] == ["clip0", "clip2", "clip4"]
    assert [name for name, _ in skipped] == [
        "youcook_val.pkl item 1 (clip1)",
        "youcook_val.pkl item 3 (clip3)",
    ]
    assert all("2d_full" in reason for _, reason in skipped)
    assert items[0].streams["2d"].shape == (8, 2048)
    assert items[0].captions == ("a person cuts an onion",)


def test_aligned_pickles_take_the_place_of_the_features(tmp_path):
    published = youcook2_items(["a", "b", "c"])
    del published[1]["2d_full"]
    path = write_pickle(tmp_path / "youcook_val.pkl", published)
    others = [{"s3d": features(number, 8, 1024)} for number in range(3)]
    aligned = write_pickle(tmp_path / "s3d.pkl", others)
    items, skipped = read_items(path, [aligned])
    assert [item.item_id for item in items] == ["a", "c"]
    assert list(items[1].streams) == ["s3d"]
    assert np.array_equal(items[1].streams["s3d"], others[2]["s3d"])
    assert len(skipped) == 1
    write_pickle(aligned, others[:2])
    with pytest.raises(ValueError, match=r"s3d\.pkl: has 2 items, .*youcook_val\.pkl has 3"):
        read_items(path, [aligned])
    write_pickle(aligned, [other | {"id": "b"} for other in others])
    assert [item.item_id for item in read_items(path, [aligned])[0]] == []


def test_bad_items_are_listed(tmp_path):
    good = msrvtt_items(["good"])[0]
    bad = [
        None,
        {},
        good | {"id": "../up"},
        good | {"id": 5},
        good,
        good | {"id": "a", "2d": np.zeros((3, 0))},
        good | {"id": "b", "3d": np.full((3, 4), np.nan)},
        good | {"id": "c", "audio": np.zeros((39, 5))},
        good | {"id": "d", "2d": [[1.0, 2.0]]},
        {"id": "e", "caption": "x"},
    ]
    items, skipped = read_items(write_pickle(tmp_path / "a.pkl", [good, *bad]))
    assert [item.item_id for item in items] == ["good"]
    assert len(skipped) == len(bad)
    without_sound = good | {"id": "f", "audio": None}
    (item,), _ = read_items(write_pickle(tmp_path / "a.pkl", [without_sound]))
    assert item.audio.shape == (0, 40)


def test_pickles_that_hold_something_else(tmp_path):
    for value in ([], {}, [1, 2], "text", SPEECH):
        with pytest.raises(ValueError, match=r"a\.pkl: is no list of clips"):
            read_items(write_pickle(tmp_path / "a.pkl", value))


def test_an_array_that_many_items_share_is_bounded(tmp_path):
    shared = np.zeros((100, 1000), np.float32)
    items = [{"id": f"v{number}", "2d": shared, "caption": "x"} for number in range(200)]
    with pytest.raises(ValueError, match=r"a\.pkl: repeats its values"):
        read_items(write_pickle(tmp_path / "a.pkl", items))
