"""The dataset: clips of media files with their tokens, read from disk when asked for.

A dataset is a folder: `manifest.parquet` (one row per clip), `media.parquet` (one row per
file), `dataset.json` (what the features are), `features/*.safetensors` (the tokens of whole
files, float16, memory-mapped) and `skipped.csv`. `mmlab.ingest` makes it. Clips are windows cut
out of their file's tokens; words are turned to vectors when a clip is read.
"""

from __future__ import annotations

import html
import math
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from safetensors import safe_open

from mmlab.about import FeatureInfo, read_about
from mmlab.features.audio import FRAMES_PER_SECOND, seconds_to_frame
from mmlab.features.text import HashedWordVectors, TextEncoder
from mmlab.types import Modality, Tokens, pad_tokens


@dataclass(frozen=True)
class ClipFeatures:
    """One clip: its words and its tokens.

    Attributes:
        words: the words of `text` that the text encoder knows, one per text token.
        tokens: (N, D) float32 for each modality; (0, D) where the clip has none.
        first_token: where in the whole file the video and audio tokens begin.
    """

    clip_id: str
    media_id: str
    start_seconds: float
    end_seconds: float
    text: str
    words: list[str]
    tokens: dict[Modality, torch.Tensor]
    first_token: dict[Modality, int]
    tokens_per_second: dict[Modality, float]

    def token_seconds(self, modality: Modality) -> np.ndarray:
        """(N, 2): from when to when in the file each "video" or "audio" token is (to 5 ms)."""
        numbers = self.first_token[modality] + np.arange(len(self.tokens[modality]))
        return np.stack([numbers, numbers + 1], axis=1) / self.tokens_per_second[modality]


class ClipDataset:
    """Clips in the order of `manifest`; see the module's docstring.

    Attributes:
        folder: where the dataset lies.
        manifest: clip_id, media_id, media_path, start_seconds, end_seconds, text, split and the
            captions' further columns; index 0, 1, ...
        media: media_id, media_path, duration_seconds, has_video, has_audio, shard.
        features: a `FeatureInfo` for each modality.
        text_encoder: gives the words' vectors.

    Example:
        >>> test = ClipDataset.open("data/sample/dataset").select(split="test")
        >>> test[0].tokens["video"].shape, test.batch([0, 1])["audio"].mask.sum()
    """

    def __init__(
        self,
        folder: Path,
        manifest: pd.DataFrame,
        media: pd.DataFrame,
        *,
        media_root: Path,
        features: dict[Modality, FeatureInfo],
        text_encoder: TextEncoder,
    ) -> None:
        self.folder, self.media_root = folder, media_root
        self.manifest, self.media = manifest, media
        self.text_encoder = text_encoder
        text = FeatureInfo(text_encoder.name, text_encoder.width, None)
        self.features = {"text": text} | features
        self._shards: dict[str, Any] = {}

    @classmethod
    def open(
        cls,
        folder: Path | str,
        *,
        media_root: Path | str | None = None,
        text_encoder: TextEncoder | None = None,
    ) -> ClipDataset:
        """Open the dataset in `folder`.

        Args:
            folder: what `mmlab ingest` wrote.
            media_root: where the media files are, if they were moved.
            text_encoder: hashed subwords by default; or a `WordVectorFile`.

        Raises:
            FileNotFoundError: no dataset is there.
            ValueError: the dataset is damaged or of another version.
        """
        folder = Path(folder)
        about = read_about(folder)
        root = Path(media_root) if media_root else (folder / about["media_root"]).resolve()
        return cls(
            folder,
            pd.read_parquet(folder / "manifest.parquet"),
            pd.read_parquet(folder / "media.parquet"),
            media_root=root,
            features={name: FeatureInfo(**info) for name, info in about["features"].items()},
            text_encoder=text_encoder or HashedWordVectors(),
        )

    def __len__(self) -> int:
        return len(self.manifest)

    def __iter__(self) -> Iterator[ClipFeatures]:
        return (self[row] for row in range(len(self)))

    def __getitem__(self, row: int) -> ClipFeatures:
        """The clip in one row of the manifest; negative rows count from the end."""
        if not -len(self) <= row < len(self):
            raise IndexError(f"row {row} of {len(self)} clips")
        clip = self.manifest.iloc[row]
        return self._cut(
            clip.clip_id,
            clip.media_id,
            float(clip.start_seconds),
            float(clip.end_seconds),
            clip.text,
        )

    def select(self, rows: Sequence[int] | None = None, **columns: Any) -> ClipDataset:
        """A dataset of some clips: by rows, by columns' values, or both.

        Args:
            rows: positions in the manifest, in the wanted order.
            columns: a value that a column must have, or a list of values.

        Raises:
            ValueError: no such column.
        """
        manifest = self.manifest if rows is None else self.manifest.iloc[list(rows)]
        for column, wanted in columns.items():
            if column not in manifest:
                raise ValueError(f"no column {column!r}; there are {', '.join(manifest.columns)}")
            values = wanted if _is_list(wanted) else [wanted]
            manifest = manifest[manifest[column].isin(list(values))]
        return ClipDataset(
            self.folder,
            manifest.reset_index(drop=True),
            self.media,
            media_root=self.media_root,
            features={name: info for name, info in self.features.items() if name != "text"},
            text_encoder=self.text_encoder,
        )

    def media_path(self, row: int) -> Path:
        """The media file of a clip."""
        return self.media_root / self.manifest.media_path.iloc[row]

    def row_of(self, clip_id: str) -> int:
        """The row of a clip.

        Raises:
            KeyError: no such clip in this selection.
        """
        if clip_id not in self._rows:
            raise KeyError(f"no clip {clip_id!r} among the {len(self)} clips")
        return self._rows[clip_id]

    def media_tokens(self, media_id: str) -> dict[Modality, np.ndarray]:
        """All video and audio tokens of one file: (N, D) float16 each, as stored."""
        shard = self._shard_of(media_id)
        return {name: shard.get_tensor(f"{media_id}/{name}") for name in self._stored}

    def window(
        self, media_id: str, start_seconds: float, end_seconds: float, text: str = ""
    ) -> ClipFeatures:
        """Any part of any file of the dataset as if it were a clip.

        Video tokens are those of every second that the part touches, always at least one; audio
        frames are cut as in the paper's code. What lies outside the file is left out.
        """
        clip_id = f"{media_id}#{start_seconds:.2f}-{end_seconds:.2f}"
        return self._cut(clip_id, media_id, start_seconds, end_seconds, text)

    def batch(self, rows: Sequence[int]) -> dict[Modality, Tokens]:
        """The padded tokens of some clips."""
        clips = [self[row] for row in rows]
        return {
            name: pad_tokens([clip.tokens[name] for clip in clips], info.width)
            for name, info in self.features.items()
        }

    def _cut(
        self, clip_id: str, media_id: str, start: float, end: float, text: str
    ) -> ClipFeatures:
        shard = self._shard_of(media_id)
        words, vectors = self.text_encoder.encode(text)
        tokens = {"text": torch.from_numpy(vectors)}
        first_token, rates = {}, {}
        for name in self._stored:
            stored = shard.get_slice(f"{media_id}/{name}")
            rates[name] = self.features[name].tokens_per_second or 1.0
            first, last = token_span(name, stored.get_shape()[0], start, end, rates[name])
            first_token[name] = first
            tokens[name] = _floats(stored, first, last)
        return ClipFeatures(clip_id, media_id, start, end, text, words, tokens, first_token, rates)

    @property
    def _stored(self) -> list[Modality]:
        return [name for name in self.features if name != "text"]

    @cached_property
    def _rows(self) -> dict[str, int]:
        return {clip_id: row for row, clip_id in enumerate(self.manifest.clip_id)}

    @cached_property
    def _shard_names(self) -> dict[str, str]:
        return dict(zip(self.media.media_id, self.media.shard, strict=True))

    def _shard_of(self, media_id: str) -> Any:
        """The open shard that holds a file's tokens; opened anew in every process."""
        if media_id not in self._shard_names:
            raise KeyError(f"no media {media_id!r} in {self.folder}; see its media.parquet")
        shard = self._shard_names[media_id]
        if shard not in self._shards:
            path = self.folder / "features" / shard
            if not path.exists():
                raise FileNotFoundError(f"{path}: is missing; run `mmlab ingest` again")
            self._shards[shard] = safe_open(path, framework="np")
        return self._shards[shard]

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_shards": {}}

    def __repr__(self) -> str:
        hours = (self.manifest.end_seconds - self.manifest.start_seconds).sum() / 3600
        files = self.manifest.media_id.nunique()
        return (
            f"ClipDataset({str(self.folder)!r}: {len(self)} clips of {files} files, {hours:.2f} h)"
        )

    def _repr_html_(self) -> str:
        columns = ["clip_id", "start_seconds", "end_seconds", "text", "split"]
        table = self.manifest[columns].head(5).to_html(escape=True, border=0)
        return f"<p>{html.escape(repr(self))}</p>{table}"


def token_span(
    modality: Modality, count: int, start: float, end: float, rate: float
) -> tuple[int, int]:
    """The tokens [first, last) of `count` that belong to a part (in seconds) of a file."""
    if modality == "audio" and rate == FRAMES_PER_SECOND:
        first, last = seconds_to_frame(start), seconds_to_frame(end)
        return min(first, count), min(max(first, last), count)
    first = min(max(math.floor(start * rate), 0), max(count - 1, 0))
    return first, min(max(math.ceil(end * rate), first + 1), count)


def _floats(stored: Any, first: int, last: int) -> torch.Tensor:
    """(last - first, D) float32 of a memory-mapped float16 tensor."""
    if first == last:  # safetensors refuses to cut nothing
        return torch.zeros(0, stored.get_shape()[1])
    return torch.from_numpy(stored[first:last].astype(np.float32))


def _is_list(value: Any) -> bool:
    return isinstance(value, (Collection, np.ndarray)) and not isinstance(value, str)
