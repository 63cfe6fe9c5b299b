"""What the tokens tell of each clip and each medium, collected medium by medium."""

from __future__ import annotations

import hashlib
from collections import defaultdict

import numpy as np

from mmlab.check.levels import black_clips, silent_clips
from mmlab.check.shards import Arrays, Stream, read_media, stored_streams
from mmlab.dataset import ClipDataset
from mmlab.types import Modality

YES, NO, UNKNOWN = 1, 0, -1


class Measured:
    """What the shards say. Arrays hold one YES, NO or UNKNOWN per clip of the manifest.

    Attributes:
        damaged: the shards that cannot be read, and why.
        absent: media whose table promises tokens that their shard lacks.
        misshapen: tokens of another shape than dataset.json says.
        not_finite: what holds NaN or infinity.
        empty: media whose shard holds no usable token of any modality.
        same: digest of all tokens of a medium -> the media with exactly these.
        media_with: how many media have a token of each modality.
        clips_with: (clips,) whether a token of each modality lies in a clip's time.
        black: (clips,) whether the picture is black all through.
        silent: (clips,) whether the sound is silent all through.
    """

    def __init__(self, dataset: ClipDataset) -> None:
        self.damaged: dict[str, str] = {}
        self.absent: list[str] = []
        self.misshapen: list[str] = []
        self.not_finite: list[str] = []
        self.empty: list[str] = []
        self.same: dict[bytes, list[str]] = defaultdict(list)
        self._streams = stored_streams(dataset.features)
        self._rates = {one.modality: one.tokens_per_second for one in self._streams}
        self._is_log_mel = "mel" in getattr(dataset.features.get("audio"), "name", "")
        self._starts = dataset.manifest.start_seconds.to_numpy(np.float64)
        self._ends = dataset.manifest.end_seconds.to_numpy(np.float64)
        self._rows = dataset.manifest.groupby("media_id").indices
        self.media_with: dict[Modality, int] = dict.fromkeys(self._rates, 0)
        self.clips_with = {modality: self._unknown() for modality in self._rates}
        self.black, self.silent = self._unknown(), self._unknown()

    def _unknown(self) -> np.ndarray:
        return np.full(len(self._starts), UNKNOWN, np.int8)

    def add(self, media_id: str, arrays: Arrays, promised: set[Modality]) -> None:
        """Take up one medium; `promised` are the modalities that its table says it has."""
        usable = [one for one in self._streams if self._is_usable(media_id, one, arrays)]
        found = {stream.modality for stream in usable}
        for modality in found:
            self.media_with[modality] += 1
        self.absent += [f"{media_id}: no {name} tokens" for name in sorted(promised - found)]
        if usable:
            self.same[_digest(usable, arrays)].append(media_id)
        else:
            self.empty.append(media_id)
        self.not_finite += [
            f"{media_id}: {name}" for name, array in arrays.items() if not np.isfinite(array).all()
        ]
        rows = self._rows.get(media_id, np.zeros(0, np.int64))
        self._add_clips(rows[np.isfinite(self._starts[rows] + self._ends[rows])], usable, arrays)

    def _is_usable(self, media_id: str, stream: Stream, arrays: Arrays) -> bool:
        """Whether there are tokens, of the right shape; a wrong shape is noted."""
        tokens, seconds = arrays.get(stream.key), arrays.get(f"{stream.key}.seconds")
        if tokens is None:
            return False
        if tokens.ndim != 2 or tokens.shape[1] != stream.width:
            self.misshapen.append(
                f"{media_id}: {stream.key} {tokens.shape}, expected (N, {stream.width})"
            )
            return False
        if seconds is not None and seconds.shape != (len(tokens), 2):
            self.misshapen.append(
                f"{media_id}: {stream.key}.seconds {seconds.shape}, expected ({len(tokens)}, 2)"
            )
            return False
        return len(tokens) > 0

    def _add_clips(self, rows: np.ndarray, usable: list[Stream], arrays: Arrays) -> None:
        starts, ends = self._starts[rows], self._ends[rows]
        for has in self.clips_with.values():
            has[rows] = NO
        for stream in usable:
            self.clips_with[stream.modality][rows[_touched(stream, arrays, starts, ends)]] = YES
        black = black_clips(arrays, self._rates.get("video", 1.0), starts, ends)
        log_mel_rate = self._rates.get("audio") if self._is_log_mel else None
        silent = silent_clips(arrays, log_mel_rate, starts, ends)
        if black is not None:
            self.black[rows] = black
        if silent is not None:
            self.silent[rows] = silent


def _digest(streams: list[Stream], arrays: Arrays) -> bytes:
    digest = hashlib.blake2b(digest_size=16)
    for stream in streams:
        array = arrays[stream.key]
        digest.update(f"{stream.key}{array.shape}".encode() + array.tobytes())
    return digest.digest()


def _touched(stream: Stream, arrays: Arrays, starts: np.ndarray, ends: np.ndarray) -> np.ndarray:
    """(clips,) bool: whether a clip overlaps a token in time."""
    seconds = arrays.get(f"{stream.key}.seconds")
    if seconds is None:  # on the grid there are no gaps
        last = (len(arrays[stream.key]) - 1) / stream.tokens_per_second + stream.window_seconds
        return (starts < last) & (ends > 0)
    touches = [
        ((seconds[:, 0] < e) & (seconds[:, 1] > s)).any() for s, e in zip(starts, ends, strict=True)
    ]
    return np.array(touches, bool)


def measure(dataset: ClipDataset, *, progress: bool = True) -> Measured:
    """Read every shard once, one medium in memory at a time."""
    measured = Measured(dataset)
    media = dataset.media
    promising = {
        modality: set(media.media_id[media[f"has_{modality}"].astype(bool)])
        for modality in measured.media_with
        if f"has_{modality}" in media
    }
    for media_id, arrays in read_media(dataset, measured.damaged, progress=progress):
        promised = {modality for modality, having in promising.items() if media_id in having}
        measured.add(media_id, arrays, promised)
    return measured
