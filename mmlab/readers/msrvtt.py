"""MSR-VTT's annotation files: videodatainfo json, the 1k-A test csv, the 7k and 9k training lists.

The published clips are files of their own (video0.mp4), so a caption is about a whole file; the
times in the json are those of the source on the web and are not used.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from mmlab.readers.captions import NO_SPLIT, Captions, usable_captions
from mmlab.readers.columns import read_columns
from mmlab.readers.safe import read_json


def read_videodatainfo(path: Path) -> Captions:
    """The captions of train_val_videodatainfo.json, test_videodatainfo.json or MSRVTT_data.json.

    Columns beside the usual ones: category, url.

    Raises:
        OSError: the file cannot be opened.
        ValueError: it is no such json.
    """
    data = read_json(path)
    if not isinstance(data, dict) or not all(
        isinstance(data.get(name), list) for name in ("videos", "sentences")
    ):
        raise ValueError(f"{path}: has no lists 'videos' and 'sentences'; get the file again")
    videos = {str(video.get("video_id")): video for video in data["videos"] if _is_dict(video)}
    rows, names, skipped = [], [], []
    for number, sentence in enumerate(data["sentences"]):
        name = f"{path.name} sentence {number}"
        if _is_dict(sentence) and isinstance(sentence.get("caption"), str):
            names.append(name)
            rows.append(_row(sentence, videos.get(str(sentence.get("video_id")), {})))
        else:
            skipped.append((name, "has no caption"))
    columns = ["video", "text", "split", "category", "url"]
    table = pd.DataFrame(rows, columns=columns, dtype=object)
    return usable_captions(
        table, "MSR-VTT videodatainfo json", item=names.__getitem__, skipped=skipped
    )


def _is_dict(value: Any) -> bool:
    return isinstance(value, dict)


def _row(sentence: dict[str, Any], video: dict[str, Any]) -> tuple[str, ...]:
    category, url = video.get("category", ""), video.get("url", "")
    split = video.get("split") or NO_SPLIT
    video_id = sentence.get("video_id") or ""
    return tuple(map(str, (video_id, sentence["caption"], split, category, url)))


def read_test_csv(path: Path) -> Captions:
    """The 1,000 captions of the 1k-A test set: `key,vid_key,video_id,sentence`; split "test".

    Raises:
        OSError: the file cannot be opened.
        ValueError: it is no such csv.
    """
    table, names, skipped = read_columns(path, ("video_id", "sentence"))
    table = table[["video_id", "sentence"]].set_axis(["video", "text"], axis=1)
    table["split"] = "test"
    return usable_captions(table, "MSR-VTT 1k-A csv", item=names.__getitem__, skipped=skipped)


def read_video_ids(path: Path) -> list[str]:
    """The ids in a list such as MSRVTT_train.7k.csv or MSRVTT_train.9k.csv, each once, in order.

    Raises:
        OSError: the file cannot be opened.
        ValueError: it has no column video_id.
    """
    table, _, _ = read_columns(path, ("video_id",))
    return list(dict.fromkeys(name for name in table["video_id"] if name))
