"""A folder of media files and their captions to a dataset, in parallel, resumable.

Shards of features are written one by one and kept; the small tables are made from them at the
end. So whatever stops a run (Ctrl-C, a full disk, a power cut), the next run goes on from the
finished shards and ends with the same bytes.
"""

from __future__ import annotations

import errno
import io
import os
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
from tqdm import tqdm

from mmlab.about import FeatureInfo, about_bytes
from mmlab.captions import clip_ids, clips_of_captions, fixed_clips, read_captions
from mmlab.dataset import ClipDataset
from mmlab.features import audio
from mmlab.features.video import VideoDescriptor
from mmlab.files import UNFINISHED, write_atomically
from mmlab.shards import (
    MediaFile,
    MediaRecord,
    ShardWork,
    plan_shards,
    read_records,
)
from mmlab.workers import write_shards

MEDIA_ENDINGS = (".mp4", ".mkv", ".webm", ".avi", ".mov", ".wav", ".flac", ".mp3", ".m4a")

Records = dict[str, list[MediaRecord]]
"""What each shard (by file name) holds."""


def ingest(
    folder: Path,
    captions: Path | None,
    out: Path,
    *,
    workers: int | None = None,
    clip_seconds: float = 8.0,
    progress: bool = True,
) -> ClipDataset:
    """Make or continue the dataset `out`.

    Files that cannot be read, and captions that fit no file, are listed in `out`/skipped.csv
    with the reason. Running again reads only files that are new or have another size, and
    takes up changed captions.

    Args:
        folder: searched for media files, subfolders included.
        captions: csv with the columns video (path inside `folder`), start_seconds,
            end_seconds, text, optionally split, and any others, which the manifest keeps.
            None cuts clips of `clip_seconds` without text.
        out: the dataset's folder.
        workers: processes; one per core by default, 1 works in this process.
        clip_seconds: length of clips where there are no captions.
        progress: show a bar and messages.

    Raises:
        ValueError: no media in `folder`, or a bad captions file.
        OSError: the disk is full or not writable. What was finished is kept.
    """
    folder, out = Path(folder), Path(out)
    table = read_captions(Path(captions)) if captions else None
    files = find_media(folder, out)
    (out / "features").mkdir(parents=True, exist_ok=True)
    done = _finished_shards(out, files)
    known = {record.media_id for records in done.values() for record in records}
    todo = [file for file in files if file.media_id not in known]
    if progress:
        print(f"{folder}: {len(files)} media files, {len(files) - len(todo)} already done")
    work = plan_shards(folder.absolute(), (out / "features").absolute(), todo)
    try:
        for shard, records in _run(work, workers or os.cpu_count() or 1, progress):
            done[shard] = records
        return _finish(folder, out, done, table, clip_seconds, progress)
    except KeyboardInterrupt:
        print(f"{out}: stopped; finished shards are kept, run the same command to go on")
        raise
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        message = f"{out}: the disk is full; finished shards are kept, free space and run again"
        raise OSError(errno.ENOSPC, message) from error


def find_media(folder: Path, out: Path) -> list[MediaFile]:
    """Media files below `folder`, in order; hidden ones and those below `out` are left out.

    Raises:
        ValueError: no such folder, or nothing in it.
    """
    if not folder.is_dir():
        raise ValueError(f"{folder}: is not a folder; name the folder that holds your videos")
    found = [
        MediaFile(path.relative_to(folder).as_posix(), path.stat().st_size)
        for path in folder.rglob("*")
        if path.suffix.lower() in MEDIA_ENDINGS
        and path.is_file()
        and not any(part.startswith(".") for part in path.relative_to(folder).parts)
        and out.absolute() not in path.absolute().parents
    ]
    if not found:
        endings = " ".join(MEDIA_ENDINGS)
        raise ValueError(f"{folder}: holds no media file; mmlab reads {endings}")
    return sorted(found, key=lambda file: file.media_id)


def _finished_shards(out: Path, files: list[MediaFile]) -> Records:
    """Shards that still fit the folder; damaged and outdated ones and unfinished files go."""
    sizes = {file.media_id: file.size_bytes for file in files}
    for unfinished in out.rglob(f"*{UNFINISHED}"):
        unfinished.unlink()
    finished = {}
    for path in sorted((out / "features").glob("*.safetensors")):
        records = read_records(path)
        if records is None or any(_changed(record, sizes) for record in records):
            path.unlink()
        else:
            finished[path.name] = records
    return finished


def _changed(record: MediaRecord, sizes: dict[str, int]) -> bool:
    """A file that is gone has not changed: its shard stays, the tables leave it out."""
    return sizes.get(record.media_id, record.size_bytes) != record.size_bytes


def _run(
    work: list[ShardWork], workers: int, progress: bool
) -> Iterator[tuple[str, list[MediaRecord]]]:
    """Write shards; yields each one's name and content as it is finished."""
    total = sum(len(shard.files) for shard in work)
    with tqdm(total=total, unit="video", disable=not progress or not work) as bar:
        seconds = 0.0
        for shard, records in write_shards(work, workers):
            for record in records:
                seconds += record.duration_seconds
                if record.reason:
                    bar.write(f"skipped {record.media_id}: {record.reason}")
            bar.update(len(records))
            elapsed = max(bar.format_dict["elapsed"], 1e-6)
            bar.set_postfix_str(f"{seconds / elapsed:.0f} x real time")
            yield shard.target.name, records


def _finish(
    folder: Path,
    out: Path,
    shards: Records,
    captions: pd.DataFrame | None,
    clip_seconds: float,
    progress: bool,
) -> ClipDataset:
    """Write the tables from what the shards say, dataset.json last."""
    media, skipped = _media_table(folder, shards)
    durations = dict(zip(media.media_id, media.duration_seconds, strict=True))
    if captions is None:
        clips = fixed_clips(durations, clip_seconds)
    else:
        clips, unused = clips_of_captions(captions, durations)
        skipped += unused
    clips.insert(0, "clip_id", clip_ids(clips))
    clips.insert(2, "media_path", clips["media_id"])
    _write_parquet(out / "media.parquet", media)
    _write_parquet(out / "manifest.parquet", clips)
    table = pd.DataFrame(skipped, columns=["media_path", "reason"])
    write_atomically(out / "skipped.csv", table.to_csv(index=False).encode())
    root = os.path.relpath(folder.absolute(), out.absolute())
    write_atomically(out / "dataset.json", about_bytes(root, _features()))
    if progress and skipped:
        print(
            f"{out / 'skipped.csv'}: {len(skipped)} files or captions were left out, with reasons"
        )
    return ClipDataset.open(out)


def _media_table(folder: Path, shards: Records) -> tuple[pd.DataFrame, list[tuple[str, str]]]:
    rows, skipped = [], []
    for shard, records in shards.items():
        for record in records:
            if not (folder / record.media_id).is_file():
                continue
            if record.reason:
                skipped.append((record.media_id, record.reason))
                continue
            about = (record.duration_seconds, record.has_video, record.has_audio)
            rows.append((record.media_id, record.media_id, *about, shard))
    columns = ["media_id", "media_path", "duration_seconds", "has_video", "has_audio", "shard"]
    table = pd.DataFrame(rows, columns=columns).sort_values("media_id", ignore_index=True)
    return table, sorted(skipped)


def _features() -> dict[str, FeatureInfo]:
    video = VideoDescriptor
    return {
        "video": FeatureInfo(video.name, video.width, video.tokens_per_second),
        "audio": FeatureInfo(audio.NAME, audio.MEL_BANDS, float(audio.FRAMES_PER_SECOND)),
    }


def _write_parquet(path: Path, table: pd.DataFrame) -> None:
    buffer = io.BytesIO()
    table.to_parquet(buffer, index=False)
    write_atomically(path, buffer.getvalue())
