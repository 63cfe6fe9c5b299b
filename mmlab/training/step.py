"""One step: embed, compare everything with everything, go back, move the weights.

The loss needs all embeddings of a batch at once, but no clip's gradient needs another clip's
activations. So there is one way for a batch in one piece, in chunks (gradient caching, Gao et al.
2021) and over several processes: embeddings first, the loss and its gradient with respect to
them, then back through each chunk by itself.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.amp import GradScaler

from mmlab.distributed import gather, rank, sum_over_ranks, world_size
from mmlab.losses import combinatorial_loss, disjoint_pairs, pair_name
from mmlab.model import FusionModel
from mmlab.model.embeddings import Embeddings
from mmlab.model.frame_norm import FrameNorm
from mmlab.training.config import TrainConfig
from mmlab.training.records import Metrics
from mmlab.types import Batch, Combination, Tokens

HALF = {"bfloat16": torch.bfloat16, "float16": torch.float16}


@dataclass(frozen=True)
class StepResult:
    """What a step did.

    Attributes:
        terms: the loss as "total" and each of its terms, over all processes.
        gradient_norm: before clipping; NaN if there was no gradient.
        skipped: whether the weights stayed as they were.
        broken: whether that was for a loss or gradient that is not finite, and not just for a
            scale that float16 does not hold.
    """

    terms: Metrics
    gradient_norm: float
    skipped: bool = False
    broken: bool = False


def make_optimizer(model: FusionModel, learning_rate: float) -> torch.optim.Optimizer:
    """Adam, as in the paper; fused: one pass through memory for all parameters."""
    return torch.optim.Adam(model.parameters(), lr=learning_rate, fused=True)


def make_scaler(config: TrainConfig, device: torch.device) -> GradScaler:
    """Scales the loss where the products are float16; else it does nothing."""
    return GradScaler(device.type, enabled=config.precision == "float16")


def set_training(model: FusionModel, config: TrainConfig) -> None:
    """Training mode; frozen batch norms keep using what they have learned."""
    model.train()
    for module in model.modules():
        if config.freeze_norm and isinstance(module, nn.BatchNorm2d):
            module.eval()


def compared_combinations(model: FusionModel, config: TrainConfig) -> list[Combination]:
    """What the loss compares, and so what has to be embedded."""
    weights = config.loss_weights
    pairs = [
        pair
        for pair in disjoint_pairs(model.config.names)
        if weights is None or weights.get(pair_name(pair))
    ]
    return sorted({side for pair in pairs for side in pair})


def train_step(
    model: FusionModel,
    optimizer: torch.optim.Optimizer,
    batch: Batch,
    config: TrainConfig,
    *,
    step: int = 0,
    scaler: GradScaler | None = None,
) -> StepResult:
    """One step on this process's part of a batch.

    A loss or gradient that is not finite leaves the weights, the optimizer and the statistics of
    the batch norms as they were.

    Args:
        model: in training mode, see `set_training`.
        optimizer: of its parameters.
        batch: tokens on the model's device.
        config: how.
        step: with the seed it decides the dropout.
        scaler: from `make_scaler`, for float16.
    """
    device = next(model.parameters()).device
    scaler = scaler or make_scaler(config, device)
    statistics = [buffer.clone() for buffer in model.buffers()]
    optimizer.zero_grad()
    loss = compute_gradients(model, batch, config, step=step, scaler=scaler)
    terms, norm = {name: term.item() for name, term in loss.items()}, math.nan
    finite = math.isfinite(terms["total"])
    if finite:
        scaler.unscale_(optimizer)
        norm = _clip(model, config.clip_gradient_norm)
    if finite and (math.isfinite(norm) or scaler.is_enabled()):
        scaler.step(optimizer)  # which itself leaves out gradients that are too large to hold
        scaler.update()
        return StepResult(terms, norm, skipped=not math.isfinite(norm))
    for buffer, before in zip(model.buffers(), statistics, strict=True):
        buffer.copy_(before)
    return StepResult(terms, norm, skipped=True, broken=True)


def compute_gradients(
    model: FusionModel,
    batch: Batch,
    config: TrainConfig,
    *,
    step: int = 0,
    scaler: GradScaler | None = None,
) -> dict[str, Tensor]:
    """Leave in the parameters the gradient of the loss over all processes' batches.

    Arguments as of `train_step`; the parameters hold no gradient before.

    Returns:
        The loss as "total" and its terms; if it is not finite there is no gradient.
    """
    wanted = compared_combinations(model, config)
    chunks = list(_chunks(batch, config.chunk_clips))
    whole = len(chunks) == 1
    parts = []
    for number, chunk in enumerate(chunks):
        with torch.set_grad_enabled(whole), _noting_statistics(model, True):
            parts.append(_embed(model, chunk, wanted, config, step, number))
    joined = _joined(parts)
    loss = combinatorial_loss(
        joined,
        temperature=config.temperature,
        weights=config.loss_weights,
        kind=config.loss,
        margin=config.margin,
    )
    terms = {"total": loss.total.detach()} | {n: t.detach() for n, t in loss.terms.items()}
    if not loss.total.isfinite():
        return terms
    (scaler.scale(loss.total) if scaler else loss.total).backward()
    gradients = _own_gradients(joined, parts)
    for number, chunk in enumerate(chunks):
        if whole:
            part = parts[0]
        else:
            with _noting_statistics(model, False):
                part = _embed(model, chunk, wanted, config, step, number)
        _backward(part, gradients[number])
    for parameter in model.parameters():
        if world_size() > 1:
            if parameter.grad is None:  # another process may have one
                parameter.grad = torch.zeros_like(parameter)
            sum_over_ranks(parameter.grad)
    return terms


def _clip(model: FusionModel, longest: float | None) -> float:
    """The length of the gradient; if it is longer than `longest`, it is shortened to that."""
    gradients = [one.grad for one in model.parameters() if one.grad is not None]
    norm = nn.utils.get_total_norm(gradients)
    if longest is not None:
        nn.utils.clip_grads_with_norm_(model.parameters(), longest, norm)
    return norm.item()


def _chunks(batch: Batch, size: int | None) -> Iterator[Batch]:
    clips = len(next(iter(batch.values())).mask)
    for start in range(0, clips, size or clips):
        rows = slice(start, start + (size or clips))
        yield {name: Tokens(one.values[rows], one.mask[rows]) for name, one in batch.items()}


def _embed(
    model: FusionModel,
    chunk: Batch,
    wanted: Sequence[Combination],
    config: TrainConfig,
    step: int,
    number: int,
) -> Embeddings:
    """Embed a chunk with the dropout that belongs to it, the same every time."""
    entropy = np.random.SeedSequence((config.seed, step, rank(), number))
    torch.manual_seed(int(entropy.generate_state(1, np.uint32)[0]))
    with _products(model, config):
        return model(chunk, wanted, check=False)


def _products(model: FusionModel, config: TrainConfig) -> AbstractContextManager[object]:
    """Where products are computed in the configured precision."""
    if config.precision == "float32":
        return nullcontext()
    return torch.autocast(next(model.parameters()).device.type, HALF[config.precision])


def _joined(parts: Sequence[Embeddings]) -> Embeddings:
    """The embeddings of all chunks of all processes; they are where the loss's gradient ends."""
    raw = {
        names: gather(_at_least_float32(torch.cat([part.raw[names].detach() for part in parts])))
        for names in parts[0].raw
    }
    present = {
        name: gather(torch.cat([part.present[name] for part in parts])) for name in parts[0].present
    }
    return Embeddings({names: rows.requires_grad_() for names, rows in raw.items()}, present)


def _at_least_float32(rows: Tensor) -> Tensor:
    return rows.to(torch.promote_types(rows.dtype, torch.float32))


def _own_gradients(
    joined: Embeddings, parts: Sequence[Embeddings]
) -> list[dict[Combination, Tensor]]:
    """For each chunk of this process the loss's gradient with respect to its embeddings."""
    sizes = [len(next(iter(part.raw.values()))) for part in parts]
    first = rank() * sum(sizes)
    own = {
        names: rows.grad[first : first + sum(sizes)].split(sizes)
        for names, rows in joined.raw.items()
        if rows.grad is not None
    }
    return [
        {names: pieces[number] for names, pieces in own.items()} for number in range(len(sizes))
    ]


def _backward(part: Embeddings, gradients: dict[Combination, Tensor]) -> None:
    vectors = [part.raw[names] for names in gradients]
    torch.autograd.backward(
        vectors,
        [gradient.to(one.dtype) for gradient, one in zip(gradients.values(), vectors, strict=True)],
    )


@contextmanager
def _noting_statistics(model: FusionModel, noting: bool) -> Iterator[None]:
    """Whether the running statistics of batch norms follow: once a step, not twice."""
    norms = [module for module in model.modules() if isinstance(module, FrameNorm)]
    for norm in norms:
        norm.noting = noting
    try:
        yield
    finally:
        for norm in norms:
            norm.noting = True
