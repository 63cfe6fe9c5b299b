"""Reading a dataset: cutting by time, selecting, batching, and clear errors."""

from __future__ import annotations

import json
import pickle
import shutil
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch

from mmlab.about import FeatureInfo, read_about
from mmlab.cutting import cut
from mmlab.dataset import ClipDataset
from mmlab.features import WordVectorFile, seconds_to_frame
from mmlab.features.registry import load_text_encoder
from mmlab.ingest import ingest
from tests.tiny_datasets import arrays, clip_table, make_dataset

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


def test_collate_and_batch_are_the_same(dataset):
    together, batch = dataset.collate(list(dataset)), dataset.batch(range(len(dataset)))
    for name, tokens in batch.items():
        assert tokens.values.dtype == torch.float32
        torch.testing.assert_close(tokens.values, together[name].values, rtol=0, atol=0)
        assert torch.equal(tokens.mask, together[name].mask)
        for row, clip in enumerate(dataset):
            real = tokens.values[row, : len(clip.tokens[name])]
            torch.testing.assert_close(real, clip.tokens[name])


def test_reading_changes_nothing_that_is_stored(dataset):
    clip = dataset[row(dataset, "red right.mp4")]
    before = clip.tokens["video"].clone()
    clip.tokens["video"].zero_()
    torch.testing.assert_close(
        dataset.window(*dataset.span(0)).tokens["video"], dataset[0].tokens["video"]
    )
    again = dataset[row(dataset, "red right.mp4")].tokens["video"]
    torch.testing.assert_close(again, before)


def test_sound_may_be_cut_elsewhere(dataset):
    shifted = dataset.window("red right.mp4", 0.5, 1.5, "red", audio_start_seconds=1.2)
    there = dataset.window("red right.mp4", 1.2, 2.2)
    here = dataset.window("red right.mp4", 0.5, 1.5)
    torch.testing.assert_close(shifted.tokens["audio"], there.tokens["audio"])
    torch.testing.assert_close(shifted.tokens["video"], here.tokens["video"])
    np.testing.assert_array_equal(shifted.token_seconds("audio"), there.token_seconds("audio"))
    with pytest.raises(ValueError, match="from nan to 1"):
        dataset.window("red right.mp4", float("nan"), 1.0)


def test_levels_follow_the_media(dataset):
    red, mute = dataset.levels("red right.mp4"), dataset.levels("blue mute.mp4")
    assert len(red["brightness"]) == len(dataset.media_tokens("red right.mp4")["video"])
    assert ((red["brightness"] > 0.05) & (red["brightness"] < 0.6)).all()
    assert red["loudness"][0] == pytest.approx(20 * np.log10(0.3 / np.sqrt(2)), abs=1.0)
    assert mute.keys() == {"brightness"}


def test_new_files_are_extracted_as_the_dataset_was(dataset, media_folder, tmp_path):
    features = dataset.extract(media_folder / "green left.mp4")
    stored = dataset.media_tokens("green left.mp4")
    for name, tokens in stored.items():
        np.testing.assert_allclose(features.tokens[name], tokens, atol=0.05)
        part = cut(name, dataset.features[name], features.tensor, 0, 1).tokens
        window = dataset.window("green left.mp4", 0, 1).tokens[name]
        torch.testing.assert_close(part, window, atol=0.05, rtol=0)
    with pytest.raises(ValueError, match="neither in this selection"):
        dataset.extract(tmp_path / "nothing.mp4")


def test_published_features_cannot_be_made_of_new_files(dataset, media_folder):
    foreign = FeatureInfo("resnet152", dataset.features["video"].width, 1.0)
    other = ClipDataset(
        dataset.folder,
        dataset.manifest,
        dataset.media,
        media_root=dataset.media_root,
        features=dataset.features | {"video": foreign},
    )
    with pytest.raises(ValueError, match=r"video \(resnet152\) features come from published"):
        other.extract(media_folder / "red right.mp4")


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


def test_what_it_says_of_itself(dataset):
    assert "&lt;b&gt;green" in dataset._repr_html_()
    assert "5 clips of 4 media" in repr(dataset)
    summary = dataset.summary()
    assert "splits: test 3, train 2" in summary
    assert "audio: log-mel-40-v1, width 40, 100 tokens per second" in summary
    assert "skipped" not in summary


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
    (tmp_path / "dataset.json").unlink()
    (tmp_path / "features").mkdir()
    with pytest.raises(FileNotFoundError, match="never finished"):
        ClipDataset.open(tmp_path)


@pytest.mark.parametrize(
    "change",
    [
        {"features": []},
        {"features": {"video": {"name": "x"}}},
        {"features": {"video": {"name": "x", "width": -1, "tokens_per_second": 1}}},
        {"features": {"video": {"name": "x", "width": 1, "tokens_per_second": 0}}},
        {"features": {"video": {"name": "x", "width": 1, "tokens_per_second": "fast"}}},
        {"tables": 3},
        {"media_root": None, "features": None},
    ],
)
def test_a_damaged_description_is_refused(dataset, tmp_path, change):
    about = json.loads((dataset.folder / "dataset.json").read_text()) | change
    (tmp_path / "dataset.json").write_text(json.dumps(about))
    with pytest.raises(
        ValueError, match=r"dataset\.json: is damaged .* run the same `mmlab ingest`"
    ):
        read_about(tmp_path)


def test_damaged_tables_and_shards_are_named(dataset, tmp_path):
    folder = shutil.copytree(dataset.folder, tmp_path / "ds")
    for name in ("manifest.parquet", "media.parquet"):
        whole = (folder / name).read_bytes()
        (folder / name).write_bytes(whole[:-7])
        with pytest.raises(ValueError, match=f"{name}: is damaged"):
            ClipDataset.open(folder)
        (folder / name).unlink()
        with pytest.raises(FileNotFoundError, match=name):
            ClipDataset.open(folder)
        (folder / name).write_bytes(whole)
    pd.DataFrame({"clip_id": ["a"]}).to_parquet(folder / "manifest.parquet")
    with pytest.raises(ValueError, match=r"manifest\.parquet: has no column media_id"):
        ClipDataset.open(folder)
    copy = ClipDataset.open(dataset.folder)
    copy.folder = folder
    shard = folder / "features" / copy.media.shard[0]
    shard.write_bytes(b"1234")
    with pytest.raises(ValueError, match=r"safetensors: is damaged .* run the same `mmlab ingest`"):
        copy.media_tokens(copy.media.media_id[0])
    shard.unlink()
    with pytest.raises(FileNotFoundError, match=r"safetensors: is missing"):
        copy.media_tokens(copy.media.media_id[0])


def test_the_text_encoder_is_loaded_when_needed(dataset, monkeypatch):
    copy = pickle.loads(pickle.dumps(ClipDataset.open(dataset.folder)))
    assert copy.text_encoder is load_text_encoder("default")
    copy.features["text"] = replace(copy.features["text"], width=7)
    with pytest.raises(ValueError, match="gives vectors of width 300, it was 7"):
        copy.batch([0])


def test_rows_that_cannot_be_are_refused_and_the_others_read(tmp_path):
    clips = clip_table(
        [
            ("a", 1.0, 2.0, "good", "all"),
            ("b", 1.0, 2.0, "of no medium", "all"),
            ("a", np.nan, 2.0, "no time", "all"),
            ("a", np.inf, np.inf, "no time", "all"),
        ]
    )
    dataset = make_dataset(tmp_path / "one", {"a": arrays()}, clips)
    assert dataset[0].text == "good"
    for row in (1, 2, 3, -1):
        with pytest.raises(ValueError, match=f"one: row {row} of its manifest has impossible"):
            dataset[row]
        with pytest.raises(ValueError, match="impossible times"):
            dataset.batch([0, row])


def test_a_damaged_list_of_what_was_skipped(tmp_path):
    clips = clip_table([("a", 1.0, 2.0, "good", "all")])
    dataset = make_dataset(tmp_path / "one", {"a": arrays()}, clips)
    (dataset.folder / "skipped.csv").write_bytes(b"media_path,reason\n\xff,x\n")
    with pytest.raises(ValueError, match=r"skipped\.csv: byte 18 is not UTF-8"):
        dataset.summary()


def test_a_clip_by_its_id_and_what_is_neither(dataset):
    clip_id = dataset.manifest.clip_id[1]
    assert dataset[clip_id].clip_id == clip_id
    for wrong in (slice(0, 1), [0, 1], None):
        with pytest.raises(TypeError, match=r"select\(rows\) gives several"):
            dataset[wrong]
