"""Which media files a folder holds."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
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
        for path in _candidates(folder, out)
        if not _why_unusable(path)
    ]
    if not found:
        endings = " ".join(MEDIA_ENDINGS)
        raise ValueError(f"{folder}: holds no media file; mmlab reads {endings}")
    return sorted(found, key=lambda file: file.media_id)


def find_unusable(folder: Path, out: Path | None = None) -> list[tuple[str, str]]:
    """(path, reason) of what is called like a medium below `folder` and cannot even be opened."""
    reasons = [(path, _why_unusable(path)) for path in _candidates(folder, out)]
    return sorted(
        (path.relative_to(folder).as_posix().encode(errors="backslashreplace").decode(), reason)
        for path, reason in reasons
        if reason
    )


def _candidates(folder: Path, out: Path | None) -> Iterator[Path]:
    for path in folder.rglob("*"):
        hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
        own = out is not None and out.absolute() in path.absolute().parents
        if path.suffix.lower() in MEDIA_ENDINGS and not hidden and not own and not path.is_dir():
            yield path


def _why_unusable(path: Path) -> str:
    if not path.is_file():
        return "is no file but a broken link, a pipe or a device; put the file itself there"
    try:
        str(path).encode()
    except UnicodeEncodeError:
        return "has a name that is not UTF-8; rename it"
    return ""


def paths_by_id(files: Iterable[MediaFile]) -> dict[str, str]:
    """To the path of each medium from that path and from its published id, the bare file name."""
    files = list(files)
    ids = {Path(file.media_id).stem: file.media_id for file in reversed(files)}
    return ids | {file.media_id: file.media_id for file in files}
