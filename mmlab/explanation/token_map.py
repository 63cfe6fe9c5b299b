"""Words against seconds: all that a view needs to show what any model looked at."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from mmlab.files import write_atomically
from mmlab.types import Modality

Span = tuple[float, float]

ALL_WORDS = "(all)"
"""Name of the first row: the whole caption, or every token where no word looks."""

MEAN_OF_HEADS = "attention, mean of heads"
RELEVANCE = "relevance"
ALONE = "each token alone"

NO_SOUND = np.zeros((0, 1), np.float32)

ROUNDING = 1e-3
"""Seconds by which a token may reach beyond its clip: times go through float32."""

LINK: dict[str, type] = {
    "word_number": int,
    "word": str,
    "modality": str,
    "start_seconds": float,
    "end_seconds": float,
    "weight": float,
}
"""The columns of a table of links between words and seconds."""


def head_name(number: int) -> str:
    """Name of the weighting that is one attention head's, counted from 0."""
    return f"attention, head {number + 1}"


@dataclass(frozen=True)
class TokenMap:
    """How much each word has to do with each second of one clip, by one or more weightings.

    Attributes:
        words: the caption's W words.
        modality: of the N tokens that have seconds, in the order of the columns.
        seconds: (N, 2) start and end of each token, in seconds of the media file, within `span`;
            like the weights it may be given as lists.
        weights: for each weighting its heat, none below 0: (1 + W, N), the first row is
            `ALL_WORDS`, then one for each word; or (1, N) where there is no heat of single words.
        span: start and end of the clip in seconds of the media file.
        caption: the clip's text.
        media_path: the clip's file, or None.
        log_mel: (F, bands) decibels in [-80, 0] over the span; (0, 1) without.
        combination: what was fused, such as "text+video+audio".
        score: cosine of the clip and its caption, or None.
        scored: the combination whose tokens give `score` and the relevance; without text, as in
            search, for a caption would explain itself.
        clip_id: where it is a clip of a dataset.
    """

    words: Sequence[str]
    modality: Sequence[Modality]
    seconds: np.ndarray
    weights: Mapping[str, np.ndarray]
    span: Span
    caption: str = ""
    media_path: Path | None = None
    log_mel: np.ndarray = field(default_factory=NO_SOUND.copy)
    combination: str = ""
    score: float | None = None
    scored: str = ""
    clip_id: str = ""

    def __post_init__(self) -> None:
        arrays = {name: _array(f"weights[{name!r}]", heat) for name, heat in self.weights.items()}
        object.__setattr__(self, "seconds", _array("seconds", self.seconds))
        object.__setattr__(self, "weights", arrays)
        if not arrays:
            raise ValueError("weights is empty: give at least one heat, by name")
        self._check_seconds()
        for name, heat in arrays.items():
            self._check(name, heat)

    def _check_seconds(self) -> None:
        tokens, (start, end) = len(self.modality), self.span
        if self.seconds.shape != (tokens, 2):
            raise ValueError(
                f"seconds is (N, 2), a start and an end for each of the {tokens} tokens of "
                f"modality; found {self.seconds.shape}"
            )
        if not (np.isfinite([start, end]).all() and start <= end):
            raise ValueError(f"span is a start and a later end in seconds; found {self.span}")
        if not np.isfinite(self.seconds).all():
            raise ValueError("seconds holds NaN or infinite numbers")
        if (self.seconds[:, 1] < self.seconds[:, 0]).any():
            raise ValueError("seconds: a token ends before it starts; give start, then end")
        if ((self.seconds < start - ROUNDING) | (self.seconds > end + ROUNDING)).any():
            raise ValueError(
                f"seconds: a token lies outside of the span, {start} to {end} s; cut its seconds "
                "there, or give the whole span"
            )

    def _check(self, name: str, heat: np.ndarray) -> None:
        tokens, rows = len(self.modality), 1 + len(self.words)
        if heat.shape not in ((rows, tokens), (1, tokens)):
            raise ValueError(
                f"weights[{name!r}] is ({rows}, {tokens}), a row for the whole caption and one for "
                f"each word, or (1, {tokens}); found {heat.shape}"
            )
        if not (np.isfinite(heat).all() and (heat >= 0).all()):
            raise ValueError(f"weights[{name!r}] holds NaN, infinite or negative numbers")

    def rows(self, weighting: str) -> list[str]:
        """Whose heat each row of a weighting is: `ALL_WORDS`, then the words if it has them."""
        return [ALL_WORDS, *self.words][: len(self._heat(weighting))]

    def heat(self, weighting: str, word_number: int | None = None) -> np.ndarray:
        """(N,) heat of one word, or of the whole caption; also where words have no heat."""
        heat = self._heat(weighting)
        return heat[0] if word_number is None or len(heat) == 1 else heat[1 + word_number]

    def table(self, weighting: str) -> pd.DataFrame:
        """One row per word and token: word_number, word, modality, start and end, weight.

        Where a weighting has no heat of single words it is that of `ALL_WORDS`, number -1.
        """
        heat, names = self._heat(weighting), self.rows(weighting)
        first = 1 if len(names) > 1 else 0
        links = [
            (row - 1, names[row], modality, float(start), float(end), float(heat[row, column]))
            for row in range(first, len(names))
            for column, (modality, (start, end)) in enumerate(
                zip(self.modality, self.seconds, strict=True)
            )
        ]
        return pd.DataFrame(links, columns=list(LINK)).astype(LINK)  # its types also where empty

    def save(self, path: Path | str) -> None:
        """Write a .safetensors file: the arrays, and as its header's metadata the rest as JSON."""
        about = {
            "words": list(self.words),
            "modality": list(self.modality),
            "weightings": list(self.weights),
            "span": list(self.span),
            "caption": self.caption,
            "media_path": None if self.media_path is None else str(self.media_path),
            "combination": self.combination,
            "score": self.score,
            "scored": self.scored,
            "clip_id": self.clip_id,
        }
        arrays = {f"weights {n}": heat for n, heat in enumerate(self.weights.values())}
        arrays |= {"seconds": self.seconds, "log_mel": self.log_mel}
        whole = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
        write_atomically(Path(path), save(whole, {"token_map": json.dumps(about)}))

    @classmethod
    def load(cls, path: Path | str) -> TokenMap:
        """Read what `save` wrote.

        Raises:
            ValueError: the file is damaged or holds something else.
        """
        try:
            with safe_open(Path(path), "numpy") as file:
                about = json.loads((file.metadata() or {})["token_map"])
                arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        except (SafetensorError, KeyError, ValueError) as error:
            raise ValueError(f"{path} is no saved TokenMap ({error}); save it again") from error
        weightings = about.pop("weightings")
        weights = {name: arrays[f"weights {n}"] for n, name in enumerate(weightings)}
        media = about.pop("media_path")
        return cls(
            **about | {"span": tuple(about["span"])},
            media_path=None if media is None else Path(media),
            weights=weights,
            seconds=arrays["seconds"],
            log_mel=arrays["log_mel"],
        )

    def _heat(self, weighting: str) -> np.ndarray:
        if weighting not in self.weights:
            raise ValueError(
                f"no weighting {weighting!r}; this map has {', '.join(map(repr, self.weights))}"
            )
        return self.weights[weighting]


def _array(name: str, numbers: ArrayLike) -> np.ndarray:
    try:
        array = np.asarray(numbers)
    except ValueError as error:  # lists of several lengths
        raise ValueError(f"{name} is an array of numbers: {error}") from error
    if array.dtype.kind not in "fiub":
        raise ValueError(f"{name} is an array of numbers, found {array.dtype}")
    return array
