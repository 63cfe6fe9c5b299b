"""Published features become a dataset: every format, with broken files among them."""

import numpy as np
import pandas as pd
import pytest

from mmlab.convert import convert_dataset
from mmlab.dataset import ClipDataset
from mmlab.features.published import audio_span, feature_span, unit, video_tokens
from mmlab.readers.captions import Captions
from mmlab.runs import clips_to_ask
from mmlab.sampling import Narration, published_clip, sample_clips
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


def skipped(dataset: ClipDataset) -> dict[str, str]:
    table = pd.read_csv(dataset.folder / "skipped.csv", keep_default_na=False)
    assert table["media_path"].is_unique  # captions of a broken medium are not listed as well
    return dict(zip(table["media_path"], table["reason"], strict=True))


def convert(source, tmp_path, **options) -> ClipDataset:
    return convert_dataset(source, tmp_path / "out", progress=False, **options)


def test_msrvtt_test_pickle(tmp_path):
    published = msrvtt_items(["video7", "video8"], test=True)
    dataset = convert(write_pickle(tmp_path / "msrvtt_jsfusion_test.pkl", published), tmp_path)
    assert dataset.manifest["text"].tolist() == ["test video7", "test video8"]
    assert dataset.manifest["media_id"].tolist() == ["video7", "video8"]
    assert set(dataset.manifest["split"]) == {"test"}
    info = dataset.features["video"]
    assert [(s.name, s.width, s.tokens_per_second) for s in info.streams] == [
        ("2d", 2048, 1.0),
        ("3d", 2048, 1.5),
    ]
    assert (info.width, info.tokens_per_second) == (4096, 1.5)
    clip, item = dataset[0], published[0]
    expected = video_tokens([item["2d"], item["3d"]], 100)
    np.testing.assert_allclose(clip.tokens["video"], expected, atol=1e-4)
    np.testing.assert_array_equal(clip.tokens["audio"], item["audio"].T.astype(np.float32))
    assert clip.start_seconds == 0
    assert clip.end_seconds == pytest.approx(10, abs=0.02)
    assert skipped(dataset) == {}


def test_msrvtt_with_captions_and_the_training_list(tmp_path):
    source = write_pickle(tmp_path / "msrvtt.pkl", msrvtt_items(["video1", "video2", "video3"]))
    own = convert(source, tmp_path)
    assert len(own) == 6  # both captions of each
    assert set(own.manifest["split"]) == {"all"}
    ids = tmp_path / "MSRVTT_train.7k.csv"
    ids.write_text("video_id\nvideo1\nvideo3\n")
    csv = tmp_path / "test.csv"
    csv.write_text("key,vid_key,video_id,sentence\nr0,m2,video2,a man\nr1,m9,video9,lost\n")
    tested = convert_dataset(source, tmp_path / "b", captions=csv, progress=False)
    assert tested.manifest[["media_id", "text", "split"]].values.tolist() == [
        ["video2", "a man", "test"]
    ]
    assert "1 of its videos, such as video9" in skipped(tested)["test.csv"]
    listed = convert_dataset(source, tmp_path / "c", paths=ids, progress=False)
    splits = listed.manifest.groupby("media_id")["split"].first().to_dict()
    assert splits == {"video1": "train", "video2": "all", "video3": "train"}


def test_youcook2_pickle_with_the_aligned_s3d_and_clip(tmp_path):
    published = youcook2_items([f"clip{number}" for number in range(4)])
    del published[2]["2d_full"]
    published[3]["3d_full"] = published[3]["3d_full"][:, :100]
    source = write_pickle(tmp_path / "youcook_val.pkl", published)
    both = convert(source, tmp_path)
    assert both.media["media_id"].tolist() == ["clip0", "clip1"]
    assert set(both.manifest["split"]) == {"validation"}
    assert "2d_full" in skipped(both)["youcook_val.pkl item 2 (clip2)"]
    assert "3d of width 100" in skipped(both)["clip3"]
    for name, width, network in (("s3d", 1024, "s3d"), ("clip", 512, "clip-vit-base-patch32")):
        items = [{name: features(number, 8, width)} for number in range(4)]
        aligned = write_pickle(tmp_path / f"{name}.pkl", items)
        dataset = convert_dataset(source, tmp_path / name, aligned=[aligned], progress=False)
        info = dataset.features["video"]
        assert (info.name, info.width, info.tokens_per_second) == (network, width, 1.0)
        assert info.streams == ()
        expected = unit(items[1][name])
        np.testing.assert_allclose(dataset[1].tokens["video"], expected, atol=1e-4)


@pytest.mark.parametrize("flat", [False, True])
def test_howto100m(tmp_path, flat):
    videos = {"food/abc": 40, "food/xyz": 20, "bad": 12, "half": 12}
    write_howto100m(tmp_path / "features", videos, flat=flat)
    place = tmp_path / "features"
    (place / "bad" / "bad_3d.npz").write_bytes(b"PK\3\4 no zip")
    (place / "half" / "half_3d.npz").unlink()
    said = {"abc": speech((0.0, 30.0, "mix it"), (30.0, 40.0, "eat")), "nobody": speech((0, 1, ""))}
    captions = write_pickle(tmp_path / "caption.pickle", said | {"xyz": speech((2.0, 5.0, "cut"))})
    dataset = convert(place, tmp_path, captions=captions)
    assert dataset.media["media_id"].tolist() == ["abc", "xyz"]
    assert dataset.manifest["text"].tolist() == ["mix it", "eat", "cut"]
    reasons = skipped(dataset)
    assert "bad_3d.npz: is no npz" in reasons["bad"]
    assert "3d features are missing" in reasons["half"]
    expected = unit(features(1, 20, 2048).astype(np.float16).astype(np.float32))[2:5]
    window = dataset.window("xyz", 2.0, 5.0)
    assert window.tokens["video"].shape == (5, 4096)  # 3D tokens 3 to 7
    np.testing.assert_allclose(window.tokens["video"][0, :2048], expected[0], atol=1e-4)
    assert window.tokens["audio"].shape[1] == 40
    clips = sample_clips(dataset, "abc", 5, np.random.default_rng(0))
    assert {clip.text for clip in clips} <= {"mix it", "eat"}
    assert all(len(clip.tokens["video"]) for clip in clips)


def test_howto100m_of_a_paths_csv_without_captions(tmp_path):
    write_howto100m(tmp_path / "features", {"a": 12, "b": 12, "food/c": 12})
    paths = tmp_path / "paths.csv"
    paths.write_text("path\nNone/a\nfood/c\ngone\n")
    dataset = convert(tmp_path / "features", tmp_path, paths=paths)
    assert dataset.manifest["media_id"].tolist() == ["a", "c"]
    assert dataset.manifest["text"].tolist() == ["", ""]
    assert list(skipped(dataset)) == ["gone"]


def test_howto100m_in_three_folders_with_s3d(tmp_path):
    sound = tmp_path / "sound"
    sound.mkdir()
    (tmp_path / "deep" / "a").mkdir(parents=True)
    (tmp_path / "flat").mkdir()
    np.savez(tmp_path / "flat" / "a_2d.npz", features=features(0, 9, 2048))
    np.savez(tmp_path / "deep" / "a" / "a.npz", features=features(1, 9, 1024))
    np.savez(sound / "a_spec.npz", arr_0=spectrogram(0, 9))
    dataset = convert(
        tmp_path / "flat", tmp_path, features_3d=tmp_path / "deep", audio=tmp_path / "sound"
    )
    info = dataset.features["video"]
    assert [(s.name, s.tokens_per_second) for s in info.streams] == [("2d", 1.0), ("3d", 1.0)]
    assert info.name == "resnet152+s3d"
    assert dataset[0].tokens["video"].shape == (9, 3072)
    assert dataset[0].tokens["audio"].shape == (900, 40)


def segments(*rows) -> Captions:
    columns = ["video", "start_seconds", "end_seconds", "text", "split", "task", "step"]
    return Captions(pd.DataFrame(rows, columns=columns), [], "CrossTask")


def test_crosstask_own_features(tmp_path):
    (tmp_path / "features").mkdir()
    values = features(0, 30, 3200)
    np.save(tmp_path / "features" / "v1.npy", values)
    np.save(tmp_path / "features" / "v2.npy", features(1, 5, 3199))
    (tmp_path / "features" / "v3.npy").write_bytes(b"broken")
    captions = segments(
        ("v1", 3.0, 6.0, "pour egg", "val", "t1", 0), ("v1", 10.0, 11.0, "stir", "val", "t1", 1)
    )
    dataset = convert(tmp_path / "features", tmp_path, captions=captions, unit_norm=False)
    assert dataset.manifest[["text", "task", "step"]].values.tolist() == [
        ["pour egg", "t1", 0],
        ["stir", "t1", 1],
    ]
    tokens = dataset[0].tokens
    np.testing.assert_allclose(tokens["video"], values[3:6, :3072], rtol=2e-3, atol=1e-3)
    np.testing.assert_allclose(tokens["audio"], values[3:6, 3072:], rtol=2e-3, atol=1e-3)
    assert set(skipped(dataset)) == {"v2", "v3"}


def test_a_first_file_of_another_width_does_not_hide_what_the_others_are(tmp_path):
    source = tmp_path / "features"
    source.mkdir()
    for name, width in (("a", 3199), ("b", 3200), ("c", 3200)):
        np.save(source / f"{name}.npy", features(0, 4, width))
    dataset = convert_dataset(source, tmp_path / "out", progress=False)
    assert dataset.manifest["media_id"].tolist() == ["b", "c"]
    assert "width 3199" in (tmp_path / "out" / "skipped.csv").read_text()


def test_prepared_crosstask_with_matrices(tmp_path):
    place, matrices = tmp_path / "features", tmp_path / "matrices"
    place.mkdir()
    matrices.mkdir()
    for number, video in enumerate(("v1", "v2")):
        np.save(place / f"{video}_2d.npy", features(number, 10, 2048))
        np.save(place / f"{video}_3d.npy", features(number, 15, 2048))
    truth = np.zeros((10, 2))
    truth[2:4, 0] = truth[7:9, 1] = 1
    np.save(matrices / "t1_v1.npy", truth)
    videos = tmp_path / "videos.csv"
    videos.write_text("video_id,task\nv1,t1\nv2,t1\n")
    steps = write_json(tmp_path / "steps.json", {"t1": ["pour egg", "stir"]})
    dataset = convert(place, tmp_path, captions=matrices, paths=videos, steps=steps)
    assert dataset.manifest[
        ["media_id", "start_seconds", "end_seconds", "text"]
    ].values.tolist() == [
        ["v1", 2.0, 4.0, "pour egg"],
        ["v1", 7.0, 9.0, "stir"],
    ]
    assert any("v2" in name for name in skipped(dataset))
    with pytest.raises(ValueError, match="give `paths`"):
        convert(place, tmp_path, captions=matrices, steps=steps)


def test_mining_youtube_own_features(tmp_path):
    (tmp_path / "features").mkdir()
    np.save(tmp_path / "features" / "v1.npy", features(0, 150, 2048))
    dataset = convert(tmp_path / "features", tmp_path)
    assert dataset[0].end_seconds == pytest.approx(10)
    assert list(dataset.features) == ["text", "video"]
    assert len(dataset.window("v1", 2, 4).tokens["video"]) == 30


def test_conversion_goes_on_where_it_was_stopped(tmp_path, monkeypatch):
    write_howto100m(tmp_path / "features", {"a": 9, "b": 9, "c": 9})
    monkeypatch.setattr("mmlab.writing.MEDIA_PER_SHARD", 1)
    whole = convert_dataset(tmp_path / "features", tmp_path / "whole", progress=False)
    from mmlab import convert as module

    read, reads = module._media, []

    def stops_at_the_second(*arguments):
        reads.append(arguments)
        if len(reads) == 2:
            raise KeyboardInterrupt
        return read(*arguments)

    monkeypatch.setattr(module, "_media", stops_at_the_second)
    with pytest.raises(KeyboardInterrupt):
        convert(tmp_path / "features", tmp_path)
    again = convert(tmp_path / "features", tmp_path)
    assert len(reads) == 4  # the first medium was not read again
    files = sorted(path.relative_to(whole.folder) for path in whole.folder.rglob("*.safetensors"))
    assert len(files) == 3
    for file in files:
        assert (again.folder / file).read_bytes() == (whole.folder / file).read_bytes()


def test_what_is_no_source_is_said(tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match="no published features that are known.*HowTo100M"):
        convert(tmp_path / "empty", tmp_path)
    np.save(tmp_path / "empty" / "a.npy", np.zeros((3, 7)))
    with pytest.raises(ValueError, match="no published features"):
        convert(tmp_path / "empty", tmp_path)
    with pytest.raises(FileNotFoundError, match="gone"):
        convert(tmp_path / "gone", tmp_path)
    with pytest.raises(ValueError, match="holds captions .*; pass it with --captions"):
        convert(write_pickle(tmp_path / "a.pickle", {"a": speech((0, 1, "x"))}), tmp_path)
    with pytest.raises(ValueError, match="aligned pickles belong to a pickle"):
        convert(tmp_path / "empty", tmp_path, aligned=[tmp_path / "a.pickle"])
    only_bad = write_pickle(tmp_path / "b.pkl", [{"id": "a"}])
    with pytest.raises(ValueError, match=r"b\.pkl: none of its videos can be used \(.*none of the"):
        convert(only_bad, tmp_path)


def test_captions_of_other_videos_are_refused(tmp_path):
    source = write_pickle(tmp_path / "msrvtt.pkl", msrvtt_items(["video1"]))
    csv = tmp_path / "test.csv"
    csv.write_text("key,vid_key,video_id,sentence\nr0,m2,video2,a man\n")
    with pytest.raises(ValueError, match="name video2, the features are of video1"):
        convert(source, tmp_path, captions=csv)


def test_pickles_that_ask_for_more_are_refused(tmp_path):
    source = tmp_path / "evil.pkl"
    source.write_bytes(b"cos\nsystem\n(S'touch ran'\ntR.")
    with pytest.raises(ValueError, match=r"os\.system"):
        convert(source, tmp_path)


def test_broken_first_videos_hide_nothing(tmp_path):
    """Neither that the others can be read nor that a later one has sound."""
    published = msrvtt_items([f"video{number:02}" for number in range(45)], seconds=2)
    for item in published[:20]:
        item["2d"] = np.zeros((0, 0))
    for item in published[:44]:
        item["audio"] = np.zeros((0, 0))
    whole = convert(write_pickle(tmp_path / "a.pkl", published), tmp_path)
    assert len(whole.media) == 25
    assert len(whole.window("video44", 0, 2).tokens["audio"]) > 100


def test_of_a_folder_too(tmp_path):
    place = tmp_path / "features"
    write_howto100m(place, {f"v{number:03}": 2 for number in range(102)})
    for number in range(101):
        (place / f"v{number:03}" / f"v{number:03}_spec.npz").unlink()
    for number in range(21):
        (place / f"v{number:03}" / f"v{number:03}_2d.npz").write_bytes(b"no zip")
    dataset = convert(place, tmp_path)
    assert len(dataset.media) == 81
    assert dataset.media["has_audio"].sum() == 1


def test_clips_outside_the_training_list_are_not_trained_on(tmp_path):
    ids = tmp_path / "MSRVTT_train.7k.csv"
    ids.write_text("video_id\nvideo1\n")
    source = write_pickle(tmp_path / "msrvtt_train.pkl", msrvtt_items(["video1", "video2"]))
    dataset = convert(source, tmp_path, paths=ids)
    splits = dataset.manifest.groupby("media_id")["split"].first()
    assert splits.to_dict() == {"video1": "train", "video2": "rest"}
    with pytest.raises(
        ValueError, match=r"'val', it has rest \(2\), train \(2\); .* dataset again"
    ):
        clips_to_ask(dataset, "val")


def test_clips_of_one_video_with_one_id_keep_their_times(tmp_path):
    published = youcook2_items(["task1", "task1", "task1", "other"])
    for number, item in enumerate(published):
        times = {"start": min(number, 1) * 5, "end": min(number, 1) * 5 + 5}
        item |= {"task": "t", "video_id": "abc", "text_sim": 0.25, **times}
    dataset = convert(write_pickle(tmp_path / "crosstask.pkl", published), tmp_path)
    assert sorted(dataset.media["media_id"]) == ["abc_0-5", "abc_5-10", "other"]
    assert set(dataset.manifest["text_sim"].astype(str)) == {"0.25"}
    assert skipped(dataset) == {"crosstask.pkl item 2 (task1)": "its id is there already"}


def test_published_training_clips_token_by_token(tmp_path):
    place = tmp_path / "features"
    write_howto100m(place, {"abc": 60})
    said = {"abc": speech((0, 7, "a"), (7, 20, "b"), (24, 26, "c"), (26, 34, "d"), (50, 60, "e"))}
    captions = write_pickle(tmp_path / "caption.pickle", said)
    dataset = convert(place, tmp_path, captions=captions)
    streams = [features(0, 60, 2048), features(50, 90, 2048)]
    streams = [values.astype(np.float16).astype(np.float32) for values in streams]
    narration, generator = Narration.of(dataset.manifest), np.random.default_rng(0)
    mel = spectrogram(0, 60).T.astype(np.float32)
    for clip in sample_clips(dataset, "abc", 20, np.random.default_rng(0)):
        drawn = published_clip(narration, 60.0, generator)
        span = drawn.start_seconds, drawn.end_seconds
        parts = [
            values[feature_span(*span, rate)]
            for values, rate in zip(streams, (1.0, 1.5), strict=True)
        ]
        np.testing.assert_allclose(clip.tokens["video"], video_tokens(parts, 12), atol=1e-4)
        sound = audio_span(drawn.audio_start_seconds, drawn.audio_end_seconds, 768)
        np.testing.assert_array_equal(clip.tokens["audio"], mel[sound])


def test_the_sound_of_a_window_ends_where_it_is_told(tmp_path):
    write_howto100m(tmp_path / "features", {"abc": 30})
    dataset = convert(tmp_path / "features", tmp_path)
    clip = dataset.window("abc", 2, 12, audio_start_seconds=4, audio_end_seconds=6)
    mel = spectrogram(0, 30).T.astype(np.float32)
    np.testing.assert_array_equal(clip.tokens["audio"], mel[audio_span(4, 6)])
