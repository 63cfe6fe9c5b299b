"""The nearest in a Milvus, in the order that every index gives them."""

from __future__ import annotations

import numpy as np

from mmlab.index.milvus_connection import Connection

MOST_ANSWERS = 16_384
"""To a question: Milvus gives no more."""
SPARE = 8
"""Answers beyond the best, among which there may be equal ones."""
LISTS = 64
"""Of 1,024 that an index of the engine ivf has, so many are looked through."""
ROUNDING = 1e-5
"""Of a float32 inner product, as a part of the product of the lengths."""

Hit = tuple[float, int, str]
"""Score, position and clip_id."""


def nearest(
    milvus: Connection, field: str, question: np.ndarray, top: int, where: str
) -> list[Hit]:
    """The best, by score and then by position.

    They are scored anew, in float64, and more are asked for while those behind the last may equal
    it: how Milvus rounds does not decide who comes before whom.

    Args:
        milvus: where they are.
        field: of the vectors.
        question: (P,) of any length.
        top: how many, at most `MOST_ANSWERS`.
        where: the filter of those that may be an answer.
    """
    limit = top + SPARE
    while True:
        limit = min(limit, MOST_ANSWERS)
        hits, rounding = _hits(milvus, field, question, limit, where)
        whole = len(hits) < limit or limit == MOST_ANSWERS
        if whole or hits[top - 1][0] - hits[-1][0] > rounding:
            return hits[:top]
        limit *= 4


def _hits(
    milvus: Connection, field: str, question: np.ndarray, limit: int, where: str
) -> tuple[list[Hit], float]:
    """Best first; and how far Milvus may be from their scores."""
    (found,) = milvus.ask(
        "search",
        data=[question.tolist()],
        anns_field=field,
        limit=limit,
        filter=where,
        output_fields=["clip_id", field],
        search_params={"params": {"ef": max(128, 2 * limit), "nprobe": LISTS}},
    )
    clips = [hit["entity"] for hit in found]
    vectors = np.array([clip[field] for clip in clips], np.float64).reshape(-1, len(question))
    scores = (vectors @ question.astype(np.float64)).astype(np.float32).tolist()
    told = zip(scores, found, clips, strict=True)
    hits = [(score, hit["position"], clip["clip_id"]) for score, hit, clip in told]
    longest = np.linalg.norm(vectors, axis=1).max(initial=0) * np.linalg.norm(question)
    return sorted(hits, key=lambda hit: (-hit[0], hit[1])), ROUNDING * float(longest)
