"""The embeddings of a dataset's clips: read, embedded on the model's device, brought back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from mmlab.dataset import ClipDataset
from mmlab.evaluation.items import ClipItems
from mmlab.evaluation.long_clips import (
    LongClips,
    average_pieces,
    fit_model,
    pad_sound,
    read_pieces,
)
from mmlab.model import FusionModel
from mmlab.types import Batch, Combination, Modality, Tokens, combination_name

BATCH_ITEMS = 64


@dataclass(frozen=True)
class ClipEmbeddings:
    """What a model says of clips.

    Attributes:
        joint: (clips, P) of unit length for each combination, fused in one pass; zeros where a
            clip has nothing of it.
        alone: (clips, P) for each single modality, for late fusion: the unit embedding, of a clip
            that was cut in parts the mean of theirs.
    """

    joint: dict[Combination, Tensor]
    alone: dict[Modality, Tensor]

    def late(self, combination: Combination) -> Tensor:
        """(clips, P) of unit length: the mean of the modalities that a clip has."""
        return F.normalize(torch.stack([self.alone[name] for name in combination]).sum(0), dim=-1)


def embed_rows(
    model: FusionModel,
    dataset: ClipDataset,
    combinations: Sequence[Combination],
    *,
    long_clips: LongClips | None = None,
) -> ClipEmbeddings:
    """`embed_clips` of every row of the manifest.

    Of a clip with several captions, what has no text is embedded once; and the same caption has
    exactly the same embedding wherever it stands, so that it ties with itself.
    """
    items = ClipItems(dataset.manifest)
    joint: dict[Combination, Tensor] = {}
    alone: dict[Modality, Tensor] = {}
    for group, owners in _groups(combinations, items):
        rows, places = np.unique(owners, return_inverse=True)
        part = embed_clips(model, dataset, group, rows=rows.tolist(), long_clips=long_clips)
        for one, vectors in part.joint.items():
            joint[one] = vectors[places[items.first_of(one)]]
        for name, vectors in part.alone.items():
            alone[name] = vectors[places[items.first_of((name,))]]
    return ClipEmbeddings(joint, alone)


def _groups(
    combinations: Sequence[Combination], items: ClipItems
) -> list[tuple[list[Combination], np.ndarray]]:
    """The combinations that are read together, and for each row the row that is read for it."""
    every = np.arange(len(items.manifest))
    if not items.has_several_captions:
        return [(list(combinations), every)]
    with_text = [one for one in combinations if "text" in one]
    without = [one for one in combinations if "text" not in one]
    groups = [(with_text, every), (without, items.first_of_clip)]
    return [(group, owners) for group, owners in groups if group]


def embed_clips(
    model: FusionModel,
    dataset: ClipDataset,
    combinations: Sequence[Combination],
    *,
    rows: Sequence[int] | None = None,
    long_clips: LongClips | None = None,
) -> ClipEmbeddings:
    """Embed clips in some combinations, batch by batch.

    Args:
        model: on any device.
        dataset: may have more modalities than the model.
        combinations: of modalities that the dataset has.
        rows: of the manifest; default: all.
        long_clips: how long clips are read; None: with all of their tokens.

    Returns:
        float32 on the CPU, a row for each of `rows`.

    Raises:
        ValueError: the model's embeddings are NaN or infinite.
    """
    rows = range(len(dataset)) if rows is None else rows
    together = max(1, BATCH_ITEMS // (long_clips.clips if long_clips else 1))
    fitted = fit_model(model, long_clips, dataset.features)
    parts = []
    for start in range(0, len(rows), together):
        some = rows[start : start + together]
        pieces = read_pieces(dataset, some, long_clips)
        batch = pad_sound(pieces.batch, model, long_clips)
        raw = embed_present(fitted, batch, combinations)
        for names, vectors in raw.items():
            _check_finite(names, vectors, dataset, [some[one] for one in pieces.owners.tolist()])
        parts.append(_of_clips(raw, pieces.owners, len(some)))
    return ClipEmbeddings(
        {names: torch.cat([part.joint[names] for part in parts]) for names in combinations},
        {name: torch.cat([part.alone[name] for part in parts]) for name in parts[0].alone},
    )


def embed_present(
    model: FusionModel, batch: Batch, combinations: Sequence[Combination]
) -> dict[Combination, Tensor]:
    """(B, P) on the CPU as the model leaves them; zeros where an item has nothing of it."""
    names = {name for one in combinations for name in one}
    device = next(model.parameters()).device
    batch = {name: tokens for name, tokens in batch.items() if name in names}
    present = {name: tokens.present for name, tokens in batch.items()}
    some = torch.stack(list(present.values())).any(dim=0)  # the model refuses the others
    shape = (len(some), model.config.projection_width)
    result = {one: torch.zeros(shape) for one in combinations}
    if not some.any():
        return result
    kept = {
        name: Tokens(tokens.values[some], tokens.mask[some]).to(device)
        for name, tokens in batch.items()
    }
    for one, vectors in model.embed(kept, combinations).raw.items():
        there = torch.stack([present[name] for name in one]).any(dim=0)
        result[one][there] = vectors.float().cpu()[there[some]]
    return result


def _of_clips(raw: dict[Combination, Tensor], owners: Tensor, clips: int) -> ClipEmbeddings:
    """As published, the parts' embeddings are averaged as they are, then brought to norm 1."""
    joint = {
        names: F.normalize(average_pieces(vectors, owners, clips), dim=-1)
        for names, vectors in raw.items()
    }
    alone = {
        names[0]: average_pieces(F.normalize(vectors, dim=-1), owners, clips)
        for names, vectors in raw.items()
        if len(names) == 1
    }
    return ClipEmbeddings(joint, alone)


def _check_finite(
    names: Combination, vectors: Tensor, dataset: ClipDataset, rows: Sequence[int]
) -> None:
    broken = (~vectors.isfinite()).any(dim=1).nonzero()[:, 0].tolist()
    if broken:
        clips = list(dict.fromkeys(dataset.manifest["clip_id"].iloc[rows[one]] for one in broken))
        raise ValueError(
            f"{dataset.folder}: the model's embeddings of {combination_name(names)} are NaN or "
            f"infinite for {', '.join(clips[:3])}; its weights or these features are damaged"
        )


def has_any(embeddings: Tensor) -> Tensor:
    """(clips,) bool: clips without any of a combination's modalities have a zero vector."""
    return embeddings.any(dim=1)
