"""Where a direction fails most: the queries whose own answer came last, and what came first."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from mmlab.evaluation.items import ClipItems
from mmlab.evaluation.matrix import SideName, parse_side
from mmlab.evaluation.ranking import rank_of_match

if TYPE_CHECKING:
    from mmlab.retrieval import Retriever

COLUMNS = ["clip_id", "rank", "text", "first_clip_id", "first_text", "score_own", "score_first"]


def worst_failures(
    retriever: Retriever, query: SideName, gallery: SideName, count: int = 5
) -> pd.DataFrame:
    """The queries of a direction whose own answer stands furthest down.

    Args:
        retriever: a model and its clips.
        query: what asks, such as "text", or "video+audio late" for late fusion.
        gallery: what is asked for. If it is the same, a clip asks for itself, and fails only
            where another clip's vector equals its own.
        count: how many at most; a query whose answer came first is no failure.

    Returns:
        One row per failure, the worst first: clip_id and text of the clip that asks; rank of its
        own answer, as in `Retriever.ranks`; first_clip_id and first_text of the best of the
        others; score_own and score_first, the cosines of both answers.

    Raises:
        ValueError: a side that the clips do not have, or a count below 1.
    """
    if count < 1:
        raise ValueError(f"count is how many failures to list, at least 1, found {count}")
    asks, answers = (parse_side(side, retriever.model.config.names) for side in (query, gallery))
    asked, answered = retriever.embeddings(asks), retriever.embeddings(answers)
    both = (asked.any(dim=1) & answered.any(dim=1)).numpy()
    found = ClipItems(retriever.dataset.manifest).matches(asks.names, answers.names, both)
    candidates = answered[found.candidates]
    ranks = rank_of_match(asked[found.queries], candidates, found.targets)
    clips, rows = retriever.dataset.manifest, []
    for place in np.argsort(-ranks, kind="stable")[:count]:
        if ranks[place] == 1:
            break
        scores = (candidates @ asked[found.queries[place]]).numpy()  # (K,)
        own = scores[found.targets[place]].max()
        scores[found.targets[place]] = -np.inf
        clip = clips.iloc[found.queries[place]]
        first = clips.iloc[found.candidates[scores.argmax()]]
        row = (clip["clip_id"], ranks[place], clip["text"], first["clip_id"], first["text"])
        rows.append((*row, own, scores.max()))
    return pd.DataFrame(rows, columns=COLUMNS)
