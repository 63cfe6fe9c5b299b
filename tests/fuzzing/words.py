"""word2vec files, binary and text."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Any

import numpy as np

from mmlab.features.text import WordVectorFile
from tests.fuzzing.judging import MARKS, Files, Format, Reading

WIDTH = 3
Word = tuple[str, tuple[float, ...]]


def _binary(entries: Sequence[Any]) -> Files:
    rows = [w.encode() + b" " + np.array(v, "<f4").tobytes() + b"\n" for w, v in entries]
    return {"vectors.bin": f"{len(entries)} {WIDTH}\n".encode() + b"".join(rows)}


def _text(entries: Sequence[Any]) -> Files:
    rows = [f"{word} {' '.join(map(str, vector))}\n" for word, vector in entries]
    return {"vectors.txt": (f"{len(entries)} {WIDTH}\n" + "".join(rows)).encode()}


def _read(folder: Path) -> Reading:
    path = next(folder.iterdir())
    os.utime(path, ns=(0, _new_time()))
    encoder = WordVectorFile(path)
    words = [word for word in ("the", *MARKS) if encoder.known(word)]
    vectors = encoder.vectors(words)
    assert np.isfinite(vectors).all()
    encoder.encode("the amber birch")
    skipped = len(encoder._store.vectors) - len(encoder._store)
    return Reading(list(zip(words, vectors.tolist(), strict=True)), skipped)


_times = iter(range(10**18, 2 * 10**18))


def _new_time() -> int:
    """A file is known by its size and time, and mutations can follow one another fast."""
    return next(_times)


def _changed(entry: Word, rng: Random) -> Word:
    """A number that is none; anything else damages the whole file, which has no rows to tell."""
    word, vector = entry
    at = rng.randrange(WIDTH)
    return word, (*vector[:at], rng.choice((np.nan, np.inf, -np.inf)), *vector[at + 1 :])


_ENTRIES = (*((mark, (1.0 + at, 0.5, -2.0)) for at, mark in enumerate(MARKS)),)

WORD_FORMATS = (
    Format("word2vec binary", _ENTRIES, _binary, _read, _changed),
    Format("word2vec text", _ENTRIES, _text, _read, _changed),
)
