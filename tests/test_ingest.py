"""From a folder to a dataset: odd folders, broken files, and runs that are stopped midway."""

from __future__ import annotations

import errno
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from safetensors.numpy import save_file

from mmlab import diary, progress, shards
from mmlab.about import FeatureInfo
from mmlab.dataset import ClipDataset
from mmlab.diary import read_note
from mmlab.extraction import Extractors
from mmlab.finding import find_media
from mmlab.ingest import ingest
from mmlab.media_features import MediaFeatures
from mmlab.readers.captions import usable_captions
from mmlab.shards import MediaFile, plan_shards, read_records
from mmlab.workers import write_shards
from mmlab.writing import write_dataset
from tests.conftest import moving_square, tone, write_video
from tests.crashing_worker import crash_on_red, die_at_once

REAL_CLIPS = Path(__file__).parents[1].parent / "shared" / "real" / "clips"


def run(folder: Path, out: Path, captions: Path | None = None, **options) -> ClipDataset:
    return ingest(folder, captions, out, **({"workers": 1, "progress": False} | options))


def content(out: Path) -> dict[str, bytes]:
    files = (path for path in out.rglob("*") if path.is_file())
    return {path.relative_to(out).as_posix(): path.read_bytes() for path in files}


def skipped(out: Path) -> dict[str, str]:
    table = pd.read_csv(out / "skipped.csv")
    return dict(zip(table.media_path, table.reason, strict=True))


@pytest.fixture
def small_shards(monkeypatch):
    monkeypatch.setattr(shards, "MEDIA_PER_SHARD", 1)


def test_fixed_clips_without_captions(media_folder, tmp_path):
    dataset = run(media_folder, tmp_path / "out", clip_seconds=1.0)
    assert set(dataset.manifest.text) == {""}
    assert dataset.media.media_id.tolist() == sorted(path.name for path in media_folder.iterdir())
    assert dataset.manifest.groupby("media_id").start_seconds.max()["red right.mp4"] == 2.0
    assert content(tmp_path / "out").keys() >= {
        *["manifest.parquet", "media.parquet", "dataset.json", "skipped.csv"]
    }


def test_bad_files_are_skipped_with_a_reason_and_good_ones_kept(media_folder, tmp_path):
    folder = tmp_path / "vidéos d'été"
    shutil.copytree(media_folder, folder / "sub folder")
    (folder / "empty.mp4").touch()
    (folder / "rubbish.webm").write_bytes(b"\x1aE\xdf\xa3" + bytes(500))
    (folder / "notes.txt").write_text("not media")
    good = (media_folder / "red right.mp4").read_bytes()
    (folder / "truncated.mp4").write_bytes(good[: len(good) // 2])
    dataset = run(folder, tmp_path / "out")
    assert len(dataset.media) == 4
    reasons = skipped(tmp_path / "out")
    assert reasons.keys() == {"empty.mp4", "rubbish.webm", "truncated.mp4"}
    assert "empty (0 bytes); download or record it again" in reasons["empty.mp4"]
    assert dataset.media_path(0).exists()


def test_folder_without_media_is_refused(tmp_path):
    (tmp_path / "a.txt").touch()
    with pytest.raises(ValueError, match=r"holds no media file; mmlab reads \.mp4"):
        run(tmp_path, tmp_path / "out")
    with pytest.raises(ValueError, match="is not a folder"):
        run(tmp_path / "missing", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_bad_captions_are_refused_before_any_work(media_folder, tmp_path):
    (tmp_path / "captions.csv").write_text("name,text\na,b\n")
    with pytest.raises(ValueError, match="captions.csv"):
        run(media_folder, tmp_path / "out", tmp_path / "captions.csv")
    assert not (tmp_path / "out").exists()


def test_hidden_files_and_the_dataset_itself_are_no_media(tmp_path):
    for name in ("a.MP4", ".b.mp4", ".cache/c.mp4", "out/d.mp4", "sub/e.wav"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.touch()
    found = [file.media_id for file in find_media(tmp_path, tmp_path / "out")]
    assert found == ["a.MP4", "sub/e.wav"]


def test_processes_give_the_same_bytes_as_none(media_folder, tmp_path, small_shards):
    run(media_folder, tmp_path / "one")
    run(media_folder, tmp_path / "two", workers=2)
    assert content(tmp_path / "one") == content(tmp_path / "two")


def test_second_run_reads_nothing_again(media_folder, tmp_path, monkeypatch, capsys):
    run(media_folder, tmp_path / "out")
    before = content(tmp_path / "out")
    monkeypatch.setattr(shards, "extract", lambda *_: pytest.fail("read again"))
    run(media_folder, tmp_path / "out", progress=True)
    assert content(tmp_path / "out") == before
    assert "4 media files, 4 already done" in capsys.readouterr().out


def test_new_changed_and_deleted_files(media_folder, tmp_path, small_shards):
    folder, out = tmp_path / "media", tmp_path / "out"
    shutil.copytree(media_folder, folder)
    run(folder, out)
    old = content(out)
    write_video(folder / "new.mp4", 1.0, picture=moving_square())
    write_video(folder / "only sound.mp4", 4.0, sound=tone(500))
    (folder / "blue mute.mp4").unlink()
    dataset = run(folder, out)
    assert dataset.media.media_id.tolist() == [
        *["green left.mp4", "new.mp4", "only sound.mp4", "red right.mp4"]
    ]
    assert len(dataset.media_tokens("only sound.mp4")["audio"]) == pytest.approx(400, abs=12)
    kept = [name for name in old if name in content(out) and "features" in name]
    assert len(kept) == 3  # the changed file's shard is gone


def test_changed_captions_rewrite_the_manifest_only(media_folder, tmp_path):
    captions, out = tmp_path / "captions.csv", tmp_path / "out"
    header = "video,start_seconds,end_seconds,text\n"
    captions.write_text(header + "red right.mp4,0,1,one\nmissing.mp4,0,1,x\n")
    assert run(media_folder, out, captions).manifest.text.tolist() == ["one"]
    assert "not among the media" in skipped(out)["missing.mp4"]
    before = content(out)
    captions.write_text(header + "red right.mp4,0,1,two\n")
    assert run(media_folder, out, captions).manifest.text.tolist() == ["two"]
    changed = {name for name, data in content(out).items() if data != before[name]}
    assert changed == {"manifest.parquet", "skipped.csv", "dataset.json"}  # it names the others


def test_damaged_and_unfinished_shards_are_made_again(media_folder, tmp_path):
    out = tmp_path / "out"
    run(media_folder, out)
    before = content(out)
    shard = next((out / "features").iterdir())
    shard.write_bytes(shard.read_bytes()[:100])
    (out / "features" / "x.safetensors.1.part").write_bytes(b"half")
    run(media_folder, out)
    assert content(out) == before


@pytest.mark.parametrize("count", [1, 15, 64, 65, 259, 2000])
def test_what_remains_is_split_as_before(tmp_path, monkeypatch, count):
    monkeypatch.setattr(shards, "LARGE_FILE_BYTES", 80)
    files = [MediaFile(f"{number:03}.mp4", 7 * number % 90) for number in range(count)]
    whole = plan_shards(tmp_path, tmp_path, files)
    assert len(whole) >= min(count, 33)  # every worker finds something to do
    assert max(len(work.files) for work in whole) <= shards.MEDIA_PER_SHARD
    assert {file for work in whole for file in work.files} == set(files)
    for step in (2, 3, 5):
        done = {file for work in whole[::step] for file in work.files}
        left = [file for file in files if file not in done]
        rest = plan_shards(tmp_path, tmp_path, left, total=count)
        assert set(rest) == set(whole) - set(whole[::step])


STOPPED = """
import signal
import sys
from pathlib import Path
from mmlab.ingest import ingest
if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored in a background job
    ingest(Path(sys.argv[1]), None, Path(sys.argv[2]), workers=2, progress=False)
"""


def test_a_run_stopped_with_control_c_continues_to_the_same_bytes(tmp_path):
    folder, out = tmp_path / "media", tmp_path / "out"
    (tmp_path / "stopped.py").write_text(STOPPED)
    for number in range(14):  # the last ones are long, so that there is time to stop
        seconds = 1.0 if number < 2 else 10.0
        name = folder / f"{number:02}.mp4"
        write_video(name, seconds, picture=moving_square(), sound=tone())
    process = subprocess.Popen(
        [sys.executable, tmp_path / "stopped.py", folder, out],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    deadline = time.monotonic() + 300
    while len(list((out / "features").glob("*.safetensors"))) < 2 and time.monotonic() < deadline:
        time.sleep(0.002)
    process.send_signal(signal.SIGINT)
    output = process.communicate()[0].decode()
    assert process.returncode != 0
    assert 2 <= len(list((out / "features").glob("*.safetensors"))) < 14
    assert "run the same command to go on" in output
    run(folder, out)
    run(folder, tmp_path / "undisturbed")
    assert content(out) == content(tmp_path / "undisturbed")


def test_full_disk_keeps_what_is_done_and_says_so(
    media_folder, tmp_path, small_shards, monkeypatch
):
    real, written = shards.save_file, []

    def save(tensors: dict, path: Path, metadata: dict) -> None:
        if len(written) == 2:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        real(tensors, path, metadata)
        written.append(path.with_name(path.name.split(".")[0] + ".safetensors"))

    with monkeypatch.context() as patch:
        patch.setattr(shards, "save_file", save)
        with pytest.raises(OSError, match=r"out: the disk is full.*run again"):
            run(media_folder, tmp_path / "out")
    assert all(path.exists() for path in written)
    assert len(run(media_folder, tmp_path / "out").media) == 4


def test_file_that_kills_its_process_is_skipped(media_folder, tmp_path):
    files = find_media(media_folder, tmp_path)
    work = [
        shards.ShardWork(media_folder, tmp_path / f"{name}.safetensors", tuple(part))
        for name, part in {"a": files[:2], "b": files[2:]}.items()
    ]
    for shard, records in write_shards(work, 2, crash_on_red):
        assert read_records(shard.target) == records
        for record in records:
            assert ("crashes" in record.reason) == (record.media_id == "red right.mp4")
    assert {path.suffix for path in tmp_path.iterdir()} == {".safetensors"}


@pytest.mark.skipif(not REAL_CLIPS.exists(), reason=f"no {REAL_CLIPS}")
def test_real_clips(tmp_path):
    dataset = run(REAL_CLIPS, tmp_path / "out")
    assert len(dataset.media) == 11
    assert skipped(tmp_path / "out") == {}
    assert (~dataset.media.has_audio).sum() == 2
    for clip in dataset:
        assert len(clip.tokens["video"]) >= 1
        assert all(bool(tokens.isfinite().all()) for tokens in clip.tokens.values())


def test_subtitles_beside_media_and_equal_clips_for_the_others(media_folder, tmp_path):
    folder = tmp_path / "media"
    shutil.copytree(media_folder, folder)
    (folder / "red right.en.vtt").write_text(
        "WEBVTT\n\n00:00.500 --> 00:01.500\na red square\n\n00:09.000 --> 00:10.000\nbehind\n"
    )
    dataset = run(folder, tmp_path / "out", clip_seconds=1.0)
    texts = dataset.manifest.groupby("media_id").text.apply(list)
    assert texts["red right.mp4"] == ["a red square"]
    assert texts["blue mute.mp4"] == ["", ""]
    assert "behind the end" in skipped(tmp_path / "out")["red right.mp4"]


def test_unreadable_media_are_listed_once_with_their_captions(media_folder, tmp_path):
    folder = tmp_path / "media"
    shutil.copytree(media_folder, folder / "cooking")
    (folder / "cooking" / "broken.mp4").write_bytes(b"\0" * 100)
    captions = tmp_path / "captions.csv"
    captions.write_text(
        "video,start_seconds,end_seconds,text,licence\n"
        "broken,0,1,one,CC0\nbroken.mp4,1,2,two,CC0\nred right,0,1,three,CC BY\n"
    )
    dataset = run(folder, tmp_path / "out", captions)
    assert dataset.manifest.media_id.tolist() == ["cooking/red right.mp4"]  # by its published id
    assert dataset.manifest.licence.tolist() == ["CC BY"]
    (reason,) = skipped(tmp_path / "out").values()
    assert "not a media file" in reason
    assert reason.endswith("; 2 captions of it left out")


def test_captions_that_were_read_before_are_taken(media_folder, tmp_path):
    table = pd.DataFrame({"video": ["red right.mp4"], "text": ["all of it"]})
    captions = usable_captions(table, "a test", skipped=[("line 7", "is odd")])
    dataset = run(media_folder, tmp_path / "out", captions)
    assert dataset.manifest.end_seconds[0] == dataset.media.duration_seconds.max()
    assert skipped(tmp_path / "out") == {"line 7": "is odd"}


def test_one_reason_is_one_line(media_folder, tmp_path, monkeypatch):
    def extract(path, extractors, on_progress):
        if path.name == "only sound.mp4":
            tokens = {"audio": np.full((3, 40), 1e6)}
            return MediaFeatures(duration_seconds=1.0, tokens=tokens)
        if path.name == "blue mute.mp4":
            raise ValueError("odd\nthing")
        return MediaFeatures(duration_seconds=1.0, tokens={"audio": np.ones((3, 40))})

    monkeypatch.setattr(shards, "extract", extract)
    dataset = run(media_folder, tmp_path / "out")
    assert skipped(tmp_path / "out") == {
        "blue mute.mp4": "odd thing",
        "only sound.mp4": "120 of its 120 audio values are not finite as float16",
    }
    assert dataset.media.has_audio.all()
    assert not dataset.media.has_video.any()


def test_what_the_media_are_is_kept(media_folder, tmp_path):
    media = run(media_folder, tmp_path / "out").media.set_index("media_id")
    red, sound = media.loc["red right.mp4"], media.loc["only sound.mp4"]
    assert (red.width, red.height, red.frames_per_second) == (128, 96, pytest.approx(25))
    assert (sound.width, sound.height, sound.frames_per_second) == (0, 0, 0)
    assert red.picture_start_seconds == pytest.approx(0, abs=0.05)


def test_a_dataset_of_version_1_is_made_anew(media_folder, tmp_path):
    out = tmp_path / "out"
    run(media_folder, out)
    expected = content(out)
    about = json.loads((out / "dataset.json").read_text())
    (out / "dataset.json").write_text(json.dumps(about | {"version": 1}))
    old = out / "features" / "0123456789abcdef.safetensors"
    save_file({"red right.mp4/video": np.ones((2, 3), "f2")}, old, {"mmlab": '{"features": {}}'})
    with pytest.raises(ValueError, match=r"version 1.*run the same `mmlab ingest` again"):
        ClipDataset.open(out)
    run(media_folder, out)
    assert content(out) == expected


def test_other_extractors_make_all_anew_and_the_text_encoder_nothing(
    media_folder, tmp_path, monkeypatch
):
    out = tmp_path / "out"
    run(media_folder, out)
    (tmp_path / "vectors.txt").write_text("2 2\nred 1 0\nmoves 0 1\n")
    before = content(out)
    monkeypatch.chdir(tmp_path)
    dataset = run(media_folder, out, text="vectors.txt")
    monkeypatch.chdir(out)  # it is found from anywhere
    assert dataset.text_encoder.width == dataset.features["text"].width == 2
    after = content(out)
    assert {name for name in after if after[name] != before.get(name)} == {"dataset.json"}
    dataset = run(media_folder, out, extractors=Extractors(audio="none"))
    assert list(dataset.features) == ["text", "video"]
    assert dataset.media.media_id.tolist() == ["blue mute.mp4", "green left.mp4", "red right.mp4"]
    assert "only sound.mp4" in skipped(out)
    assert not {name for name in content(out) if "features" in name} & before.keys()


def test_published_features_are_not_replaced(media_folder, tmp_path):
    info = {"audio": FeatureInfo("log-mel-40-v1", 40, 100.0, source="default")}
    features = MediaFeatures(duration_seconds=1.0, tokens={"audio": np.ones((3, 40))})
    captions = usable_captions(pd.DataFrame({"video": ["a"]}), "a test")
    write_dataset(tmp_path, {"a": lambda: features}, captions, info, progress=False)
    before = content(tmp_path)
    with pytest.raises(ValueError, match="published features; choose another folder"):
        run(media_folder, tmp_path)
    assert content(tmp_path) == before


def test_the_bar_moves_within_a_file(media_folder, tmp_path, monkeypatch, capsys):
    """One worker, one shard: bytes, files and speed are seen while it works."""
    monkeypatch.setattr(diary, "SECONDS_BETWEEN_NOTES", 0.0)
    for name in ("SECONDS_BETWEEN_LOOKS", "SECONDS_BETWEEN_LINES"):
        monkeypatch.setattr(progress, name, 0.001)
    files = [file for file in find_media(media_folder) if "red" in file.media_id]
    (work,) = plan_shards(media_folder, tmp_path, files)
    seen = []
    with progress.Progress([work]) as bar:

        def extract(path, extractors, on_progress):
            for fraction in (0.25, 0.5):
                on_progress(fraction)
                seen.append(read_note(work.diary))
                deadline = time.monotonic() + 5
                while bar._bar.n < fraction * work.size_bytes - 1 and time.monotonic() < deadline:
                    time.sleep(0.001)
                seen.append(bar._bar.n / work.size_bytes)
            return MediaFeatures(duration_seconds=3.0, tokens={"audio": np.ones((3, 40))})

        monkeypatch.setattr(shards, "extract", extract)
        bar.finished(work, shards.write_shard(work))
    quarter, seen_quarter, half, seen_half = seen
    assert quarter.media_id == "red right.mp4"
    assert quarter.media_seconds == pytest.approx(0.25 * 3, abs=0.1)
    assert (half.fraction, half.files) == (0.5, 0)
    assert [seen_quarter, seen_half] == pytest.approx([0.25, 0.5], abs=1e-3)
    assert "1/1 files" in capsys.readouterr().out
    assert not work.diary.exists()


def test_a_worker_that_cannot_begin_is_an_error(media_folder, tmp_path):
    work = plan_shards(media_folder, tmp_path, find_media(media_folder))
    with pytest.raises(OSError, match="before it began"):
        list(write_shards(work, 2, die_at_once))


def test_what_cannot_even_be_opened_is_listed(media_folder, tmp_path):
    folder = tmp_path / "media"
    folder.mkdir()
    shutil.copy(media_folder / "red right.mp4", folder)
    shutil.copy(media_folder / "red right.mp4", os.fsencode(folder) + b"/bad\xff.mp4")
    (folder / "broken link.mp4").symlink_to("nowhere.mp4")
    os.mkfifo(folder / "pipe.mp4")
    assert run(folder, tmp_path / "out").media.media_id.tolist() == ["red right.mp4"]
    reasons = skipped(tmp_path / "out")
    assert "rename it" in reasons["bad\\udcff.mp4"]
    assert "broken link" in reasons["broken link.mp4"]
    assert "a pipe" in reasons["pipe.mp4"]


def test_captions_may_name_files_from_outside_the_folder(media_folder, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = [media_folder / "red right.mp4", os.path.relpath(media_folder / "green left.mp4")]
    lines = [f"{name},0,1,{number}" for number, name in enumerate(names)]
    captions = tmp_path / "captions.csv"
    captions.write_text("\n".join(["video,start_seconds,end_seconds,text", *lines]) + "\n")
    found = run(media_folder, tmp_path / "out", captions).manifest
    assert found.media_id.tolist() == ["green left.mp4", "red right.mp4"]


def test_a_folder_of_nothing_usable_is_no_dataset(tmp_path):
    folder = tmp_path / "media"
    folder.mkdir()
    (folder / "a.mp4").write_bytes(b"no film")
    with pytest.raises(ValueError, match=r"none of its 1 media can be used \(a\.mp4: "):
        run(folder, tmp_path / "out")


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("clip_seconds", 0.0, "must be at least 0.1"),
        ("clip_seconds", float("inf"), "must be at least 0.1"),
        ("workers", 0, "must be 1 or more"),
    ],
)
def test_impossible_options_are_refused(media_folder, tmp_path, option, value, message):
    with pytest.raises(ValueError, match=message):
        run(media_folder, tmp_path / "out", **{option: value})
