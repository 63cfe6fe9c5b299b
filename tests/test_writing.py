"""Any source of features to a dataset: what is broken, what is finished, what it says."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mmlab import writing
from mmlab.about import FeatureInfo, StreamInfo
from mmlab.dataset import ClipDataset
from mmlab.features.published import video_tokens
from mmlab.media_features import MediaFeatures
from mmlab.readers.captions import Captions, usable_captions
from mmlab.writing import write_dataset

STREAMS = (StreamInfo("2d", 4, 1.0), StreamInfo("3d", 3, 1.5))
FEATURES = {
    "video": FeatureInfo("resnet152+resnext101", 7, 1.5, streams=STREAMS),
    "audio": FeatureInfo("log-mel", 40, 100.0),
}


def features(seed: int, **changes) -> MediaFeatures:
    """Of six seconds."""
    generator = np.random.default_rng(seed)
    tokens = {
        "video.2d": generator.random((6, 4)),
        "video.3d": generator.random((9, 3)),
        "audio": -80 * generator.random((600, 40)),
    }
    return MediaFeatures(**({"duration_seconds": 6.0, "tokens": tokens} | changes))


def captions(*videos: str) -> Captions:
    rows = [(video, start, start + 2.0, f"{video} {start}") for video in videos for start in (0, 3)]
    table = pd.DataFrame(rows, columns=["video", "start_seconds", "end_seconds", "text"])
    return usable_captions(table.assign(licence="CC0"), "a test")


def write(out: Path, media: dict[str, Callable], *videos: str, **options) -> ClipDataset:
    return write_dataset(
        out, media, captions(*(videos or media)), FEATURES, progress=False, **options
    )


def content(out: Path) -> dict[str, bytes]:
    files = (path for path in out.rglob("*") if path.is_file())
    return {path.relative_to(out).as_posix(): path.read_bytes() for path in files}


def skipped(dataset: ClipDataset) -> dict[str, str]:
    table = pd.read_csv(dataset.folder / "skipped.csv")
    return dict(zip(table.media_path, table.reason, strict=True))


def test_clips_hold_what_was_given(tmp_path):
    dataset = write(tmp_path, {"a": lambda: features(1), "b": lambda: features(2)})
    assert dataset.manifest.text.tolist() == ["a 0", "a 3", "b 0", "b 3"]
    assert set(dataset.manifest.licence) == {"CC0"}
    assert set(dataset.manifest.media_path) == {""}
    clip, given = dataset[3], features(2).tokens
    assert clip.words == ["b", "3"]
    expected = video_tokens([given["video.2d"][3:5], given["video.3d"][4:8]], 4)
    np.testing.assert_allclose(clip.tokens["video"], expected, atol=2e-3)
    np.testing.assert_allclose(clip.token_seconds("video")[0], [4 / 1.5, 5 / 1.5])
    assert clip.tokens["audio"].shape == (200, 40)
    batch = dataset.batch([3, 0])
    np.testing.assert_array_equal(batch["video"].values[0, :4], clip.tokens["video"])
    assert dataset.media_tokens("b")["video"].shape == (9, 7)


def test_seconds_levels_and_missing_modalities(tmp_path):
    info = {"video": FeatureInfo("odd", 2, None), "audio": FeatureInfo("log-mel", 40, 100.0)}
    seconds = np.array([[0.0, 1.0], [2.0, 2.5], [4.0, 9.0]])
    whole = MediaFeatures(
        duration_seconds=9.0,
        tokens={"video": np.arange(6.0).reshape(3, 2), "audio": np.zeros((0, 40))},
        seconds={"video": seconds},
        levels={"brightness": np.array([0.1, 0.2, 0.3])},
        width=640,
        sound_start_seconds=-0.5,
    )
    dataset = write_dataset(tmp_path, {"a": lambda: whole}, captions("a"), info, progress=False)
    clip = dataset[1]
    np.testing.assert_array_equal(clip.token_seconds("video"), seconds[2:])
    np.testing.assert_array_equal(clip.tokens["video"], [[4, 5]])
    assert clip.tokens["audio"].shape == (0, 40)
    np.testing.assert_allclose(dataset.levels("a")["brightness"], [0.1, 0.2, 0.3], atol=1e-3)
    medium = dataset.media.iloc[0]
    assert (medium.width, medium.has_video, medium.has_audio) == (640, True, False)
    assert medium.sound_start_seconds == -0.5


def wrong(**tokens: np.ndarray) -> Callable[[], MediaFeatures]:
    return lambda: features(0, tokens=features(0).tokens | tokens)


def missing() -> MediaFeatures:
    raise FileNotFoundError(2, "No such file", "b_2d.npz")


BROKEN = {
    "width": (wrong(audio=np.ones((3, 39))), r"audio tokens are \(3, 39\), expected \(N, 40\)"),
    "shape": (wrong(audio=np.ones(40)), r"audio tokens are \(40,\)"),
    "nan": (wrong(audio=np.full((1, 40), np.nan)), "40 of its 40 audio values are not finite"),
    "huge": (wrong(audio=np.full((1, 40), 1e9)), "not finite as float16"),
    "gone": (missing, "b_2d.npz"),
    "no length": (lambda: features(0, duration_seconds=0.0), "lasts 0.0 seconds"),
    "unordered": (
        lambda: features(0, seconds={"audio": np.zeros((600, 2)) - np.arange(600)[:, None]}),
        "not .600, 2. in order",
    ),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_broken_media_are_listed_and_the_others_kept(tmp_path, kind):
    load, reason = BROKEN[kind]
    media = {"a": lambda: features(1), "b": load, "c": lambda: features(3)}
    dataset = write(tmp_path, media)
    assert dataset.media.media_id.tolist() == ["a", "c"]
    found = pd.read_csv(tmp_path / "skipped.csv")
    assert found.media_path.tolist()[0] == "b"
    assert found.reason.str.contains(reason).iloc[0]
    assert all(len(clip.tokens["video"]) for clip in dataset)


def test_nothing_usable_is_an_error(tmp_path):
    with pytest.raises(ValueError, match="none of 1 media can be used .*b_2d.npz"):
        write(tmp_path, {"a": missing})


def test_captions_without_media_and_what_was_skipped_before(tmp_path):
    dataset = write(tmp_path, {"a": lambda: features(1)}, "a", "z", skipped=[("row 7", "is odd")])
    assert set(dataset.manifest.media_id) == {"a"}
    assert skipped(dataset)["row 7"] == "is odd"
    assert "named by 2 captions" in skipped(dataset)["z"]


def test_media_are_found_by_their_published_id(tmp_path):
    path = tmp_path / "media" / "cooking" / "a.webm"
    path.parent.mkdir(parents=True)
    path.touch()
    media = {"a": lambda: features(1), "b": lambda: features(2)}
    dataset = write(tmp_path / "out", media, media_root=tmp_path / "media")
    assert dataset.media_path(0) == path
    assert dataset.media.media_path.tolist() == ["cooking/a.webm", ""]


@pytest.mark.parametrize("limit", ["media", "bytes"])
def test_a_stopped_run_goes_on_to_the_same_bytes(tmp_path, monkeypatch, limit):
    if limit == "media":
        monkeypatch.setattr(writing, "MEDIA_PER_SHARD", 2)
    else:
        monkeypatch.setattr(writing, "SHARD_BYTES", 60_000)  # a medium has 48,000 and some
    loaded: list[str] = []

    def media(stop: str | None = None) -> dict[str, Callable]:
        def load(name: str, seed: int) -> MediaFeatures:
            loaded.append(name)
            if name == stop:
                raise KeyboardInterrupt
            return features(seed)

        return {name: lambda n=name, s=s: load(n, s) for s, name in enumerate("abcdefg")}

    undisturbed = write(tmp_path / "undisturbed", media())
    assert undisturbed.media.shard.nunique() == 4
    with pytest.raises(KeyboardInterrupt):
        write(tmp_path / "out", media(stop="d"))
    loaded.clear()
    write(tmp_path / "out", media())
    assert loaded == list("cdefg")
    assert content(tmp_path / "out") == content(tmp_path / "undisturbed")
    loaded.clear()
    write(tmp_path / "out", media())
    assert loaded == []


def test_shards_that_are_no_longer_used_go(tmp_path, monkeypatch):
    monkeypatch.setattr(writing, "MEDIA_PER_SHARD", 1)
    media = {name: lambda: features(1) for name in "abc"}
    write(tmp_path, media)
    dataset = write(tmp_path, {name: media[name] for name in "ac"})
    assert {path.name for path in (tmp_path / "features").iterdir()} == set(dataset.media.shard)
