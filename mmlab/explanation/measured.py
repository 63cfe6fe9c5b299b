"""Do attention and relevance find what is really there? Measured where the truth is known."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from tqdm import tqdm

from mmlab.clip_features import ClipFeatures
from mmlab.evaluation.moments import mean_interval
from mmlab.explanation.clip import caption_and_words, explain_features, has_words, scores_alone
from mmlab.explanation.deletion import deletion_tests
from mmlab.explanation.token_map import ALONE, MEAN_OF_HEADS, RELEVANCE, TokenMap
from mmlab.explanation.tokens import fused_tokens
from mmlab.explanation.truth import WHOLE_CAPTION, Moment, known_steps, true_moments
from mmlab.model import FusionModel
from mmlab.types import Combination

if TYPE_CHECKING:
    from mmlab.retrieval import Retriever

COMPARED, RANDOM = (MEAN_OF_HEADS, RELEVANCE, ALONE), "random"
AREA = "deletion area"
CLIP, VIDEO = "its clip", "its whole video"
GROUP = ["where", "what", "of", "weighting"]


def measure_explanations(
    retriever: Retriever,
    truth: Mapping[str, Any] | None = None,
    *,
    clips: int | None = None,
    seed: int = 0,
    progress: bool = True,
) -> pd.DataFrame:
    """Compare the heat of clips with what the sample corpus' generator knows.

    Each caption is explained twice: in its clip, most of which shows what it says, and in the
    whole video, of which its clip is a small part. Without a truth there is only the deletion
    test, of any clips.

    Args:
        retriever: a model and clips, of the sample corpus if there is a truth.
        truth: as `mmlab.sample.load_truth` gives it.
        clips: measure only so many, drawn at random; default: all.
        seed: of that draw, of the random heat and of the random orders.
        progress: show a bar.

    Returns:
        One row per figure of a clip: where (`CLIP` or `VIDEO`), what (a `Moment`'s, or `AREA`),
        of ("word" or "caption"), weighting, clip_id, value and chance. Of a moment, value is the
        share of the heat on tokens that touch it and chance the share of such tokens; the area of
        `deletion_test` is 0 by chance, and NaN where a clip has more tokens than the model takes,
        which cannot be taken away one by one.

    Raises:
        ValueError: no clip of the truth is among the retriever's.
    """
    known = _known_clips(retriever, truth)
    if clips is not None and clips < len(known):
        drawn = np.random.default_rng(seed).choice(len(known), clips, replace=False)
        known = [known[number] for number in sorted(drawn)]
    rows: list[dict[str, Any]] = []
    for number, one in enumerate(tqdm(known, unit=" clips", disable=not progress)):
        for where, part in one.parts(retriever):
            generator = np.random.default_rng([seed, number])  # each clip has its own noise
            measured = _measure(retriever, part, one.moments(part), generator)
            rows += [{"where": where, "clip_id": one.clip_id, **row} for row in measured]
    return pd.DataFrame(rows, columns=[*GROUP, "clip_id", "value", "chance"])


def summarise(found: pd.DataFrame) -> pd.DataFrame:
    """Means over clips of what `measure_explanations` gives, with intervals.

    Returns:
        One row per figure: where, what, of, weighting, clips, value, chance, difference and the
        ends of its 95 % bootstrap interval over clips, low and high. Clips that are NaN do not
        count, see `left_out`.
    """
    rows = []
    known = found.dropna(subset="value")
    by_clip = known.groupby([*GROUP, "clip_id"], sort=False)[["value", "chance"]].mean()
    for key, clips in by_clip.groupby(level=GROUP, sort=False):
        difference = (clips.value - clips.chance).to_numpy()
        low, high = mean_interval(difference)
        means = (clips.value.mean(), clips.chance.mean(), difference.mean(), low, high)
        rows.append((*key, len(clips), *means))
    columns = [*GROUP, "clips", "value", "chance", "difference", "low", "high"]
    return pd.DataFrame(rows, columns=columns)


def left_out(found: pd.DataFrame) -> str:
    """A sentence that says of how many clips there is no deletion area; empty if of all."""
    areas = found[found.what == AREA]
    parts = areas.groupby(["where", "clip_id"]).value.apply(lambda area: area.isna().all())
    if not parts.any():
        return ""
    by_place = [(where, part) for where, part in parts.groupby(level=0) if part.any()]
    told = ", ".join(f"{part.sum()} of {len(part)} in {where}" for where, part in by_place)
    return f"No deletion area where a clip has more tokens than the model takes: {told}."


@dataclass(frozen=True)
class _KnownClip:
    """A clip of the dataset and, where the truth is known, the step of which video it is."""

    clip_id: str
    video: Mapping[str, Any] | None = None
    number: int = 0

    def parts(self, retriever: Retriever) -> Iterator[tuple[str, ClipFeatures]]:
        clip = retriever.dataset[self.clip_id]
        yield CLIP, clip
        if self.video is not None:
            end = self.video["duration_seconds"]
            yield VIDEO, retriever.dataset.window(clip.media_id, 0.0, end, clip.text)

    def moments(self, part: ClipFeatures) -> list[Moment]:
        if self.video is None:
            return []
        span = (part.start_seconds, part.end_seconds)
        return true_moments(self.video["steps"], self.number, part.words, span)


def _known_clips(retriever: Retriever, truth: Mapping[str, Any] | None) -> list[_KnownClip]:
    rows = retriever.dataset.manifest.itertuples()
    if truth is None:
        return [_KnownClip(clip_id) for clip_id in dict.fromkeys(row.clip_id for row in rows)]
    steps = known_steps(truth)
    keys = {row.clip_id: (row.media_id, row.start_seconds) for row in rows}
    known = [_KnownClip(clip_id, *steps[key]) for clip_id, key in keys.items() if key in steps]
    if not known:
        raise ValueError("truth: no step of it is among these clips; give that of their corpus")
    return known


def _measure(
    retriever: Retriever,
    clip: ClipFeatures,
    moments: Sequence[Moment],
    generator: np.random.Generator,
) -> Iterator[dict[str, Any]]:
    """Every figure of one clip; none of a clip without a caption, or with nothing but one."""
    model, seen = retriever.model, retriever.all_but_text
    if not (has_words(model, clip) and any(len(clip.tokens[name]) for name in seen)):
        return
    token_map = explain_features(model, clip, retriever.modalities)
    heats = {n: token_map.weights[n] for n in COMPARED if n in token_map.weights}
    heats[RANDOM] = generator.random(heats[RELEVANCE].shape)
    compared = replace(token_map, weights=heats)
    areas = _areas(model, clip, seen, compared, int(generator.integers(2**31)))
    for name in heats:
        for moment in (one for one in moments if one.modality in token_map.modality):
            of = "caption" if moment.word_number == WHOLE_CAPTION else "word"
            yield _figure(moment.what, of, name, moment.share(compared, name))
        yield _figure(AREA, "caption", name, (areas[name], 0.0))


def _areas(
    model: FusionModel, clip: ClipFeatures, seen: Combination, compared: TokenMap, seed: int
) -> dict[str, float]:
    """By weighting the area of the deletion test, NaN where tokens are no single ones."""
    tokens, sentence = fused_tokens(model, clip, seen), caption_and_words(model, clip)[0]
    if tokens.shortened:
        return dict.fromkeys(compared.weights, np.nan)
    heats = {name: heat[0] for name, heat in compared.weights.items()}
    heats[ALONE] = scores_alone(tokens, sentence[None])[0]  # also below 0
    results = deletion_tests(
        lambda kept: tokens.embed_kept(kept).numpy() @ sentence.numpy(),
        np.stack(list(heats.values())),
        seed=seed,
    )
    return {name: one.area for name, one in zip(heats, results, strict=True)}


def _figure(what: str, of: str, weighting: str, measured: tuple[float, float]) -> dict[str, Any]:
    value, chance = measured
    return {"what": what, "of": of, "weighting": weighting, "value": value, "chance": chance}
