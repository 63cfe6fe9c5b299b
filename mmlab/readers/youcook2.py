"""YouCook2's annotation files: the trainval json and the csv of the 3,350 validation clips."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from mmlab.readers.captions import NO_SPLIT, Captions, usable_captions
from mmlab.readers.columns import read_columns
from mmlab.readers.safe import read_json

CSV_COLUMNS = ("end", "start", "task", "text", "video_id")


def read_trainval(path: Path) -> Captions:
    """The segments of youcookii_annotations_trainval.json; the split is the published subset.

    Columns beside the usual ones: recipe_type, segment (the number of a segment in its video).

    Raises:
        OSError: the file cannot be opened.
        ValueError: it is no such json.
    """
    data = read_json(path)
    database = data.get("database") if isinstance(data, dict) else None
    if not isinstance(database, dict):
        raise ValueError(f"{path}: has no 'database' of videos; get the file again")
    rows: list[tuple[Any, ...]] = []
    names: list[str] = []
    skipped: list[tuple[str, str]] = []
    for video_id, video in database.items():
        segments = video.get("annotations") if isinstance(video, dict) else None
        if not isinstance(segments, list):
            skipped.append((video_id, "has no list of annotations"))
            continue
        for name, row in _segments(video_id, video, segments):
            if isinstance(row, str):
                skipped.append((name, row))
            else:
                names.append(name)
                rows.append(row)
    columns = ["video", "start_seconds", "end_seconds", "text", "split", "recipe_type", "segment"]
    table = pd.DataFrame(rows, columns=columns, dtype=object)
    return usable_captions(table, "YouCook2 json", item=names.__getitem__, skipped=skipped)


def _segments(
    video_id: str, video: dict[str, Any], segments: list[Any]
) -> Iterator[tuple[str, tuple[Any, ...] | str]]:
    """The name of each segment and its row, or why it has none."""
    subset, recipe = video.get("subset") or NO_SPLIT, video.get("recipe_type", "")
    for number, segment in enumerate(segments):
        name = f"{video_id} segment {number}"
        segment = segment if isinstance(segment, dict) else {}
        times, sentence = segment.get("segment"), segment.get("sentence")
        if not isinstance(times, list) or len(times) != 2:
            yield name, "has no start and end"
        elif not isinstance(sentence, str):
            yield name, "has no sentence"
        else:
            yield name, (video_id, *times, sentence, str(subset), str(recipe), str(number))


def read_validation_csv(path: Path) -> Captions:
    """The 3,350 clips of the zero-shot test: `end,start,task,text,video_id`; split "validation".

    Columns beside the usual ones: task.

    Raises:
        OSError: the file cannot be opened.
        ValueError: it is no such csv.
    """
    table, names, skipped = read_columns(path, CSV_COLUMNS)
    table = table[["video_id", "start", "end", "text", "task"]].set_axis(
        ["video", "start_seconds", "end_seconds", "text", "task"], axis=1
    )
    table["split"] = "validation"
    return usable_captions(
        table, "YouCook2 validation csv", item=names.__getitem__, skipped=skipped
    )
