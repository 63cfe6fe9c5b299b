"""The dataset: clips of media with their tokens, read from disk when asked for.

A dataset is a folder: `manifest.parquet` (one row per clip), `media.parquet` (one row per
medium), `dataset.json` (what the features are), `features/*.safetensors` (the tokens of whole
media, float16, memory-mapped) and `skipped.csv`. `mmlab.ingest` makes it from media files,
`mmlab.convert` from published features; docs/dataset.md describes it. Clips are parts cut out of
their medium's tokens; words are turned to vectors when a clip is read.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from mmlab.about import FeatureInfo
from mmlab.clip_features import ClipFeatures, Span, Spans
from mmlab.cutting import Get, cut, token_span
from mmlab.extraction import Extractors, extract
from mmlab.features.registry import load_text_encoder
from mmlab.features.text import TextEncoder
from mmlab.media_features import MediaFeatures
from mmlab.readers.safe import read_csv
from mmlab.selection import rows_where
from mmlab.store import FeatureStore
from mmlab.tables import read_tables
from mmlab.types import Modality, Tokens, pad_tokens

__all__ = ["ClipDataset", "ClipFeatures", "Span", "token_span"]

LEVELS = ("brightness", "loudness")


class ClipDataset:
    """Clips in the order of `manifest`; see the module's docstring.

    Attributes:
        folder: where the dataset lies.
        media_root: where its media lie.
        manifest: clip_id, media_id, media_path, start_seconds, end_seconds, text, split and the
            captions' further columns; index 0, 1, ...
        media: media_id, media_path, duration_seconds, has_video, has_audio, width, height,
            frames_per_second, picture_start_seconds, sound_start_seconds, notes, shard.
        features: a `FeatureInfo` for each modality.

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
        text_encoder: TextEncoder | None = None,
    ) -> None:
        self.folder, self.media_root = folder, media_root
        self.manifest, self.media = manifest, media
        self._text_encoder = text_encoder
        if text_encoder is not None:
            text = FeatureInfo(text_encoder.name, text_encoder.width, None)
            features = {"text": text} | features | {"text": text}
        self.features = features

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
            folder: what `mmlab ingest` or `mmlab convert` wrote.
            media_root: where the media files are, if they were moved.
            text_encoder: by default the one that the dataset names.

        Raises:
            FileNotFoundError: no dataset is there.
            ValueError: the dataset is damaged or of another version.
        """
        folder = Path(folder)
        about, manifest, media = read_tables(folder)
        return cls(
            folder,
            manifest,
            media,
            media_root=Path(media_root or (folder / about.media_root).resolve()),
            features=about.features,
            text_encoder=text_encoder,
        )

    @property
    def text_encoder(self) -> TextEncoder:
        """Gives the words' vectors; loaded when first needed.

        Raises:
            ValueError: the dataset's own cannot be loaded here, or is not what it was.
        """
        if self._text_encoder is not None:
            return self._text_encoder
        info = self.features["text"]
        encoder = load_text_encoder(info.source)  # which keeps it
        if encoder.width != info.width:
            raise ValueError(
                f"{self.folder}: its text encoder {info.source!r} gives vectors of width "
                f"{encoder.width}, it was {info.width}; run `mmlab ingest` again"
            )
        return encoder

    def __len__(self) -> int:
        return len(self.manifest)

    def __iter__(self) -> Iterator[ClipFeatures]:
        return (self[row] for row in range(len(self)))

    def __getitem__(self, row: int | str) -> ClipFeatures:
        """One clip, by its row in the manifest (negative ones count from the end) or its id."""
        row = self.row_of(row) if isinstance(row, str) else row
        span = self.span(row)
        return self._cut(str(self.manifest["clip_id"].array[row]), span, {}, {})

    def select(self, rows: Sequence[int] | None = None, **columns: Any) -> ClipDataset:
        """A dataset of some clips: by rows, by columns' values, or both.

        Args:
            rows: positions in the manifest, in the wanted order.
            columns: a value that a column must have, or a list of values.

        Raises:
            ValueError: no such column.
        """
        manifest = self.manifest if rows is None else self.manifest.iloc[list(rows)]
        manifest = manifest[rows_where(manifest, columns)]
        chosen = ClipDataset(
            self.folder,
            manifest.reset_index(drop=True),
            self.media,
            media_root=self.media_root,
            features=self.features,
            text_encoder=self._text_encoder,
        )
        chosen._store = self._store
        return chosen

    def span(self, row: int) -> Span:
        """Which part of which medium the clip in one row is, and what is said of it.

        Raises:
            IndexError: there is no such row.
            TypeError: this is no row.
            ValueError: its times or its medium cannot be.
        """
        return self._spans.of(row)

    def media_path(self, row: int) -> Path:
        """The media file of a clip; of converted features, which have none, the media folder."""
        return self.media_root / self.manifest["media_path"].array[row]

    def has(self, clip_id: str) -> bool:
        """Whether a clip is in this selection."""
        return clip_id in self._rows

    def row_of(self, clip_id: str) -> int:
        """The row of a clip.

        Raises:
            KeyError: no such clip in this selection.
        """
        if clip_id not in self._rows:
            raise KeyError(f"no clip {clip_id!r} among the {len(self)} clips")
        return self._rows[clip_id]

    def media_tokens(self, media_id: str) -> dict[Modality, np.ndarray]:
        """All video and audio tokens of one medium: (N, D) each, float16 if stored so."""
        get, infos = self.tensors_of(media_id), self.features
        return {
            name: cut(name, infos[name], get, 0.0, math.inf).tokens.numpy() for name in self._stored
        }

    def tensors_of(self, media_id: str) -> Get:
        """What is stored of one medium, by name, for `mmlab.cutting.cut`."""
        return partial(self._store.get, media_id)

    def levels(self, media_id: str) -> dict[str, np.ndarray]:
        """The levels of one medium that were measured.

        Returns:
            "brightness", (N,) float32 in 0..1, of each video token; "loudness", (T,) float32 in
            dBFS from -100, of each second.
        """
        found = {name: self._store.get(media_id, name) for name in LEVELS}
        return {name: level.float().numpy() for name, level in found.items() if level is not None}

    def window(
        self,
        media_id: str,
        start_seconds: float,
        end_seconds: float,
        text: str = "",
        *,
        audio_start_seconds: float | None = None,
        audio_end_seconds: float | None = None,
        training_tokens: Mapping[Modality, int] | None = None,
    ) -> ClipFeatures:
        """Any part of any medium of the dataset as if it were a clip.

        Video tokens are those of every second that the part touches, always at least one; audio
        frames are cut as in the paper's code. What lies outside the medium is left out.

        Args:
            media_id: of the medium.
            start_seconds: of the part.
            end_seconds: likewise; may be infinite.
            text: what is said of it.
            audio_start_seconds: where the sound is cut, if not at the same time.
            audio_end_seconds: likewise; by default the sound is as long as the part.
            training_tokens: cut these modalities as published training does, with so many tokens
                at most; see `mmlab.cutting.cut`.

        Raises:
            KeyError: no such medium.
            ValueError: a time is not a number.
        """
        begin = start_seconds if audio_start_seconds is None else audio_start_seconds
        end = audio_end_seconds
        if end is None:
            end = end_seconds + (begin - start_seconds)
        times = (start_seconds, end_seconds, begin, end)
        if any(math.isnan(seconds) for seconds in times) or math.isinf(start_seconds):
            raise ValueError(f"{media_id}: a part from {start_seconds} to {end_seconds} seconds")
        clip_id = f"{media_id}#{start_seconds:.2f}-{end_seconds:.2f}"
        span = Span(media_id, start_seconds, end_seconds, text)
        return self._cut(clip_id, span, {"audio": (begin, end)}, training_tokens or {})

    def extract(
        self, path: Path | str, on_progress: Callable[[float], object] | None = None
    ) -> MediaFeatures:
        """The tokens of a new file, made with the dataset's own backbones.

        Args:
            path: of the file.
            on_progress: told the share that is done, from 0 to 1.

        Raises:
            MediaError: the file cannot be read.
            ValueError: there is no such file, or the dataset's features cannot be made here.
        """
        if not os.path.exists(path):  # False, and no error, for a name that is too long
            raise ValueError(
                f"{str(path)!r} is neither in this selection (another split?) nor a file"
            )
        infos = {name: self.features[name] for name in self._stored}
        foreign = [f"{name} ({info.name})" for name, info in infos.items() if not info.source]
        if foreign:
            raise ValueError(
                f"{self.folder}: its {' and '.join(foreign)} features come from published files "
                "and cannot be made of new media; ask with text or with the dataset's own clips"
            )
        sources = {name: info.source for name, info in infos.items()}
        extractors = Extractors(**{"video": "none", "audio": "none"} | sources)
        return extract(Path(path), extractors, on_progress)

    def batch(self, rows: Sequence[int]) -> dict[Modality, Tokens]:
        """The padded tokens of some clips: `collate` of them, read straight into the batch."""
        parts: dict[Modality, list[Tensor]] = {name: [] for name in self.features}
        for row in rows:
            media_id, start, end, text = self.span(row)
            parts["text"].append(torch.tensor(self.text_encoder.encode(text)[1]))
            get = self.tensors_of(media_id)
            for name in self._stored:
                parts[name].append(cut(name, self.features[name], get, start, end).tokens)
        return {name: pad_tokens(parts[name], info.width) for name, info in self.features.items()}

    def collate(self, clips: Sequence[ClipFeatures]) -> dict[Modality, Tokens]:
        """The tokens of clips as one batch, padded to the longest of them in each modality."""
        return {
            name: pad_tokens([clip.tokens[name] for clip in clips], info.width)
            for name, info in self.features.items()
        }

    def _cut(
        self,
        clip_id: str,
        span: Span,
        elsewhere: Mapping[Modality, tuple[float, float]],
        training_tokens: Mapping[Modality, int],
    ) -> ClipFeatures:
        words, vectors = self.text_encoder.encode(span.text)
        tokens, times = {"text": torch.tensor(vectors)}, {}  # the encoder keeps its own
        get = self.tensors_of(span.media_id)
        for name in self._stored:
            start, end = elsewhere.get(name, (span.start_seconds, span.end_seconds))
            part = cut(name, self.features[name], get, start, end, training_tokens.get(name))
            tokens[name], times[name] = part.tokens.float(), part.times
        return ClipFeatures(clip_id, *span, words, tokens, times)

    @cached_property
    def _spans(self) -> Spans:
        return Spans(self.folder, self.manifest, self.media)

    @cached_property
    def _stored(self) -> list[Modality]:
        return [name for name in self.features if name != "text"]

    @cached_property
    def _rows(self) -> dict[str, int]:
        return {clip_id: row for row, clip_id in enumerate(self.manifest["clip_id"])}

    @cached_property
    def _store(self) -> FeatureStore:
        shards = dict(zip(self.media["media_id"], self.media["shard"], strict=True))
        return FeatureStore(self.folder / "features", shards)

    def summary(self) -> str:
        """What the dataset holds, for a terminal: clips, splits, features, what was skipped."""
        splits = self.manifest["split"].value_counts().sort_index()
        lines = [repr(self), "splits: " + ", ".join(f"{name} {n}" for name, n in splits.items())]
        lines += [f"{name}: {_described(info)}" for name, info in self.features.items()]
        skipped = self.folder / "skipped.csv"
        if skipped.exists() and (count := len(read_csv(skipped))):
            lines.append(f"skipped: {count} media or captions, with reasons in {skipped}")
        return "\n".join(lines)

    def __repr__(self) -> str:
        hours = (self.manifest["end_seconds"] - self.manifest["start_seconds"]).sum() / 3600
        media = self.manifest["media_id"].nunique()
        return (
            f"ClipDataset({str(self.folder)!r}: {len(self)} clips of {media} media, {hours:.2f} h)"
        )

    def _repr_html_(self) -> str:
        from mmlab.views.dataset import dataset_html  # pictures are needed in notebooks only

        return dataset_html(self)


def _described(info: FeatureInfo) -> str:
    rate = info.tokens_per_second
    return f"{info.name}, width {info.width}" + (f", {rate:g} tokens per second" if rate else "")
