"""The corpus on disk: make it in parallel, resume it, never mix two of them."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from pathlib import Path

from tqdm.auto import tqdm

from mmlab.sample.files import remove_unfinished, write_bytes, write_text
from mmlab.sample.movie import render
from mmlab.sample.plan import plan_video
from mmlab.sample.tables import write_tables
from mmlab.sample.vocabulary import VERSION


def make_corpus(
    folder: Path, *, videos: int = 300, seed: int = 0, workers: int | None = None
) -> None:
    """Make the sample corpus, or what is missing of it.

    Finished videos are kept, so that an interrupted run continues and a larger number of videos
    adds to a smaller one. The same seed gives the same pixels, samples and captions.

    Args:
        folder: where to; made if missing.
        videos: how many; three share a recipe.
        seed: of everything random.
        workers: processes; as many as there are cores if None. 1 stays in this process.

    Raises:
        ValueError: the folder holds a corpus of another seed, version or larger size.
        OSError: the disk is full or not writable.
    """
    folder = Path(folder)
    if videos < 1:
        raise ValueError(f"videos must be at least 1, found {videos}")
    _check_stamp(folder, videos, seed)
    missing = [index for index in range(videos) if not _video_path(folder, index).exists()]
    remove_unfinished(folder / "videos")
    if missing:
        _make_videos(folder, seed, missing, workers or os.cpu_count() or 1)
    plans = [plan_video(seed, index) for index in range(videos)]
    write_tables(folder, plans, seed)
    print(f"{folder}: {len(missing)} videos made, {videos - len(missing)} were there already")


def _check_stamp(folder: Path, videos: int, seed: int) -> None:
    """Refuse to mix two corpora in one folder; leave a stamp for the next run."""
    path = folder / "stamp.json"
    if path.exists():
        found = json.loads(path.read_text(encoding="utf-8"))
        same = (found["version"], found["seed"]) == (VERSION, seed)
        if not same or found["videos"] > videos:
            wanted = f"version {VERSION}, seed {seed}, {videos} videos"
            there = f"version {found['version']}, seed {found['seed']}, {found['videos']} videos"
            raise ValueError(
                f"{path}: the folder holds another corpus ({there}; asked for {wanted}); "
                "delete the folder or choose another one"
            )
    stamp = {"version": VERSION, "seed": seed, "videos": videos}
    write_text(path, json.dumps(stamp) + "\n")


def _video_path(folder: Path, index: int) -> Path:
    return folder / "videos" / f"video{index:04d}.mp4"


def _make_video(folder: Path, seed: int, index: int) -> None:
    write_bytes(_video_path(folder, index), render(plan_video(seed, index)))


def _make_videos(folder: Path, seed: int, indices: list[int], workers: int) -> None:
    """Make videos in this process or in several; Ctrl-C lets the begun ones finish."""
    make = partial(_make_video, folder, seed)
    with tqdm(total=len(indices), desc="sample videos", unit="video") as progress:
        if workers == 1 or len(indices) == 1:
            for index in indices:
                make(index)
                progress.update()
            return
        context = multiprocessing.get_context("spawn")
        count = min(workers, len(indices))
        with ProcessPoolExecutor(count, mp_context=context, initializer=_leave_ctrl_c) as pool:
            futures: list[Future[None]] = [pool.submit(make, index) for index in indices]
            try:
                for future in as_completed(futures):
                    future.result()
                    progress.update()
            except BrokenProcessPool as error:
                message = f"{folder}: a worker process was killed (out of memory?); run again with "
                raise RuntimeError(message + "fewer workers, finished videos are kept") from error
            finally:
                pool.shutdown(cancel_futures=True)


def _leave_ctrl_c() -> None:
    """A worker leaves Ctrl-C to the process that started it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
