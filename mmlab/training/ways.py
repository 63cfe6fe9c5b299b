"""From a batch to its embeddings and back, in one piece or in chunks.

In chunks (gradient caching, Gao et al. 2021) all clips are embedded without a graph; once the
loss's gradient with respect to the embeddings is known, each chunk is embedded again and gone back
through by itself. A sound network whose batch norms learn needs all clips: it is passed as a whole,
with the activations of one block at a time. So the gradient is always that of the whole batch.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import numpy as np
import torch
from torch import Tensor

from mmlab.distributed import rank
from mmlab.model import FusionModel
from mmlab.model.embeddings import Embeddings, Encoded
from mmlab.model.frame_norm import FrameNorm
from mmlab.training.config import TrainConfig
from mmlab.types import Batch, Combination, Modality, Tokens

HALF = {"bfloat16": torch.bfloat16, "float16": torch.float16}

Gradients = dict[Combination, Tensor]
"""The loss's gradient with respect to a chunk's embeddings, (B, P) each."""


class Way(ABC):
    """A batch on its way.

    Attributes:
        parts: the embeddings, chunk by chunk.
    """

    parts: list[Embeddings]

    def __init__(
        self, model: FusionModel, wanted: Sequence[Combination], config: TrainConfig, step: int
    ) -> None:
        self.model, self.wanted, self.config, self.step = model, wanted, config, step

    @abstractmethod
    def back(self, gradients: Sequence[Gradients]) -> None:
        """Add to the parameters' gradients, given those of each chunk's embeddings."""

    def _embed(self, chunk: Batch | Encoded, number: int) -> Embeddings:
        """With the dropout that belongs to this chunk of this step, the same every time."""
        entropy = np.random.SeedSequence((self.config.seed, self.step, rank(), number))
        torch.manual_seed(int(entropy.generate_state(1, np.uint32)[0]))
        with _products(self.model, self.config):
            if isinstance(chunk, Encoded):
                return self.model.fuse(chunk, self.wanted)
            return self.model(chunk, self.wanted, check=False)


def make_way(
    model: FusionModel,
    batch: Batch,
    wanted: Sequence[Combination],
    config: TrainConfig,
    step: int,
) -> Way:
    """Embed a batch in the `wanted` combinations, as the configuration says."""
    clips = len(next(iter(batch.values())).mask)
    size = config.chunk_clips or clips
    if size >= clips:
        return _Whole(batch, model, wanted, config, step)
    return _Chunked(batch, size, model, wanted, config, step)


class _Whole(Way):
    def __init__(self, batch: Batch, *settings: Any) -> None:
        super().__init__(*settings)
        self.parts = [self._embed(batch, 0)]

    def back(self, gradients: Sequence[Gradients]) -> None:
        _back(self.parts[0], gradients[0])


class _Chunked(Way):
    def __init__(self, batch: Batch, size: int, *settings: Any) -> None:
        super().__init__(*settings)
        self.encoded: Encoded | None = None
        self.chunks: Sequence[Batch | Encoded] = list(_slices(batch, size))
        if any(isinstance(one, FrameNorm) and one.training for one in self.model.modules()):
            with _products(self.model, self.config):
                self.encoded = self.model.encode(batch, self.wanted, recompute=True)
            self.chunks = list(_chunks(self.encoded, size))
        with torch.no_grad():
            self.parts = [self._embed(chunk, number) for number, chunk in enumerate(self.chunks)]

    def back(self, gradients: Sequence[Gradients]) -> None:
        for number, (chunk, gradient) in enumerate(zip(self.chunks, gradients, strict=True)):
            _back(self._embed(chunk, number), gradient)
        if self.encoded is None:
            return
        for name, tokens in self.encoded.tokens.items():
            if tokens.values.requires_grad:
                of_chunks = [
                    _gradient(chunk, name) for chunk in self.chunks if isinstance(chunk, Encoded)
                ]
                with _noting_nothing(self.model):  # the way there has noted the statistics
                    tokens.values.backward(torch.cat(of_chunks))


def _slices(batch: Batch, size: int) -> Iterator[Batch]:
    """Pieces of some items each."""
    clips = len(next(iter(batch.values())).mask)
    for start in range(0, clips, size):
        rows = slice(start, start + size)
        yield {name: Tokens(one.values[rows], one.mask[rows]) for name, one in batch.items()}


def _chunks(encoded: Encoded, size: int) -> Iterator[Encoded]:
    """Pieces of some items each; their tokens are where the way back through a chunk ends."""
    clips = len(next(iter(encoded.present.values())))
    for start in range(0, clips, size):
        rows = slice(start, start + size)
        yield Encoded(
            {
                name: Tokens(
                    one.values[rows].detach().requires_grad_(one.values.requires_grad),
                    one.mask[rows],
                )
                for name, one in encoded.tokens.items()
            },
            {name: whole[rows] for name, whole in encoded.whole.items()},
            {name: present[rows] for name, present in encoded.present.items()},
        )


def _gradient(chunk: Encoded, name: Modality) -> Tensor:
    values = chunk.tokens[name].values
    return torch.zeros_like(values) if values.grad is None else values.grad


def _back(part: Embeddings, gradients: Gradients) -> None:
    vectors = [part.raw[names] for names in gradients]
    each = zip(gradients.values(), vectors, strict=True)
    torch.autograd.backward(vectors, [gradient.to(one.dtype) for gradient, one in each])


def _products(model: FusionModel, config: TrainConfig) -> AbstractContextManager[object]:
    """Where products are computed in the configured precision."""
    if config.precision == "float32":
        return nullcontext()
    return torch.autocast(next(model.parameters()).device.type, HALF[config.precision])


@contextmanager
def _noting_nothing(model: FusionModel) -> Iterator[None]:
    """Where batch norms see a batch for the second time."""
    norms = [module for module in model.modules() if isinstance(module, FrameNorm)]
    for norm in norms:
        norm.noting = False
    try:
        yield
    finally:
        for norm in norms:
            norm.noting = True
