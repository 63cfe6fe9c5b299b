"""What an ideal observer of each modality could retrieve: the ceilings of the sample corpus.

The observer knows how the world works (`mmlab.sample.world`) but not which clip belongs to which
caption, and weighs every candidate by the likelihood ratio

    score(q, g) = P(q, g | same step) / (P(q) P(g)) = sum_x P(x | q) P(x | g) / P(x),

where x runs over all values of the five attributes and q, g are what the two sides of a
direction show. Assumptions, all true of the generator unless said otherwise:

* Attributes are independent and uniform a priori. (In a split, action × ingredient pairs are
  restricted; the observer, like a model that must generalise, does not know which.)
* Text: a mentioned concept is right with probability 1 - `CONFUSED`, else another concept of its
  attribute, uniformly. What is not mentioned says nothing, nor do wording and word order.
* Video: what is seen is certain; what is off-screen or covered says nothing.
* Audio: a clear action sound is certain. The words heard within the clip are all true of the step
  (probability `ABOUT_THE_STEP`) or all drawn at random; the observer weighs the two.
* Given x the modalities are independent, and so are the steps. Between picture and sound this
  leaves out that both show the clip's length and the moments of the action: directions with video
  on one side and audio on the other can be beaten by measuring them. Directions from or to text
  alone cannot.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from mmlab.sample.captions import CONFUSED
from mmlab.sample.vocabulary import ATTRIBUTES, concepts
from mmlab.sample.world import ABOUT_THE_STEP
from mmlab.types import Combination, all_combinations, combination_name

CUTOFFS = (1, 5, 10)
TIE_TOLERANCE = 1e-9  # relative: scores are products of a few dozen factors


@dataclass(frozen=True)
class Observation:
    """What one clip's modalities say: attribute -> concept, absent where nothing is said."""

    written: Mapping[str, str]
    seen: Mapping[str, str]
    sounding_action: str | None
    narrated: Mapping[str, str]


@dataclass(frozen=True)
class Beliefs:
    """P(x | observation) of N observations as a mixture of C products over attributes.

    Attributes:
        weights: (N, C), rows sum to 1.
        posteriors: attribute -> (N, C, V), sums to 1 over the attribute's V concepts.
    """

    weights: np.ndarray
    posteriors: Mapping[str, np.ndarray]


def beliefs(observations: Sequence[Observation], combination: Combination) -> Beliefs:
    """The observer's posterior after each observation of a combination of modalities."""
    truthful = np.array([ABOUT_THE_STEP, 1 - ABOUT_THE_STEP] if "audio" in combination else [1.0])
    weights = np.tile(truthful, (len(observations), 1))  # (N, C)
    posteriors = {}
    for attribute in ATTRIBUTES:
        likelihood = np.stack([_likelihood(o, attribute, combination) for o in observations])
        evidence = likelihood.mean(axis=2)  # (N, C), the prior being uniform
        weights = weights * evidence
        # A component that contradicts itself has weight 0; any finite posterior will do there.
        total = np.where(evidence > 0, evidence, 1.0) * likelihood.shape[2]
        posteriors[attribute] = likelihood / total[:, :, None]
    return Beliefs(weights / weights.sum(axis=1, keepdims=True), posteriors)


def _likelihood(observation: Observation, attribute: str, combination: Combination) -> np.ndarray:
    """P(observed of one attribute | its concept, component), (C, V)."""
    names = concepts(attribute)
    components = 2 if "audio" in combination else 1
    likelihood = np.ones((components, len(names)))
    if "text" in combination and attribute in observation.written:
        row = np.full(len(names), CONFUSED / (len(names) - 1))
        row[names.index(observation.written[attribute])] = 1 - CONFUSED
        likelihood *= row
    if "video" in combination and attribute in observation.seen:
        likelihood *= _certain(names, observation.seen[attribute])
    if "audio" in combination:
        if attribute == "action" and observation.sounding_action is not None:
            likelihood *= _certain(names, observation.sounding_action)
        if attribute in observation.narrated:
            likelihood[0] *= _certain(names, observation.narrated[attribute])
            likelihood[1] /= len(names)
    return likelihood


def _certain(names: Sequence[str], concept: str) -> np.ndarray:
    return (np.array(names) == concept).astype(float)


def likelihood_ratios(query: Beliefs, gallery: Beliefs) -> np.ndarray:
    """Scores (Q, K): P(query, gallery | same step) / (P(query) P(gallery))."""
    scores = np.zeros((len(query.weights), len(gallery.weights)))
    for left in range(query.weights.shape[1]):
        for right in range(gallery.weights.shape[1]):
            part = np.outer(query.weights[:, left], gallery.weights[:, right])
            for attribute in ATTRIBUTES:
                of_query = query.posteriors[attribute][:, left]  # (Q, V)
                of_gallery = gallery.posteriors[attribute][:, right]  # (K, V)
                part *= of_query @ of_gallery.T * of_query.shape[1]
            scores += part
    return scores


def expected_scores(scores: np.ndarray) -> dict[str, float]:
    """Expected recall (percent) and median rank when query i's match is candidate i.

    Ties are broken at random: a match tied with t - 1 others behind b better ones is within the
    first k with probability min(max(k - b, 0), t) / t.

    Args:
        scores: (N, N), larger is better.
    """
    match = np.diagonal(scores)[:, None]
    tolerance = TIE_TOLERANCE * match
    better = (scores > match + tolerance).sum(axis=1)  # (N,)
    tied = (np.abs(scores - match) <= tolerance).sum(axis=1)  # (N,), the match included
    ranks = np.arange(1, len(scores) + 1)
    within = np.clip((ranks[:, None] - better) / tied, 0, 1).mean(axis=1)  # (K,) P(rank <= k)
    recalls = {f"R@{k}": 100 * float(within[min(k, len(ranks)) - 1]) for k in CUTOFFS}
    return {**recalls, "MedR": float(ranks[np.argmax(within >= 0.5 - TIE_TOLERANCE)])}


def chance_scores(count: int) -> dict[str, float]:
    """The same measures for a guess among `count` candidates."""
    return expected_scores(np.ones((count, count)))


def ceiling_table(observations: Sequence[Observation]) -> pd.DataFrame:
    """Every direction between two disjoint combinations, and chance as the last row.

    Returns:
        Columns query, gallery, R@1, R@5, R@10 (percent), MedR, clips; the index reads
        "text → video+audio".
    """
    known = {c: beliefs(observations, c) for c in all_combinations()}
    rows = []
    for query, gallery in ((q, g) for q in known for g in known if not set(q) & set(g)):
        names = {"query": combination_name(query), "gallery": combination_name(gallery)}
        rows.append(names | expected_scores(likelihood_ratios(known[query], known[gallery])))
    rows.append({"query": "", "gallery": ""} | chance_scores(len(observations)))
    index = [f"{row['query']} → {row['gallery']}" for row in rows[:-1]] + ["chance"]
    return pd.DataFrame(rows, index=pd.Index(index, name="direction")).assign(
        clips=len(observations)
    )
