"""Readers for the published annotation formats of the benchmarks (paper, section 4.2)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

LINES_PER_TASK = 6


@dataclass(frozen=True)
class LocalizationVideo:
    """A long video, the ordered steps of its task, and when each is really seen.

    Attributes:
        task_id: of the task that the video shows.
        video_id: the media file's name without its ending.
        steps: the K step texts of the task, in order; a video may lack some of them.
        segments: (step from 0, start_seconds, end_seconds) of each annotated step.
    """

    task_id: str
    video_id: str
    steps: tuple[str, ...]
    segments: tuple[tuple[int, float, float], ...]

    def truth(self, seconds: int) -> np.ndarray:
        """(T, K) bool; a second belongs to a step that covers any part of it, as published."""
        result = np.zeros((seconds, len(self.steps)), dtype=bool)
        for step, start, end in self.segments:
            result[int(np.floor(start)) : int(np.ceil(end)), step] = True
        return result


def read_crosstask_tasks(path: Path) -> dict[str, tuple[str, ...]]:
    """The ordered step texts of each task of a tasks_primary.txt.

    The file holds blocks of six lines: id, title, url, number of steps, the steps joined by
    commas, an empty line.

    Raises:
        ValueError: a block whose number of steps does not fit its list.
    """
    lines = path.read_text(encoding="utf-8").splitlines()
    tasks = {}
    for start in range(0, len(lines) - LINES_PER_TASK + 2, LINES_PER_TASK):
        task_id, _, _, count, steps = (line.strip() for line in lines[start : start + 5])
        texts = tuple(step.strip() for step in steps.split(","))
        if count != str(len(texts)):
            raise ValueError(
                f"{path}: task {task_id!r} (line {start + 1}) says {count!r} steps but lists "
                f"{len(texts)}; mend the block"
            )
        tasks[task_id] = texts
    return tasks


def read_crosstask(folder: Path) -> list[LocalizationVideo]:
    """Every annotated video of a folder in CrossTask's layout.

    Args:
        folder: holds tasks_primary.txt, videos.csv (task,video,url without a header) and
            annotations/TASK_VIDEO.csv (step from 1,start,end without a header).

    Returns:
        Videos in the order of videos.csv; those without an annotation file are left out, as
        published.
    """
    tasks = read_crosstask_tasks(folder / "tasks_primary.txt")
    listed = pd.read_csv(folder / "videos.csv", names=["task", "video", "url"], dtype=str)
    videos = []
    for row in listed.itertuples():
        path = folder / "annotations" / f"{row.task}_{row.video}.csv"
        if path.exists():
            table = pd.read_csv(path, names=["step", "start", "end"])
            segments = tuple(
                (int(step) - 1, float(start), float(end))
                for step, start, end in table.itertuples(index=False)
            )
            videos.append(LocalizationVideo(row.task, row.video, tasks[row.task], segments))
    return videos
