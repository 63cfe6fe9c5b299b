"""One step: embed, compare everything with everything, go back, move the weights.

The loss needs the embeddings of all clips of all processes, but only these: so embeddings first,
then the loss and its gradient with respect to them, then back to the weights.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.amp import GradScaler

from mmlab.distributed import gather, rank, sum_over_ranks, world_size
from mmlab.losses import combinatorial_loss, disjoint_pairs, pair_name
from mmlab.model import FusionModel
from mmlab.model.embeddings import Embeddings
from mmlab.training.config import TrainConfig
from mmlab.training.records import Metrics
from mmlab.training.ways import make_way
from mmlab.types import Batch, Combination

SMALLEST_SCALE = 1.0
"""A gradient that is not finite at this scale of the loss is not just too large for float16."""


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
    scale = scaler.get_scale()
    finite = math.isfinite(terms["total"])
    if finite:
        scaler.unscale_(optimizer)
        norm = _clip(model, config.clip_gradient_norm)
        if math.isfinite(norm) or scaler.is_enabled():
            scaler.step(optimizer)  # which itself leaves out gradients that float16 cannot hold
            scaler.update()
    if math.isfinite(norm):
        return StepResult(terms, norm)
    for buffer, before in zip(model.buffers(), statistics, strict=True):
        buffer.copy_(before)
    just_too_large = finite and scaler.is_enabled() and scale > SMALLEST_SCALE
    return StepResult(terms, norm, skipped=True, broken=not just_too_large)


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
    way = make_way(model, batch, compared_combinations(model, config), config, step)
    joined = _joined(way.parts)
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
    way.back(_own_gradients(joined, way.parts))
    if world_size() > 1:
        for parameter in model.parameters():
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
