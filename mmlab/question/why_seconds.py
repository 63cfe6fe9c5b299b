"""The seconds of a clip that its score needs: what is lost without each of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F
from torch import Tensor

from mmlab.evaluation.matrix import Side
from mmlab.explanation.tokens import fused_tokens

if TYPE_CHECKING:
    from mmlab.retrieval import Retriever

MOST_PIECES = 40
"""A clip of more seconds is cut into so many pieces of equal length."""

COLUMNS = ["modality", "start_seconds", "end_seconds", "share"]


def lost_seconds(retriever: Retriever, clip_id: str, side: Side, vector: Tensor) -> pd.DataFrame:
    """What a clip's score loses without the tokens of one modality in one second.

    Args:
        retriever: the model and its clips, read whole whatever its `long_clips`.
        clip_id: which clip; it has something of `side`.
        side: what of the clip answers.
        vector: (P,) of the question.

    Returns:
        modality, start_seconds, end_seconds (of the medium) and share, for each second in which
        the clip has a token of the modality (its middle counts); no row where the clip has more
        tokens than the model takes, which merges them.
    """
    clip, model = retriever.dataset[clip_id], retriever.model
    names = tuple(name for name in side.names if len(clip.tokens[name]))
    groups = [(name,) for name in names] if side.late else [side.names]
    tokens = [fused_tokens(model, clip, group) for group in groups]
    modality = np.array([name for one in tokens for name in one.modality])
    if any(one.shortened for one in tokens) or not len(modality):
        return pd.DataFrame(columns=COLUMNS)
    edges = _edges(clip.start_seconds, clip.end_seconds)
    middles = np.concatenate([one.seconds.mean(axis=1) for one in tokens])
    piece = np.clip(np.searchsorted(edges, middles, side="right") - 1, 0, len(edges) - 2)
    rows = [
        (name, number)
        for name in dict.fromkeys(modality)
        for number in np.unique(piece[modality == name])
    ]
    kept = np.stack(
        [piece < np.inf, *(~((modality == name) & (piece == number)) for name, number in rows)]
    )
    borders = np.cumsum([len(one.modality) for one in tokens])[:-1]
    parts = zip(tokens, np.split(kept, borders, axis=1), strict=True)
    vectors = torch.stack([one.embed_kept(own) for one, own in parts])
    vectors = F.normalize(vectors.sum(dim=0), dim=-1)  # the mean of late fusion, or the one
    scores = (vectors.double() @ vector.double()).numpy()
    found = [(name, edges[number], edges[number + 1]) for name, number in rows]
    return pd.DataFrame(found, columns=COLUMNS[:3]).assign(share=scores[0] - scores[1:])


def _edges(start: float, end: float) -> np.ndarray:
    """The borders of whole seconds from the start; the last piece may be shorter."""
    length = max(1.0, (end - start) / MOST_PIECES)
    return np.append(np.arange(start, end - 1e-3, length), end)
