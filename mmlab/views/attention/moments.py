"""How much of a heat lies where a corpus knows that it should: the sentence beside the marks."""

from __future__ import annotations

from collections.abc import Sequence

from mmlab.explanation import Moment, TokenMap
from mmlab.views.theme import MODALITY_WORDS


def moments_sentence(
    token_map: TokenMap, weighting: str, row: int, moments: Sequence[Moment]
) -> str:
    """How much of a row's heat lies on its true seconds, beside chance; "" where none is known.

    Args:
        token_map: whose heat.
        weighting: which heat.
        row: of a word; 0: of the whole caption.
        moments: of any rows.
    """
    told = []
    for moment in moments:
        if moment.word_number + 1 != row or moment.modality not in token_map.modality:
            continue
        share, chance = moment.share(token_map, weighting)
        what = MODALITY_WORDS.get(moment.modality, moment.modality)
        told.append(
            f"{100 * share:.0f} % of the heat over {what} lies on the true seconds "
            f"({moment.label}; {100 * chance:.0f} % by chance)"
        )
    return f"{', '.join(told)}." if told else ""
