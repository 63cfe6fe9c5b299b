"""kill -9 at any moment of an ingest leaves a dataset that opens and a run that continues."""

from __future__ import annotations

import random
import shutil
import time
from pathlib import Path

import pytest

from mmlab import shards
from mmlab.dataset import ClipDataset
from mmlab.ingest import ingest
from tests.conftest import moving_square, tone, write_video
from tests.killed import ingest_killed_after, ingest_killed_at

HEADER = "video,start_seconds,end_seconds,text\n"
MOST_CHANGES = 200
"""More than an ingest of the tiny folder makes."""


def content(out: Path) -> dict[str, bytes]:
    files = (path for path in out.rglob("*") if path.is_file())
    return {path.relative_to(out).as_posix(): path.read_bytes() for path in files}


@pytest.fixture(autouse=True)
def small_shards(monkeypatch):
    monkeypatch.setattr(shards, "LARGE_FILE_BYTES", 0)


class Update:
    """A folder whose dataset is old: a medium was changed, one came, one went, so captions."""

    def __init__(self, folder: Path) -> None:
        self.media, self.old = folder / "media", folder / "old"
        self.captions = folder / "captions.csv"
        write_video(self.media / "video.mp4", 0.6, picture=moving_square(), frames_per_second=10)
        for name in ("changed.wav", "gone.wav"):
            write_video(self.media / name, 0.5, sound=tone(), codecs=("", "pcm_s16le"))
        self.write_captions("old", "gone.wav")
        ingest(self.media, self.captions, self.old, workers=1, progress=False)
        (self.media / "gone.wav").unlink()
        for name in ("changed.wav", "new.wav"):
            write_video(self.media / name, 0.8, sound=tone(900), codecs=("", "pcm_s16le"))
        self.write_captions("new", "new.wav")
        self.updated = self.copy("updated")
        ingest(self.media, self.captions, self.updated, workers=1, progress=False)

    def copy(self, name: str) -> Path:
        """The old dataset once more, as near to its media: it knows them by the way there."""
        return shutil.copytree(self.old, self.old.with_name(name))

    def write_captions(self, text: str, *others: str) -> None:
        rows = [f"{name},0,0.4,{text}" for name in ("video.mp4", "changed.wav", *others)]
        self.captions.write_text(HEADER + "\n".join(rows))

    def check_opens(self, out: Path) -> None:
        """It is the old dataset or the new one, and can be read."""
        dataset = ClipDataset.open(out)
        version = set(dataset.manifest.text)
        assert version in ({"old"}, {"new"})
        other = "gone.wav" if version == {"old"} else "new.wav"
        expected = {"video.mp4", "changed.wav", other}
        assert set(dataset.manifest.media_id) == set(dataset.media.media_id) == expected
        seconds = {"old": 0.5, "new": 0.8}[version.pop()]
        heard = dataset.media_tokens("changed.wav")["audio"]
        assert len(heard) == pytest.approx(100 * seconds, abs=3)
        for clip in dataset:
            assert sum(map(len, clip.tokens.values())) > 0


@pytest.fixture(scope="module")
def update(tmp_path_factory) -> Update:
    return Update(tmp_path_factory.mktemp("update"))


def test_an_update_killed_again_and_again(update):
    generator, kills, out = random.Random(4), 0, update.copy("again and again")
    for _ in range(6):
        operation = generator.randint(1, 60)
        kills += not ingest_killed_at(operation, update.media, update.captions, out)
        update.check_opens(out)
    ingest(update.media, update.captions, out, workers=1, progress=False)
    assert content(out) == content(update.updated)
    assert kills >= 3


def test_a_first_ingest_killed_says_how_to_go_on(update, tmp_path):
    out = tmp_path / "out"
    assert not ingest_killed_at(14, update.media, None, out)
    with pytest.raises(FileNotFoundError, match="never finished .* run the same `mmlab ingest`"):
        ClipDataset.open(out)
    ingest(update.media, None, out, workers=1, progress=False)
    ingest(update.media, None, tmp_path / "undisturbed", workers=1, progress=False)
    assert content(out) == content(tmp_path / "undisturbed")


@pytest.mark.slow
def test_an_update_killed_at_every_change_of_a_file(update):
    for operation in range(1, MOST_CHANGES):
        out = update.copy(f"change {operation}")
        alive = ingest_killed_at(operation, update.media, update.captions, out)
        update.check_opens(out)
        ingest(update.media, update.captions, out, workers=1, progress=False)
        assert content(out) == content(update.updated), f"killed at change {operation}"
        if alive:
            break
    assert 30 < operation < MOST_CHANGES - 1


@pytest.mark.slow
@pytest.mark.parametrize(("kills", "workers"), [(40, 1), (5, 2)])
def test_an_update_killed_at_random_times(update, kills, workers):
    generator, dead = random.Random(workers), 0
    measured = update.copy(f"measured {workers}")
    started = time.monotonic()
    ingest_killed_after(None, update.media, update.captions, measured, workers)
    whole = time.monotonic() - started
    for kill in range(kills):
        out = update.copy(f"workers {workers} kill {kill}")
        seconds = generator.uniform(0.0, 1.1) * whole
        dead += not ingest_killed_after(seconds, update.media, update.captions, out, workers)
        update.check_opens(out)
        ingest(update.media, update.captions, out, workers=1, progress=False)
        assert content(out) == content(update.updated)
    assert dead > kills / 3
