"""Which format a captions file has, found out from what it holds and not from its name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from mmlab.readers import howto100m, msrvtt, youcook2
from mmlab.readers.audio_captions import (
    AUDIOCAPS_COLUMNS,
    CLOTHO_COLUMNS,
    read_audiocaps,
    read_clotho,
)
from mmlab.readers.captions import Captions
from mmlab.readers.crosstask import TASK_FILES, read_crosstask
from mmlab.readers.mining_youtube import DICTIONARY, MAPPING, read_mining_youtube
from mmlab.readers.safe import read_json, read_lines
from mmlab.readers.subtitles import ENDINGS, TIMING, is_web, read_subtitles, read_subtitles_folder
from mmlab.readers.tables import csv_header, read_table

FORMATS = (
    "a csv or parquet of your own (video, start_seconds, end_seconds, text)",
    "subtitles (WebVTT, SRT; one file or a folder)",
    "MSR-VTT (videodatainfo json, 1k-A csv)",
    "YouCook2 (trainval json, validation csv)",
    "HowTo100M (caption pickle, raw_caption json, a folder with a csv for each video)",
    "AudioCaps csv",
    "Clotho csv",
    "CrossTask (folder with tasks_primary.txt)",
    "MiningYouTube (folder with weakYouTube_dict.txt)",
)
"""What `read_captions` reads."""

CSV_READERS: dict[tuple[str, ...], Callable[[Path], Captions]] = {
    ("key", "vid_key", "video_id", "sentence"): msrvtt.read_test_csv,
    ("end", "start", "task", "text", "video_id"): youcook2.read_validation_csv,
    AUDIOCAPS_COLUMNS: read_audiocaps,
    CLOTHO_COLUMNS: read_clotho,
}
"""Readers by the columns of the published file, in their order."""

SEEN_CHARACTERS = 100_000  # of a text, in which a subtitle has its first time
PICKLE_START = b"\x80"  # from protocol 2 on
PARQUET_START = b"PAR1"


def captions_of(path: Path) -> Captions:
    """What `mmlab.readers.captions.read_captions` gives.

    Raises:
        OSError: the file cannot be opened.
        ValueError: it has none of the `FORMATS`, or is damaged as a whole.
    """
    if path.is_dir():
        return _folder_reader(path)(path)
    with path.open("rb") as file:
        start = file.read(4)
    if not start:
        raise ValueError(f"{path}: is empty; get the file again")
    if start.startswith(PICKLE_START) or path.suffix in howto100m.PICKLE_ENDINGS:
        return howto100m.read_captions(path)
    if start == PARQUET_START:
        return read_table(path)
    return _text_reader(path)(path)


def _folder_reader(folder: Path) -> Callable[[Path], Captions]:
    names = {path.name for path in folder.rglob("*")}
    if TASK_FILES[0] in names:
        return lambda path: read_crosstask(path).captions()
    if names & {DICTIONARY, MAPPING}:
        return lambda path: read_mining_youtube(path).captions()
    endings = {Path(name).suffix.lower() for name in names}
    if endings & set(ENDINGS):
        return read_subtitles_folder
    if ".csv" in endings:
        return howto100m.read_captions
    raise _unknown(folder, "holds no captions")


def _text_reader(path: Path) -> Callable[[Path], Captions]:
    text, _ = read_lines(path)
    if text.lstrip()[:1] in ("{", "["):
        return _json_reader(path)
    if is_web(text) or any(map(TIMING.match, text[:SEEN_CHARACTERS].splitlines())):
        return read_subtitles
    names, delimiter = csv_header(path)
    if delimiter == "," and tuple(names) in CSV_READERS:
        return CSV_READERS[tuple(names)]
    if names == ["video_id"]:
        raise ValueError(
            f"{path}: is a list of videos without captions; give the videodatainfo json for these; "
            f"`mmlab convert FEATURES --paths LIST` trains on the videos of such a list"
        )
    if len(names) < 2:
        raise _unknown(path, "has a first line that is no header of a table")
    return read_table


def _json_reader(path: Path) -> Callable[[Path], Captions]:
    value = read_json(path)
    if isinstance(value, dict) and "database" in value:
        return youcook2.read_trainval
    if isinstance(value, dict) and "sentences" in value:
        return msrvtt.read_videodatainfo
    if isinstance(value, dict) and any(
        isinstance(video, dict) and set(howto100m.CAPTION_KEYS) <= video.keys()
        for video in value.values()
    ):
        return howto100m.read_captions
    raise _unknown(path, "is a json of another layout")


def _unknown(path: Path, what: str) -> ValueError:
    return ValueError(f"{path}: {what}; captions can be {'; '.join(FORMATS)}")
