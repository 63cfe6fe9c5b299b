"""Captions that are nearly the same, found exactly and without comparing all with all.

Two captions are nearly the same if their sets of words overlap by a Jaccard index of at least
`SAME_SHARE`. Order the words by how rare they are; two sets of n words that overlap so much share
one of their first n - ceil(SAME_SHARE * n) + 1 words (prefix filter, Chaudhuri et al., 2006). So
only captions that share a rare word are ever compared.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd
from scipy.sparse import csr_array

SAME_SHARE = 0.8
CHUNK_CAPTIONS = 50_000
"""Captions looked through at once, which bounds the memory."""

_WORD = re.compile(r"\w+")


def words_of(text: str) -> list[str]:
    """A caption's words without case and punctuation."""
    return _WORD.findall(text.casefold())


def near_duplicates(
    asked: Sequence[str], known: Sequence[str], *, chunk: int = CHUNK_CAPTIONS
) -> Iterator[tuple[int, int]]:
    """For each caption that has a near duplicate: its place, and the place of the best one.

    Args:
        asked: captions to find duplicates of.
        known: captions among which they are sought.
        chunk: how many known captions to look through at once.

    Yields:
        (place in `asked`, place in `known`), in the order of `asked`; ties go to the first.
    """
    vocabulary = _vocabulary(asked)
    questions = _Sets(asked, vocabulary)
    best_share, best = np.zeros(len(asked)), np.full(len(asked), -1)
    for first in range(0, len(known), chunk):
        answers = _Sets(known[first : first + chunk], vocabulary)
        one, other, share = _similar(questions, answers)
        order = np.lexsort((-other, share))  # the last to be written wins
        one, other, share = one[order], other[order], share[order]
        better = share > best_share[one]
        best[one[better]] = first + other[better]
        best_share[one[better]] = share[better]
    places = np.flatnonzero(best >= 0)
    return iter(list(zip(places.tolist(), best[places].tolist(), strict=True)))


def _vocabulary(captions: Sequence[str]) -> dict[str, int]:
    """The words from the rarest to the most frequent, numbered from 1."""
    words = pd.Series([word for caption in captions for word in set(words_of(caption))], dtype=str)
    counts = words.value_counts(ascending=True)
    return {str(word): number for number, word in enumerate(counts.index, start=1)}


class _Sets:
    """Captions as sets of numbered words; 0 is a word that is not in the vocabulary.

    Attributes:
        sizes: (n,) how many different words each has, unknown ones included.
        words: (n, vocabulary + 1) bool: which known words.
        rare: the same, only the words in the prefix.
    """

    def __init__(self, captions: Sequence[str], vocabulary: dict[str, int]) -> None:
        sets = [set(words_of(caption)) for caption in captions]
        self.sizes = np.array([len(words) for words in sets], dtype=np.int64)
        numbers = np.array([vocabulary.get(w, 0) for words in sets for w in words], dtype=np.int64)
        rows = np.repeat(np.arange(len(sets)), self.sizes)
        order = np.lexsort((numbers, rows))
        rows, numbers = rows[order], numbers[order]
        # Unknown words come first: whoever asks has none of them, so they are the rarest.
        place = np.arange(len(rows)) - np.repeat(np.cumsum(self.sizes) - self.sizes, self.sizes)
        prefix = self.sizes - np.ceil(SAME_SHARE * self.sizes - 1e-9).astype(np.int64) + 1
        shape = (len(sets), len(vocabulary) + 1)
        self.words = _matrix(rows[numbers > 0], numbers[numbers > 0], shape)
        first = (numbers > 0) & (place < prefix[rows])
        self.rare = _matrix(rows[first], numbers[first], shape)


def _matrix(rows: np.ndarray, columns: np.ndarray, shape: tuple[int, int]) -> csr_array:
    return csr_array((np.ones(len(rows), np.int32), (rows, columns)), shape=shape)


def _similar(questions: _Sets, answers: _Sets) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Pairs (rows of `questions`, rows of `answers`) and their Jaccard index, at least 0.8."""
    candidates = (questions.rare @ answers.rare.T).tocoo()
    one, other = candidates.coords
    shared = questions.words[one].multiply(answers.words[other]).sum(axis=1)
    share = shared / (questions.sizes[one] + answers.sizes[other] - shared)
    near = share >= SAME_SHARE - 1e-9
    return one[near], other[near], share[near]
