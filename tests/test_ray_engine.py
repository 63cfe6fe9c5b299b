"""Shards over Ray: the bytes of one process, whatever happens to workers and drivers.

Starting Ray takes half a minute on two cores, so what needs it is slow.
"""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from mmlab import ray_engine, shards
from mmlab.diary import Diary
from mmlab.extraction import Extractors
from mmlab.finding import find_media
from mmlab.ray_engine import write_shards_ray
from mmlab.shards import MediaRecord, ShardWork, plan_shards, write_shard
from tests.conftest import moving_square, tone, write_video

OBJECT_STORE_BYTES = 80 << 20
RED = "red right.mp4"


@pytest.fixture(scope="module")
def cluster() -> Iterator[str]:
    """The address of a small Ray, to which this process is connected."""
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    ray = pytest.importorskip("ray", reason="needs pip install 'mmlab[ray]'")
    ray.init(
        "local",
        num_cpus=2,
        object_store_memory=OBJECT_STORE_BYTES,
        include_dashboard=False,
        log_to_driver=False,
        logging_level="ERROR",
    )
    yield ray.get_runtime_context().gcs_address
    ray.shutdown()


def work_on(folder: Path, out: Path) -> list[ShardWork]:
    out.mkdir()
    return plan_shards(folder, out, find_media(folder, out))


def content(out: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in out.iterdir()}


@pytest.fixture
def alone(media_folder, tmp_path) -> dict[str, bytes]:
    """What one process writes."""
    for shard in work_on(media_folder, tmp_path / "alone"):
        write_shard(shard)
    return content(tmp_path / "alone")


@pytest.mark.slow
def test_the_same_bytes_and_records_as_one_process(cluster, media_folder, tmp_path, alone):
    work = work_on(media_folder, tmp_path / "out")
    results = dict(write_shards_ray(work, 2))
    assert results.keys() == set(work)
    assert len(work) == 4
    assert content(tmp_path / "out") == alone
    assert {record.media_id for records in results.values() for record in records} == {
        path.name for path in media_folder.iterdir()
    }


def crash_on_red(work: ShardWork) -> list[MediaRecord]:
    """Ray's workers live on to the next test, so nothing is patched in them."""
    if work.files[0].media_id == RED and RED not in work.crashing:
        Diary(work.diary).begin(work.media_folder / RED, RED, 1)
        os._exit(11)
    return write_shard(work)


@pytest.mark.slow
def test_a_file_that_kills_its_worker_is_skipped(cluster, media_folder, tmp_path, alone):
    work = work_on(media_folder, tmp_path / "out")
    results = [records for _, records in write_shards_ray(work, 2, crash_on_red)]
    reasons = {record.media_id: record.reason for records in results for record in records}
    assert reasons.pop(RED) == "crashes its decoder; convert it to mp4"
    assert set(reasons.values()) == {""}
    same = [name for name, data in content(tmp_path / "out").items() if alone.get(name) == data]
    assert len(same) == 3
    assert not list(tmp_path.rglob("*.part"))


def fail_on_red(work: ShardWork) -> list[MediaRecord]:
    if work.files[0].media_id == RED:
        raise OSError(errno.ENOSPC, "no space", str(work.target))
    return write_shard(work)


@pytest.mark.slow
def test_a_shard_that_cannot_be_written_is_told_when_the_others_are(
    cluster, media_folder, tmp_path
):
    results = []
    with pytest.raises(OSError, match="no space") as caught:
        results.extend(write_shards_ray(work_on(media_folder, tmp_path / "out"), 2, fail_on_red))
    assert caught.value.errno == errno.ENOSPC
    assert len(content(tmp_path / "out")) == 3


DRIVER = """
import sys
from pathlib import Path
from mmlab import shards
from mmlab.ingest import ingest
shards.MEDIA_PER_SHARD = 1
folder, out = map(Path, sys.argv[1:])
ingest(folder, None, out, workers=1, engine="ray", progress=False)
"""


@pytest.mark.slow
def test_a_killed_driver_is_continued(cluster, tmp_path, monkeypatch):
    from mmlab.ingest import ingest

    monkeypatch.setattr(shards, "MEDIA_PER_SHARD", 1)
    folder, out = tmp_path / "media", tmp_path / "out"
    for number in range(8):
        write_video(folder / f"{number}.mp4", 4.0, picture=moving_square(), sound=tone())
    ingest(folder, None, tmp_path / "undisturbed", workers=1, progress=False)
    driver = subprocess.Popen(
        [sys.executable, "-c", DRIVER, folder, out], env=os.environ | {"RAY_ADDRESS": cluster}
    )
    features = out / "features"
    deadline = time.monotonic() + 90
    while len(list(features.glob("*.safetensors"))) < 2 and time.monotonic() < deadline:
        time.sleep(0.002)
    driver.send_signal(signal.SIGKILL)
    driver.wait()
    assert 2 <= len(list(features.glob("*.safetensors"))) < 8
    ingest(folder, None, out, workers=2, engine="ray", progress=False)
    assert files_below(out) == files_below(tmp_path / "undisturbed")


def files_below(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def test_without_ray_the_package_is_named(monkeypatch, tmp_path, media_folder):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(ImportError, match=r"ray is missing; run: pip install 'mmlab\[ray\]'"):
        list(write_shards_ray(work_on(media_folder, tmp_path / "out"), 1))


def test_nothing_to_do_starts_nothing(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    assert list(write_shards_ray([])) == []


class FakeCluster:
    """Says what a cluster has."""

    def __init__(self, gpus: float) -> None:
        self.gpus = gpus

    def cluster_resources(self) -> dict[str, float]:
        return {"CPU": 16.0} | ({"GPU": self.gpus} if self.gpus else {})


@pytest.mark.parametrize(
    ("gpus", "workers", "video", "device", "share"),
    [
        (0, 4, "a-network", "auto", 0.0),
        (8, 16, "a-network", "auto", 0.5),
        (8, 4, "a-network", "cuda", 1.0),
        (1, 3, "a-network", "auto", 0.333),
        (8, 16, "a-network", "cpu", 0.0),
        (8, 16, "default", "auto", 0.0),
    ],
)
def test_gpus_are_shared_evenly(gpus, workers, video, device, share):
    extractors = Extractors(video, "default", device)
    assert ray_engine._gpus_per_worker(FakeCluster(gpus), extractors, workers) == share
