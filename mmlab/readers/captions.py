"""Captions of any published format, or of one's own, in one form."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from mmlab.readers.plain import NESTED, plain_text
from mmlab.readers.times import seconds_column

COLUMNS = ("video", "start_seconds", "end_seconds", "text", "split")
NO_SPLIT = "all"
"""The split of captions that name none."""


@dataclass(frozen=True)
class Captions:
    """What people said or wrote about videos, and when.

    Attributes:
        table: the columns video, start_seconds, end_seconds, text, split, then any further ones.
            "video" is a path inside the media folder, with or without its ending, or just a
            published id. A whole file is 0.0 to infinity; the split is "all" where none is said.
        skipped: (which item, reason) of the rows that cannot be used.
        format: such as "MSR-VTT 1k-A csv".
    """

    table: pd.DataFrame
    skipped: list[tuple[str, str]]
    format: str


def read_captions(path: Path) -> Captions:
    """Read captions of any format that mmlab knows, found out from what the file holds.

    Args:
        path: a file, or the folder of CrossTask, MiningYouTube, HowTo100M's captions (a csv for
            each video) or subtitles. `mmlab.readers.detection.FORMATS` lists them all.

    Raises:
        OSError: the file cannot be opened.
        ValueError: it is none of these, or is damaged as a whole.
    """
    from mmlab.readers.detection import captions_of  # it uses the readers, and they this module

    return captions_of(Path(path))


def find_subtitles(folder: Path, media_ids: Sequence[str]) -> Captions:
    """The subtitles beside media; of several languages one is read and the others are listed.

    Args:
        folder: the media folder.
        media_ids: paths of media in it; "talk.mp4" has the subtitles talk.srt, talk.vtt,
            talk.en.vtt, talk.en-US.vtt, talk.mp4.srt and so on.
    """
    from mmlab.readers.subtitles import subtitles_beside  # it uses this module

    return subtitles_beside(Path(folder), media_ids)


def usable_captions(
    table: pd.DataFrame,
    format_name: str,
    *,
    item: Callable[[int], str] = "row {}".format,
    skipped: Iterable[tuple[str, str]] = (),
) -> Captions:
    """The captions of the rows that can be used; the others are listed with their reasons.

    Args:
        table: "video" and whatever else of `Captions.table` is known, times as numbers or as
            `times.seconds_of` reads them; missing columns are filled in, further ones kept.
        format_name: such as "MSR-VTT 1k-A csv".
        item: what to call a row, counted from 0, in the list, such as "a.csv line 3".
        skipped: what could not be read before.
    """
    table = table.reset_index(drop=True)
    length = len(table)
    columns = {
        "video": _words(table["video"], ""),
        "start_seconds": _times(table, "start_seconds", np.zeros(length)),
        "end_seconds": _times(table, "end_seconds", np.full(length, np.inf)),
        "text": _words(table["text"], "") if "text" in table else _same("", length),
        "split": _words(table["split"], NO_SPLIT) if "split" in table else _same(NO_SPLIT, length),
    }
    nested = table["text"].map(lambda text: isinstance(text, NESTED)) if "text" in table else False
    further = {name: table[name] for name in table.columns if name not in columns}
    table = pd.DataFrame(columns | further)
    problems = np.where(nested, "its text is a list and no text", caption_problems(table))
    listed = [(item(int(row)), str(problems[row])) for row in np.flatnonzero(problems != "")]
    good = table[problems == ""].reset_index(drop=True)
    return Captions(good, [*skipped, *listed], format_name)


def caption_problems(table: pd.DataFrame) -> np.ndarray:
    """For each row of captions why it cannot be used, "" where it can."""
    start, end = table["start_seconds"], table["end_seconds"]
    return np.select(
        [
            (table["video"].fillna("").str.strip() == "").to_numpy(bool),
            (start.isna() | end.isna() | np.isinf(start)).to_numpy(bool),
            (start < 0).to_numpy(bool),
            (end <= start).to_numpy(bool),
        ],
        [
            "names no video",
            "its time is no number of seconds and no h:mm:ss",
            "starts before 0 s",
            "ends at or before its start",
        ],
        default="",
    ).astype(object)


def joined_captions(parts: Sequence[Captions], format_name: str) -> Captions:
    """The captions of several files, one after the other."""
    tables = [part.table for part in parts] or [pd.DataFrame(columns=list(COLUMNS))]
    skipped = [item for part in parts for item in part.skipped]
    return usable_captions(pd.concat(tables), format_name, skipped=skipped)


def _words(column: pd.Series, missing: str) -> pd.Series:
    text = column.astype(object).where(column.notna(), missing).map(plain_text)
    return text.where(text.notna() & (text != ""), missing).astype("str")


def _times(table: pd.DataFrame, name: str, missing: np.ndarray) -> pd.Series:
    if name not in table:
        return pd.Series(missing)
    endless = table[name].isin([np.inf])  # ours for "to the end"; readers refuse it before
    return seconds_column(table[name]).where(~endless, np.inf)


def _same(value: str, length: int) -> pd.Series:
    return pd.Series([value] * length, dtype="str")
