"""CrossTask: tasks, videos and step times as published, and the prepared 0/1 matrices.

The matrices, which the papers on zero-shot localisation share, exist for MiningYouTube as well.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from mmlab.readers.columns import read_columns
from mmlab.readers.localization import (
    NO_SPLIT,
    LocalizationVideo,
    LocalizationVideos,
    segment_problem,
)
from mmlab.readers.safe import read_json, read_npy, read_text
from mmlab.readers.tables import csv_rows
from mmlab.readers.times import seconds_of

TASK_FILES = ("tasks_primary.txt", "tasks_related.txt")
LINES_PER_TASK = 5

Skipped = list[tuple[str, str]]
Segment = tuple[int, float, float]


def read_crosstask(folder: Path) -> LocalizationVideos:
    """Every annotated video of a folder in CrossTask's layout.

    Args:
        folder: holds tasks_primary.txt, videos.csv (task,video,url without a header) and
            annotations/TASK_VIDEO.csv (step from 1,start,end without a header); perhaps
            tasks_related.txt, and videos_val.csv, whose videos get the split "val", the others
            "train".

    Returns:
        Videos in the order of videos.csv; those without an annotation file are left out, as
        published. Bad tasks, lines and files are listed in `skipped`.

    Raises:
        OSError: tasks_primary.txt or videos.csv is not there.
        ValueError: one of these holds no text, or no task.
    """
    tasks: dict[str, tuple[str, ...]] = {}
    skipped: Skipped = []
    for name in TASK_FILES:
        if name == TASK_FILES[0] or (folder / name).exists():
            found, bad = read_crosstask_tasks(folder / name)
            tasks |= found
            skipped += bad
    listed = _listed_videos(folder / "videos.csv", skipped)
    held_out = folder / "videos_val.csv"
    val = set(_listed_videos(held_out, skipped)) if held_out.exists() else None
    videos, known = [], set()
    for task, video in listed:
        path = folder / "annotations" / f"{task}_{video}.csv"
        known.add(path.name)
        if not os.path.isfile(path):  # unlike Path.is_file, also of a name that is too long
            continue
        split = NO_SPLIT if val is None else "val" if (task, video) in val else "train"
        segments = _segments(path, tasks.get(task), skipped)
        if segments:
            videos.append(LocalizationVideo(task, video, tasks[task], segments, split))
    for path in sorted((folder / "annotations").glob("*.csv")):
        if path.name not in known:
            skipped.append((path.name, "its video is not in videos.csv"))
    return LocalizationVideos(videos, skipped, "CrossTask")


def read_crosstask_tasks(path: Path) -> tuple[dict[str, tuple[str, ...]], Skipped]:
    """The ordered step texts of each task of a tasks_primary.txt, and the blocks that are bad.

    The file holds blocks of five lines: id, title, url, number of steps, the steps joined by
    commas; an empty line behind each.

    Raises:
        OSError: the file cannot be opened.
        ValueError: it is no UTF-8 text or holds no task.
    """
    tasks: dict[str, tuple[str, ...]] = {}
    skipped: Skipped = []
    for line, block in _blocks(read_text(path)):
        steps = tuple(step.strip() for step in block[-1].split(","))
        problem = ""
        if len(block) != LINES_PER_TASK:
            problem = f"has {len(block)} lines in place of {LINES_PER_TASK}"
        elif block[3] != str(len(steps)) or "" in steps:
            problem = f"says {block[3]!r} steps but lists {len(list(filter(None, steps)))}"
        elif block[0] in tasks:
            problem = "has the id of an earlier task"
        if problem:
            skipped.append((f"{path.name} line {line}, task {block[0]!r}", problem))
        else:
            tasks[block[0]] = steps
    if not tasks:
        raise ValueError(f"{path}: holds no task (id, title, url, number of steps, steps); mend it")
    return tasks, skipped


def _blocks(text: str) -> Iterable[tuple[int, list[str]]]:
    """The line number and the stripped lines of each run of lines that are not empty."""
    block: list[str] = []
    for number, line in enumerate([*text.splitlines(), ""], start=1):
        if line.strip():
            block.append(line.strip())
        elif block:
            yield number - len(block), block
            block = []


def _listed_videos(path: Path, skipped: Skipped) -> list[tuple[str, str]]:
    """The (task, video) of a videos.csv, each once."""
    rows, bad = csv_rows(path)
    skipped += bad
    listed = {}
    for line, values in rows:
        if len(values) < 2 or not all(values[:2]) or "/" in values[0] + values[1]:
            skipped.append((f"{path.name} line {line}", "is not task,video,url"))
        else:
            listed[values[0], values[1]] = line
    return list(listed)


def _segments(path: Path, steps: tuple[str, ...] | None, skipped: Skipped) -> tuple[Segment, ...]:
    """The good lines of step,start,end; the others are listed."""
    if steps is None:
        skipped.append((path.name, "its task is not in the task files"))
        return ()
    try:
        rows, bad = csv_rows(path)
    except (OSError, ValueError) as error:
        skipped.append((path.name, str(error)))
        return ()
    skipped += bad
    segments = []
    for line, values in rows:
        segment = _segment(values, len(steps))
        if isinstance(segment, str):
            skipped.append((f"{path.name} line {line}", segment))
        else:
            segments.append(segment)
    if not segments:
        skipped.append((path.name, "annotates no step"))
    return tuple(segments)


def _segment(values: list[str], steps: int) -> Segment | str:
    """A step from 0 with its seconds, or what is wrong."""
    if len(values) != 3:
        return "is not step,start,end"
    step, start, end = map(seconds_of, values)
    if step not in range(1, steps + 1):
        return f"names step {values[0]} of {steps}"
    return segment_problem(start, end) or (int(step) - 1, start, end)


def read_prepared(videos: Path, matrices: Path, steps: Path) -> LocalizationVideos:
    """The prepared form of CrossTask or MiningYouTube.

    Args:
        videos: csv with the columns video_id and, for CrossTask, task.
        matrices: folder of `TASK_VIDEO.npy` or `VIDEO.npy`: (T, K) of 0 and 1.
        steps: json of the K step texts, {task: [text, …]} or {video: [text, …]}.

    Returns:
        Videos in the order of the csv, with `seconds` = T; `truth()` gives the matrix back. What
        is missing or bad is listed in `skipped`.

    Raises:
        OSError: the csv or the json cannot be opened.
        ValueError: one of these is damaged.
    """
    table, names, skipped = read_columns(videos, ("video_id",))
    texts = read_json(steps)
    if not isinstance(texts, dict):
        raise ValueError(f"{steps}: is no {{task or video: [step texts]}}; get the file again")
    has_tasks = "task" in table
    tasks = table["task"] if has_tasks else [""] * len(table)
    found = []
    for name, video, task in zip(names, table["video_id"], tasks, strict=True):
        try:
            words = _step_texts(texts, task if has_tasks else video)
            stem = f"{task}_{video}" if has_tasks else video
            if not video or "/" in stem:
                raise ValueError("is no name of a video")
            matrix = _matrix(matrices / f"{stem}.npy", len(words))
        except (OSError, ValueError) as error:
            skipped.append((f"{name}: {video}", str(error)))
        else:
            found.append(
                LocalizationVideo(
                    task, video, words, _runs(matrix), split=NO_SPLIT, seconds=len(matrix)
                )
            )
    benchmark = "CrossTask" if has_tasks else "MiningYouTube"
    return LocalizationVideos(found, skipped, f"{benchmark} matrices")


def _step_texts(texts: dict[str, object], key: str) -> tuple[str, ...]:
    words = texts.get(key)
    if not isinstance(words, list) or not words or not all(isinstance(w, str) for w in words):
        raise ValueError(f"the step texts have no list for {key!r}")
    return tuple(words)


def _matrix(path: Path, steps: int) -> np.ndarray:
    matrix = read_npy(path)
    if matrix.ndim != 2 or matrix.shape[1] != steps:
        raise ValueError(f"{path}: has the shape {matrix.shape}, and there are {steps} steps")
    if matrix.dtype.kind not in "biuf" or not np.isin(matrix, (0, 1)).all():
        raise ValueError(f"{path}: holds other values than 0 and 1")
    return matrix.astype(bool)


def _runs(matrix: np.ndarray) -> tuple[Segment, ...]:
    """The segments of whole seconds that a (T, K) bool matrix shows, by step and time."""
    edges = np.diff(np.pad(matrix.T.astype(np.int8), ((0, 0), (1, 1))))  # (K, T + 1)
    steps, starts = np.nonzero(edges == 1)
    _, ends = np.nonzero(edges == -1)
    rows = zip(steps.tolist(), starts.tolist(), ends.tolist(), strict=True)
    return tuple((step, float(start), float(end)) for step, start, end in rows)
