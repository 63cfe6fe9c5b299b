"""One clip's tokens right before they are fused: when each is, and what is left without some."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from mmlab.clip_features import ClipFeatures
from mmlab.model import FusionModel
from mmlab.model.config import ModalityConfig
from mmlab.model.embeddings import Encoded
from mmlab.types import Combination, Modality, Tokens, pad_tokens

MOST_TOKENS = 2**13
"""So many tokens go through the transformer at a time where a clip is embedded many times."""


@dataclass(frozen=True)
class FusedTokens:
    """One clip as the transformer gets it.

    Attributes:
        model: whose encoders made it.
        names: the combination that is fused.
        encoded: a batch of this clip alone.
        words: the columns of the text tokens among all columns of the attention.
        modality: of the N tokens that have seconds.
        seconds: (N, 2) start and end of each.
        columns: (N,) the column of each among all columns of the attention.
    """

    model: FusionModel
    names: Combination
    encoded: Encoded
    words: list[int]
    modality: list[Modality]
    seconds: np.ndarray
    columns: np.ndarray

    @property
    def shortened(self) -> Modality | None:
        """A modality of which the clip has more tokens than the model takes, so it merges them."""
        for name in self.names:
            limit = _modality(self.model, name).max_tokens
            if limit and int(self.encoded.tokens[name].mask.sum()) > limit:
                return name
        return None

    def embed(self) -> Tensor:
        """(1, P) of unit length, on the model's device and with its graph."""
        return self.model.fuse(self.encoded, [self.names]).vectors[self.names]

    def heat(self, weights: np.ndarray) -> np.ndarray:
        """From the weights between all columns to the rows of a `TokenMap`.

        Args:
            weights: (all columns, all columns); row = the token that looks.

        Returns:
            (1 + W, N): the mean of the words, then each; (1, N), the mean of all tokens, where
            there are no words.
        """
        words = weights[self.words]
        whole = words if len(words) else weights
        return np.concatenate([whole.mean(axis=0, keepdims=True), words])[:, self.columns]

    @torch.no_grad()
    def embed_kept(self, kept: np.ndarray) -> Tensor:
        """Embed the clip many times, each time with some of its N tokens only.

        Args:
            kept: (K, N) bool, in the order of `seconds`.

        Returns:
            (K, P) float32 of unit length on the CPU; zeros where nothing is kept.

        Raises:
            ValueError: the model has shortened this clip, so that its tokens are no single ones.
        """
        self._check_single()
        together = max(1, MOST_TOKENS // max(1, len(self.modality)))
        parts = [kept[start : start + together] for start in range(0, len(kept), together)]
        return torch.cat([self._embed_kept(torch.from_numpy(part)) for part in parts])

    @torch.no_grad()
    def embed_alone(self) -> Tensor:
        """(N, P): `embed_kept` of each token by itself, but in time that grows with N only.

        Raises:
            ValueError: as `embed_kept`.
        """
        self._check_single()
        parts = []
        for name in dict.fromkeys(self.modality):
            count = self.modality.count(name)
            rows = self.encoded.tokens[name].values[0, :count, None]  # (n, 1, D)
            tokens = {other: self._none(other, count) for other in self.names} | {
                name: Tokens(rows, torch.ones_like(rows[..., 0], dtype=torch.bool))
            }
            parts.append(self._fuse(tokens))
        return torch.cat(parts)

    def _check_single(self) -> None:
        if self.shortened:
            raise ValueError(
                f"tokens of {self.shortened} cannot be removed one by one: this clip has more than "
                "the model's max_tokens, and they are merged; take a shorter part of it"
            )

    def _none(self, name: Modality, items: int) -> Tokens:
        values = self.encoded.tokens[name].values
        empty = values.new_zeros(items, 1, values.shape[2])
        return Tokens(empty, torch.zeros_like(empty[..., 0], dtype=torch.bool))

    def _embed_kept(self, kept: Tensor) -> Tensor:
        tokens: dict[Modality, Tokens] = {}
        for name in self.names:
            values, mask = self.encoded.tokens[name].values, self.encoded.tokens[name].mask
            real = mask.expand(len(kept), -1).clone()
            if name in self.modality:
                own = torch.tensor([one == name for one in self.modality])
                real[:, : int(own.sum())] = kept[:, own].to(real.device)
            tokens[name] = Tokens(values.expand(len(kept), -1, -1), real)
        return self._fuse(tokens)

    def _fuse(self, tokens: dict[Modality, Tokens]) -> Tensor:
        """(K, P) float32 on the CPU."""
        whole = {name: one.mask.sum(dim=1) for name, one in tokens.items()}
        present = {name: one.present for name, one in tokens.items()}
        with evaluating(self.model):
            found = self.model.fuse(Encoded(tokens, whole, present), [self.names])
        return found.vectors[self.names].float().cpu()


def fused_tokens(model: FusionModel, clip: ClipFeatures, names: Combination) -> FusedTokens:
    """Encode one clip up to where the tokens of its modalities meet.

    Args:
        model: on any device, in any mode, which is left as it was.
        clip: its tokens; longer than any in the training if it has to be.
        names: the combination, in canonical form.

    Raises:
        ValueError: the clip has nothing of the combination.
    """
    if not any(len(clip.tokens[name]) for name in names):
        raise ValueError(f"{clip.clip_id} has no {' and no '.join(names)}: nothing is fused")
    device = next(model.parameters()).device
    batch = {
        name: pad_tokens([clip.tokens[name]], _modality(model, name).width).to(device)
        for name in names
    }
    with torch.no_grad(), evaluating(model):
        encoded = model.encode(batch, [names])
    seconds = {name: token_seconds(model, clip, name) for name in names if name != "text"}
    columns = _columns(model, encoded)
    return FusedTokens(
        model,
        names,
        encoded,
        words=list(columns.get("text", ())),
        modality=[name for name in seconds for _ in columns[name]],
        seconds=np.concatenate([np.zeros((0, 2)), *seconds.values()]),
        columns=np.array([column for name in seconds for column in columns[name]], int),
    )


def _columns(model: FusionModel, encoded: Encoded) -> dict[Modality, range]:
    """Where in the transformer's sequence the tokens of each modality of one clip stand."""
    columns, first = {}, int(model.config.class_token)
    for name, tokens in encoded.tokens.items():
        count, limit = int(tokens.mask.sum()), _modality(model, name).max_tokens
        columns[name] = range(first, first + min(count, limit or count))
        first = max(columns[name].stop, first + 1)  # without a token there is still one column
    return columns


def token_seconds(model: FusionModel, clip: ClipFeatures, name: Modality) -> np.ndarray:
    """(N, 2): from when to when each token of a modality is, as the transformer gets them."""
    seconds, modality = clip.token_seconds(name), _modality(model, name)
    whole = len(seconds)
    if modality.encoder and len(seconds):
        span = model.encoders[name].span(len(seconds))  # type: ignore[operator] # an AudioEncoder
        seconds, whole = merged_seconds(seconds, span), whole // span
    return shortened_seconds(seconds, whole, modality)


def merged_seconds(seconds: np.ndarray, count: int) -> np.ndarray:
    """Seconds of tokens that each cover `count` of the given spans; the last may cover fewer."""
    ends = seconds[count - 1 :: count, 1]
    starts = seconds[::count, 0]
    if len(ends) < len(starts):
        ends = np.append(ends, seconds[-1, 1])
    return np.stack([starts, ends], axis=1)


def shortened_seconds(seconds: np.ndarray, whole: int, modality: ModalityConfig) -> np.ndarray:
    """Seconds of what `mmlab.model.shortening.shorten` leaves of so many tokens."""
    limit = modality.max_tokens
    if not limit or len(seconds) <= limit:
        return seconds
    if modality.shorten == "clip" or whole <= limit:
        return seconds[:limit]
    first = last = np.arange(limit) * whole // limit
    if modality.shorten != "nearest":  # a token is made of several
        last = -(-(np.arange(limit) + 1) * whole // limit) - 1
    return np.stack([seconds[first, 0], seconds[last, 1]], axis=1)


@contextmanager
def evaluating(model: torch.nn.Module) -> Iterator[None]:
    """Dropout off and batch norm frozen inside the block; then every part as it was."""
    modes = {module: module.training for module in model.modules()}
    model.eval()
    try:
        yield
    finally:
        for module, training in modes.items():
            module.training = training


def _modality(model: FusionModel, name: Modality) -> ModalityConfig:
    return model.config.modalities[model.config.names.index(name)]
