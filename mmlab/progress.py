"""The bar of an ingest: bytes of media, with the time left, also within a long file."""

from __future__ import annotations

import io
import sys
import threading
from types import TracebackType

from tqdm import tqdm

from mmlab.diary import Note, read_note
from mmlab.shards import DIARY_ENDING, MediaRecord, ShardWork

SECONDS_BETWEEN_LOOKS = 0.5
SECONDS_BETWEEN_LINES = 60.0
"""Where a line once written stays: in a log, or a notebook that nbconvert executes."""


class Progress:
    """Shows how far the workers are, wherever they run: it reads their diaries.

    Example:
        >>> with Progress(work) as progress:
        ...     for shard, records in write_shards(work, workers):
        ...         progress.finished(shard, records)
    """

    def __init__(self, work: list[ShardWork], *, show: bool = True) -> None:
        self._sizes = {shard.diary.name: shard.size_bytes for shard in work}
        self._folder = work[0].diary.parent if work else None
        self._files = sum(len(shard.files) for shard in work)
        self._done = Note("", 0.0, 0, 0, 0.0)
        self._stop, self._lock = threading.Event(), threading.Lock()
        in_notebook = "ipykernel" in sys.modules
        self._live = _is_live(in_notebook)
        shown = sys.stdout if in_notebook else sys.stderr  # a notebook shows errors on red ground
        self._bar = tqdm(
            file=shown if self._live else io.StringIO(),  # else `_update` prints
            total=sum(self._sizes.values()),
            unit="B",
            unit_scale=True,
            unit_divisor=1024,
            smoothing=0.0,  # the time left follows from the whole run, not from the last file
            disable=not (show and work),
        )

    def __enter__(self) -> Progress:
        if not self._bar.disable:
            self._thread = threading.Thread(target=self._watch, daemon=True)
            self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop.set()
        if not self._bar.disable:
            self._thread.join()
            self._update([])
        self._bar.close()

    def finished(self, shard: ShardWork, records: list[MediaRecord]) -> None:
        """Count a shard as done and say which of its files were skipped."""
        with self._lock:
            self._sizes.pop(shard.diary.name, None)
            done = Note(
                "",
                0.0,
                len(records),
                shard.size_bytes,
                sum(record.duration_seconds for record in records),
            )
            self._done = _sum([self._done, done])
        for record in records:
            if not self._bar.disable and (record.reason or record.notes):
                what = f"skipped {record.media_id}: {record.reason}"
                self._bar.write(what if record.reason else f"{record.media_id}: {record.notes}")

    def _watch(self) -> None:
        while not self._stop.wait(SECONDS_BETWEEN_LOOKS if self._live else SECONDS_BETWEEN_LINES):
            self._update(self._running())

    def _running(self) -> list[Note]:
        """The notes of the shards that are being written."""
        diaries = self._folder.glob(f"*{DIARY_ENDING}") if self._folder else ()
        notes = [read_note(diary) for diary in diaries if diary.name in self._sizes]
        return [note for note in notes if note]

    def _update(self, running: list[Note]) -> None:
        with self._lock:
            so_far = _sum([self._done, *running])
        elapsed = max(self._bar.format_dict["elapsed"], 1e-6)
        speed = so_far.media_seconds / elapsed
        self._bar.n = max(self._bar.n, min(so_far.size_bytes, self._bar.total))
        self._bar.set_postfix_str(
            f"{so_far.files}/{self._files} files, {speed:.3g} x real time", refresh=False
        )
        if self._live:
            self._bar.refresh()
        else:
            print(self._bar, flush=True)


def _is_live(in_notebook: bool) -> bool:
    """Whether a line can be written over by the next."""
    if not in_notebook:
        return sys.stderr.isatty()
    from mmlab.views.static import under_nbconvert

    return not under_nbconvert()


def _sum(notes: list[Note]) -> Note:
    return Note(
        "",
        0.0,
        sum(note.files for note in notes),
        sum(note.size_bytes for note in notes),
        sum(note.media_seconds for note in notes),
    )
