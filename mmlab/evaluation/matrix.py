"""The table of retrieval: from any combination of modalities to any other.

A *side* of a direction is a combination, fused in one pass, or with "late" behind its name the
mean of the embeddings of its modalities seen alone (the paper's comparison, "v+a").
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from mmlab.evaluation.items import ClipItems, Matches
from mmlab.evaluation.retrieval import retrieval_scores, score_intervals
from mmlab.types import MODALITIES, Combination, Modality, combination_name, parse_combination

LATE = " late"


class Side(NamedTuple):
    """What asks or answers.

    Attributes:
        names: the modalities.
        late: whether they are fused late.
    """

    names: Combination
    late: bool = False

    @property
    def name(self) -> str:
        """Such as "video+audio" or "video+audio late"."""
        return combination_name(self.names) + (LATE if self.late else "")

    @property
    def needed(self) -> list[Combination]:
        """The combinations whose embeddings it is made of."""
        return [(name,) for name in self.names] if self.late else [self.names]


SideName = str | Combination | Side
"""Such as "video+audio", ("video", "audio") or "video+audio late"."""


def parse_side(name: SideName, modalities: Sequence[Modality] = MODALITIES) -> Side:
    """The side that a name means.

    Raises:
        ValueError: unknown modalities, or a single one fused late.
    """
    if isinstance(name, Side):
        return name
    late = isinstance(name, str) and name.endswith(LATE)
    words = name.removesuffix(LATE) if isinstance(name, str) else name
    names = parse_combination(words, modalities)
    if late and len(names) == 1:
        raise ValueError(f"{name!r}: a single modality has nothing to fuse; leave 'late' out")
    return Side(names, late)


def directions(
    combinations: Sequence[Combination], *, shared: bool = False, late: bool = False
) -> list[tuple[Side, Side]]:
    """All ways of asking.

    Args:
        combinations: what may ask and answer.
        shared: also between combinations that have modalities in common, each with itself
            included: 7 x 7 for three modalities.
        late: each direction with a fused side also with its fused sides fused late.
    """
    pairs = [
        (one, other)
        for one in combinations
        for other in combinations
        if shared or not set(one) & set(other)
    ]
    found = []
    for one, other in pairs:
        found.append((Side(one), Side(other)))
        if late and max(len(one), len(other)) > 1:
            found.append((Side(one, len(one) > 1), Side(other, len(other) > 1)))
    return found


def direction_row(
    query: Side,
    gallery: Side,
    matches: Matches,
    ranks: np.ndarray,
    items: ClipItems,
    total: int | None,
) -> dict[str, object]:
    """One row of the table; see `Retriever.matrix` for its columns.

    Where no clip has both sides it only counts them.

    Raises:
        ValueError: there are more clips than `total`.
    """
    missing = matches.missing + items.absent(total)
    row: dict[str, object] = {
        "query": query.name,
        "gallery": gallery.name,
        "shared": bool(set(query.names) & set(gallery.names)),
        "late": query.late or gallery.late,
        "clips": len(ranks),
        "candidates": len(matches.candidates),
        "missing": missing,
        "repeated captions": _repeated(query, gallery, matches, items),
    }
    if not len(ranks):
        return row
    asked = len(ranks) + missing
    row |= retrieval_scores(ranks, total=asked)
    for name, (low, high) in score_intervals(ranks, total=asked).items():
        row[f"{name} low"], row[f"{name} high"] = low, high
    return row


def _repeated(query: Side, gallery: Side, matches: Matches, items: ClipItems) -> int:
    """Captions that ask or answer and also stand for another clip."""
    rows = matches.queries if "text" in query.names else matches.candidates
    has_text = "text" in query.names + gallery.names
    return int(items.shared_captions[rows].sum()) if has_text else 0
