"""AudioCaps and Clotho: captions of sounds."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from mmlab.readers.captions import NO_SPLIT, Captions, usable_captions
from mmlab.readers.columns import read_columns
from mmlab.readers.times import seconds_of

AUDIOCAPS_COLUMNS = ("audiocap_id", "youtube_id", "start_time", "caption")
AUDIOCAPS_SECONDS = 10.0
CLOTHO_COLUMNS = ("file_name", *(f"caption_{number}" for number in range(1, 6)))

SPLITS = ("development", "evaluation", "validation", "train", "test", "val")
"""The published files carry the split in their name: val.csv, clotho_captions_evaluation.csv."""


def read_audiocaps(path: Path, *, files_are_clips: bool = False) -> Captions:
    """AudioCaps' csv: a caption for ten seconds of a YouTube video.

    The column audiocap_id is kept.

    Args:
        path: train.csv, val.csv or test.csv.
        files_are_clips: the media are the ten seconds alone, as they are often passed on, so that
            a caption is about the whole file.

    Raises:
        OSError: the file cannot be opened.
        ValueError: it lacks one of the columns.
    """
    table, names, skipped = read_columns(path, AUDIOCAPS_COLUMNS)
    start = table["start_time"].map(seconds_of).astype(float)
    captions = pd.DataFrame({"video": table["youtube_id"]})
    if not files_are_clips:
        captions["start_seconds"] = start
        captions["end_seconds"] = start + AUDIOCAPS_SECONDS
    captions["text"] = table["caption"]
    captions["split"] = _split(path)
    captions["audiocap_id"] = table["audiocap_id"]
    return usable_captions(captions, "AudioCaps csv", item=names.__getitem__, skipped=skipped)


def read_clotho(path: Path) -> Captions:
    """Clotho's csv: five captions for each sound file; further column caption (1 to 5).

    Raises:
        OSError: the file cannot be opened.
        ValueError: it lacks one of the columns.
    """
    table, names, skipped = read_columns(path, CLOTHO_COLUMNS)
    rows, items = [], []
    for name, values in zip(names, table[list(CLOTHO_COLUMNS)].to_numpy(), strict=True):
        for number, text in enumerate(values[1:], start=1):
            if text:
                rows.append((values[0], text, _split(path), number))
                items.append(name)
            else:
                skipped.append((name, f"caption_{number} is empty"))
    captions = pd.DataFrame(rows, columns=["video", "text", "split", "caption"])
    return usable_captions(captions, "Clotho csv", item=items.__getitem__, skipped=skipped)


def _split(path: Path) -> str:
    words = path.stem.lower().replace("-", "_").split("_")
    return next((split for split in SPLITS if split in words), NO_SPLIT)
