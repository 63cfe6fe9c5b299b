"""What a trained variant is asked, and the rank of each answer.

Asked are all directions between disjoint combinations; those with something fused also by late
fusion; and the captions of long clips, embedded in each of the published ways.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from mmlab.dataset import ClipDataset
from mmlab.evaluation.items import CLIP
from mmlab.evaluation.long_clips import LongClips, LongStrategy
from mmlab.evaluation.matrix import Side, directions
from mmlab.model import FusionModel
from mmlab.retrieval import Retriever
from mmlab.types import all_combinations, combination_name

JOINT, LATE = "joint", "late"
STRATEGIES: dict[LongStrategy, str] = {
    "at_once": "long, at once",
    "nearest": "long, nearest",
    "max_pool": "long, max-pooled",
    "clips": "long, cut in clips",
}
STEPS_OF_A_LONG_CLIP = 3

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
        query, gallery, how, clip_id, rank: one row for each task and each query that has both
        sides, as `Retriever.ranks` counts them. Long clips have ids of their own.
    """
    every = all_combinations(model.config.names)
    pairs = directions(every)
    retriever = Retriever(model, clips)
    tables = [_ranked(retriever, pairs, JOINT)]
    if late := [pair for pair in directions(every, late=True) if any(side.late for side in pair)]:
        tables.append(_ranked(retriever, late, LATE))
    long = long_clips(clips)
    if len(long):
        of_text = [pair for pair in pairs if pair[0].names == ("text",)]
        for strategy, how in STRATEGIES.items():
            if strategy == "at_once" and model.config.positions:
                continue  # there is no position for what comes after the last one
            asked = Retriever(model, long, long_clips=LongClips.msrvtt(strategy))
            tables.append(_ranked(asked, of_text, how))
    return pd.concat(tables, ignore_index=True)


def _ranked(retriever: Retriever, pairs: Sequence[tuple[Side, Side]], how: str) -> pd.DataFrame:
    """The retriever's own ranks; a side is named by what it is made of, `how` says the rest."""
    table = retriever.rank_table(pairs).assign(how=how)
    names = {side.name: combination_name(side.names) for pair in pairs for side in pair}
    table[["query", "gallery"]] = table[["query", "gallery"]].replace(names)
    return table[COLUMNS]


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
    parts = clips.manifest.drop_duplicates(CLIP)
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
