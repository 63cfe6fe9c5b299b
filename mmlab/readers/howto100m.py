"""HowTo100M's captions as published: pickle, json, or a csv for each video."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from mmlab.readers.budget import Budget
from mmlab.readers.captions import Captions, usable_captions
from mmlab.readers.columns import read_columns
from mmlab.readers.safe import read_json, read_pickle

PICKLE_ENDINGS = (".pickle", ".pkl")
CAPTION_KEYS = ("start", "end", "text")


def read_captions(path: Path) -> Captions:
    """The speech of videos: caption.pickle, raw_caption.json, or a folder with a csv per video.

    The split is "all". A video whose lists do not fit is listed as skipped, as is a caption
    whose times cannot be used.

    Raises:
        OSError: the file cannot be opened.
        ValueError: it is none of these.
    """
    if path.is_dir():
        return _read_folder(path)
    values = read_pickle(path) if path.suffix in PICKLE_ENDINGS else read_json(path)
    if not isinstance(values, dict) or not any(map(_is_captions, values.values())):
        raise ValueError(f"{path}: is no table of captions by video; see `mmlab convert --help`")
    kind = "pickle" if path.suffix in PICKLE_ENDINGS else "json"
    budget = Budget([path])
    videos, skipped = [], []
    for video_id, captions in values.items():
        if _is_captions(captions):
            budget.take(sum(map(_size, captions["text"])))
            videos.append((str(video_id), captions))
        else:
            skipped.append((str(video_id), "has no lists start, end and text of one length"))
    return _joined(videos, skipped, f"HowTo100M captions ({kind})")


def _size(text: Any) -> int:
    """Of a caption in a table, in characters."""
    return len(text) + 1 if isinstance(text, str) else 1


def _is_captions(value: Any) -> bool:
    if not isinstance(value, dict):
        return False
    lengths = {_length(value.get(name)) for name in CAPTION_KEYS}
    return len(lengths) == 1 and None not in lengths


def _length(column: Any) -> int | None:
    is_column = isinstance(column, list) or (isinstance(column, np.ndarray) and column.ndim == 1)
    return len(column) if is_column else None


def _read_folder(folder: Path) -> Captions:
    videos, skipped = [], []
    for path in sorted(folder.glob("*.csv")):
        try:
            table, _, lines = read_columns(path, CAPTION_KEYS)
        except (OSError, ValueError) as error:
            skipped.append((path.name, str(error)))
            continue
        videos.append((path.stem, {name: table[name].tolist() for name in CAPTION_KEYS}))
        skipped += lines
    if not videos:
        raise ValueError(f"{folder}: has no csv with the columns start, end, text")
    return _joined(videos, skipped, "HowTo100M captions (csv per video)")


def _joined(
    videos: list[tuple[str, dict[str, Any]]], skipped: list[tuple[str, str]], format_name: str
) -> Captions:
    """One table, each video's captions by their starts, which published files mostly are."""
    counts = [len(captions["text"]) for _, captions in videos]
    names = np.repeat(np.array([video_id for video_id, _ in videos], dtype=object), counts)
    numbers = [number for count in counts for number in range(count)]
    table = pd.DataFrame(
        {
            "video": names,
            "start_seconds": _column(videos, "start"),
            "end_seconds": _column(videos, "end"),
            "text": _column(videos, "text"),
        }
    )
    captions = usable_captions(
        table,
        format_name,
        item=lambda row: f"{names[row]} caption {numbers[row]}",
        skipped=skipped,
    )
    order = {video_id: place for place, (video_id, _) in enumerate(videos)}
    places = captions.table["video"].map(order)
    ordered = captions.table.assign(place=places).sort_values(
        ["place", "start_seconds"], kind="stable", ignore_index=True
    )
    return Captions(ordered.drop(columns="place"), captions.skipped, format_name)


def _column(videos: list[tuple[str, dict[str, Any]]], name: str) -> list[Any]:
    return [value for _, captions in videos for value in captions[name]]
