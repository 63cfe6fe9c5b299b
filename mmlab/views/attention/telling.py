"""Seconds, weights and what a clip lacks, as words; clock_telling.js says the first two alike."""

from __future__ import annotations

import numpy as np

from mmlab.explanation import TokenMap
from mmlab.features.text import words
from mmlab.views.posters import Span
from mmlab.views.theme import MODALITY_WORDS

MINUTE = 60.0
ROUNDING = 1e-3

LEAST_SHARE = 1e-4
"""What is less is not told apart: a long clip has a thousand tokens."""


def in_minutes(span: Span) -> bool:
    """Whether seconds of this span are told as minutes and seconds, everywhere alike."""
    return span[1] > MINUTE


def time_text(seconds: float, *, minutes: bool) -> str:
    """Such as "338.0", or "5:38.0" in minutes."""
    if not minutes:
        return f"{seconds:.1f}"
    whole, tenths = divmod(int(10 * seconds + 0.5), 600)  # half up, as in JavaScript
    return f"{whole}:{tenths / 10:04.1f}"


def span_text(start: float, end: float, *, minutes: bool) -> str:
    """Such as "4.4–5.0 s" or "5:38.0–5:39.0"."""
    both = "–".join(time_text(second, minutes=minutes) for second in (start, end))
    return both if minutes else f"{both} s"


def unit_of(heat: np.ndarray) -> str:
    """What weights are told in: "%" if each row has shares of one whole, else ""."""
    return "%" if (heat.sum(axis=1) <= 1 + ROUNDING).all() else ""


def amount(weight: float, unit: str) -> str:
    """A weight in two digits that count: a share in percent, any other number as it is."""
    if unit != "%":
        return two_digits(weight)
    return "< 0.01 %" if 0 < weight < LEAST_SHARE else f"{two_digits(100 * weight)} %"


def two_digits(number: float) -> str:
    """Such as "0.067", "3.1" or "48"."""
    rounded = float(f"{number:.2g}")
    return f"{rounded:.12f}".rstrip("0").rstrip(".") or "0"


def notes(token_map: TokenMap) -> list[str]:
    """Sentences on what the heat is of: the score, what the clip lacks, how much is read."""
    told = []
    if token_map.score is not None:
        told.append(
            f"Score {token_map.score:.2f}: the cosine of the caption with {token_map.scored}, "
            "by which search ranks."
        )
    return [*told, *_missing(token_map), *_reading(token_map)]


def _missing(token_map: TokenMap) -> list[str]:
    fused, told = token_map.combination.split("+"), []
    if "text" in fused and not token_map.caption:
        told.append("This clip has no caption: there are no words to choose.")
    there = dict.fromkeys([*["text"] * bool("text" in fused and token_map.words)])
    there |= dict.fromkeys(token_map.modality)
    gone = [
        MODALITY_WORDS[name] for name in fused if name in ("video", "audio") and name not in there
    ]
    if gone and there:
        left = " and ".join(f"its {MODALITY_WORDS.get(name, name)}" for name in there)
        verb = "is" if len(there) == 1 and "text" not in there else "are"
        told.append(f"This clip has no {' and no '.join(gone)}: only {left} {verb} fused.")
    return told


def _reading(token_map: TokenMap) -> list[str]:
    written, read = words(token_map.caption), list(token_map.words)
    if len(read) >= len(written):
        return []
    if not read:
        return ["The model knows no word of this caption."]
    if read == written[: len(read)]:
        return [f"The model reads the first {len(read)} of {len(written)} words."]
    return [f"The model knows {len(read)} of these {len(written)} words and reads only them."]
