"""What a trained variant is asked, and the rank of each answer.

Asked are all directions between disjoint combinations; those with something fused also by late
fusion; and the captions of long clips, embedded in each of the published ways.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import permutations

import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F
from torch import Tensor

from mmlab.dataset import ClipDataset
from mmlab.evaluation import rank_of_match
from mmlab.evaluation.long_clips import LongClips, LongStrategy
from mmlab.features.audio import FRAMES_PER_SECOND
from mmlab.model import FusionModel
from mmlab.retrieval import Retriever
from mmlab.sampling import MIN_SECONDS, PUBLISHED_TOKENS
from mmlab.types import Combination, all_combinations, combination_name

JOINT, LATE = "joint", "late"
STRATEGIES: dict[LongStrategy, str] = {
    "at_once": "long, at once",
    "nearest": "long, nearest",
    "max_pool": "long, max-pooled",
    "clips": "long, cut in clips",
}
STEPS_OF_A_LONG_CLIP = 3
FRAMES_PER_TOKEN = 64
"""Of sound, behind the published network and the sample model's."""

COLUMNS = ["query", "gallery", "how", "clip_id", "rank"]


@dataclass(frozen=True)
class Task:
    """One way of asking: a direction and how both sides are embedded.

    Attributes:
        query: a combination's name.
        gallery: likewise.
        how: "joint": what is fused goes through the transformer together; "late": the mean of
            its unit embeddings; "long, …": joint, on clips that are longer than those trained on.
    """

    query: str
    gallery: str
    how: str = JOINT

    def __str__(self) -> str:
        where = "" if self.how == JOINT else f" ({self.how})"
        return f"{self.query} → {self.gallery}{where}"


MAIN_TASK = Task("text", "video+audio")
"""What the paper's ablations look at: text to video and sound together."""


def measure(model: FusionModel, clips: ClipDataset) -> pd.DataFrame:
    """Ask a model everything.

    Args:
        model: of text and other modalities.
        clips: those to ask about.

    Returns:
        query, gallery, how, clip_id, rank: one row for each task and each clip that has both
        sides. Long clips have ids of their own.
    """
    every = all_combinations(model.config.names)
    pairs = [(one, other) for one, other in permutations(every, 2) if not set(one) & set(other)]
    retriever = Retriever(model, clips)
    tables = [_ranked(retriever, one, other, JOINT) for one, other in pairs]
    fused = [pair for pair in pairs if max(map(len, pair)) > 1]
    tables += [_ranked(retriever, one, other, LATE) for one, other in fused]
    long = long_clips(clips)
    if len(long):
        for strategy, how in STRATEGIES.items():
            if strategy == "at_once" and model.config.positions:
                continue  # there is no position for what comes after the last one
            asked = Retriever(model, long, long_clips=reading(clips, strategy))
            tables += [_ranked(asked, one, other, how) for one, other in pairs if one == ("text",)]
    return pd.concat(tables, ignore_index=True)


def _ranked(
    retriever: Retriever, query: Combination, gallery: Combination, how: str
) -> pd.DataFrame:
    embed = _late if how == LATE else Retriever.embeddings
    one, other = embed(retriever, query), embed(retriever, gallery)
    both = one.any(dim=1) & other.any(dim=1)
    ranks = rank_of_match(one[both], other[both])
    ids = retriever.dataset.manifest["clip_id"].to_numpy()[both.numpy()]
    row = {"query": combination_name(query), "gallery": combination_name(gallery), "how": how}
    return pd.DataFrame(row | {"clip_id": ids, "rank": ranks})[COLUMNS]


def _late(retriever: Retriever, names: Combination) -> Tensor:
    """(clips, P) of unit length: the mean of the single embeddings; what is missing counts 0."""
    return F.normalize(torch.stack([retriever.embeddings((one,)) for one in names]).sum(0), dim=1)


def long_clips(clips: ClipDataset, steps: int = STEPS_OF_A_LONG_CLIP) -> ClipDataset:
    """Every `steps` clips that follow each other in a medium as one clip with all their words.

    Of several captions of one clip the first is taken.

    Args:
        clips: a dataset with short ones.
        steps: how many make a long one.

    Returns:
        The long clips, without any where no medium has so many.
    """
    rows = []
    parts = clips.manifest.drop_duplicates(["media_id", "start_seconds", "end_seconds"])
    ordered = parts.sort_values(["media_id", "start_seconds"], kind="stable")
    for _, own in ordered.groupby("media_id", sort=False):
        for first in range(len(own) - steps + 1):
            part = own.iloc[first : first + steps]
            start, end = part["start_seconds"].min(), part["end_seconds"].max()
            rows.append(
                part.iloc[0].to_dict()
                | {
                    "clip_id": f"{part['clip_id'].iloc[0]} and {steps - 1} more",
                    "start_seconds": start,
                    "end_seconds": end,
                    "text": " ".join(part["text"]),
                }
            )
    return ClipDataset(
        clips.folder,
        pd.DataFrame(rows, columns=clips.manifest.columns),
        clips.media,
        media_root=clips.media_root,
        features=clips.features,
        text_encoder=clips.text_encoder,
    )


def reading(clips: ClipDataset, strategy: LongStrategy) -> LongClips:
    """How a strategy reads long clips: of 8 s as in training, or up to four times as much."""
    infos, parts = clips.features, LongClips.msrvtt("clips").clips
    rate = infos["video"].tokens_per_second or 1.0
    video, frames = round(MIN_SECONDS * rate), PUBLISHED_TOKENS["audio"]
    if strategy == "clips":
        return LongClips(strategy, video, frames, clips=parts)
    if strategy == "at_once":
        return LongClips(strategy, parts * video, parts * frames)
    sound_rate = infos["audio"].tokens_per_second if "audio" in infos else None
    per_token = FRAMES_PER_TOKEN if sound_rate in (None, FRAMES_PER_SECOND) else 1
    tokens = round(frames / FRAMES_PER_SECOND * (sound_rate or FRAMES_PER_SECOND) / per_token)
    return LongClips(strategy, video, parts * frames, audio_tokens=max(1, tokens))


def by_task(table: pd.DataFrame) -> dict[Task, pd.Series]:
    """From what `measure` gave to the ranks of each task, indexed by clip_id."""
    return {
        Task(*(str(part) for part in key)): own.set_index("clip_id")["rank"]
        for key, own in table.groupby(["query", "gallery", "how"], sort=False)
    }


def aligned(*sides: list[pd.Series]) -> list[np.ndarray]:
    """For each side (S, Q) ranks of the clips that all seeds of all sides were asked about.

    Args:
        *sides: for each seed the ranks by clip_id.
    """
    columns = [ranks for side in sides for ranks in side]
    joined = pd.concat(columns, axis=1, join="inner").sort_index().to_numpy(float).T
    ends = np.cumsum([len(side) for side in sides])[:-1]
    return np.split(joined, ends)
