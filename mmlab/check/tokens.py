"""What is wrong with the tokens, from what `measure` saw in the shards."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import numpy as np
import pandas as pd
from safetensors import SafetensorError, safe_open

from mmlab.check.measured import NO, UNKNOWN, YES, Measured
from mmlab.check.report import Finding, counted, found
from mmlab.dataset import ClipDataset


def token_findings(dataset: ClipDataset, measured: Measured) -> Iterator[Finding]:
    """Everything that the shards tell."""
    return chain(
        _shards(dataset, measured),
        _tensors(measured),
        _same_media(dataset, measured),
        _clips(dataset.manifest, measured),
        _levels(dataset.manifest, measured),
    )


def features_table(dataset: ClipDataset, measured: Measured) -> pd.DataFrame:
    """Per modality: name, width, tokens_per_second, and how many media and clips have it."""
    rows = {
        modality: {
            "name": info.name,
            "width": info.width,
            "tokens_per_second": info.tokens_per_second,
            "media": measured.media_with.get(modality, ""),
            "clips": int((measured.clips_with[modality] == YES).sum())
            if modality in measured.clips_with
            else "",
        }
        for modality, info in dataset.features.items()
    }
    return pd.DataFrame.from_dict(rows, orient="index")


def _shards(dataset: ClipDataset, measured: Measured) -> Iterator[Finding]:
    yield from found(
        "error",
        "shards that are missing or damaged",
        (f"{shard}: {reason}" for shard, reason in measured.damaged.items()),
        "Run the same `mmlab ingest` (or `mmlab convert`) again: it makes them anew.",
    )
    known = set(dataset.media.shard.astype(str))
    present = sorted((dataset.folder / "features").glob("*.safetensors"))
    yield from found(
        "note",
        "shards that no medium belongs to",
        (path.name for path in present if path.name not in known and _has_tokens(path)),
        "Left over from an earlier state. They take up space and do no harm.",
    )


def _has_tokens(shard: Path) -> bool:
    """A shard of nothing but skipped media is needed: it says that they were tried."""
    try:
        with safe_open(shard, framework="np") as file:
            return bool(file.keys())
    except (SafetensorError, OSError):
        return True


def _tensors(measured: Measured) -> Iterator[Finding]:
    again = "Delete its shard (see media.parquet) and run the same `mmlab ingest` again."
    yield from found(
        "error", "tensors with values that are not finite", measured.not_finite,
        f"One of them makes the whole loss NaN. {again}",
    )  # fmt: skip
    yield from found(
        "error", "tensors of another shape than dataset.json says", measured.misshapen, again
    )
    yield from found(
        "error", "times that media.parquet promises tokens which the shard lacks",
        measured.absent, again,
    )  # fmt: skip


def _same_media(dataset: ClipDataset, measured: Measured) -> Iterator[Finding]:
    groups = [group for group in measured.same.values() if len(group) > 1]
    splits = dataset.manifest.groupby("media_id").split.agg(
        lambda column: "/".join(sorted(set(column.fillna("").astype(str))))
    )
    yield from found(
        "warning",
        "groups of media with exactly the same features",
        (
            " = ".join(f"{media_id} ({splits.get(media_id, 'no clip')})" for media_id in group[:4])
            + (f" and {len(group) - 4} more" if len(group) > 4 else "")
            for group in groups
        ),
        "The same file under several names. Keep one, above all where they are in several splits.",
    )


def _clips(manifest: pd.DataFrame, measured: Measured) -> Iterator[Finding]:
    if not measured.clips_with:
        return
    of_empty = manifest.media_id.isin(measured.empty).to_numpy()
    yield from found(
        "error",
        "clips without any token",
        manifest.clip_id[of_empty],
        "Their media have neither picture nor sound, so they can never be found. Remove them.",
    )
    none = (np.stack(list(measured.clips_with.values())) == NO).all(axis=0)
    yield from found(
        "warning",
        "clips without any token in their own time",
        manifest.clip_id[none & ~of_empty],
        "They lie outside of their media and get the nearest token. Correct their times.",
    )
    for modality, has in measured.clips_with.items():
        yield from found(
            "note",
            f"clips without {modality} tokens",
            manifest.clip_id[(has == NO) & ~none],
            "Combinations with this modality are learnt and judged without them.",
        )


def _levels(manifest: pd.DataFrame, measured: Measured) -> Iterator[Finding]:
    for word, modality, level, state in (
        ("black", "video", "brightness", measured.black),
        ("silent", "audio", "loudness", measured.silent),
    ):
        has = measured.clips_with.get(modality)
        if has is None:
            continue
        yield from found(
            "warning",
            f"{word} clips",
            manifest.clip_id[(state == YES) & (has == YES)],
            f"Their {modality} tokens say nothing. Look at a few; leave them out of training.",
        )
        yield from counted(
            "note",
            f"clips of which it was not measured whether they are {word}",
            ((state == UNKNOWN) & (has == YES)).sum(),
            f"Their media were stored without {level}; ingest the files again to know.",
        )
