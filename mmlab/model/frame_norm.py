"""Batch norm over the real frames of sound."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mmlab.distributed import sum_over_ranks, world_size


class FrameNorm(nn.BatchNorm2d):
    """Batch norm whose statistics come from real frames only.

    With the channels last in memory, torch's own on a CPU adds up all frames one by one in
    float32: over a hundred thousand of them it is off by 1e-4. `_Normalise` is not.

    Processes that train together take the statistics of all their frames.

    Attributes:
        noting: whether the running statistics follow; off where a batch is seen a second time.
    """

    noting = True

    def forward(self, sound: Tensor, keep: Tensor | None = None) -> Tensor:
        """(B, C, 1, F), (B, F) bool or None where every frame is real -> (B, C, 1, F).

        The padding comes out as zeros, so that the next convolution reads none of it.
        """
        if not self.training:
            normal = super().forward(sound)
            return normal if keep is None else normal * keep[:, None, None]
        frames = sound.squeeze(2).transpose(1, 2)  # (B, F, C)
        flat = frames.flatten(0, 1).to(self.weight.dtype)  # bfloat16 would be too coarse
        places = None if keep is None else keep.flatten().nonzero()[:, 0]  # (R,)
        real = flat if places is None else flat.index_select(0, places)  # (R, C)
        count = _count(real)
        if count < 2:  # no statistics
            statistics = self.running_mean, self.running_var
            normal = F.batch_norm(sound, *statistics, self.weight, self.bias, eps=self.eps)
            return normal if keep is None else normal * keep[:, None, None]
        normal, mean, variance = _Normalise.apply(real, self.weight, self.bias, self.eps, count)
        if self.noting:
            self._note(mean, variance * count / (count - 1))
        if places is not None:
            normal = torch.zeros_like(flat).index_copy(0, places, normal)
        return normal.view_as(frames).transpose(1, 2)[:, :, None]

    def _note(self, mean: Tensor, variance: Tensor) -> None:
        """Let the running statistics, which are used after training, follow."""
        assert self.running_mean is not None  # torch allows norms that keep none
        assert self.running_var is not None
        assert self.num_batches_tracked is not None
        assert self.momentum is not None
        self.running_mean.lerp_(mean.to(self.running_mean.dtype), self.momentum)
        self.running_var.lerp_(variance.to(self.running_var.dtype), self.momentum)
        self.num_batches_tracked += 1


def _count(rows: Tensor) -> float:
    """Rows of all processes."""
    if world_size() == 1:  # without a copy from the GPU
        return float(len(rows))
    return sum_over_ranks(rows.new_tensor(len(rows), dtype=torch.float64)).item()


class _Normalise(torch.autograd.Function):
    """(R, C) to mean 0 and variance 1 in each channel, then scaled and moved."""

    @staticmethod
    def forward(
        ctx: Any, rows: Tensor, weight: Tensor, bias: Tensor, eps: float, count: float
    ) -> tuple[Tensor, Tensor, Tensor]:
        mean = sum_over_ranks(rows.sum(dim=0)) / count  # (C,)
        variance = sum_over_ranks((rows - mean).square_().sum(dim=0)) / count  # (C,)
        inverse = (variance + eps).rsqrt()
        scale = weight * inverse
        ctx.save_for_backward(rows, weight, mean, inverse)
        ctx.count = count
        ctx.mark_non_differentiable(mean, variance)
        return torch.addcmul(bias - mean * scale, rows, scale), mean, variance

    @staticmethod
    def backward(ctx: Any, gradient: Tensor, *_: Tensor) -> tuple[Tensor | None, ...]:
        rows, weight, mean, inverse = ctx.saved_tensors
        unit = (rows - mean).mul_(inverse)  # (R, C)
        of_bias, of_weight = gradient.sum(dim=0), (gradient * unit).sum(dim=0)  # (C,)
        # The statistics are everybody's, so each row's gradient holds a part of all rows' own.
        all_bias, all_weight = sum_over_ranks(of_bias.clone()), sum_over_ranks(of_weight.clone())
        centred = gradient - all_bias / ctx.count
        of_rows = centred.addcmul_(unit, all_weight / -ctx.count).mul_(weight * inverse)
        return of_rows, of_weight, of_bias, None, None
