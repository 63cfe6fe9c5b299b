"""Which clips a batch holds, and reading them: a function of the seed, the epoch and the place.

Nothing is drawn from a state that a stop could lose, so any batch can be read again alone, and
several processes each read only their own part of it.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from typing import Protocol

import numpy as np
import torch

from mmlab.dataset import ClipDataset, ClipFeatures
from mmlab.distributed import rank, world_size
from mmlab.sampling import NarratedVideos, shifted_start
from mmlab.training.config import TrainConfig
from mmlab.types import Modality, Tokens

ORDER, CLIP = 0, 1
"""Kinds of random numbers, so that no two draws share a seed."""

Tensors = dict[Modality, Tokens]


class Batches(Protocol):
    """The batches of every epoch; a place is a batch's number in its epoch, from 0."""

    @property
    def per_epoch(self) -> int:
        """How many batches an epoch has."""

    def read(self, epoch: int, place: int) -> LoadedBatch:
        """This process's part of a batch."""


@dataclass(frozen=True)
class LoadedBatch:
    """This process's part of a batch.

    Attributes:
        clip_ids: of its clips.
        tokens: padded, on the CPU.
    """

    clip_ids: list[str]
    tokens: Tensors

    def not_finite(self) -> list[str]:
        """The clips with a feature that is NaN or infinite."""
        broken = torch.zeros(len(self.clip_ids), dtype=torch.bool)
        for one in self.tokens.values():
            broken |= ((~one.values.isfinite()).any(dim=2) & one.mask).any(dim=1)
        return [self.clip_ids[row] for row in broken.nonzero()[:, 0]]


def make_batches(clips: ClipDataset, config: TrainConfig) -> Batches:
    """The batches that a configuration asks for.

    Raises:
        ValueError: too few clips or videos for a batch.
    """
    return (
        CaptionBatches(clips, config) if config.clips == "captions" else VideoBatches(clips, config)
    )


class CaptionBatches:
    """The dataset's own clips, each once in an epoch, a little moved and with words left out."""

    def __init__(self, clips: ClipDataset, config: TrainConfig) -> None:
        if len(clips) < 2 * world_size():
            raise ValueError(
                f"training needs at least {2 * world_size()} clips, {clips.folder} gives "
                f"{len(clips)}"
            )
        _check_shares("batch_clips", config.batch_clips)
        self.clips, self.config = clips, config

    @property
    def per_epoch(self) -> int:
        """Whole batches; a short last one has few negatives, so it is left out."""
        return max(1, len(self.clips) // self.config.batch_clips)

    def read(self, epoch: int, place: int) -> LoadedBatch:
        """This process's part of a batch."""
        start = place * self.config.batch_clips
        rows = _own(
            _order(len(self.clips), self.config.seed, epoch)[start:][: self.config.batch_clips]
        )
        read = [self._crop(row, _generator(self.config, epoch, row)) for row in rows.tolist()]
        ids = self.clips.manifest["clip_id"].array
        return LoadedBatch([str(ids[row]) for row in rows], self.clips.collate(read))

    def _crop(self, row: int, generator: np.random.Generator) -> ClipFeatures:
        clip = self.clips.span(row)
        moves = generator.uniform(-1, 1, size=2) * self.config.jitter_seconds
        start = max(0.0, clip.start_seconds + moves[0])
        end = max(start + 1.0, clip.end_seconds + moves[1])
        sound = self._sound_start(clip.media_id, start, end, generator)
        window = self.clips.window(clip.media_id, start, end, clip.text, audio_start_seconds=sound)
        text = window.tokens["text"]
        keep = torch.from_numpy(generator.random(len(text)) >= self.config.word_dropout)
        return replace(window, tokens=window.tokens | {"text": text[keep] if keep.any() else text})

    def _sound_start(
        self, media_id: str, start: float, end: float, generator: np.random.Generator
    ) -> float | None:
        """Shifted one way or, if it would leave the medium, the other way, else not."""
        shift = self.config.audio_shift_seconds
        if not shift:
            return None
        shift *= 1 if generator.random() < 0.5 else -1
        return shifted_start(start, shift, end - start, self._durations[media_id])

    @cached_property
    def _durations(self) -> dict[str, float]:
        media = self.clips.media
        return dict(zip(media["media_id"], media["duration_seconds"].astype(float), strict=True))


class VideoBatches:
    """Random clips of long narrated videos, each video once in an epoch, as on HowTo100M."""

    def __init__(self, clips: ClipDataset, config: TrainConfig) -> None:
        self.config = config
        self.videos = NarratedVideos(
            clips, "published" if config.clips == "published" else "corrected"
        )
        self.per_batch = config.batch_clips // config.clips_per_video
        found = len(self.videos.media_ids)
        _check_shares("batch_clips / clips_per_video", self.per_batch)
        if found < world_size() or found * config.clips_per_video < 2 or not self.per_batch:
            raise ValueError(
                f"a batch of {config.batch_clips} clips, {config.clips_per_video} of each video, "
                f"cannot be made of the {found} videos of {clips.folder}"
            )

    @property
    def per_epoch(self) -> int:
        """Whole batches."""
        return max(1, len(self.videos.media_ids) // self.per_batch)

    def read(self, epoch: int, place: int) -> LoadedBatch:
        """This process's part of a batch; its clips are named by their times."""
        start = place * self.per_batch
        order = _order(len(self.videos.media_ids), self.config.seed, epoch)
        clips = [
            clip
            for video in _own(order[start : start + self.per_batch]).tolist()
            for clip in self.videos.sample(
                self.videos.media_ids[video],
                self.config.clips_per_video,
                _generator(self.config, epoch, video),
            )
        ]
        return LoadedBatch([clip.clip_id for clip in clips], self.videos.dataset.collate(clips))


def read_ahead(
    batches: Batches, epoch: int, first: int, loaders: int
) -> Iterator[tuple[LoadedBatch, float]]:
    """The batches of an epoch from place `first` on, and the seconds that each was waited for.

    `loaders` threads read what comes next while the caller works; with 0 nothing is read ahead.
    """
    with ExitStack() as stack:
        ask: Callable[..., Future[LoadedBatch]] = _read_now
        if loaders:
            pool = ThreadPoolExecutor(loaders, "mmlab-loader")
            stack.callback(pool.shutdown, cancel_futures=True)
            ask = pool.submit
        coming: deque[Future[LoadedBatch]] = deque()
        places = iter(range(first, batches.per_epoch))
        while True:
            started = time.perf_counter()
            while len(coming) < max(1, 2 * loaders) and (place := next(places, None)) is not None:
                coming.append(ask(batches.read, epoch, place))
            if not coming:
                return
            yield coming.popleft().result(), time.perf_counter() - started


def _read_now(
    read: Callable[[int, int], LoadedBatch], epoch: int, place: int
) -> Future[LoadedBatch]:
    done: Future[LoadedBatch] = Future()
    done.set_result(read(epoch, place))
    return done


@lru_cache(maxsize=2)
def _order(count: int, seed: int, epoch: int) -> np.ndarray:
    return np.random.default_rng((ORDER, seed, epoch)).permutation(count)


def _generator(config: TrainConfig, epoch: int, item: int) -> np.random.Generator:
    return np.random.default_rng((CLIP, config.seed, epoch, item))


def _check_shares(name: str, count: int) -> None:
    if count % world_size():
        raise ValueError(f"{name} is {count}, which {world_size()} processes cannot share equally")


def _own(rows: np.ndarray) -> np.ndarray:
    """This process's part; where there is less than a batch, what does not divide is left out."""
    size = len(rows) // world_size()
    return rows[rank() * size : (rank() + 1) * size]
