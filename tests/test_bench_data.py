"""The data benchmark: both sides read the same, the clock charges rightly, the sums are right."""

import json
import math
import time
from pathlib import Path

import numpy as np
import pytest

from mmlab.bench import extraction, loading
from mmlab.bench.contents import VideoSizes, content_of, synthetic_content
from mmlab.bench.data import DataSettings, measure_data
from mmlab.bench.data_report import loading_table
from mmlab.bench.extraction import Clock, measure_extraction
from mmlab.bench.film import write_film
from mmlab.bench.loading import Loading, Reading, check_equal_tokens, measure_loading, reader
from mmlab.media import probe

CHECKOUT = Path(__file__).parents[1]
SIZES = VideoSizes(videos=3, seconds=26, width_2d=6, width_3d=10)


@pytest.fixture(scope="module")
def content(tmp_path_factory):
    return synthetic_content(tmp_path_factory.mktemp("content"), SIZES)


# Loading


def test_the_synthetic_videos_are_whole_in_every_form(content):
    assert len(content.dataset) == 3 * 3  # 8 s each, 2 s are left over
    assert content.dataset.features["video"].width == 16
    for files in content.files().values():
        assert files
    plain, packed = (content.files()[name] for name in ("npz", "compressed npz"))
    assert [path.name for path in plain] == [path.name for path in packed]
    assert len(plain) == 3 * 3  # 2d, 3d and sound of each
    with np.load(plain[0].parent / "video0001_3d.npz") as stored:
        assert stored["features"].shape == (39, 10)
        assert stored["features"].dtype == np.float16
    with np.load(plain[0].parent / "video0001_spec.npz") as stored:
        assert stored["arr_0"].shape == (40, 2600)


def test_the_baseline_reads_what_a_loop_reads(content):
    row = 4
    clip, folder = content.dataset.manifest.iloc[row], content.folders["npz"]
    found = reader(content, "npz")([row])
    features = {
        kind: np.load(folder / f"{clip.media_id}_{kind}.npz")["features"].astype(np.float64)
        for kind in ("2d", "3d")
    }
    tokens = []
    for number in range(12):  # 8 s at 1.5 a second
        two = features["2d"][int(clip.start_seconds) + number * 8 // 12]
        three = features["3d"][int(clip.start_seconds * 1.5) + number]
        tokens.append([*two / math.sqrt((two**2).sum()), *three / math.sqrt((three**2).sum())])
    np.testing.assert_allclose(found["video"][0, :12], tokens, atol=1e-6)
    assert found["video_mask"][0].sum() == 12
    frames = np.load(folder / f"{clip.media_id}_spec.npz")["arr_0"]
    first = max(0, int(clip.start_seconds * 100) - 2)  # a window is 25 ms, centred
    count = int(found["audio_mask"].sum())
    np.testing.assert_array_equal(found["audio"][0, :, :count], frames[:, first : first + count])
    assert not found["audio"][0, :, count:].any()


def test_both_sides_read_the_same_tokens(content):
    readers = {name: reader(content, name) for name in ("npz", "compressed npz", "mmlab")}
    check_equal_tokens(content, readers, list(range(len(content.dataset))))


def test_other_tokens_are_noticed(content):
    readers = {name: reader(content, name) for name in ("npz", "compressed npz", "mmlab")}
    honest = readers["npz"]

    def shifted(rows):
        batch = honest(rows)
        return batch | {"audio": batch["audio"] + 0.5}

    with pytest.raises(ValueError, match="npz: audio of row 2 differs from mmlab's by 5.0e-01"):
        check_equal_tokens(content, readers | {"npz": shifted}, [2])

    def shortened(rows):
        batch = honest(rows)
        batch["video_mask"][:, 11] = 0
        return batch

    with pytest.raises(ValueError, match=r"video of row 2 is \(11, 16\), in mmlab \(12, 16\)"):
        check_equal_tokens(content, readers | {"npz": shortened}, [2])


def test_neighbours_of_a_video_share_its_files(content, monkeypatch):
    read, opened = reader(content, "npz"), []
    load = np.load
    monkeypatch.setattr(np, "load", lambda path: opened.append(path.name) or load(path))
    read([0, 1, 3, 2])  # two of one video, one of the next, one of the first again
    assert len(opened) == 3 * 3


@pytest.mark.parametrize(("clips", "together", "size"), [(4, 1, 4), (4, 3, 6), (2, 9, 3)])
def test_batches_hold_whole_groups_of_a_video(content, clips, together, size):
    videos = content.dataset.manifest.media_id.to_numpy()
    for rows in loading._batches(content, clips, together, 5, seed=0):
        assert len(rows) == size
        groups = np.split(videos[rows], size // min(together, 3))
        assert all(len(set(group)) == 1 for group in groups)


def test_loading_is_measured_for_every_side(content):
    found = measure_loading(content, 4, 1, 2, memory=False)
    assert list(found.sides) == ["npz", "compressed npz", "mmlab"]
    for side in found.sides.values():
        assert len(side.rounds) == 2
        assert side.clips_per_second == pytest.approx(4 / np.median(side.rounds))
    rates = {name: side.clips_per_second for name, side in found.sides.items()}
    assert found.ratios == {
        name: pytest.approx(rates["mmlab"] / rates[name]) for name in ("npz", "compressed npz")
    }


def test_memory_counts_what_a_reader_keeps(content, monkeypatch):
    kept = []

    def hoarder(content, name):
        return lambda rows: kept.append(np.ones(8 << 20, dtype=np.uint8))

    monkeypatch.setattr(loading, "reader", hoarder)
    found = loading._memory(content, "npz", 32, 1)
    assert found.own > 30e6


def test_loading_table_says_who_is_how_fast():
    sides = {"npz": Reading(100.0, [0.1], None), "mmlab": Reading(1500.0, [0.01], None)}
    text = loading_table(Loading("3 videos", 16, 10, sides, {"npz": 15.0}))
    assert "3 videos; batches of 16, 10 clips of each video together" in text
    assert "one npz per video" in text
    assert "15.0 times as fast" in text


# Extraction


def test_the_clock_charges_the_innermost_stage(monkeypatch):
    now = iter([0.0, 1.0, 3.0, 6.0, 10.0, 15.0])
    monkeypatch.setattr(time, "process_time", lambda: next(now))
    clock = Clock()
    with clock.stage("outer"), clock.stage("inner"):
        pass
    clock.charge()
    assert dict(clock.seconds) == {extraction.REST: 1.0 + 5.0, "outer": 2.0 + 4.0, "inner": 3.0}


def test_extraction_measures_every_stage(media_folder):
    before = type(extraction._backbones()[0]).extract
    found = measure_extraction(media_folder, "tiny", 3)
    assert found.files == 3
    assert found.media_seconds == pytest.approx(2.0 + 2.5 + 2.0, abs=0.2)
    assert [stage.name for stage in found.stages] == [
        *[extraction.PICTURES, extraction.DESCRIBING, extraction.SOUND, extraction.LISTENING],
        *[extraction.LEVELS, extraction.REST],
    ]
    assert all(stage.core_seconds > 0 for stage in found.stages)
    assert sum(s.core_seconds for s in found.stages) == pytest.approx(found.core_seconds)
    assert 0 < found.decoding_share < 1
    assert found.feature_bytes > 3 * 100 * 40 * 2
    assert type(extraction._backbones()[0]).extract is before


def test_media_that_nobody_can_read_are_refused(tmp_path):
    (tmp_path / "rubbish.mp4").write_bytes(bytes(500))
    with pytest.raises(ValueError, match="none of 1 media can be read"):
        measure_extraction(tmp_path, "rubbish", 3)


def test_the_film_is_as_heavy_as_promised(tmp_path):
    write_film(tmp_path / "film.mp4", 2)
    info = probe(tmp_path / "film.mp4")
    assert (info.width, info.height, info.frames_per_second) == (640, 360, 30)
    assert info.has_audio
    assert info.duration_seconds == pytest.approx(2.0, abs=0.1)


# The whole


@pytest.fixture(scope="module")
def report(content, media_folder):
    settings = DataSettings(
        clips=(3,),
        clips_per_video=(1, 2),
        rounds=1,
        sizes=SIZES,
        film_seconds=1,
        files=2,
        memory=False,
        backbones=False,
    )
    told = []
    found = measure_data(settings, media=media_folder, tell=told.append)
    return found, told


def test_everything_is_measured_told_and_kept(report):
    found, told = report
    assert [(one.clips, one.clips_per_video) for one in found.loading] == [(3, 1), (4, 2)]
    assert [one.media for one in found.extraction] == ["a film made for this", "médias d'essai0"]
    assert list(found.tables()) == told
    stored = json.loads(found.to_json())
    assert stored["settings"]["sizes"]["videos"] == 3
    assert all(value > 0 for value in stored["upkeep"].values())
    assert stored["loading"][0]["sides"]["mmlab"]["rounds"]


def test_a_dataset_with_one_stream_is_compared_too(media_folder, tmp_path):
    from mmlab.ingest import ingest

    dataset = ingest(media_folder, None, tmp_path / "set", clip_seconds=1.0, progress=False)
    both = [row for row, one in enumerate(dataset.manifest.media_id) if one.startswith(("r", "g"))]
    content = content_of(dataset.select(both), tmp_path / "npz")
    readers = {name: reader(content, name) for name in ("npz", "mmlab")}
    content.folders.pop("compressed npz")
    check_equal_tokens(content, readers, list(range(len(both))))


def test_odd_settings_are_refused():
    with pytest.raises(ValueError, match="1 or more"):
        DataSettings(clips=(0,))


def test_the_baseline_uses_nothing_of_mmlab():
    source = (CHECKOUT / "benchmarks" / "published_style_data.py").read_text()
    assert "import mmlab" not in source
    assert "from mmlab" not in source
