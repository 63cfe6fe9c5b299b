"""What to do with clips that are longer than those that a model was trained on.

The paper's four ways at test time: take the clip at once, with all its tokens; take fewer tokens
of it, evenly spaced ("nearest") or the maximum of neighbours ("max_pool"); or cut it in clips of
the usual length and average their embeddings.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple, get_args

import torch
import torch.nn.functional as F
from torch import Tensor

from mmlab.about import FeatureInfo
from mmlab.clip_features import Span
from mmlab.cutting import Get, cut, token_span
from mmlab.dataset import ClipDataset
from mmlab.features.audio import FRAMES_PER_SECOND
from mmlab.features.published import Strategy as Picking
from mmlab.features.published import video_tokens
from mmlab.model import FusionModel
from mmlab.model.config import Shortening
from mmlab.types import Batch, Modality, Tokens, pad_tokens

LongStrategy = Literal["at_once", "nearest", "max_pool", "clips"]

PICKING: dict[LongStrategy, Picking] = {"nearest": "nearest", "max_pool": "max_pool"}
"""How video tokens are picked; in the other strategies the first ones are taken."""

SHORTENING: dict[LongStrategy, Shortening] = {"nearest": "nearest", "max_pool": "max"}
"""How the tokens behind the sound network are picked."""

PUBLISHED_RATE = 1.5
"""Video tokens per second that the published numbers count."""

FRAMES_PER_TOKEN = 64
"""Of sound behind the published network, and the sample model's."""

FULL_ENOUGH = 0.7
"""A further clip needs more than this share of its frames, else it is left out, as published."""


@dataclass(frozen=True)
class LongClips:
    """How long clips are read; the published numbers are `msrvtt` and `youcook2`.

    What is published are numbers of tokens for video at 1.5 tokens per second. Of video that comes
    at another rate (S3D, CLIP and our own features: 1 per second) as many tokens are taken as
    come in that time, so that picture and sound are of the same part of a clip; see `sizes`.

    Attributes:
        strategy: "at_once", "nearest", "max_pool" or "clips".
        video_tokens: of a clip at most, at 1.5 per second; with "clips" of each part.
        audio_frames: of 10 ms that are read of a clip at most; with "clips" of each part. Of
            sound that does not come in frames, the tokens of that time.
        audio_tokens: behind the sound network at most, with "nearest" and "max_pool". Likewise.
        clips: parts that a clip is cut into at most, with "clips".
    """

    strategy: LongStrategy
    video_tokens: int
    audio_frames: int
    audio_tokens: int | None = None
    clips: int = 1

    def __post_init__(self) -> None:
        if self.strategy not in get_args(LongStrategy):
            known = ", ".join(get_args(LongStrategy))
            raise ValueError(f"strategy is one of {known}; found {self.strategy!r}")
        tokens = 1 if self.audio_tokens is None else self.audio_tokens
        sizes = (self.video_tokens, self.audio_frames, tokens, self.clips)
        if min(sizes) < 1:
            raise ValueError(f"tokens, frames and clips are 1 or more, found {sizes}")
        if self.strategy != "clips" and self.clips > 1:
            raise ValueError(f'clips are cut with the strategy "clips", found {self.strategy!r}')

    @classmethod
    def msrvtt(cls, strategy: LongStrategy = "at_once") -> LongClips:
        """The published numbers for MSR-VTT: up to 32 seconds."""
        return cls._published(strategy, parts=4)

    @classmethod
    def youcook2(cls, strategy: LongStrategy = "at_once") -> LongClips:
        """The published numbers for YouCook2: up to 48 seconds."""
        return cls._published(strategy, parts=6)

    @classmethod
    def _published(cls, strategy: LongStrategy, parts: int) -> LongClips:
        tokens, frames = 12, 768  # 8 seconds of picture; 64 frames are a sound token
        if strategy == "clips":
            return cls(strategy, tokens, frames, clips=parts)
        if strategy in SHORTENING:
            return cls(strategy, tokens, parts * frames, audio_tokens=tokens)
        return cls(strategy, parts * tokens, parts * frames)


class Sizes(NamedTuple):
    """What `LongClips` says in the tokens of a dataset.

    Attributes:
        video: tokens of a clip or part at most.
        audio: tokens or frames that are read of it at most.
        audio_tokens: behind the sound network at most; None: all.
    """

    video: int
    audio: int
    audio_tokens: int | None


def sizes(long_clips: LongClips, features: Mapping[Modality, FeatureInfo]) -> Sizes:
    """Bring the numbers of tokens to the rates of a dataset: the seconds stay.

    Args:
        long_clips: in video tokens at 1.5 per second and frames of sound.
        features: of the dataset; what is not there or has no rate counts as published.
    """
    rates = {name: info.tokens_per_second for name, info in features.items()}
    video = long_clips.video_tokens * ((rates.get("video") or PUBLISHED_RATE) / PUBLISHED_RATE)
    each = (rates.get("audio") or FRAMES_PER_SECOND) / FRAMES_PER_SECOND  # tokens to a frame
    behind = long_clips.audio_tokens
    if behind is not None and each != 1:
        behind = max(1, round(behind * FRAMES_PER_TOKEN * each))
    return Sizes(max(1, round(video)), max(1, round(long_clips.audio_frames * each)), behind)


class Pieces(NamedTuple):
    """What is embedded of some clips.

    Attributes:
        batch: one item for each part of each clip.
        owners: (items,) long, the clip (its place among those asked for) of each.
    """

    batch: dict[Modality, Tokens]
    owners: Tensor


def read_pieces(dataset: ClipDataset, rows: Sequence[int], long_clips: LongClips | None) -> Pieces:
    """The padded tokens of some clips, whole or as a strategy for long clips reads them."""
    if long_clips is None:
        return Pieces(dataset.batch(rows), torch.arange(len(rows)))
    parts: dict[Modality, list[Tensor]] = {name: [] for name in dataset.features}
    owners = []
    for place, row in enumerate(rows):
        for part in _parts(dataset, dataset.span(row), long_clips):
            owners.append(place)
            for name, tokens in part.items():
                parts[name].append(tokens)
    batch = {name: pad_tokens(parts[name], info.width) for name, info in dataset.features.items()}
    return Pieces(batch, torch.tensor(owners))


def _parts(dataset: ClipDataset, span: Span, long_clips: LongClips) -> list[dict[Modality, Tensor]]:
    """The tokens of each part of one clip; the caption belongs to all of them."""
    media_id, start, end, text = span
    get, infos = dataset.tensors_of(media_id), dataset.features
    most, how = sizes(long_clips, infos)._asdict(), PICKING.get(long_clips.strategy)
    tokens = {"text": torch.tensor(dataset.text_encoder.encode(text)[1])}
    for name, info in infos.items():
        if name == "video":
            tokens[name] = _picture(info, get, start, end, how, most["video"])
        elif name != "text":
            tokens[name] = cut(name, info, get, start, end).tokens
    ruling = "audio" if "audio" in tokens else "video"  # as published, its length decides
    left = len(tokens[ruling]) if ruling in tokens else 0
    return [
        {
            name: values[number * most[name] : (number + 1) * most[name]]
            if name in most
            else values
            for name, values in tokens.items()
        }
        for number in range(long_clips.clips)
        if number == 0 or left - number * most[ruling] > FULL_ENOUGH * most[ruling]
    ]


def _picture(
    info: FeatureInfo, get: Get, start: float, end: float, how: Picking | None, most: int
) -> Tensor:
    """All video tokens, or those picked of each published stream before they are merged.

    A single stream is kept with its features at norm 1 already, so there "max_pool" differs from
    published code, which takes the maximum before.
    """
    if how is None:
        return cut("video", info, get, start, end).tokens
    if not info.streams:
        whole = cut("video", info, get, start, end).tokens.float().numpy()
        picked = video_tokens([whole], most, how, unit_norm=False)
        return torch.from_numpy(picked)
    streams = []
    for stream in info.streams:
        stored = get(f"video.{stream.name}")
        if stored is None:
            return torch.zeros(0, info.width)
        first, last = token_span("video", len(stored), start, end, stream.tokens_per_second)
        streams.append(stored[first:last].float().numpy())
    merged = video_tokens(streams, most, how, unit_norm=info.unit_norm)
    return torch.from_numpy(merged)


def fit_model(
    model: FusionModel,
    long_clips: LongClips | None,
    features: Mapping[Modality, FeatureInfo],
) -> FusionModel:
    """The same weights, with the sound network's tokens shortened as the strategy says."""
    limit = None if long_clips is None else sizes(long_clips, features).audio_tokens
    if long_clips is None or limit is None:
        return model
    how = SHORTENING.get(long_clips.strategy, "clip")
    modalities = tuple(
        replace(one, max_tokens=min(one.max_tokens or limit, limit), shorten=how)
        if one.name == "audio"
        else one
        for one in model.config.modalities
    )
    fitted = copy.copy(model)  # its modules are the model's own
    fitted.config = replace(model.config, modalities=modalities)
    return fitted


def pad_sound(batch: Batch, model: FusionModel, long_clips: LongClips | None) -> Batch:
    """Bring sound to its full number of frames, if the sound network hears the padding.

    Published networks do; so their embeddings do not depend on which clips come together.
    """
    encoders = [one.encoder for one in model.config.modalities if one.name == "audio"]
    hears = any(encoder is not None and not encoder.mask_padding for encoder in encoders)
    if long_clips is None or not hears or "audio" not in batch:
        return batch
    sound = batch["audio"]
    missing = long_clips.audio_frames - sound.mask.shape[1]
    if missing <= 0:
        return batch
    values, mask = F.pad(sound.values, (0, 0, 0, missing)), F.pad(sound.mask, (0, missing))
    return {**batch, "audio": Tokens(values, mask)}


def average_pieces(vectors: Tensor, owners: Tensor, clips: int) -> Tensor:
    """The mean embedding of the parts of each clip.

    Args:
        vectors: (N, P), one for each part; a part that has nothing is zeros and does not count.
        owners: (N,) long, the clip of each part; -1 = dropped.
        clips: how many there are.

    Returns:
        (clips, P); zeros where a clip has no part.
    """
    counts = vectors.any(dim=1) & (owners >= 0)
    kept, whose = vectors[counts], owners[counts]
    sums = vectors.new_zeros(clips, vectors.shape[1]).index_add(0, whose, kept)
    return sums / torch.bincount(whose, minlength=clips).clamp(min=1)[:, None]
