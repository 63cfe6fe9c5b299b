"""What the manifest, the table of media and the files beside them tell without any tokens."""

from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import chain

import numpy as np
import pandas as pd

from mmlab.check.near_duplicates import near_duplicates, words_of
from mmlab.check.report import Finding, counted, found
from mmlab.check.shards import stored_streams
from mmlab.dataset import ClipDataset

END_TOLERANCE_SECONDS = 1.0
"""Annotators and containers disagree by this much about where a file ends."""

SYNC_TOLERANCE_SECONDS = 0.1

LICENCE_COLUMNS = ("licence", "license")


def table_findings(dataset: ClipDataset) -> Iterator[Finding]:
    """Everything that can be found without opening a shard."""
    return chain(
        _identity(dataset.manifest, dataset.media),
        _times(dataset),
        _media(dataset),
        _captions(dataset.manifest),
        _leakage(dataset.manifest),
        _licence(dataset.manifest),
        _left_out(dataset),
    )


def captions_per_split(manifest: pd.DataFrame) -> pd.DataFrame:
    """Clips, media, hours, captions, words_per_caption of each split and in total."""
    table = pd.DataFrame(
        {
            "split": manifest.split.fillna("").astype(str),
            "media_id": manifest.media_id,
            "hours": (manifest.end_seconds - manifest.start_seconds) / 3600,
            "words": texts(manifest).str.split().str.len(),
        }
    )
    parts = {str(split): part for split, part in table.groupby("split")}
    if len(parts) != 1:
        parts["total"] = table
    rows = {
        name: {
            "clips": len(part),
            "media": part.media_id.nunique(),
            "hours": float(part.hours.sum()),
            "captions": int((part.words > 0).sum()),
            "words_per_caption": float(part.words[part.words > 0].mean()),
        }
        for name, part in parts.items()
    }
    return pd.DataFrame.from_dict(rows, orient="index").astype(
        {"clips": int, "media": int, "captions": int}
    )


def licences(dataset: ClipDataset) -> dict[str, int]:
    """How many clips are under which licence, most first; clips without one are not counted."""
    column = _licence_column(dataset.manifest)
    if column is None:
        return {}
    named = _stripped(dataset.manifest[column])
    return {str(name): int(count) for name, count in named[named != ""].value_counts().items()}


def texts(manifest: pd.DataFrame) -> pd.Series:
    """The captions as strings; "" where there is none."""
    return _stripped(manifest.text)


def _stripped(column: pd.Series) -> pd.Series:
    return column.fillna("").astype(str).str.strip()


def _identity(manifest: pd.DataFrame, media: pd.DataFrame) -> Iterator[Finding]:
    ids = manifest.clip_id
    yield from found(
        "error",
        "clip ids that several clips share",
        ids[ids.duplicated()].unique(),
        "A search would return the wrong clip. Name clips once in your captions, ingest again.",
    )
    yield from found(
        "error",
        "media ids that stand more than once in media.parquet",
        media.media_id[media.media_id.duplicated()].unique(),
        "Make the dataset again.",
    )
    yield from found(
        "error",
        "clips of media that media.parquet does not list",
        ids[~manifest.media_id.isin(media.media_id)],
        "They have no tokens and cannot be read. Make the dataset again.",
    )
    same = manifest.duplicated(["media_id", "start_seconds", "end_seconds", "text"])
    yield from found(
        "warning",
        "clips with the same text and time as another clip",
        ids[same],
        "They count double in training and tie in retrieval. Remove the doubled captions.",
    )
    yield from found(
        "note",
        "media without a clip",
        media.media_id[~media.media_id.isin(manifest.media_id)],
        "No caption lies in them (or this is a selection of clips).",
    )


def _times(dataset: ClipDataset) -> Iterator[Finding]:
    manifest = dataset.manifest
    start, end = manifest.start_seconds, manifest.end_seconds
    possible = np.isfinite(start) & np.isfinite(end) & (start >= 0) & (end > start)
    yield from found(
        "error",
        "clips with impossible times (not finite, negative, or no length)",
        _spans(manifest[~possible]),
        "Correct the times in your captions and ingest again.",
    )
    durations = dataset.media.drop_duplicates("media_id").set_index("media_id").duration_seconds
    known = manifest.media_id.map(durations).astype(float)
    behind = possible & (end > known + END_TOLERANCE_SECONDS)
    yield from found(
        "warning",
        f"clips that end more than {END_TOLERANCE_SECONDS:g} s after their media",
        _spans(manifest[behind]),
        "The captions may belong to another cut of the video, or be in other units than seconds.",
    )
    for stream in stored_streams(dataset.features):
        shorter = possible & (end - start < stream.window_seconds - 1e-6)
        yield from found(
            "note",
            f"clips shorter than one {stream.key} token ({stream.window_seconds:g} s)",
            _spans(manifest[shorter]),
            "Their token also shows what is around them. Longer clips tell more.",
        )


def _spans(manifest: pd.DataFrame) -> Iterator[str]:
    """Clips with their times, for examples."""
    columns = manifest[["clip_id", "start_seconds", "end_seconds"]].itertuples(index=False)
    return (f"{name} ({start:.2f} to {end:.2f} s)" for name, start, end in columns)


def _media(dataset: ClipDataset) -> Iterator[Finding]:
    media = dataset.media
    for modality, word in (("video", "picture"), ("audio", "sound")):
        if modality in dataset.features and f"has_{modality}" in media:
            yield from found(
                "note",
                f"media without {word}",
                media.media_id[~media[f"has_{modality}"].astype(bool)],
                f"Their clips have no {modality} tokens, which the model allows for.",
            )
    at_hand = _stripped(media.media_path) != ""
    yield from counted(
        "note",
        "media that were never at hand (converted features)",
        (~at_hand).sum(),
        "Nothing can be played or shown of them; training and search work.",
    )
    paths = media.media_path[at_hand]
    yield from found(
        "warning",
        f"media files that are not in {dataset.media_root}",
        (path for path in paths if not os.path.isfile(dataset.media_root / path)),
        "Nothing can be played of them. If you moved them, open the dataset with media_root=….",
    )
    yield from _synchrony(media)
    notes = media.get("notes", pd.Series("", index=media.index))
    yield from found(
        "warning",
        "media of which a part could not be used",
        (f"{name}: {note}" for name, note in zip(media.media_id, notes, strict=True) if note),
        "The rest is there. Repair them with another program if the part matters.",
    )


def _synchrony(media: pd.DataFrame) -> Iterator[Finding]:
    columns = {"has_video", "has_audio", "picture_start_seconds", "sound_start_seconds"}
    if not columns <= set(media):
        yield from counted(
            "note",
            "media whose starts of picture and sound were not measured",
            len(media),
            "Ingest them again with this version to know whether picture and sound are in step.",
        )
        return
    both = media[media.has_video.astype(bool) & media.has_audio.astype(bool)]
    late = both.sound_start_seconds - both.picture_start_seconds
    for word, apart in (
        ("after", late > SYNC_TOLERANCE_SECONDS),
        ("before", late < -SYNC_TOLERANCE_SECONDS),
    ):
        yield from found(
            "warning",
            f"media whose sound starts more than {SYNC_TOLERANCE_SECONDS:g} s {word} the picture",
            (
                f"{name} ({abs(seconds):.2f} s {word})"
                for name, seconds in zip(both.media_id[apart], late[apart], strict=True)
            ),
            "Tokens keep the file's times, so they are in step if the file is; watch one of them.",
        )


def _captions(manifest: pd.DataFrame) -> Iterator[Finding]:
    yield from found(
        "note",
        "clips without text",
        manifest.clip_id[texts(manifest) == ""],
        "They cannot be found by their words, and training learns only picture and sound of them.",
    )


def _leakage(manifest: pd.DataFrame) -> Iterator[Finding]:
    """What held-out splits share with the training split."""
    training = manifest.split.fillna("").astype(str).str.lower().str.startswith("train")
    if training.all() or not training.any():
        return
    seen, held_out = manifest[training], manifest[~training]
    yield from found(
        "warning",
        "media with clips both in training and in held-out splits",
        pd.Index(held_out.media_id.unique()).intersection(seen.media_id),
        "Numbers on the held-out clips will be too good. Split by media, not by clip.",
    )
    yield from _leaking_captions(seen, held_out)


def _leaking_captions(seen: pd.DataFrame, held_out: pd.DataFrame) -> Iterator[Finding]:
    asked, known = (texts(part).map(words_of).str.join(" ") for part in (held_out, seen))
    again = (asked != "") & asked.isin(known)
    yield from found(
        "warning",
        "held-out clips whose caption is also one of training, word for word",
        (f"{clip.clip_id}: {clip.text}" for clip in held_out[again].itertuples()),
        "Short captions often coincide; whole sentences rarely do. Look at the examples.",
    )
    rest = held_out[~again & (asked != "")]
    pairs = near_duplicates(texts(rest).tolist(), texts(seen).tolist())
    yield from found(
        "warning",
        "held-out clips whose caption nearly is one of training",
        (
            f"{rest.clip_id.iloc[one]}: {rest.text.iloc[one]} ~ {seen.text.iloc[other]}"
            for one, other in pairs
        ),
        "At least four in five words are the same. If these are paraphrases of one event, "
        "numbers on the held-out clips will be too good.",
    )


def _licence_column(manifest: pd.DataFrame) -> str | None:
    return next((name for name in manifest if str(name).lower() in LICENCE_COLUMNS), None)


def _licence(manifest: pd.DataFrame) -> Iterator[Finding]:
    column = _licence_column(manifest)
    if column is None:
        yield from counted(
            "note",
            "clips without a licence, because there is no such column",
            len(manifest),
            "Add a column `licence` to your captions, so that you know what you may pass on.",
        )
        return
    yield from found(
        "warning",
        "clips without a licence",
        manifest.clip_id[_stripped(manifest[column]) == ""],
        f"Fill in the column `{column}` of your captions and ingest again.",
    )


def _left_out(dataset: ClipDataset) -> Iterator[Finding]:
    path = dataset.folder / "skipped.csv"
    try:
        skipped = pd.read_csv(path, dtype=str, keep_default_na=False)
        items = (skipped.media_path + ": " + skipped.reason).tolist()
    except FileNotFoundError:
        return
    except (ValueError, AttributeError, OSError) as error:
        yield from found("warning", "damaged skipped.csv", [error], "Ingest again.")
        return
    yield from found(
        "note",
        "media or captions that were left out when the dataset was made",
        items,
        "See skipped.csv for all of them with the reasons.",
    )
