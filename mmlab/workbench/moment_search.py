"""Steps looked for in one video after another: what is worked out is kept, nothing raises."""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd
import torch

from mmlab.evaluation.seconds import Tell, VideoSeconds, video_seconds
from mmlab.evaluation.segments import find_segments
from mmlab.media import MediaError, probe
from mmlab.media_features import MediaFeatures
from mmlab.question import known_words
from mmlab.question.words import notes_of
from mmlab.types import all_combinations, combination_name, parse_combination
from mmlab.workbench.finding import as_sentence

if TYPE_CHECKING:
    from mmlab.retrieval import Retriever

GREETING = "Paste the steps of a recipe, one on each line, or type a single sentence."
KEPT_VIDEOS, KEPT_SENTENCES = 4, 256


class Wish(NamedTuple):
    """What is looked for.

    Attributes:
        media: the id of a video of the dataset, or a media file.
        steps: sentences.
        among: what of the video is fused, such as "video+audio".
    """

    media: str
    steps: list[str]
    among: str


@dataclass(frozen=True)
class Found:
    """What became of a wish.

    Attributes:
        wish: what was looked for.
        scores: (T, K), how well each second fits each step.
        segments: see `mmlab.evaluation.segments.find_segments`.
        notes: sentences about words that the model does not know.
    """

    wish: Wish
    scores: np.ndarray
    segments: pd.DataFrame
    notes: tuple[str, ...] = ()

    def scores_of(self, number: int) -> np.ndarray:
        """(T,) those of a segment's step."""
        return self.scores[:, number if len(self.wish.steps) > 1 else 0]


class MomentSearch:
    """Reads a file once, embeds a video's seconds once, and each sentence once.

    Args:
        retriever: model and clips.
    """

    def __init__(self, retriever: Retriever) -> None:
        self.retriever = retriever
        self._videos: dict[tuple[object, ...], VideoSeconds] = {}
        self._file: tuple[tuple[object, ...], MediaFeatures] | None = None
        self._vector = lru_cache(KEPT_SENTENCES)(lambda text: retriever.query(text=text))

    @property
    def combinations(self) -> list[str]:
        """What a video can be looked through by."""
        every = all_combinations(self.retriever.modalities)
        return [combination_name(one) for one in every if "text" not in one]

    def combination(self, among: str) -> str:
        """The name of a combination in the dataset's order; "" is all but text.

        Raises:
            ValueError: there is no such combination, or it has text.
        """
        wanted = among or self.retriever.all_but_text
        name = combination_name(parse_combination(wanted, self.retriever.modalities))
        if name not in self.combinations:
            known = " or ".join(self.combinations)
            raise ValueError(f"a video cannot be looked through by {name}; choose {known}")
        return name

    def look(self, wish: Wish, tell: Tell = lambda doing, share: None) -> Found | str:
        """What is found, or a sentence why nothing is."""
        if not wish.steps:
            return GREETING
        try:
            texts = torch.stack([self._vector(step) for step in wish.steps])
            video = self._video(wish, tell)
            scores = video.scores(texts)
            segments = find_segments(wish.steps, scores, video.duration_seconds)
            notes = notes_of(known_words(self.retriever, step) for step in wish.steps)
            return Found(wish, scores, segments, tuple(map(as_sentence, notes)))
        except (MediaError, OSError, ValueError) as error:
            return f"Not found: {error}."

    @cached_property
    def offered(self) -> list[str]:
        """The videos that the clips are of; the dataset may know more, of splits left out."""
        return list(dict.fromkeys(self.retriever.dataset.manifest.media_id))

    def knows(self, media: str) -> bool:
        """Whether it is a video of the dataset, of whatever split."""
        return bool((self.retriever.dataset.media.media_id == media).any())

    def path_of(self, media: str) -> Path | None:
        """Where a video of the dataset lies, or the file itself; None where it is not at hand."""
        if not self.knows(media):
            return Path(media)
        table = self.retriever.dataset.media
        path = table.media_path[table.media_id == media].iloc[0]
        return self.retriever.dataset.media_root / path if path else None

    def seconds_of(self, media: str) -> float:
        """How long a video is; a second where nobody can say."""
        table = self.retriever.dataset.media
        if self.knows(media):
            return float(table.duration_seconds[table.media_id == media].iloc[0])
        try:
            seconds = probe(Path(media)).duration_seconds
        except (MediaError, OSError):
            return 1.0
        return seconds if math.isfinite(seconds) and seconds > 0 else 1.0

    def _video(self, wish: Wish, tell: Tell) -> VideoSeconds:
        key = (*_version(wish.media), wish.among)
        if key not in self._videos:
            found = video_seconds(
                self.retriever, wish.media, wish.among, tell=tell, extract=self._extract
            )
            kept = list(self._videos.items())[1 - KEPT_VIDEOS :]
            self._videos = dict([*kept, (key, found)])
        return self._videos[key]

    def _extract(self, path: Path | str, on_progress: Callable[[float], object]) -> MediaFeatures:
        """The features of a file; the last one's are kept, as every combination needs them."""
        version, kept = _version(path), self._file
        if kept is None or kept[0] != version:
            kept = self._file = version, self.retriever.dataset.extract(path, on_progress)
        return kept[1]


def _version(media: Path | str) -> tuple[object, ...]:
    """A video's id alone; a file's name with its size and when it was last written."""
    try:
        state = os.stat(media)
    except (OSError, ValueError):
        return (str(media),)
    return str(media), state.st_size, state.st_mtime_ns
