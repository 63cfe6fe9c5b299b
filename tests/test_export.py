"""Tar shards for streaming: read back by tarfile and by webdataset, equal to the dataset."""

from __future__ import annotations

import io
import json
import tarfile

import numpy as np
import pytest

from mmlab import export
from mmlab.about import FeatureInfo, StreamInfo
from mmlab.export import clip_key, export_webdataset
from tests.tiny_datasets import arrays, clip_table, make_dataset

CLIPS = [
    ("a.mp4", 0.0, 4.0, "chop the onion", "train"),
    ("a.mp4", 4.0, 8.5, "d'été \U0001f345 <b>", "train"),
    ("sub.dir/b.mp4", 0.5, 9.0, "", "test"),
    ("sub.dir/b.mp4", 9.2, 9.4, "short", "test"),
    ("mute.mp4", 0.0, 2.0, "no sound", "test"),
]
MORE = {"step": [1, 2, 3, 4, 5], "score": [0.5, np.nan, 1.5, np.inf, 2.0], "ok": [True] * 5}


@pytest.fixture
def dataset(tmp_path):
    media = {
        "a.mp4": arrays(seed=1),
        "sub.dir/b.mp4": arrays(seed=2),
        "mute.mp4": arrays(audio=None, loudness=None),
    }
    return make_dataset(tmp_path / "dataset", media, clip_table(CLIPS, **MORE))


def write(dataset, out, **options):
    return export_webdataset(dataset, out, **({"clips_per_shard": 2, "progress": False} | options))


def content(out):
    return {path.name: path.read_bytes() for path in out.iterdir()}


def read_tars(tars) -> dict[str, dict[str, bytes]]:
    """key -> ending -> bytes, as the WebDataset form is read: up to the first dot is the key."""
    clips: dict[str, dict[str, bytes]] = {}
    for path in tars:
        with tarfile.open(path) as tar:
            for member in tar:
                key, _, ending = member.name.partition(".")
                clips.setdefault(key, {})[ending] = tar.extractfile(member).read()
    return clips


def test_everything_is_written_as_in_the_dataset(dataset, tmp_path):
    tars = write(dataset, tmp_path / "out")
    assert len(tars) == 3
    clips = read_tars(tars)
    assert len(clips) == len(dataset)
    for clip, files in zip(dataset, clips.values(), strict=True):
        assert files.keys() == {"json", "video.npy", "audio.npy"}
        row = json.loads(files["json"])
        told = [
            row[name] for name in ("clip_id", "media_id", "start_seconds", "end_seconds", "text")
        ]
        assert told == [
            clip.clip_id,
            clip.media_id,
            clip.start_seconds,
            clip.end_seconds,
            clip.text,
        ]
        for modality in ("video", "audio"):
            stored = np.load(io.BytesIO(files[f"{modality}.npy"]), allow_pickle=False)
            assert stored.dtype == np.float16
            np.testing.assert_array_equal(stored, clip.tokens[modality].numpy())


def test_further_columns_and_what_json_cannot_say(dataset, tmp_path):
    rows = [json.loads(f["json"]) for f in read_tars(write(dataset, tmp_path / "out")).values()]
    assert [row["step"] for row in rows] == MORE["step"]
    assert [row["score"] for row in rows] == [0.5, None, 1.5, None, 2.0]
    assert [row["split"] for row in rows] == [clip[4] for clip in CLIPS]
    assert rows[0]["ok"] is True


def test_webdataset_reads_the_same(dataset, tmp_path):
    webdataset = pytest.importorskip("webdataset")
    urls = [str(path) for path in write(dataset, tmp_path / "out")]
    stream = webdataset.WebDataset(urls, shardshuffle=False).decode()
    samples = list(stream)
    assert len(samples) == len(dataset)
    for clip, sample in zip(dataset, samples, strict=True):
        assert sample["__key__"] == clip_key(clip.clip_id)
        assert sample["json"]["text"] == clip.text
        for modality in ("video", "audio"):
            np.testing.assert_array_equal(sample[f"{modality}.npy"], clip.tokens[modality].numpy())


def test_index(dataset, tmp_path):
    tars = write(dataset, tmp_path / "out")
    index = json.loads((tmp_path / "out" / "index.json").read_text())
    assert [shard["url"] for shard in index["shards"]] == [path.name for path in tars]
    assert [shard["clips"] for shard in index["shards"]] == [2, 2, 1]
    assert [shard["bytes"] for shard in index["shards"]] == [path.stat().st_size for path in tars]
    assert index["clips"] == 5
    assert index["features"]["video"]["width"] == 6
    assert "text" not in index["features"]
    assert index["left_out"] == []


def test_members_say_nothing_of_time_or_owner(dataset, tmp_path):
    with tarfile.open(write(dataset, tmp_path / "out")[0]) as tar:
        for member in tar:
            assert (member.mtime, member.uid, member.gid, member.uname) == (0, 0, 0, "")
            assert member.mode == 0o644


def test_twice_the_same_bytes_and_finished_tars_are_kept(dataset, tmp_path, monkeypatch):
    write(dataset, tmp_path / "one")
    write(dataset, tmp_path / "two")
    assert content(tmp_path / "one") == content(tmp_path / "two")
    monkeypatch.setattr(export, "_write_tar", lambda *_: pytest.fail("written again"))
    write(dataset, tmp_path / "two")
    assert content(tmp_path / "one") == content(tmp_path / "two")


def test_a_stopped_run_goes_on_to_the_same_bytes(dataset, tmp_path, monkeypatch):
    real, begun = export._write_tar, []

    def stop(path, *rest):
        begun.append(path)
        if len(begun) == 2:
            raise KeyboardInterrupt
        real(path, *rest)

    out = tmp_path / "out"
    with monkeypatch.context() as patch:
        patch.setattr(export, "_write_tar", stop)
        with pytest.raises(KeyboardInterrupt):
            write(dataset, out)
    assert list(content(out)) == [begun[0].name]
    (out / f"{begun[1].name}.99.part").write_bytes(b"half")
    write(dataset, out)
    write(dataset, tmp_path / "undisturbed")
    assert content(out) == content(tmp_path / "undisturbed")


def test_other_clips_replace_what_was_there(dataset, tmp_path):
    out = tmp_path / "out"
    old = {path.name for path in write(dataset, out)}
    (out / "notes.txt").write_text("mine")
    changed = dataset.select(split="train")
    changed.manifest.loc[0, "text"] = "chop the leek"
    new = {path.name for path in write(changed, out)}
    assert new & old == set()
    assert content(out).keys() == new | {"index.json", "notes.txt"}


def test_keys_are_stable_and_without_dots():
    odd = ["a.mp4#0.00-1.00", "a_mp4#0.00-1.00", "été/../x y.mp4#1", "", ".", "x" * 400, "日本"]
    keys = [clip_key(clip_id) for clip_id in odd]
    assert len(set(keys)) == len(odd)
    for key in keys:
        assert not set(key) - set(
            "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-"
        )
        assert len(key) < 90
    assert clip_key("a.mp4#0.00-1.00") == keys[0]


def test_clips_that_cannot_be_read_are_left_out_and_listed(dataset, tmp_path):
    first, second, _ = sorted((dataset.folder / "features").iterdir())
    first.write_bytes(first.read_bytes()[:300])
    dataset.manifest.loc[2, "end_seconds"] = np.nan
    dataset.manifest.loc[4, "media_id"] = "unknown"
    clips = read_tars(write(dataset, tmp_path / "out"))
    assert list(clips) == [clip_key(dataset.manifest.clip_id[3])]
    left_out = json.loads((tmp_path / "out" / "index.json").read_text())["left_out"]
    reasons = [one["reason"] for one in left_out]
    assert [one["clip_id"] for one in left_out] == dataset.manifest.clip_id[[0, 1, 2, 4]].tolist()
    assert "features/0000.safetensors is damaged" in reasons[0]
    assert reasons[2:] == ["its times are not finite", "its medium is not in media.parquet"]
    second.unlink()
    with pytest.raises(ValueError, match="no clip that could be written"):
        write(dataset, tmp_path / "none")
    assert not (tmp_path / "none").exists()


def test_bad_arguments_are_refused(dataset, tmp_path):
    with pytest.raises(ValueError, match="at least 1 clip"):
        write(dataset, tmp_path / "out", clips_per_shard=0)
    with pytest.raises(ValueError, match="2 clip ids are not unique, such as"):
        write(dataset.select(rows=[0, 0, 0, 1]), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_published_streams_are_written_merged(tmp_path):
    streams = (StreamInfo("2d", 4, 1.0), StreamInfo("3d", 3, 1.5))
    features = {"video": FeatureInfo("published", 7, 1.5, streams=streams)}
    random = np.random.default_rng(0)
    own = {
        "video.2d": random.random((10, 4)).astype(np.float16),
        "video.3d": random.random((15, 3)).astype(np.float16),
    }
    dataset = make_dataset(
        tmp_path / "d", {"a": own}, clip_table([("a", 2.0, 6.0, "x", "all")]), features=features
    )
    (files,) = read_tars(write(dataset, tmp_path / "out")).values()
    stored = np.load(io.BytesIO(files["video.npy"]))
    assert stored.shape == (6, 7)
    np.testing.assert_allclose(stored, dataset[0].tokens["video"].numpy(), atol=5e-4)
