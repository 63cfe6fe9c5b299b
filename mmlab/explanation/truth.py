"""When things are really seen and heard in the sample corpus, as heat can be compared with it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mmlab.evaluation.moments import share_on_spans
from mmlab.explanation.token_map import ROUNDING, Span, TokenMap
from mmlab.sample.vocabulary import VOCABULARY
from mmlab.types import Modality

if TYPE_CHECKING:
    from mmlab.retrieval import Retriever

ACTION_SEEN, ACTION_HEARD, WORD_HEARD = "action seen", "action heard", "word heard"

WHOLE_CAPTION = -1

Step = Mapping[str, Any]
"""One step of a video, as truth.json has it."""

KnownSteps = Mapping[tuple[str, float], tuple[Mapping[str, Any], int]]
"""By medium and start of a clip: the video of truth.json, and the number of its step."""


@dataclass(frozen=True)
class Moment:
    """One thing that a caption speaks of, and when it is there.

    Attributes:
        what: `ACTION_SEEN`, `ACTION_HEARD` or `WORD_HEARD`.
        modality: whose tokens should be hot then.
        spans: from when to when in its video.
        word_number: of the caption's word for it; `WHOLE_CAPTION` is no single one.
        label: such as "stir seen", "stir heard" or "onion spoken".
    """

    what: str
    modality: Modality
    spans: tuple[Span, ...]
    word_number: int
    label: str

    def share(self, token_map: TokenMap, weighting: str) -> tuple[float, float]:
        """The share of the heat of its word, or of the whole caption, that falls on it; by chance.

        Both are of the tokens of its modality alone, see `share_on_spans`; NaN without any.
        """
        own = np.array(token_map.modality) == self.modality
        if not own.any():
            return np.nan, np.nan
        number = None if self.word_number == WHOLE_CAPTION else self.word_number
        heat = token_map.heat(weighting, number)[own]
        return share_on_spans(heat, token_map.seconds[own], self.spans)


def true_seconds(retriever: Retriever, clip_id: str, caption: str | None = None) -> list[Moment]:
    """`true_moments` of a clip of the sample corpus; none of any other clip.

    Args:
        retriever: of any dataset; the sample corpus' truth.json lies beside its dataset.
        clip_id: of one of its clips.
        caption: a sentence to be found in the clip in place of its own. Its words have their
            moments; as a whole it has none.
    """
    dataset = retriever.dataset
    span = dataset.span(dataset.row_of(clip_id))
    known = _steps_beside(dataset.folder).get((span.media_id, span.start_seconds))
    if known is None:
        return []
    words, _ = dataset.text_encoder.encode(span.text if caption is None else caption)
    limits = span.start_seconds, span.end_seconds
    moments = true_moments(known[0]["steps"], known[1], words, limits)
    own = caption is None or caption == span.text
    return [one for one in moments if own or one.word_number != WHOLE_CAPTION]


def known_steps(truth: Mapping[str, Any]) -> KnownSteps:
    """Which step of which video each clip of the sample corpus is.

    Args:
        truth: as `mmlab.sample.load_truth` gives it.
    """
    return {
        (video["video"], step["start_seconds"]): (video, number)
        for video in truth["videos"]
        for number, step in enumerate(video["steps"])
    }


def truth_beside(folder: Path) -> Path:
    """Where the truth of a dataset lies, if it is one of the sample corpus."""
    return folder.parent / "truth.json"


def _steps_beside(folder: Path) -> KnownSteps:
    path = truth_beside(folder)
    return _read_steps(path, path.stat().st_mtime_ns) if path.is_file() else {}


@lru_cache(maxsize=1)
def _read_steps(path: Path, changed: int) -> KnownSteps:  # noqa: ARG001 - part of the cache's key
    try:
        truth = json.loads(path.read_text(encoding="utf-8"))
    except ValueError:  # a file of that name which is somebody else's knows nothing of our clips
        return {}
    ours = isinstance(truth, dict) and {"version", "held_out_pairs", "videos"} <= truth.keys()
    return known_steps(truth) if ours else {}


def true_moments(
    steps: Sequence[Step], number: int, caption_words: Sequence[str], span: Span
) -> list[Moment]:
    """What one step's caption speaks of and when that is there, within a span.

    An action is seen where the camera shows it and heard where no music covers it. A word's
    action or spoken twin may be there several times, also in other steps; the whole caption is
    of its own step alone.

    Args:
        steps: of the video, as truth.json has them.
        number: which of them the caption is of.
        caption_words: as the text encoder knows them.
        span: what is looked at, in seconds of the video.
    """
    own = steps[number]
    action = _action(own)
    written = _number_of(caption_words, "action", action)
    moments = []
    for what, label, modality, there in (
        (ACTION_SEEN, f"{action} seen", "video", lambda step: step["action_seen"]),
        (ACTION_HEARD, f"{action} heard", "audio", lambda step: step["sound"] == "clear"),
    ):
        alike = [step for step in steps if there(step) and _action(step) == action]
        for number_of_word, shown in (
            (WHOLE_CAPTION, [own] if there(own) else []),
            (written, alike),
        ):
            spans = _inside([_action_span(step) for step in shown], span)
            if spans and number_of_word is not None:
                moments.append(Moment(what, modality, spans, number_of_word, label))
    for (attribute, concept), spans in _spoken(steps, span).items():
        spoken = _number_of(caption_words, attribute, concept)
        if spoken is not None:
            moments.append(Moment(WORD_HEARD, "audio", spans, spoken, f"{concept} spoken"))
    return moments


def _action(step: Step) -> str:
    return str(step["attributes"]["action"])


def _action_span(step: Step) -> Span:
    return step["action_start_seconds"], step["action_end_seconds"]


def _inside(spans: Sequence[Span], limits: Span) -> tuple[Span, ...]:
    """What of some spans lies within limits."""
    cut = [(max(start, limits[0]), min(end, limits[1])) for start, end in spans]
    return tuple(span for span in cut if span[1] - span[0] > ROUNDING)


def _spoken(steps: Sequence[Step], limits: Span) -> dict[tuple[str, str], tuple[Span, ...]]:
    """By attribute and concept, when the narrator says it."""
    found: dict[tuple[str, str], list[Span]] = {}
    for spoken in (one for step in steps for one in step["words"]):
        span = (spoken["start_seconds"], spoken["end_seconds"])
        found.setdefault((spoken["attribute"], spoken["word"]), []).append(span)
    inside = {concept: _inside(spans, limits) for concept, spans in found.items()}
    return {concept: spans for concept, spans in inside.items() if spans}


def _number_of(caption_words: Sequence[str], attribute: str, concept: str) -> int | None:
    """The first word of a caption that means a concept."""
    synonyms = VOCABULARY.get(attribute, {}).get(concept, ())
    return next((n for n, word in enumerate(caption_words) if word in synonyms), None)
