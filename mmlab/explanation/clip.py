"""What one clip's words have to do with its seconds, by attention and by relevance."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from mmlab.clip_features import ClipFeatures
from mmlab.explanation.recorded import recorded_attention
from mmlab.explanation.relevance import relevance
from mmlab.explanation.token_map import (
    ALONE,
    MEAN_OF_HEADS,
    NO_SOUND,
    RELEVANCE,
    TokenMap,
    head_name,
)
from mmlab.explanation.tokens import FusedTokens, evaluating, fused_tokens
from mmlab.model import FusionModel
from mmlab.types import MODALITIES, Combination, combination_name, pad_tokens, parse_combination

if TYPE_CHECKING:
    from mmlab.dataset import ClipDataset
    from mmlab.retrieval import Retriever


def explain_clip(
    retriever: Retriever,
    clip_id: str,
    combination: str | Combination = MODALITIES,
    *,
    caption: str | None = None,
    block: int = -1,
) -> TokenMap:
    """Which seconds of a clip each word of its caption, or of any sentence, has to do with.

    *Attention* is that of the fused combination: a word's row is what its token takes from each
    token that has seconds, of 1 in all; `ALL_WORDS` is the mean of the words. Without text in the
    combination only `ALL_WORDS` is there, the mean of all tokens.

    *Relevance* is of the score by which search ranks: the cosine between a sentence and the rest
    of the combination, fused without text, since a caption inside of it would explain itself.
    `ALL_WORDS` is the whole caption, a word's row that word asked alone; each row adds up to 1,
    or is 0 where attention raised nothing. *Each token alone* is what both are to be measured
    with: the same score of a clip that is nothing but that token, likewise as shares; not there
    where the clip has more tokens than the model takes.

    Args:
        retriever: a model and its clips, read whole whatever its `long_clips`.
        clip_id: which clip.
        combination: what is fused.
        caption: a sentence that takes the place of the clip's own; default: its own.
        block: which transformer block's attention, counted from the last if negative.

    Raises:
        KeyError: no such clip.
        ValueError: unknown modalities, no such block, a model in which nothing looks at anything,
            a clip that has nothing of the combination, or a sentence of unknown words only.
    """
    dataset = retriever.dataset
    row = dataset.row_of(clip_id)
    names = parse_combination(combination, retriever.modalities)
    clip = captioned(dataset, dataset[row], caption)
    found = explain_features(retriever.model, clip, names, block=block)
    return replace(found, media_path=dataset.media_path(row))


def captioned(dataset: ClipDataset, clip: ClipFeatures, caption: str | None) -> ClipFeatures:
    """A clip with another sentence in its caption's place, None leaves it its own.

    Raises:
        ValueError: the dataset's text encoder knows no word of it.
    """
    if caption is None or caption == clip.text:
        return clip
    words, vectors = dataset.text_encoder.encode(caption)
    if not len(words):
        raise ValueError(f"{caption!r} holds no word that the model knows; ask with something else")
    text = torch.tensor(vectors)  # the encoder keeps its own
    return replace(clip, text=caption, words=words, tokens=clip.tokens | {"text": text})


def explain_features(
    model: FusionModel, clip: ClipFeatures, names: Combination, *, block: int = -1
) -> TokenMap:
    """`explain_clip` of any part of a medium, such as `ClipDataset.window` cuts.

    The part has an end, and its sound is cut at the same time as its picture.
    """
    _check(model, names, block)
    span = clip.start_seconds, clip.end_seconds
    tokens = fused_tokens(model, clip, names)
    weights, score = _attention(tokens, block), None
    scored = tuple(name for name in names if name != "text")
    if any(len(clip.tokens[name]) for name in scored) and has_words(model, clip):
        sentences, answer = caption_and_words(model, clip), fused_tokens(model, clip, scored)
        weights[RELEVANCE] = _shares(token_relevance(answer, sentences))
        if not answer.shortened:
            weights[ALONE] = _shares(scores_alone(answer, sentences).clip(min=0))
        with torch.no_grad(), evaluating(model):
            score = float((answer.embed()[0].float().cpu() * sentences[0]).sum())
    return TokenMap(
        words=clip.words,
        modality=tokens.modality,
        seconds=tokens.seconds.clip(*span),  # the last picture's second may end after the clip
        weights=weights,
        span=span,
        caption=clip.text,
        log_mel=_log_mel(model, clip),
        combination=combination_name(names),
        score=score,
        scored=combination_name(scored),
        clip_id=clip.clip_id,
    )


def has_words(model: FusionModel, clip: ClipFeatures) -> bool:
    """Whether there is a caption that this model can be asked with."""
    return "text" in model.config.names and len(clip.tokens.get("text", ())) > 0


def caption_and_words(model: FusionModel, clip: ClipFeatures) -> Tensor:
    """(1 + W, P) float32 of unit length on the CPU: the caption, then each of its words alone."""
    caption = clip.tokens["text"]  # (W, D)
    texts = pad_tokens([caption, *caption[:, None]], caption.shape[1])
    device = next(model.parameters()).device
    return model.embed({"text": texts.to(device)}, ["text"]).vectors[("text",)].float().cpu()


def token_relevance(tokens: FusedTokens, sentences: Tensor) -> np.ndarray:
    """(S, N) relevance of a clip's tokens for its cosine with each of S sentences.

    The clip runs once and each score is sent back through it: with a clip of ten minutes, as many
    copies of it as sentences would not fit into memory.
    """
    with evaluating(tokens.model), torch.enable_grad(), recorded_attention(gradients=True) as noted:
        vector = tokens.embed()[0].float()
    rows = []
    for score in (sentences.to(vector.device) * vector).sum(dim=1):  # exact also in autocast
        found = relevance(score, noted)[0]  # all columns x all columns
        pooled = found[0] if tokens.model.config.class_token else found.mean(dim=0)
        rows.append(pooled.cpu().numpy()[tokens.columns])
    return np.stack(rows)


def scores_alone(tokens: FusedTokens, sentences: Tensor) -> np.ndarray:
    """(S, N) cosines of S sentences with clips that are nothing but one of N tokens each.

    Raises:
        ValueError: as `FusedTokens.embed_kept`.
    """
    return sentences.numpy() @ tokens.embed_alone().numpy().T


def _shares(heat: np.ndarray) -> np.ndarray:
    """Rows (S, N) that add up to 1, or stay 0."""
    return heat / np.maximum(heat.sum(axis=1, keepdims=True), np.finfo(np.float32).tiny)


def _attention(tokens: FusedTokens, block: int) -> dict[str, np.ndarray]:
    with evaluating(tokens.model), torch.no_grad(), recorded_attention() as recorded:
        tokens.embed()
    heads = recorded[block][0].float().cpu().numpy()  # (heads, all columns, all columns)
    every = [MEAN_OF_HEADS, *(head_name(number) for number in range(len(heads)))]
    return dict(zip(every, map(tokens.heat, [heads.mean(axis=0), *heads]), strict=True))


def _check(model: FusionModel, names: Combination, block: int) -> None:
    if model.config.transformer_per_modality and len(names) > 1:
        raise ValueError(f"{names} never look at each other: transformer_per_modality is set")
    depth = model.config.depth
    if not -depth <= block < depth:
        raise ValueError(f"block {block}: the model has {depth} transformer blocks, from 0")


def _log_mel(model: FusionModel, clip: ClipFeatures) -> np.ndarray:
    """The sound as a picture, where tokens of sound are log-mel frames."""
    if "audio" not in model.encoders or "audio" not in clip.tokens:
        return NO_SOUND
    return clip.tokens["audio"].float().numpy()
