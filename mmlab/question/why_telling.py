"""The reasons for a hit in sentences."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from mmlab.question.parts import SENSES

if TYPE_CHECKING:
    from mmlab.question.why import HitReasons

UNWANTED = "without "
"""Before what is not wanted, where it stands among the parts of a question."""


def told(reasons: HitReasons) -> str:
    """Score, rank and whose share they are, then what would be without each of them."""
    parts = [f"{row.part} {row.share:+.2f}" for row in reasons.parts.itertuples()]
    sides = [f"{sense(row.modality)} {row.share:+.2f}" for row in reasons.modalities.itertuples()]
    scored = "; its score is" if math.isnan(reasons.rank) else " with a score of"
    said = [f"{reasons.clip_id} {placed(reasons.rank)}{scored} {reasons.score:.2f}."]
    said.append(f"Of it the question gives {_listed(parts)}; the clip's {_listed(sides)}.")
    return " ".join([*said, *counterfactuals(reasons)])


def counterfactuals(reasons: HitReasons) -> list[str]:
    """Where the clip would rank without each part and each modality, a sentence for each.

    None of a clip that is not among the answers.
    """
    if math.isnan(reasons.rank):
        return []
    would_be = [(_asked_without(row.part), row.rank_without) for row in reasons.parts.itertuples()]
    would_be += [
        (f"If no clip’s {sense(row.modality)} counted,", row.rank_without)
        for row in reasons.modalities.itertuples()
    ]
    return [
        _would_rank(what, rank, reasons.rank) for what, rank in would_be if not math.isnan(rank)
    ]


def sense(modality: str) -> str:
    """What a reader calls a modality of a clip."""
    return {**SENSES, "text": "caption"}.get(modality, modality)


def ordinal(rank: float) -> str:
    """Such as 1st, 22nd or 113th; also of a rank that is NaN, as of `HitReasons`."""
    if math.isnan(rank):
        return "not among these clips"
    if math.isinf(rank):
        return "beyond the 1,000th"
    number = int(rank)
    ending = {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number:,}{'th' if number % 100 in (11, 12, 13) else ending}"


def placed(rank: float) -> str:
    """What a clip does: such as “ranks 3rd”."""
    return f"{'is' if math.isnan(rank) else 'ranks'} {ordinal(rank)}"


def _would_rank(what: str, rank: float, now: float) -> str:
    if rank == now:
        return f"{what} it would rank {ordinal(rank)} all the same."
    return f"{what} it would rank {ordinal(rank)} instead of {ordinal(now)}."


def _asked_without(part: str) -> str:
    if part.startswith(UNWANTED):
        return f"With {part.removeprefix(UNWANTED)} allowed"
    return f"Asked without {part}"


def _listed(items: list[str]) -> str:
    return " and ".join(filter(None, [", ".join(items[:-1]), items[-1]]))
