"""Sentences to words to vectors: the published tokenizer, hashed subwords, word2vec files."""

from __future__ import annotations

import hashlib
import math
import re
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from mmlab.features.vector_store import open_word_vectors

MAX_WORDS = 20
"""The paper reads at most this many known words of a caption."""

NGRAM_LENGTHS = (3, 4, 5)


def words(text: str, max_words: int | None = None) -> list[str]:
    """The words of a sentence as the paper's code finds them: letters, digits, _ and '.

    Case is kept: the published word vectors tell "Turkey" from "turkey".
    """
    return re.findall(r"[\w']+", text)[:max_words]


class TextEncoder(Protocol):
    """Turns a sentence into the words it knows and one vector for each."""

    @property
    def name(self) -> str:
        """What is stored with a dataset to tell encoders apart."""

    @property
    def width(self) -> int:
        """The length of a word's vector."""

    def encode(self, text: str) -> tuple[list[str], np.ndarray]:
        """The first known words of `text` and their vectors (N, width) float32."""


class HashedWordVectors:
    """Word vectors that need no download: every word is the sum of its hashed subwords.

    A word's character n-grams (with "<" and ">" at its ends) and the word itself each have a
    fixed random vector of +1 and -1, drawn from their hash. Words that look alike ("onion",
    "onions", "onnion") so have similar vectors; words that only mean the same do not.
    Upper and lower case are the same word. No word is unknown. The same on every machine.
    """

    def __init__(self, width: int = 300, *, max_words: int | None = MAX_WORDS) -> None:
        self.width, self.max_words = width, max_words
        self.name = f"hashed-subwords-v1-{width}"

    def known(self, word: str) -> bool:
        """Every word has a vector."""
        return True

    def vectors(self, words: list[str]) -> np.ndarray:
        """(N, width) float32 of unit length."""
        rows = [_hashed_vector(word.lower(), self.width) for word in words]
        return np.array(rows, dtype=np.float32).reshape(len(words), self.width)

    def encode(self, text: str) -> tuple[list[str], np.ndarray]:
        """See `TextEncoder`."""
        found = words(text, self.max_words)
        return found, self.vectors(found)


@lru_cache(maxsize=50_000)
def _hashed_vector(word: str, width: int) -> np.ndarray:
    marked = f"<{word}>"
    ngrams = [
        marked[start : start + length]
        for length in NGRAM_LENGTHS
        for start in range(len(marked) - length + 1)
    ]
    looks = sum((_random_signs(ngram, width) for ngram in ngrams), np.zeros(width))
    # The word itself weighs as much as all of its parts together.
    vector = looks + math.sqrt(max(len(ngrams), 1)) * _random_signs(f"={word}", width)
    vector = (vector / np.linalg.norm(vector)).astype(np.float32)
    vector.flags.writeable = False
    return vector


@lru_cache(maxsize=100_000)
def _random_signs(key: str, width: int) -> np.ndarray:
    digest = hashlib.shake_128(key.encode()).digest(math.ceil(width / 8))
    return np.unpackbits(np.frombuffer(digest, dtype=np.uint8))[:width].astype(np.int8) * 2.0 - 1


class WordVectorFile:
    """Word vectors of a word2vec file (binary `.bin`, or text; `.gz` of either).

    As in the paper, words are looked up with their case, unknown ones are dropped, and the
    first `max_words` known ones are kept. The file is converted the first time, then mapped:
    see `mmlab.features.vector_store`.

    Raises:
        ValueError: the file is not in the word2vec format.
        FileNotFoundError: there is no such file.
    """

    def __init__(self, path: Path | str, *, max_words: int | None = MAX_WORDS) -> None:
        self.path, self.max_words = Path(path).expanduser(), max_words
        self._store = open_word_vectors(self.path)
        self._row = lru_cache(maxsize=50_000)(self._store.row)
        self.width = int(self._store.vectors.shape[1])
        self.name = f"word2vec-{self.path.name}-{self.width}"

    def __reduce__(self) -> tuple[Any, ...]:
        """Another process maps the same files instead of being sent gigabytes."""
        return _reopened, (self.path, self.max_words)

    def known(self, word: str) -> bool:
        """Whether the file has a vector for this word, in this case."""
        return self._row(word) is not None

    def vectors(self, words: list[str]) -> np.ndarray:
        """(N, width) float32 of known words.

        Raises:
            KeyError: a word is not in the file.
        """
        rows = [self._row(word) for word in words]
        if None in rows:
            raise KeyError(words[rows.index(None)])
        return self._store.vectors[np.array(rows, dtype=np.int64)]

    def encode(self, text: str) -> tuple[list[str], np.ndarray]:
        """See `TextEncoder`."""
        found = [word for word in words(text) if self.known(word)][: self.max_words]
        return found, self.vectors(found)


def _reopened(path: Path, max_words: int | None) -> WordVectorFile:
    return WordVectorFile(path, max_words=max_words)
