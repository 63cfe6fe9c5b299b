"""Which clips a dataset has: matched from captions to media, or cut at a fixed length."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping
from pathlib import PurePosixPath

import numpy as np
import pandas as pd

from mmlab.readers.captions import NO_SPLIT, caption_problems

SHORTEST_REST_SECONDS = 1.0


def clips_of_captions(
    captions: pd.DataFrame, durations: Mapping[str, float]
) -> tuple[pd.DataFrame, list[tuple[str, str]]]:
    """Match captions to the media that were read.

    Args:
        captions: the table of `mmlab.readers.captions.Captions`. "video" is a path inside the
            media folder or the last part of one, such as a published id, with or without its
            ending; where several fit, the most exact one is meant. An end of infinity is the
            medium's.
        durations: seconds of each media_id.

    Returns:
        The clips, with media_id in place of video, ordered by file and time, cut where they go
        beyond the medium's end; and (video, reason) of the captions that cannot be used. A video
        that is not there is listed once, not for each of its captions.
    """
    captions = captions.astype({"start_seconds": float, "end_seconds": float})
    names = captions["video"].fillna("").map(_plain)
    matches = _Matches(durations)
    found = {name: matches.find(name) for name in names.unique()}
    clips = captions.drop(columns="video")
    clips.insert(0, "media_id", names.map({name: media for name, (media, _) in found.items()}))
    length = clips["media_id"].map(durations).astype(float)
    matched = clips["media_id"].notna().to_numpy(bool)
    problems = caption_problems(captions)
    behind = matched & (problems == "") & (clips["start_seconds"] >= length).to_numpy(bool)
    problems[behind] = "starts behind the end"
    skipped = _unmatched(names[~matched], found)
    skipped += [
        (names.iloc[row], f"caption from {begin:g} to {end:g} s: {problems[row]}")
        for row in np.flatnonzero(matched & (problems != ""))
        for begin, end in [captions[["start_seconds", "end_seconds"]].iloc[row]]
    ]
    clips["end_seconds"] = np.minimum(clips["end_seconds"], length)
    good = clips[matched & (problems == "")]
    good = good.sort_values(["media_id", "start_seconds"], kind="stable")
    return good.reset_index(drop=True), skipped


class _Matches:
    """Finds media by their paths, or by the ends of these."""

    def __init__(self, media_ids: Iterable[str]) -> None:
        self.exact: dict[str, list[str]] = {}
        self.without_ending: dict[str, list[str]] = {}
        self.last_parts: dict[str, list[str]] = {}
        for media_id in media_ids:
            path = PurePosixPath(_plain(media_id))
            bare = path.with_suffix("") if path.name else path
            self.exact.setdefault(str(path), []).append(media_id)
            self.without_ending.setdefault(str(bare), []).append(media_id)
            for parts in (path.parts, bare.parts):
                for first in range(1, len(parts)):
                    last = "/".join(parts[first:])
                    self.last_parts.setdefault(last, []).append(media_id)

    def find(self, name: str) -> tuple[str | None, str]:
        """The media_id meant by a name, or None and why there is none."""
        for known in (self.exact, self.without_ending, self.last_parts):
            media = list(dict.fromkeys(known.get(name, ())))
            if len(media) == 1:
                return media[0], ""
            if media:
                some = " and ".join(sorted(media)[:2])
                return None, f"could be {some}; name its folder and ending"
        return None, "is not among the media that were read; name it as below the media folder"


def _plain(name: str) -> str:
    """A path with forward slashes and one way of writing accents (macOS has another)."""
    return unicodedata.normalize("NFC", str(name).strip().replace("\\", "/").removeprefix("./"))


def _unmatched(
    names: pd.Series, found: Mapping[str, tuple[str | None, str]]
) -> list[tuple[str, str]]:
    counts = names.value_counts(sort=False)
    return [
        (name or "(no name)", f"named by {count} caption{'s' * (count > 1)}: {found[name][1]}")
        for name, count in counts.items()
    ]


def fixed_clips(durations: Mapping[str, float], clip_seconds: float) -> pd.DataFrame:
    """Clips of `clip_seconds` without text; a last rest of less than a second is left out."""
    rows = [
        (media_id, start, min(start + clip_seconds, duration), "", NO_SPLIT)
        for media_id, duration in durations.items()
        for start in _starts(duration, clip_seconds)
    ]
    columns = ["media_id", "start_seconds", "end_seconds", "text", "split"]
    return pd.DataFrame(rows, columns=columns)


def _starts(duration: float, clip_seconds: float) -> Iterable[float]:
    starts = np.arange(0.0, duration, clip_seconds)
    return starts[(starts == 0) | (duration - starts >= SHORTEST_REST_SECONDS)].tolist()


def clip_ids(clips: pd.DataFrame) -> list[str]:
    """Names like "video.mp4#1.50-4.25"; several captions of one clip get "#2", "#3" behind."""
    ids = [
        f"{media_id}#{start:.2f}-{end:.2f}"
        for media_id, start, end in zip(
            clips["media_id"], clips["start_seconds"], clips["end_seconds"], strict=True
        )
    ]
    repeated = pd.Series(ids, dtype=object).groupby(ids).cumcount()
    return [
        f"{clip}#{count + 1}" if count else clip for clip, count in zip(ids, repeated, strict=True)
    ]
