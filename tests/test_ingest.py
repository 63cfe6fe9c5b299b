"""From a folder to a dataset: odd folders, broken files, and runs that are stopped midway."""

from __future__ import annotations

import errno
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest

from mmlab import shards
from mmlab.dataset import ClipDataset
from mmlab.ingest import find_media, ingest
from mmlab.shards import MediaFile, plan_shards, read_records
from mmlab.workers import write_shards
from tests.conftest import moving_square, tone, write_video
from tests.crashing_worker import crash_on_red

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
    (tmp_path / "captions.csv").write_text("video,text\na,b\n")
    with pytest.raises(ValueError, match="captions.csv: column"):
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
    monkeypatch.setattr(shards, "extract", lambda _: pytest.fail("read again"))
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
    assert "line 3" in skipped(out)["missing.mp4"]
    before = content(out)
    captions.write_text(header + "red right.mp4,0,1,two\n")
    assert run(media_folder, out, captions).manifest.text.tolist() == ["two"]
    changed = {name for name, data in content(out).items() if data != before[name]}
    assert changed == {"manifest.parquet", "skipped.csv"}


def test_damaged_and_unfinished_shards_are_made_again(media_folder, tmp_path):
    out = tmp_path / "out"
    run(media_folder, out)
    before = content(out)
    (shard,) = (out / "features").iterdir()
    shard.write_bytes(shard.read_bytes()[:100])
    (out / "features" / "x.safetensors.1.part").write_bytes(b"half")
    run(media_folder, out)
    assert content(out) == before


def test_what_remains_is_split_as_before(tmp_path, monkeypatch):
    monkeypatch.setattr(shards, "MEDIA_PER_SHARD", 4)
    monkeypatch.setattr(shards, "LARGE_FILE_BYTES", 80)
    files = [MediaFile(f"{number:03}.mp4", 7 * number % 90) for number in range(59)]
    whole = plan_shards(tmp_path, tmp_path, files)
    assert {file for work in whole for file in work.files} == set(files)
    for step in (2, 3, 5):
        done = {file for work in whole[::step] for file in work.files}
        rest = plan_shards(tmp_path, tmp_path, [file for file in files if file not in done])
        assert set(rest) == set(whole) - set(whole[::step])


KILLED = """
import sys
from pathlib import Path
from mmlab import shards
from mmlab.ingest import ingest
shards.MEDIA_PER_SHARD = 1
folder, out = map(Path, sys.argv[1:])
ingest(folder, None, out, workers=1, progress=False)
"""


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_stopped_run_continues_to_the_same_bytes(how, tmp_path, small_shards):
    folder, out = tmp_path / "media", tmp_path / "out"
    for number in range(8):
        write_video(folder / f"{number}.mp4", 2.0, picture=moving_square(), sound=tone())
    process = subprocess.Popen(
        [sys.executable, "-c", KILLED, folder, out], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    deadline = time.monotonic() + 60
    while len(list((out / "features").glob("*.safetensors"))) < 2 and time.monotonic() < deadline:
        time.sleep(0.002)
    process.send_signal(how)
    output = process.communicate()[0].decode()
    assert process.returncode != 0
    assert 2 <= len(list((out / "features").glob("*.safetensors"))) < 8
    if how == signal.SIGINT:
        assert "run the same command to go on" in output
    run(folder, out)
    run(folder, tmp_path / "undisturbed")
    assert content(out) == content(tmp_path / "undisturbed")


def test_full_disk_keeps_what_is_done_and_says_so(
    media_folder, tmp_path, small_shards, monkeypatch
):
    real, written = shards.write_atomically, []

    def write(path: Path, data: bytes) -> None:
        if len(written) == 2:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        real(path, data)
        written.append(path)

    with monkeypatch.context() as patch:
        patch.setattr(shards, "write_atomically", write)
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
