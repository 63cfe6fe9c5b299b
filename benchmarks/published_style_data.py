"""The baseline of `mmlab bench data`: clips read from disk as published code reads them.

Written for comparison only; nothing of mmlab is used here. A video has one .npz of every kind:
`ID_2d.npz` and `ID_3d.npz` (key `features`, (N, D), float16) and `ID_spec.npz` (key `arr_0`,
(mel bands, F), float16). For an item of training:

- every file of the video is opened and its array read as a whole, picture features are turned
  to float32 as a whole;
- the item's clips (one by default, ten in the paper's training) are cut out of these arrays;
- 2D features are repeated to the times of the 3D ones, each part of a token is brought to norm 1;
- clips are filled up with zeros to a fixed length and stacked.

Clips begin and end at the features that their first and last second fall in, which published code
calls accurate borders. How text becomes vectors is the caller's: the same for both sides.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

SAMPLE_RATE, WINDOW_SAMPLES, HOP_SAMPLES = 16_000, 400, 160


@dataclass(frozen=True)
class Clip:
    """A part of a video and what is said in it."""

    video: str
    start_seconds: float
    end_seconds: float
    text: str


@dataclass(frozen=True)
class PublishedStyleReader:
    """Reads batches of clips.

    Attributes:
        folder: holds the .npz files.
        rates: features per second of each kind of picture features, "2d" or "2d" and "3d".
        lengths: tokens of "text", "video" and "audio" that every clip is filled up or cut to.
        encode: a text's words and their vectors (N, D).
        unit_norm: bring each part of a token to norm 1.
    """

    folder: Path
    rates: Mapping[str, float]
    lengths: Mapping[str, int]
    encode: Callable[[str], tuple[list[str], np.ndarray]]
    unit_norm: bool = True

    def batch(self, clips: Sequence[Clip]) -> dict[str, Tensor]:
        """The padded tokens of some clips, and masks of 1 and 0.

        Neighbours of the same video are one item of training: its files are read once for them.

        Returns:
            "text" and "video" (B, N, D), "audio" (B, mel bands, F) and "..._mask" (B, N) or (B, F).
        """
        items: list[dict[str, Tensor]] = []
        for video, members in groupby(clips, key=lambda clip: clip.video):
            items.extend(self._item(video, members))
        return {name: torch.stack([item[name] for item in items]) for name in items[0]}

    def _item(self, video: str, clips: Iterator[Clip]) -> Iterator[dict[str, Tensor]]:
        features = {kind: torch.from_numpy(self._load(video, kind)).float() for kind in self.rates}
        spectrogram = self._load(video, "spec")
        for clip in clips:
            picture, picture_mask = self._picture(features, clip)
            sound, sound_mask = self._sound(spectrogram, clip)
            text, text_mask = self._text(clip.text)
            yield {
                "text": text,
                "video": picture,
                "audio": sound,
                "text_mask": text_mask,
                "video_mask": picture_mask,
                "audio_mask": sound_mask,
            }

    def _load(self, video: str, kind: str) -> np.ndarray:
        key = "arr_0" if kind == "spec" else "features"
        return np.load(self.folder / f"{video}_{kind}.npz")[key]

    def _picture(self, features: Mapping[str, Tensor], clip: Clip) -> tuple[Tensor, Tensor]:
        parts = [
            all_of[math.floor(clip.start_seconds * rate) : math.ceil(clip.end_seconds * rate)]
            for all_of, rate in zip(features.values(), self.rates.values(), strict=True)
        ]
        length, count = self.lengths["video"], len(parts[-1])
        tokens = torch.zeros(length, sum(part.shape[1] for part in parts))
        mask = torch.zeros(length)
        if all(len(part) for part in parts):
            parts = [_repeat_to(part, count)[:length] for part in parts]
            parts = [F.normalize(part, dim=1) for part in parts] if self.unit_norm else parts
            tokens[:count] = torch.cat(parts, dim=1)
            mask[:count] = 1
        return tokens, mask

    def _sound(self, spectrogram: np.ndarray, clip: Clip) -> tuple[Tensor, Tensor]:
        first, last = (_frame_at(time) for time in (clip.start_seconds, clip.end_seconds))
        frames = spectrogram[:, first:last]
        values = np.zeros((len(spectrogram), self.lengths["audio"]), dtype=np.float32)
        mask = np.zeros(self.lengths["audio"], dtype=np.float32)
        count = min(frames.shape[1], self.lengths["audio"])
        values[:, :count], mask[:count] = frames[:, :count], 1
        return torch.from_numpy(values), torch.from_numpy(mask)

    def _text(self, text: str) -> tuple[Tensor, Tensor]:
        vectors = self.encode(text)[1][: self.lengths["text"]]
        values = np.zeros((self.lengths["text"], vectors.shape[1]), dtype=np.float32)
        mask = np.zeros(self.lengths["text"], dtype=np.float32)
        values[: len(vectors)], mask[: len(vectors)] = vectors, 1
        return torch.from_numpy(values), torch.from_numpy(mask)


def _repeat_to(features: Tensor, count: int) -> Tensor:
    """(N, D) -> (count, D), the nearest one for each."""
    return F.interpolate(features.t()[None], size=count, mode="nearest")[0].t()


def _frame_at(seconds: float) -> int:
    sample = math.floor(seconds * SAMPLE_RATE)
    return max(0, (sample - WINDOW_SAMPLES // 2) // HOP_SAMPLES)
