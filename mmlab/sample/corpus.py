"""The corpus on disk: make it in parallel, resume it, read back its truth and its ceilings."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
from tqdm.auto import tqdm

from mmlab.sample import captions, world
from mmlab.sample.ceiling import Observation, ceiling_table
from mmlab.sample.files import remove_unfinished, write_bytes, write_text
from mmlab.sample.formats import write_crosstask, write_mining_youtube
from mmlab.sample.movie import render
from mmlab.sample.vocabulary import ATTRIBUTES, held_out_pairs
from mmlab.sample.world import Step, Video, plan_video

VERSION = 1  # raise it whenever the same seed gives another picture, sound or caption
SPLITS = ("train", "validation", "test")


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
    _write_tables(folder, plans, seed)
    print(f"{folder}: {len(missing)} videos made, {videos - len(missing)} were there already")


def load_truth(folder: Path) -> dict[str, Any]:
    """Read everything that the generator knew: `truth.json` of a corpus.

    Raises:
        FileNotFoundError: the folder holds no finished corpus.
    """
    path = Path(folder) / "truth.json"
    if not path.exists():
        raise FileNotFoundError(f"{path}: no finished sample corpus here; run `mmlab sample` first")
    return json.loads(path.read_text(encoding="utf-8"))


def ceilings(folder: Path, split: str = "test") -> pd.DataFrame:
    """The best that retrieval among a split's clips can reach, in expectation.

    See `mmlab.sample.ceiling` for what the ideal observer knows and assumes.

    Returns:
        One row per direction such as "text → video+audio" and one for chance; columns query,
        gallery, R@1, R@5, R@10 (percent), MedR and clips.
    """
    truth = load_truth(folder)
    observations = [
        _observation(step)
        for video in truth["videos"]
        if video["split"] == split
        for step in video["steps"]
    ]
    if not observations:
        raise ValueError(f"{folder}: the corpus has no clip of split {split!r}, only of {SPLITS}")
    return ceiling_table(observations)


def _observation(step: dict[str, Any]) -> Observation:
    clear = step["sound"] == "clear"
    action = step["attributes"]["action"] if clear else None
    return Observation(step["written"], step["seen"], action, step["narrated"])


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
    return folder / "videos" / f"{world.video_id(index)}.mp4"


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


def _write_tables(folder: Path, plans: list[Video], seed: int) -> None:
    """Write captions, truth, localisation files and ceilings; quick, so always anew."""
    rows = [_caption_row(video, step) for video in plans for step in video.steps]
    write_text(folder / "captions.csv", pd.DataFrame(rows).to_csv(index=False))
    truth = {
        "version": VERSION,
        "seed": seed,
        "frames_per_second": world.FRAMES_PER_SECOND,
        "held_out_pairs": sorted(held_out_pairs(seed)),
        "shares": _shares(),
        "videos": [_truth_of(video) for video in plans],
    }
    write_text(folder / "truth.json", json.dumps(truth, indent=1, ensure_ascii=False) + "\n")
    write_crosstask(folder / "crosstask", plans)
    write_mining_youtube(folder / "mining_youtube", plans)
    present = [split for split in SPLITS if any(v.task.split == split for v in plans)]
    tables = [ceilings(folder, split).assign(split=split) for split in present]
    write_text(folder / "ceilings.csv", pd.concat(tables).to_csv())


def _shares() -> dict[str, Any]:
    """How often the generator means each thing to be seen, heard or written."""
    return {
        "action_seen": world.ACTION_SEEN,
        "ingredient_covered": (1 - world.ACTION_SEEN) * world.COVERED_WHEN_OFF_SCREEN,
        "action_heard": world.ACTION_HEARD,
        "narration_about_step": world.ABOUT_THE_STEP,
        "written": captions.MENTIONED,
        "written_confused": captions.CONFUSED,
        "written_words_dropped": captions.DROPPED,
    }


def _caption_row(video: Video, step: Step) -> dict[str, Any]:
    """One row of captions.csv: what `ingest` needs, then the attributes and what shows them."""
    return {
        "video": f"{video.video_id}.mp4",
        "start_seconds": step.start_seconds,
        "end_seconds": step.end_seconds,
        "text": step.caption,
        "split": video.task.split,
        "task_id": video.task.task_id,
        "step": step.number,
        **{name: step.attributes[name] for name in ATTRIBUTES},
        "action_seen": step.action_seen,
        "ingredient_seen": step.ingredient_seen,
        "action_heard": step.sound == "clear",
        "narration_about_step": step.about_the_step,
        "heard_words": " ".join(word.word for word in step.heard_words),
    }


def _truth_of(video: Video) -> dict[str, Any]:
    return {
        "video": f"{video.video_id}.mp4",
        "title": video.task.title,
        "task_id": video.task.task_id,
        "split": video.task.split,
        "duration_seconds": video.duration_seconds,
        "title_end_seconds": video.title_end_seconds,
        "task_steps": [list(step) for step in video.task.steps],
        "steps": [
            asdict(step)
            | {"seen": step.seen, "narrated": step.narrated}
            | {"heard_words": [word.word for word in step.heard_words]}
            for step in video.steps
        ],
    }
