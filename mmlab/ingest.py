"""A folder of media files and their captions to a dataset, in parallel, resumable.

Shards of features are written one by one and kept; the small tables are made from them at the
end and put in place all in one step. So whatever stops a run (Ctrl-C, a full disk, a power cut),
the dataset is the old one or the new one, and the next run goes on from the finished shards and
ends with the same bytes.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd

from mmlab.captions import clips_of_captions, fixed_clips
from mmlab.dataset import ClipDataset
from mmlab.extraction import DEFAULT, Extractors, feature_infos
from mmlab.finding import MEDIA_ENDINGS, find_media, find_unusable
from mmlab.progress import Progress
from mmlab.readers.captions import Captions, find_subtitles, read_captions
from mmlab.shards import Infos, MediaFile, MediaRecord, ShardWork, plan_shards, read_records
from mmlab.tables import Records, begin
from mmlab.workers import Result, write_shards
from mmlab.writing import finish, text_info

__all__ = ["MEDIA_ENDINGS", "Engine", "find_media", "ingest"]

Engine = Literal["processes", "ray"]

SHORTEST_CLIP_SECONDS = 0.1
Found = dict[str, list[MediaRecord]]
"""What each shard holds."""


def ingest(
    folder: Path,
    captions: Path | Captions | None,
    out: Path,
    *,
    extractors: Extractors = DEFAULT,
    text: str = "default",
    workers: int | None = None,
    clip_seconds: float = 8.0,
    engine: Engine = "processes",
    progress: bool = True,
) -> ClipDataset:
    """Make or continue the dataset `out`.

    Media that cannot be read, and captions that fit no medium, are listed in `out`/skipped.csv
    with the reason. Running again reads only files that are new or have another size, and takes
    up changed captions. With other extractors all is made anew; until then the old dataset
    stays.

    Args:
        folder: searched for media files, subfolders included.
        captions: what `read_captions` reads or gives; their further columns (a licence, a source)
            become the manifest's. None: the subtitles beside media, and clips of `clip_seconds`
            without text of the media that have none.
        out: the dataset's folder.
        extractors: what turns picture and sound into tokens.
        text: which encoder reads the captions; see `load_text_encoder`.
        workers: processes; one per core by default, 1 works in this process.
        clip_seconds: length of clips where there are no captions.
        engine: "ray" spreads the work over a cluster.
        progress: show a bar and messages.

    Raises:
        ValueError: no media in `folder`, a bad captions file, or an unknown backbone.
        OSError: the disk is full or not writable. What was finished is kept.
    """
    folder, out = Path(folder), Path(out)
    if not SHORTEST_CLIP_SECONDS <= clip_seconds < np.inf:
        found = f"at least {SHORTEST_CLIP_SECONDS} and finite, found {clip_seconds}"
        raise ValueError(f"the length of a clip (clip_seconds) must be {found}")
    if workers is not None and workers < 1:
        raise ValueError(f"workers must be 1 or more, found {workers}")
    if out.exists() and not out.is_dir():
        raise ValueError(f"{out}: is a file; name a folder for the dataset")
    extractors = replace(
        extractors, video=_lasting(extractors.video), audio=_lasting(extractors.audio)
    )
    table = read_captions(captions) if isinstance(captions, (str, Path)) else captions
    files = find_media(folder, out)
    infos = {"text": text_info(_lasting(text))} | feature_infos(extractors)
    _refuse_converted(out)
    begin(out)
    done = _finished_shards(out, files, infos)
    known = {record.media_id for records in done.values() for record in records}
    todo = [file for file in files if file.media_id not in known]
    if progress:
        print(f"{folder}: {len(files)} media files, {len(files) - len(todo)} already done")
    target = (out / "features").absolute()
    work = plan_shards(folder.absolute(), target, todo, total=len(files), extractors=extractors)
    try:
        for shard, records in _run(work, workers, engine, progress):
            done[shard.target.name] = records
        here = _existing(done, files)
        clips, skipped = _clips(folder, here, table, clip_seconds)
        skipped = [*find_unusable(folder, out), *skipped]
        paths = {file.media_id: file.media_id for file in files}
        dataset = finish(out, here, clips, skipped, infos, folder, paths)
    except KeyboardInterrupt:
        print(f"{out}: stopped; finished shards are kept, run the same command to go on")
        raise
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        message = f"{out}: the disk is full; finished shards are kept, free space and run again"
        raise OSError(errno.ENOSPC, message) from error
    if progress and skipped:
        print(f"{out / 'skipped.csv'}: {len(skipped)} media or captions were left out, and why")
    return dataset


def _lasting(source: str) -> str:
    """The name of a backbone; if it is a file or folder, so that it is found from anywhere."""
    kind, colon, path = source.rpartition(":")
    here = Path(path).expanduser()
    named = source in ("default", "none") or not here.exists()
    return source if named else f"{kind}{colon}{here.absolute()}"


def _refuse_converted(out: Path) -> None:
    """Published features could not be made again, so they are not replaced either."""
    for shard in (out / "features").glob("*.safetensors"):
        if any(not (record.size_bytes or record.reason) for record in read_records(shard) or []):
            raise ValueError(f"{out}: holds published features; choose another folder")


def _finished_shards(out: Path, files: list[MediaFile], infos: Infos) -> Found:
    """The shards that still fit the folder; of media that are in two, the first one counts."""
    sizes = {file.media_id: file.size_bytes for file in files}
    finished: Found = {}
    known: set[str] = set()
    for path in sorted((out / "features").glob("*.safetensors")):
        records = read_records(path, infos) or []
        if any(_changed(record, sizes) for record in records):
            continue
        fresh = [record for record in records if record.media_id not in known]
        if fresh:
            finished[path.name] = fresh
            known |= {record.media_id for record in fresh}
    return finished


def _changed(record: MediaRecord, sizes: dict[str, int]) -> bool:
    """A file that is gone has not changed: its shard stays, the tables leave it out."""
    return sizes.get(record.media_id, record.size_bytes) != record.size_bytes


def _existing(shards: Records, files: list[MediaFile]) -> Found:
    """What the shards hold of the files that are there, in the same order after every run."""
    here = {file.media_id for file in files}
    return {
        shard: [record for record in shards[shard] if record.media_id in here]
        for shard in sorted(shards)
    }


def _run(
    work: list[ShardWork], workers: int | None, engine: Engine, show: bool
) -> Iterator[Result]:
    """Write shards; yields each with its content as it is finished."""
    write = _engine(engine)
    with Progress(work, show=show) as progress:
        for shard, records in write(work, workers):
            progress.finished(shard, records)
            yield shard, records


def _engine(engine: Engine) -> Callable[[list[ShardWork], int | None], Iterator[Result]]:
    if engine == "ray":
        from mmlab.ray_engine import write_shards_ray  # needs an extra package

        return write_shards_ray
    return lambda work, workers: write_shards(work, workers or os.cpu_count() or 1)


def _clips(
    folder: Path, shards: Records, captions: Captions | None, clip_seconds: float
) -> tuple[pd.DataFrame, list[tuple[str, str]]]:
    """The clips, and the media and captions that cannot be used with their reasons."""
    records = [record for shard in shards.values() for record in shard]
    durations = {one.media_id: one.duration_seconds for one in records if not one.reason}
    durations = dict(sorted(durations.items()))
    if not durations:
        example = next((f"{one.media_id}: {one.reason}" for one in records), "")
        raise ValueError(f"{folder}: none of its {len(records)} media can be used ({example})")
    broken = {one.media_id: one.reason for one in sorted(records, key=_media_id) if one.reason}
    found = find_subtitles(folder, [*durations, *broken]) if captions is None else captions
    endless = dict.fromkeys(broken, np.inf)
    inside = [_below(folder, video) for video in found.table["video"]]
    named = found.table.assign(video=pd.Series(inside, index=found.table.index, dtype=str))
    clips, unused = clips_of_captions(named, durations | endless)
    lost = clips["media_id"].isin(list(broken))
    counts = clips.loc[lost, "media_id"].value_counts()
    skipped = [
        (media_id, reason + _with_captions(int(counts.get(media_id, 0))))
        for media_id, reason in broken.items()
    ]
    clips = clips[~lost].reset_index(drop=True)
    if captions is None:
        without = durations.keys() - set(clips["media_id"])
        rest = fixed_clips({name: durations[name] for name in sorted(without)}, clip_seconds)
        clips = _joined(clips, rest)
    return clips, [*skipped, *found.skipped, *unused]


def _below(folder: Path, video: object) -> object:
    """A caption's file as named inside the media folder, where it is named from outside."""
    path = Path(str(video))
    if not (path.is_absolute() or path.parts[:1] == ("..",)):
        return video
    inside = Path(os.path.abspath(path))
    root = folder.absolute()
    return inside.relative_to(root).as_posix() if inside.is_relative_to(root) else video


def _media_id(record: MediaRecord) -> str:
    return record.media_id


def _with_captions(count: int) -> str:
    return f"; {count} caption{'s' * (count > 1)} of it left out" if count else ""


def _joined(clips: pd.DataFrame, others: pd.DataFrame) -> pd.DataFrame:
    """In the order of media and time."""
    both = [table for table in (clips, others) if len(table)] or [others]
    table = pd.concat(both, ignore_index=True)
    return table.sort_values(["media_id", "start_seconds"], kind="stable", ignore_index=True)
