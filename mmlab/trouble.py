"""Clips that may be trouble in training: listed, so that somebody can look and listen.

Each list has clip_id and heading, as `mmlab.views.ClipGallery` takes them, the gravest first.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import torch
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from mmlab.check import levels
from mmlab.check.near_duplicates import near_duplicates, words_of
from mmlab.dataset import ClipDataset
from mmlab.evaluation.items import ClipItems
from mmlab.types import Modality

if TYPE_CHECKING:
    from mmlab.retrieval import Retriever

STILL_CHANGE = 0.1
"""A picture stands still if no second's features are further from their mean, of its length."""


def near_duplicate_captions(dataset: ClipDataset) -> pd.DataFrame:
    """Clips whose caption says nearly the same as that of another clip, by its words.

    In training they are each other's negatives although each caption fits both. Nearly the same
    is as in `mmlab.check`: four in five different words.

    Returns:
        One row for each such caption: group, numbered from 1, of those that hang together, the
        largest first; clip_id, text; share, of the words of both that both have; similar_clip_id
        and similar_text, with which it shares them; and heading.
    """
    rows = dataset.manifest
    texts = rows["text"].fillna("").astype(str).str.strip()
    found = _most_similar(texts.tolist(), ClipItems(rows).first_of_clip)
    one, other = (found.pop(name).to_numpy(int) for name in ("one", "other"))
    found.insert(0, "group", _groups(one, other, len(rows)))
    for name, place in (("", one), ("similar_", other)):
        found[f"{name}clip_id"] = rows["clip_id"].array[place]
        found[f"{name}text"] = texts.array[place]
    found["heading"] = [f"group {number}" for number in found["group"]]
    return found.sort_values(["group", "share"], ascending=[True, False], ignore_index=True)


def disagreeing_clips(
    retriever: Retriever, count: int = 20, *, against: Modality = "audio"
) -> pd.DataFrame:
    """Clips whose caption and sound the model holds to be furthest apart.

    Args:
        retriever: a model and its clips.
        count: how many at most.
        against: another modality than the sound.

    Returns:
        One row per caption: clip_id, text, rank of the clip's own sound among all sounds when the
        caption asks, candidates, score (their cosine) and heading; the last rank first, of the
        same ranks the lower score.

    Raises:
        ValueError: a modality that the model or the clips do not have, or a count below 1.
    """
    if count < 1:
        raise ValueError(f"count is how many clips to list, at least 1, found {count}")
    texts, others = retriever.embeddings("text"), retriever.embeddings(against)
    ranked = retriever.rank_table([("text", against)])[["clip_id", "rank"]]
    both = texts.any(dim=1) & others.any(dim=1)
    rows = retriever.dataset.manifest[["clip_id", "text"]].assign(
        score=(texts * others).sum(dim=1).numpy()
    )[both.numpy()]
    found = rows.assign(rank=ranked["rank"].array)  # a caption is a row, in the same order
    found["candidates"] = len(np.unique(ClipItems(retriever.dataset.manifest).first_of_clip[both]))
    found = found.sort_values(["rank", "score"], ascending=[False, True], kind="stable")
    found = found.head(count).reset_index(drop=True)
    found["heading"] = [f"rank {rank:g}" for rank in found["rank"]]
    return found[["clip_id", "text", "rank", "candidates", "score", "heading"]]


def silent_clips(dataset: ClipDataset) -> pd.DataFrame:
    """Clips that have a sound track on which nothing is heard, as in `mmlab.check`.

    Returns:
        One row per clip: clip_id, text and heading.
    """
    audio, clips = dataset.features.get("audio"), dataset.manifest
    rate = audio.tokens_per_second if audio is not None and "mel" in audio.name else None
    silent = np.zeros(len(clips), bool)
    for media_id, rows in clips.groupby("media_id").indices.items():
        get = dataset.tensors_of(str(media_id))
        tensors = {name: get(name) for name in ("loudness", "audio")}
        arrays = {name: one.float().numpy() for name, one in tensors.items() if one is not None}
        spans = clips.iloc[rows][["start_seconds", "end_seconds"]].to_numpy(float)
        found = levels.silent_clips(arrays, rate, *spans.T)
        silent[rows] = False if found is None else found
    listed = clips.loc[silent, ["clip_id", "text"]].reset_index(drop=True)
    return listed.assign(heading="silent")


def static_clips(dataset: ClipDataset) -> pd.DataFrame:
    """Clips of two or more video tokens whose picture does not change, by its features.

    Returns:
        One row per clip: clip_id, text, change (the distance of its furthest token from their
        mean, of that mean's length, at most `STILL_CHANGE`) and heading.
    """
    ids = dataset.manifest["clip_id"]
    change = np.array([_change(dataset, row) for row in range(len(ids))])
    still = change <= STILL_CHANGE
    found = dataset.manifest.loc[still, ["clip_id", "text"]].assign(change=change[still])
    found = found.sort_values("change", kind="stable").reset_index(drop=True)
    return found.assign(heading="still")


def _most_similar(texts: Sequence[str], clip: np.ndarray) -> pd.DataFrame:
    """For each row (one) that has any, the most similar caption of another clip (other), share."""
    keys = [" ".join(sorted(set(words_of(text)))) for text in texts]
    number, different = pd.factorize(np.array(keys, dtype=object))
    rows_of = pd.Series(range(len(keys))).groupby(number).apply(list)
    alike, found = _similar_captions(list(different)), []
    for row, caption in enumerate(number):
        for place in [caption, *alike[caption]] if keys[row] else []:
            other = next((one for one in rows_of[place] if clip[one] != clip[row]), None)
            if other is not None:
                found.append((row, other, _share(keys[row], keys[other])))
                break
    return pd.DataFrame(found, columns=["one", "other", "share"])


def _similar_captions(different: list[str]) -> dict[int, list[int]]:
    """For each of some captions, by its number, those that are nearly the same, the best first.

    Two numbers differ in some bit: so for each bit those that have it are looked for among those
    that have it not, and the other way round; then none finds itself.
    """
    found: dict[int, set[int]] = defaultdict(set)
    numbers = np.arange(len(different))
    for bit in range(len(different).bit_length()):
        has = (numbers >> bit) & 1 == 1
        for asked, known in ((numbers[has], numbers[~has]), (numbers[~has], numbers[has])):
            captions = [[different[one] for one in some] for some in (asked, known)]
            for one, other in near_duplicates(*captions):
                found[asked[one]].add(known[other])
    return {
        one: sorted(found[one], key=lambda other: -_share(different[one], different[other]))
        for one in range(len(different))
    }


def _share(one: str, other: str) -> float:
    """Of the different words of both, how many both have."""
    words, others = set(one.split()), set(other.split())
    return len(words & others) / len(words | others)


def _groups(one: pd.Series, other: pd.Series, rows: int) -> np.ndarray:
    """Numbers from 1 of what hangs together, the largest group first."""
    links = coo_array((np.ones(len(one)), (one, other)), shape=(rows, rows))
    group = connected_components(links, directed=False)[1][one]
    sizes = pd.Series(group).value_counts(sort=False).sort_index()
    order = sizes.sort_values(ascending=False, kind="stable").index
    return pd.Series(range(1, len(order) + 1), index=order).loc[group].to_numpy()


def _change(dataset: ClipDataset, row: int) -> float:
    """How far a clip's furthest video token is from their mean; NaN of fewer than two."""
    tokens = dataset[row].tokens.get("video", torch.zeros(0, 1)).numpy()
    if len(tokens) < 2:
        return np.nan
    mean = tokens.mean(axis=0)
    furthest = np.linalg.norm(tokens - mean, axis=1).max()
    return float(furthest / max(np.linalg.norm(mean), np.finfo(np.float32).tiny))
