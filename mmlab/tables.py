"""The tables of a dataset, and how they change all in one step.

New tables are written beside their places. dataset.json names them by what is in them, so putting
it in place makes them valid, all at once; then they are moved. Whoever opens the dataset in
between, or after the process was killed in between, finds the tables that dataset.json names.
"""

from __future__ import annotations

import io
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from mmlab.about import PENDING, About, digest, read_about, table_path
from mmlab.files import UNFINISHED, write_atomically
from mmlab.shards import MediaRecord

Skipped = Sequence[tuple[str, str]]
"""(media path or caption, reason) of what could not be used."""

Records = Mapping[str, Sequence[MediaRecord]]
"""What each shard (by file name) holds."""

MEDIA_COLUMNS = (
    *("media_id", "media_path", "duration_seconds", "has_video", "has_audio", "width", "height"),
    *("frames_per_second", "picture_start_seconds", "sound_start_seconds", "notes"),
    "shard",
)


COLUMNS = {
    "manifest.parquet": (
        *("clip_id", "media_id", "media_path", "start_seconds", "end_seconds", "text", "split"),
    ),
    "media.parquet": ("media_id", "media_path", "duration_seconds", "shard"),
}
"""The columns that a table must have."""


def media_table(shards: Records, paths: Mapping[str, str]) -> pd.DataFrame:
    """One row for each medium that could be read.

    Args:
        shards: all of the dataset.
        paths: of the media, below the media folder; "" for one that is not there.
    """
    rows = [
        asdict(record) | {"media_path": paths.get(record.media_id, ""), "shard": shard}
        for shard, records in shards.items()
        for record in records
        if not record.reason
    ]
    table = pd.DataFrame(rows, columns=list(MEDIA_COLUMNS))
    return table.sort_values("media_id", ignore_index=True)


def begin(out: Path) -> None:
    """Make the folder and clear away what a killed run left in it.

    Raises:
        OSError: it cannot be written to.
    """
    (out / "features").mkdir(parents=True, exist_ok=True)
    for unfinished in (*out.glob(f"*{UNFINISHED}"), *(out / "features").glob(f"*{UNFINISHED}")):
        unfinished.unlink(missing_ok=True)
    _settle(out)


def replace_tables(
    out: Path, manifest: pd.DataFrame, media: pd.DataFrame, skipped: Skipped, about: About
) -> None:
    """Put new tables in place of the old ones, all in one step.

    Raises:
        OSError: for example a full disk; then the old ones stay.
    """
    listed = pd.DataFrame(skipped, columns=["media_path", "reason"])
    tables = {
        "manifest.parquet": _parquet(manifest),
        "media.parquet": _parquet(media),
        "skipped.csv": listed.to_csv(index=False).encode(),
    }
    for name, content in tables.items():
        write_atomically(out / (name + PENDING), content)
    digests = {name: digest(content) for name, content in tables.items()}
    write_atomically(out / "dataset.json", replace(about, tables=digests).to_bytes())
    _settle(out)


def drop_shards(out: Path, used: Iterable[str]) -> None:
    """Remove the shards that the tables, which are in place, no longer name."""
    kept = set(used)
    for path in (out / "features").glob("*.safetensors"):
        if path.name not in kept:
            path.unlink()


def _settle(out: Path) -> None:
    """Move the tables that dataset.json names to their places; others are of no use."""
    try:
        about = read_about(out)
    except (FileNotFoundError, ValueError):  # there is none yet, or an older one
        about = None
    for pending in out.glob(f"*{PENDING}"):
        name = pending.name.removesuffix(PENDING)
        if about and table_path(out, about, name) == pending:
            os.replace(pending, out / name)
        else:
            pending.unlink()


def _parquet(table: pd.DataFrame) -> bytes:
    buffer = io.BytesIO()
    table.to_parquet(buffer, index=False)
    return buffer.getvalue()


def read_tables(folder: Path) -> tuple[About, pd.DataFrame, pd.DataFrame]:
    """dataset.json, the manifest and the media, all of one state of the dataset.

    An ingest may put new tables in place meanwhile: then dataset.json is new as well.
    """
    while True:
        about = read_about(folder)
        try:
            manifest, media = (_read_table(table_path(folder, about, name)) for name in COLUMNS)
        except (OSError, ValueError):
            if read_about(folder) == about:
                raise
            continue
        if read_about(folder) == about:
            return about, manifest, media


def _read_table(path: Path) -> pd.DataFrame:
    with path.open("rb") as file:  # what goes wrong behind this is the content
        try:
            read = pq.ParquetFile(file).read()
            read.validate(full=True)  # Arrow itself would only see broken text when it is used
            table = read.to_pandas()
        except (pa.ArrowException, ValueError, LookupError, TypeError, OSError) as error:
            raise ValueError(
                f"{path}: is damaged ({error!r:.200}); run the same `mmlab ingest` again"
            ) from None
    needed = COLUMNS[path.name.removesuffix(PENDING)]
    missing = [name for name in needed if name not in table]
    if missing:
        raise ValueError(f"{path}: has no column {', '.join(missing)}; run `mmlab ingest` again")
    return table.assign(**{name: _typed(table[name], name, path) for name in needed})


def _typed(column: pd.Series, name: str, path: Path) -> pd.Series:
    """The column, if it holds numbers of seconds, or else text; missing text is ""."""
    if name.endswith("_seconds"):
        is_right = pd.api.types.is_numeric_dtype(column)
    else:
        column = column.fillna("")
        is_right = pd.api.types.infer_dtype(column) in ("string", "empty")
    if not is_right and len(column):
        raise ValueError(
            f"{path}: its column {name} holds {column.dtype}; run the same `mmlab ingest` again"
        )
    return column
