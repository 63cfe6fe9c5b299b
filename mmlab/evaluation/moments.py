"""Does attention find the moment? Compare where a word looks with when it is really heard."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

Span = tuple[float, float]


def attention_on_moment(links: pd.DataFrame, spans: Mapping[str, Span]) -> pd.DataFrame:
    """How much of each word's attention to sound falls on the moment at which it is spoken.

    Args:
        links: of one clip: word, modality, start_seconds, end_seconds, weight, as
            `mmlab.views.word_attention` gives them.
        spans: for words of the caption, from when to when they are heard, in seconds.

    Returns:
        One row per word of `spans` that the caption has: word, share (of its attention to
        sound, on tokens that touch the span) and chance (the share of sound tokens that do).
    """
    sound = links[links.modality == "audio"]
    rows = []
    for word, (start, end) in spans.items():
        tokens = sound[sound.word == word]
        if not len(tokens):
            continue
        touches = ((tokens.start_seconds < end) & (tokens.end_seconds > start)).to_numpy()
        weight = tokens.weight.to_numpy()
        rows.append((word, weight[touches].sum() / weight.sum(), touches.mean()))
    return pd.DataFrame(rows, columns=["word", "share", "chance"])


def mean_interval(values: np.ndarray, *, resamples: int = 2000, seed: int = 0) -> Span:
    """95 % bootstrap interval of a mean."""
    rows = np.random.default_rng(seed).integers(len(values), size=(resamples, len(values)))
    low, high = np.percentile(values[rows].mean(axis=1), [2.5, 97.5])
    return float(low), float(high)
