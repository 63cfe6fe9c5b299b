"""Which clips a dataset has: from a captions file, or cut at a fixed length."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path, PurePosixPath

import numpy as np
import pandas as pd

REQUIRED_COLUMNS = ("video", "start_seconds", "end_seconds", "text")
NO_SPLIT = "all"
"""The split of clips whose captions name none."""

SHORTEST_REST_SECONDS = 1.0


def read_captions(path: Path) -> pd.DataFrame:
    """Read captions.csv: one row per clip, further columns are kept as they are.

    Raises:
        ValueError: not a csv in UTF-8, or a column is missing.
        FileNotFoundError: no such file.
    """
    try:
        table = pd.read_csv(
            path,
            dtype={"video": str, "text": str},
            keep_default_na=False,  # "NA" and "None" are words
            na_values=[""],
            encoding="utf-8-sig",
        )
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}: is not UTF-8 ({error}); save it as UTF-8") from None
    except (pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        raise ValueError(f"{path}: is not a csv table ({error}); see {_columns()}") from None
    missing = [column for column in REQUIRED_COLUMNS if column not in table]
    if missing:
        raise ValueError(
            f"{path}: column {', '.join(repr(column) for column in missing)} is missing "
            f"(found {', '.join(map(repr, table.columns))}); add it, a captions file has the "
            f"columns {_columns()}"
        )
    table["text"] = table["text"].fillna("")
    table["split"] = table["split"].fillna(NO_SPLIT) if "split" in table else NO_SPLIT
    for column in ("start_seconds", "end_seconds"):
        table[column] = pd.to_numeric(table[column], errors="coerce")
    return table


def _columns() -> str:
    return ",".join(REQUIRED_COLUMNS) + " (split and any others are optional)"


def clips_of_captions(
    captions: pd.DataFrame, durations: dict[str, float]
) -> tuple[pd.DataFrame, list[tuple[str, str]]]:
    """Match captions to the media that were read.

    Args:
        captions: what `read_captions` gives; "video" is a path inside the media folder, with
            or without its ending.
        durations: seconds of each media_id.

    Returns:
        The clips, with media_id first and ordered by file and time, and (media_path, reason)
        of the captions that cannot be used.
    """
    by_name = {str(PurePosixPath(media_id).with_suffix("")): media_id for media_id in durations}
    by_name |= {media_id: media_id for media_id in durations}
    names = captions["video"].fillna("").str.replace("\\", "/").str.removeprefix("./")
    clips = captions.drop(columns="video")
    clips.insert(0, "media_id", names.map(by_name))
    length = clips["media_id"].map(durations)
    start, end = clips["start_seconds"], clips["end_seconds"]
    problems = np.select(
        [
            clips["media_id"].isna(),
            start.isna() | end.isna() | np.isinf(start) | np.isinf(end),
            (start < 0) | (end <= start),
            start >= length,
        ],
        ["named by a caption but not read", "time is not a number", "empty time", "behind the end"],
        default="",
    )
    clips["end_seconds"] = np.minimum(end, length)
    bad = [
        (name, f"captions line {row + 2}: {problem} ({begin} to {stop} s)")
        for row, (name, problem, begin, stop) in enumerate(
            zip(names, problems, start, end, strict=True)
        )
        if problem
    ]
    good = clips[problems == ""].sort_values(["media_id", "start_seconds"], kind="stable")
    return good.reset_index(drop=True), bad


def fixed_clips(durations: dict[str, float], clip_seconds: float) -> pd.DataFrame:
    """Clips of `clip_seconds` without text; a last rest of less than a second is left out."""
    rows = [
        (media_id, start, min(start + clip_seconds, duration), "", NO_SPLIT)
        for media_id, duration in durations.items()
        for start in _starts(duration, clip_seconds)
    ]
    columns = ["media_id", "start_seconds", "end_seconds", "text", "split"]
    return pd.DataFrame(rows, columns=columns)


def _starts(duration: float, clip_seconds: float) -> Iterable[float]:
    starts = np.arange(0.0, duration, clip_seconds)
    return starts[(starts == 0) | (duration - starts >= SHORTEST_REST_SECONDS)].tolist()


def clip_ids(clips: pd.DataFrame) -> list[str]:
    """Names like "video.mp4#1.50-4.25"; several captions of one clip get "#2", "#3" behind."""
    ids = [
        f"{media_id}#{start:.2f}-{end:.2f}"
        for media_id, start, end in zip(
            clips["media_id"], clips["start_seconds"], clips["end_seconds"], strict=True
        )
    ]
    repeated = pd.Series(ids, dtype=object).groupby(ids).cumcount()
    return [
        f"{clip}#{count + 1}" if count else clip for clip, count in zip(ids, repeated, strict=True)
    ]
