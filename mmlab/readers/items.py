"""Feature pickles of MSR-VTT and YouCook2: a list with one dictionary per clip.

| key | content |
|---|---|
| `id` | of the clip |
| `2d`, `3d`, `s3d`, `clip` | (N, D) features, or one pooled vector |
| `2d_full`, `3d_full` | (N, D) features where the plain key holds the pooled vector |
| `audio` | (40, F) log-mel |
| `caption`, `eval_caption` | a text, or a list of texts; the text to test with |
| `task`, `video_id`, `start`, `end` | of the source, in some files (CrossTask's clips) |
| `text_sim` | how well text and clip fit, in some files |
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from mmlab.features.audio import MEL_BANDS
from mmlab.readers.budget import Budget
from mmlab.readers.plain import plain_text
from mmlab.readers.safe import read_pickle

STREAMS = ("2d", "3d", "s3d", "clip")
SOURCE_COLUMNS = ("task", "video_id", "start", "end", "text_sim")


@dataclass(frozen=True)
class PublishedItem:
    """One clip of a feature pickle.

    Attributes:
        item_id: of the clip.
        streams: (N, D) features of each of `STREAMS` that the pickle has.
        audio: (F, 40) log-mel; F = 0 without sound.
        captions: all its texts.
        test_caption: the one to test with; "" if the file names none.
        columns: what else is told of its source, as text.
    """

    item_id: str
    streams: dict[str, np.ndarray]
    audio: np.ndarray
    captions: tuple[str, ...]
    test_caption: str
    columns: dict[str, str]


def read_items(
    path: Path, aligned: Sequence[Path] = ()
) -> tuple[list[PublishedItem], list[tuple[str, str]]]:
    """The clips of a feature pickle.

    Args:
        path: the pickle with the ids.
        aligned: pickles whose item i is about the same clip, with other features (`s3d`,
            `clip`); these then take the place of the first pickle's, whose incomplete items are
            still left out, as in published code.

    Returns:
        The clips, and which could not be used and why.

    Raises:
        OSError: a file cannot be opened.
        ValueError: a file is no such pickle, or the aligned ones are not.
    """
    entries = _entries(path)
    others = [_entries(other) for other in aligned]
    for other, other_entries in zip(aligned, others, strict=True):
        if len(other_entries) != len(entries):
            raise ValueError(
                f"{other}: has {len(other_entries)} items, {path} has {len(entries)}; give the "
                f"pickle that was made for it"
            )
    budget, repeated = Budget([path, *aligned]), _repeated_ids(entries)
    items: dict[str, PublishedItem] = {}
    skipped = []
    for number, entry in enumerate(entries):
        try:
            item = _item(entry, [other[number] for other in others])
            if item.item_id in repeated:
                item = replace(item, item_id=_own_id(item))
            if item.item_id in items:
                raise ValueError("its id is there already")
        except ValueError as error:
            skipped.append((_name(path, number, entry), str(error)))
            continue
        budget.take(_size(item))
        items[item.item_id] = item
    return list(items.values()), skipped


def _repeated_ids(entries: Sequence[Any]) -> set[str]:
    ids = (entry.get("id") for entry in entries if isinstance(entry, dict))
    counts = Counter(item_id for item_id in ids if isinstance(item_id, str))
    return {item_id for item_id, count in counts.items() if count > 1}


def _own_id(item: PublishedItem) -> str:
    """Of an item whose id others have too: what it is cut from and where, if that is told."""
    video_id, start, end = (item.columns.get(name, "") for name in ("video_id", "start", "end"))
    own = f"{video_id}_{start}-{end}"
    return own if video_id and start and end and PurePosixPath(own).name == own else item.item_id


def _size(item: PublishedItem) -> int:
    """Of what an item holds, in bytes and characters."""
    arrays = [*item.streams.values(), item.audio]
    texts = [*item.captions, item.test_caption]
    return sum(array.nbytes for array in arrays) + sum(len(text) + 1 for text in texts)


def _entries(path: Path) -> list[Any]:
    entries = read_pickle(path)
    if isinstance(entries, (list, tuple)) and any(isinstance(entry, dict) for entry in entries):
        return list(entries)
    raise ValueError(
        f"{path}: is no list of clips with features; give a pickle of MSR-VTT or YouCook2"
    )


def _name(path: Path, number: int, entry: Any) -> str:
    item_id = entry.get("id") if isinstance(entry, dict) else None
    return f"{path.name} item {number}" + (f" ({item_id:.100})" if isinstance(item_id, str) else "")


def _item(entry: Any, others: Sequence[Any]) -> PublishedItem:
    if not all(isinstance(part, dict) for part in (entry, *others)):
        raise ValueError("is no dictionary")
    item_id = entry.get("id")
    if not isinstance(item_id, str) or PurePosixPath(item_id).name != item_id:
        raise ValueError("has no id that could be a file's name")
    if any(other.get("id", item_id) != item_id for other in others):
        raise ValueError("the aligned pickle has another clip here")
    streams = _streams(entry)
    for number, other in enumerate(others):
        found = _streams(other)
        streams = found if number == 0 else streams | found
    if not streams:
        raise ValueError(f"has none of the features {', '.join(STREAMS)}")
    captions = entry.get("caption", ())
    captions = (captions,) if isinstance(captions, str) else tuple(_listed(captions))
    test_caption = entry.get("eval_caption", "")
    return PublishedItem(
        item_id=item_id,
        streams=streams,
        audio=mel_frames(entry.get("audio")),
        captions=tuple(caption for caption in captions if isinstance(caption, str)),
        test_caption=test_caption if isinstance(test_caption, str) else "",
        columns={
            name: (plain_text(entry[name]) or "")[:200] for name in SOURCE_COLUMNS if name in entry
        },
    )


def _listed(value: Any) -> list[Any]:
    is_array = isinstance(value, np.ndarray) and value.ndim == 1
    return list(value) if is_array or isinstance(value, (list, tuple)) else []


def _streams(entry: dict[Any, Any]) -> dict[str, np.ndarray]:
    streams = {}
    for name in STREAMS:
        if name not in entry and f"{name}_full" not in entry:
            continue
        values = entry.get(f"{name}_full", entry.get(name))
        if isinstance(values, np.ndarray) and values.ndim == 1:
            raise ValueError(f"has only the pooled {name!r}, lacks '{name}_full'")
        streams[name] = feature_rows(values, repr(name))
    return streams


def feature_rows(values: Any, name: str) -> np.ndarray:
    """(N, D) finite floats.

    Raises:
        ValueError: anything else.
    """
    if not isinstance(values, np.ndarray) or values.ndim != 2 or not values.shape[1]:
        found = getattr(values, "shape", type(values).__name__)
        raise ValueError(f"{name} is no array of (N, D) features, found {found}")
    if values.dtype.kind not in "fiu":
        raise ValueError(f"{name} holds {values.dtype}, no numbers")
    if not np.isfinite(values).all():
        raise ValueError(f"{name} has values that are not finite")
    return values


def mel_frames(values: Any, name: str = "'audio'") -> np.ndarray:
    """(F, 40) from the published (40, F); F = 0 where there is none.

    Raises:
        ValueError: not 40 finite rows.
    """
    if values is None or (isinstance(values, np.ndarray) and not values.size):
        return np.zeros((0, MEL_BANDS), np.float16)
    spectrogram = feature_rows(values, name)
    if len(spectrogram) != MEL_BANDS:
        raise ValueError(f"{name} has {len(spectrogram)} bands, expected {MEL_BANDS}")
    return spectrogram.T
