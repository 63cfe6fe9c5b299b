"""Reading a dataset: cutting by time, selecting, batching, and clear errors."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch

from mmlab.dataset import ClipDataset, token_span
from mmlab.features import WordVectorFile, seconds_to_frame
from mmlab.ingest import ingest

REFERENCE = Path(__file__).parents[1].parent / "shared" / "reference" / "data_and_metrics.npz"

CAPTIONS = """video,start_seconds,end_seconds,text,split,colour
red right.mp4,0.5,2.2,a red square moves right,train,red
red right.mp4,2.2,3.0,it goes on,test,red
green left.mp4,0,2,<b>green</b> & left,test,green
blue mute.mp4,0.2,0.4,,train,blue
only sound.mp4,0.5,1.5,a tone,test,
"""


@pytest.fixture(scope="module")
def dataset(media_folder, tmp_path_factory) -> ClipDataset:
    folder = tmp_path_factory.mktemp("dataset")
    (folder / "captions.csv").write_text(CAPTIONS)
    return ingest(media_folder, folder / "captions.csv", folder / "ds", workers=1, progress=False)


def row(dataset: ClipDataset, media_id: str) -> int:
    return dataset.manifest.index[dataset.manifest.media_id == media_id][0]


def test_manifest_has_the_promised_columns(dataset):
    assert list(dataset.manifest.columns) == [
        *["clip_id", "media_id", "media_path", "start_seconds", "end_seconds", "text", "split"],
        "colour",
    ]
    assert len(dataset) == 5
    assert dataset.manifest.index.tolist() == list(range(5))
    assert dataset.manifest.clip_id.is_unique


def test_clip_is_cut_out_of_its_file(dataset):
    clip = dataset[row(dataset, "red right.mp4")]
    whole = dataset.media_tokens("red right.mp4")
    assert whole["video"].dtype == np.float16
    np.testing.assert_array_equal(clip.tokens["video"], whole["video"][0:3].astype(np.float32))
    first, last = seconds_to_frame(0.5), seconds_to_frame(2.2)
    np.testing.assert_array_equal(clip.tokens["audio"], whole["audio"][first:last].astype("f4"))
    assert clip.words == ["a", "red", "square", "moves", "right"]
    assert clip.tokens["text"].shape == (5, 300)
    assert all(tokens.dtype == torch.float32 for tokens in clip.tokens.values())


def test_token_seconds_are_absolute(dataset):
    clip = dataset.window("red right.mp4", 1.2, 2.8)
    np.testing.assert_array_equal(clip.token_seconds("video"), [[1, 2], [2, 3]])
    seconds = clip.token_seconds("audio")
    assert len(seconds) == len(clip.tokens["audio"])
    assert seconds[0, 0] == pytest.approx(1.2, abs=0.03)
    assert seconds[-1, 1] == pytest.approx(2.8, abs=0.03)


def test_missing_modalities_are_empty(dataset):
    mute = dataset[row(dataset, "blue mute.mp4")]
    assert mute.tokens["audio"].shape == (0, 40)
    assert mute.tokens["text"].shape == (0, 300)
    assert mute.tokens["video"].shape == (1, dataset.features["video"].width)
    sound = dataset[row(dataset, "only sound.mp4")]
    assert sound.tokens["video"].shape == (0, dataset.features["video"].width)
    assert sound.tokens["audio"].shape[0] == pytest.approx(100, abs=2)


def test_windows_outside_keep_one_picture_and_no_sound(dataset):
    window = dataset.window("red right.mp4", 90.0, 95.0)
    assert len(window.tokens["video"]) == 1
    assert len(window.tokens["audio"]) == 0
    assert len(dataset.window("red right.mp4", 1.0, 1.0).tokens["video"]) == 1
    assert len(dataset.window("red right.mp4", -3.0, 1.0).tokens["video"]) == 1


def test_batch_pads_and_masks(dataset):
    rows = [row(dataset, name) for name in ("red right.mp4", "blue mute.mp4", "only sound.mp4")]
    batch = dataset.batch(rows)
    assert list(batch) == ["text", "video", "audio"]
    assert batch["video"].mask.sum(dim=1).tolist() == [3, 1, 0]
    assert batch["audio"].present.tolist() == [True, False, True]
    clip = dataset[rows[0]]
    torch.testing.assert_close(batch["text"].values[0, : len(clip.words)], clip.tokens["text"])


def test_select_by_columns_and_rows(dataset):
    test = dataset.select(split="test")
    assert len(test) == 3
    assert set(test.manifest.split) == {"test"}
    assert len(dataset.select(split="test", colour=["red", "green"])) == 2
    backwards = dataset.select([2, 0])
    assert [clip.clip_id for clip in backwards] == [dataset[2].clip_id, dataset[0].clip_id]
    assert len(dataset) == 5
    with pytest.raises(ValueError, match="no column 'colur'"):
        dataset.select(colur="red")


def test_looking_up(dataset, media_folder):
    clip_id = dataset.manifest.clip_id[3]
    assert dataset.row_of(clip_id) == 3
    assert dataset.media_path(row(dataset, "red right.mp4")) == media_folder / "red right.mp4"
    assert dataset[-1].clip_id == dataset[4].clip_id
    with pytest.raises(KeyError, match="no clip"):
        dataset.row_of("nothing")
    with pytest.raises(KeyError, match="no media"):
        dataset.window("nothing", 0, 1)
    with pytest.raises(IndexError):
        dataset[5]


def test_travels_to_other_processes_after_use(dataset):
    clip = dataset[0]
    copy = pickle.loads(pickle.dumps(dataset))
    torch.testing.assert_close(copy[0].tokens["video"], clip.tokens["video"])


def test_html_is_escaped(dataset):
    assert "<b>" not in dataset._repr_html_()
    assert "&lt;b&gt;green" in dataset._repr_html_()
    assert "5 clips of 4 files" in repr(dataset)


def test_another_text_encoder(dataset, tmp_path):
    (tmp_path / "vectors.txt").write_text("2 2\nred 1 0\nmoves 0 1\n")
    words = WordVectorFile(tmp_path / "vectors.txt")
    other = ClipDataset.open(dataset.folder, text_encoder=words)
    assert other.features["text"].width == 2
    assert other[row(other, "red right.mp4")].words == ["red", "moves"]


def test_moved_media_folder(dataset, tmp_path):
    moved = ClipDataset.open(dataset.folder, media_root=tmp_path)
    assert moved.media_path(0).parent == tmp_path


def test_what_is_no_dataset_says_so(tmp_path, dataset):
    with pytest.raises(FileNotFoundError, match="mmlab ingest"):
        ClipDataset.open(tmp_path)
    (tmp_path / "dataset.json").write_text("{")
    with pytest.raises(ValueError, match="damaged"):
        ClipDataset.open(tmp_path)
    about = json.loads((dataset.folder / "dataset.json").read_text()) | {"version": 99}
    (tmp_path / "dataset.json").write_text(json.dumps(about))
    with pytest.raises(ValueError, match="version 99"):
        ClipDataset.open(tmp_path)


@pytest.mark.skipif(not REFERENCE.exists(), reason=f"no {REFERENCE}")
def test_cutting_video_agrees_with_the_published_localisation_code():
    values = np.load(REFERENCE)
    case = next(case for case in json.loads(str(values["meta"])) if case["case"] == "slice")
    features = values["slice/feat_3d"]
    features = features / np.linalg.norm(features, axis=1, keepdims=True)
    expected, masks = values["slice/accurate_True/tokens"], values["slice/accurate_True/mask"]
    for number, (start, end) in enumerate(zip(case["starts"], case["ends"], strict=True)):
        first, last = token_span("video", len(features), start, end, case["fps_3d"])
        ours = features[first:last][: case["n_tokens"]]
        assert len(ours) == masks[number].sum()
        np.testing.assert_allclose(ours, expected[number, : len(ours), 6:], atol=1e-6)
