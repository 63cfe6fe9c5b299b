"""Does a heat mean anything? Take the hottest tokens away first and see what the score does.

After Petsiuk, Das and Saenko 2018, "RISE" (arXiv 1806.07421), section 3.2; random orders beside
it, for any score falls when tokens are taken away.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mmlab.explanation.clip import caption_and_words, captioned, scores_alone
from mmlab.explanation.token_map import ALONE, TokenMap
from mmlab.explanation.tokens import fused_tokens
from mmlab.types import parse_combination

if TYPE_CHECKING:
    from mmlab.retrieval import Retriever

Score = Callable[[np.ndarray], np.ndarray]
"""From (K, N) bool, which tokens are kept, to (K,) scores."""


@dataclass(frozen=True)
class DeletionResult:
    """What a score does while tokens are taken away.

    Attributes:
        fractions: (S + 1,) of the tokens that are gone, from 0 to 1.
        ordered: (S + 1,) scores, the hottest tokens taken away first; the mean over random orders
            of those that are equally hot.
        random: (draws, S + 1) scores in random orders.
        of: what the score is, such as "the cosine of the caption with video+audio".
    """

    fractions: np.ndarray
    ordered: np.ndarray
    random: np.ndarray
    of: str = "the score"

    @property
    def random_mean(self) -> np.ndarray:
        """(S + 1,) mean score of the random orders."""
        return self.random.mean(axis=0)

    @property
    def random_band(self) -> tuple[np.ndarray, np.ndarray]:
        """Between these lie 95 % of the random orders, (S + 1,) each."""
        low, high = np.percentile(self.random, [2.5, 97.5], axis=0)
        return low, high

    @property
    def area(self) -> float:
        """How much lower the score is than at random, mean over all fractions.

        Above 0 the heat points at what the score needs; near 0 it is no better than chance.
        """
        return float(self.random.mean() - self.ordered.mean())

    @property
    def area_interval(self) -> tuple[float, float]:
        """`area` against single random orders, 95 % of them: no interval of the mean."""
        low, high = np.percentile(self.random.mean(axis=1) - self.ordered.mean(), [2.5, 97.5])
        return float(low), float(high)

    def sentence(self) -> str:
        """The result in words."""
        low, high = self.area_interval
        if np.isnan([self.area, low, high]).any():
            return f"Nothing is known of these tokens: without some, {self.of} is not a number."
        verdict = "more than" if low > 0 else "less than" if high < 0 else "no differently than"
        return (
            f"With all tokens, {self.of} is {self.ordered[0]:.3f}. Taking the hottest away first "
            f"lowers it {verdict} in random order: area {self.area:+.3f} (95 % of single random "
            f"orders: {low:+.3f} to {high:+.3f})."
        )


def deletion_test(
    score: Score,
    heat: np.ndarray,
    *,
    steps: int = 10,
    draws: int = 20,
    seed: int = 0,
    of: str = DeletionResult.of,
) -> DeletionResult:
    """Take tokens away in the order of a heat, and in random ones.

    Args:
        score: asked once, with every set of tokens that is kept at some point, each set once.
        heat: (N,) numbers of either sign, the hottest token goes first; equals in as many random
            orders as `draws`, the very ones that they are compared with.
        steps: into which the way from all tokens to none is cut.
        draws: random orders.
        seed: of these.
        of: what the score is, for the sentence.

    Raises:
        ValueError: no token, a heat that is NaN or not (N,), no step or no draw.
    """
    heats = np.asarray(heat)[None]
    return deletion_tests(score, heats, steps=steps, draws=draws, seed=seed, of=of)[0]


def deletion_tests(
    score: Score,
    heats: np.ndarray,
    *,
    steps: int = 10,
    draws: int = 20,
    seed: int = 0,
    of: str = DeletionResult.of,
) -> list[DeletionResult]:
    """`deletion_test` of several heats (H, N), against the same random orders."""
    if heats.ndim != 2 or not heats.shape[1] or np.isnan(heats).any():
        raise ValueError(f"heat is one number per token, at least one and none NaN, found {heats}")
    if min(steps, draws) < 1:
        raise ValueError(f"steps and draws are 1 or more, found {steps} and {draws}")
    tokens, generator = heats.shape[1], np.random.default_rng(seed)
    chance = np.stack([generator.permutation(tokens) for _ in range(draws)])  # places
    orders = [np.lexsort((places, -heat)) for heat in heats for places in chance]
    places = np.concatenate([np.argsort(orders, axis=1), chance])  # ((H + 1) draws, N)
    gone = np.round(np.linspace(0, 1, steps + 1) * tokens)  # (S + 1,)
    kept = places[:, None] >= gone[:, None]  # ((H + 1) draws, S + 1, N)
    curves = _scored_once(score, kept.reshape(-1, tokens)).reshape(len(heats) + 1, draws, -1)
    return [DeletionResult(gone / tokens, own.mean(axis=0), curves[-1], of) for own in curves[:-1]]


def _scored_once(score: Score, kept: np.ndarray) -> np.ndarray:
    """Scores (K,) of sets (K, N), of which many are the same: each is asked for once."""
    _, first, which = np.unique(
        np.packbits(kept, axis=1), axis=0, return_index=True, return_inverse=True
    )
    return score(kept[first])[which]


def clip_deletion(
    retriever: Retriever,
    token_map: TokenMap,
    weighting: str,
    *,
    word_number: int | None = None,
    steps: int = 10,
    draws: int = 20,
    seed: int = 0,
) -> DeletionResult:
    """`deletion_test` of one heat of `explain_clip`, for the score that `relevance` is of.

    Tokens are taken away behind the sound network, so that no token's neighbours change. Those
    that lower the score of "each token alone" are told apart, which its heat does not show.

    Args:
        retriever: that the map was made with.
        token_map: of one of its clips, with its own caption or another sentence.
        weighting: which heat.
        word_number: of the heat and of the sentence; default: the whole caption.
        steps: see `deletion_test`.
        draws: likewise.
        seed: likewise.

    Raises:
        ValueError: the map is not of a clip with a caption and tokens; or see `embed_kept`.
    """
    if token_map.score is None:
        raise ValueError("no score to lower: the clip needs a caption and picture or sound")
    clip = retriever.dataset[token_map.clip_id]
    clip = captioned(retriever.dataset, clip, token_map.caption)
    names = parse_combination(token_map.scored, retriever.model.config.names)
    tokens = fused_tokens(retriever.model, clip, names)
    row = 0 if word_number is None else 1 + word_number
    sentence = caption_and_words(retriever.model, clip)[row]
    heat = token_map.heat(weighting, word_number)
    if weighting == ALONE:
        heat = scores_alone(tokens, sentence[None])[0]
    asked = "the caption" if word_number is None else f"“{clip.words[word_number]}”"
    return deletion_test(
        lambda kept: tokens.embed_kept(kept).numpy() @ sentence.numpy(),
        heat,
        steps=steps,
        draws=draws,
        seed=seed,
        of=f"the cosine of {asked} with {token_map.scored}",
    )
