"""Exact search: which rows have the largest inner products with a question, and which.

Every segment tells what its rows' products are at least and at most. A row whose most is less than
the `top`th largest least cannot be among the best; the few others are compared in float64. So the
answers are those of comparing with every row: by the product as float32, then by position.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
import torch

from mmlab.index.codes import BLOCK_ROWS, rounding
from mmlab.index.segment import Segment, gathered

QUESTIONS = 32
"""Asked together; each needs memory for every row of a segment."""

FEW_ROWS = 2048
"""If no more may be answers, they are compared at once."""


class Bounded(NamedTuple):
    """Those rows of a segment that may be among the best of one question.

    Attributes:
        rows: (n,) positions in the segment.
        most: (n,) upper bounds of their products.
        least: (at least `top`, if there are) lower bounds of products, the largest of the segment.
    """

    rows: np.ndarray
    most: np.ndarray
    least: np.ndarray


def nearest(
    segments: Sequence[Segment],
    combination: str,
    questions: np.ndarray,
    top: int,
    rows: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """The best rows of all segments for each question.

    Args:
        segments: behind one another; a row is a position in all of them.
        combination: whose vectors are compared; a zero vector is no answer.
        questions: (Q, P) float32.
        top: how many answers each.
        rows: (n,) int64 in rising order, which may be answers.

    Returns:
        (Q, top) int64 positions, -1 where there are fewer answers, and (Q, top) float32 products,
        -inf there.
    """
    positions = np.full((len(questions), top), -1, np.int64)
    products = np.full((len(questions), top), -np.inf, np.float32)
    for start in range(0, len(questions), QUESTIONS):
        some = questions[start : start + QUESTIONS]
        if len(rows) <= FEW_ROWS:
            candidates = [rows] * len(some)
        else:
            candidates = _candidates(segments, combination, some, top, rows)
        for place, mine in enumerate(candidates, start):
            found, scores = _best(segments, combination, questions[place], top, mine)
            positions[place, : len(found)] = found
            products[place, : len(found)] = scores
    return positions, products


def _candidates(
    segments: Sequence[Segment],
    combination: str,
    questions: np.ndarray,
    top: int,
    rows: np.ndarray,
) -> list[np.ndarray]:
    """For each question the rows that may be among its best."""
    ends = np.cumsum([segment.rows for segment in segments])
    firsts = ends - [segment.rows for segment in segments]
    parts = np.split(rows, np.searchsorted(rows, ends[:-1]))
    with ThreadPoolExecutor(torch.get_num_threads()) as threads:
        jobs = [
            threads.submit(_bounded, segment, combination, questions, top, part - first)
            for segment, part, first in zip(segments, parts, firsts, strict=True)
        ]
        found = [job.result() for job in jobs]
    candidates = []
    for bounded in zip(*found, strict=True):
        needed = _least_of_top(np.concatenate([one.least for one in bounded]), top)
        kept = [
            one.rows[one.most >= needed] + first for one, first in zip(bounded, firsts, strict=True)
        ]
        candidates.append(np.concatenate(kept))
    return candidates


def _bounded(
    segment: Segment, combination: str, questions: np.ndarray, top: int, rows: np.ndarray
) -> list[Bounded]:
    """For each question."""
    bounds = _bounds_by_codes if segment.is_coded else _bounds_by_blocks
    rows, least, most = bounds(segment, combination, questions, rows)
    found = []
    for low, high in zip(least, most, strict=True):
        needed = _least_of_top(low, top)
        kept = high >= needed
        found.append(Bounded(rows[kept], high[kept], low[low >= needed]))
    return found


def _bounds_by_codes(
    segment: Segment, combination: str, questions: np.ndarray, rows: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Those of `rows` that are not zero, and the least and most of their products, (Q, n)."""
    from mmlab.index.kernel import coded_products  # numba takes a second to load

    codes, (scales, slack) = segment.codes(combination)
    products = np.empty((len(questions), len(codes)), np.float32)
    coded_products(codes, scales, questions, products)
    rows = rows[scales[rows] > 0]
    lengths = np.linalg.norm(questions, axis=1, keepdims=True).astype(np.float32)
    off = lengths * slack[rows]
    return rows, products[:, rows] - off, products[:, rows] + off


def _bounds_by_blocks(
    segment: Segment, combination: str, questions: np.ndarray, rows: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """See `_bounds_by_codes`; products in float32 are quick to make, and almost right."""
    vectors = segment.vectors(combination)
    products = np.empty((len(questions), len(vectors)))
    lengths = np.empty(len(vectors))
    for start in range(0, len(vectors), BLOCK_ROWS):
        block = vectors[start : start + BLOCK_ROWS]
        products[:, start : start + BLOCK_ROWS] = questions @ block.T
        lengths[start : start + BLOCK_ROWS] = np.sqrt(np.einsum("np,np->n", block, block))
    rows = rows[lengths[rows] > 0]
    asked = np.linalg.norm(questions.astype(np.float64), axis=1, keepdims=True)
    off = rounding(vectors.shape[1]) * asked * lengths[rows]
    return rows, products[:, rows] - off, products[:, rows] + off


def _products(
    segments: Sequence[Segment], combination: str, questions: np.ndarray, rows: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Those of `rows` that are not zero, and their products with the questions, (Q, n)."""
    products, present = [np.empty((len(questions), 0), np.float32)], [np.empty(0, bool)]
    for start in range(0, len(rows), BLOCK_ROWS):
        block = gathered(segments, combination, rows[start : start + BLOCK_ROWS])
        products.append(
            (questions.astype(np.float64) @ block.T.astype(np.float64)).astype(np.float32)
        )
        present.append(np.any(block, axis=1))
    kept = np.concatenate(present)
    return rows[kept], np.concatenate(products, axis=1)[:, kept]


def _least_of_top(values: np.ndarray, top: int) -> float:
    """The `top`th largest; of fewer values the smallest."""
    if len(values) <= top:
        return float(values.min(initial=np.inf))
    return float(np.partition(values, -top)[-top])


def _best(
    segments: Sequence[Segment],
    combination: str,
    question: np.ndarray,
    top: int,
    rows: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """The best of some rows and their products."""
    rows, (products,) = _products(segments, combination, question[None], rows)
    best = np.lexsort((rows, -products))[:top]
    return rows[best], products[best]
