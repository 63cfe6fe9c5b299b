"""The common form of step localisation: long videos, their ordered steps, and when each is seen."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from mmlab.readers.captions import NO_SPLIT, Captions, usable_captions


@dataclass(frozen=True)
class LocalizationVideo:
    """A long video, the ordered steps of its task, and when each is really seen.

    Attributes:
        task_id: of the task that the video shows; "" where there are no tasks.
        video_id: the media file's name without its ending.
        steps: the K step texts of the task, in order; a video may lack some of them.
        segments: (step from 0, start_seconds, end_seconds) of each annotated step.
        split: such as "val"; "all" where none is said.
        seconds: T, where the annotation says it (prepared matrices), else None.
    """

    task_id: str
    video_id: str
    steps: tuple[str, ...]
    segments: tuple[tuple[int, float, float], ...]
    split: str = NO_SPLIT
    seconds: int | None = None

    def truth(self, seconds: int | None = None) -> np.ndarray:
        """(T, K) bool; a second belongs to a step that covers any part of it, as published.

        Args:
            seconds: T, of the video as it is at hand; by default what the annotation says.

        Raises:
            ValueError: neither says T.
        """
        length = self.seconds if seconds is None else seconds
        if length is None:
            raise ValueError(f"{self.video_id}: its length is unknown; give `seconds`")
        result = np.zeros((length, len(self.steps)), dtype=bool)
        for step, start, end in self.segments:
            result[int(np.floor(start)) : int(np.ceil(end)), step] = True
        return result


class LocalizationVideos(list[LocalizationVideo]):
    """The videos of a benchmark.

    Attributes:
        skipped: (which item, reason) of what cannot be used.
        format: the benchmark's name.
    """

    def __init__(
        self,
        videos: Iterable[LocalizationVideo] = (),
        skipped: Iterable[tuple[str, str]] = (),
        format_name: str = "",
    ) -> None:
        super().__init__(videos)
        self.skipped = list(skipped)
        self.format = format_name

    def captions(self) -> Captions:
        """Each annotated segment as a caption; further columns task and step (from 0)."""
        rows = [
            (video.video_id, start, end, video.steps[step], video.split, video.task_id, step)
            for video in self
            for step, start, end in video.segments
        ]
        columns = ["video", "start_seconds", "end_seconds", "text", "split", "task", "step"]
        table = pd.DataFrame(rows, columns=columns)
        return usable_captions(table, self.format, skipped=self.skipped)


def segment_problem(start: float, end: float) -> str:
    """Why a segment cannot be used, "" where it can."""
    if not (np.isfinite(start) and np.isfinite(end)):
        return "its time is no number of seconds"
    if start < 0:
        return "starts before 0 s"
    return "" if end > start else "ends at or before its start"
