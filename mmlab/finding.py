"""Which media files a folder holds."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from mmlab.shards import MediaFile

MEDIA_ENDINGS = (".mp4", ".mkv", ".webm", ".avi", ".mov", ".wav", ".flac", ".mp3", ".m4a")


def find_media(folder: Path, out: Path | None = None) -> list[MediaFile]:
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
        and (out is None or out.absolute() not in path.absolute().parents)
    ]
    if not found:
        endings = " ".join(MEDIA_ENDINGS)
        raise ValueError(f"{folder}: holds no media file; mmlab reads {endings}")
    return sorted(found, key=lambda file: file.media_id)


def paths_by_id(files: Iterable[MediaFile]) -> dict[str, str]:
    """To the path of each medium from that path and from its published id, the bare file name."""
    files = list(files)
    ids = {Path(file.media_id).stem: file.media_id for file in reversed(files)}
    return ids | {file.media_id: file.media_id for file in files}
