"""A variant under the clock."""

from __future__ import annotations

import time
from typing import Any

import torch
from torch import Tensor

from mmlab.bench.machine import synchronize
from mmlab.bench.settings import EMBEDDING, TRAINING, Settings
from mmlab.bench.variants import Variant
from mmlab.memory import kept_memory
from mmlab.types import Batch, combination_name

Seconds = dict[str, float]
"""Of one round: "total", and of a training step "forward", "backward" (with the loss) and
"optimizer" too."""


class Runner:
    """Runs and times a variant. A training step is timed in parts by hooks, not changed."""

    def __init__(self, variant: Variant, settings: Settings) -> None:
        self.variant, self.settings = variant, settings
        self.tasks = {TRAINING: variant.step, EMBEDDING: variant.embed}
        self._marks: list[float] = []
        variant.model.register_forward_hook(self._mark)
        variant.optimizer.register_step_pre_hook(self._mark)
        variant.optimizer.register_step_post_hook(self._mark)

    @torch.compiler.disable
    def _mark(self, *_: object) -> None:
        self._marks.append(self._now())

    def _now(self) -> float:
        synchronize(self.settings.device)
        return time.perf_counter()

    def time(self, task: str, inputs: Any) -> Seconds:
        """Do a task once; the gradients that a step leaves are dropped, outside the time.

        A training step in kept memory comes after another one, whose memory it can use.
        """
        if task == TRAINING and self.variant.name in self.settings.kept:
            with kept_memory():
                self._time(task, inputs)
                return self._time(task, inputs)
        return self._time(task, inputs)

    def _time(self, task: str, inputs: Any) -> Seconds:
        self._marks.clear()
        started = self._now()
        with self.settings.autocast():
            self.tasks[task](inputs)
        total = self._now() - started
        self.drop_gradients()
        if task == EMBEDDING:
            return {"total": total}
        forward, backward, optimizer = self._marks
        return {
            "total": total,
            "forward": forward - started,
            "backward": backward - forward,
            "optimizer": optimizer - backward,
        }

    def embed(self, batch: Batch) -> dict[str, Tensor]:
        """Unit embeddings (B, P)."""
        inputs = self.variant.prepare(batch)
        with self.settings.autocast():
            embeddings = self.variant.embed(inputs)
        return {f"embedding {combination_name(one)}": found for one, found in embeddings.items()}

    def learn(self, batch: Batch) -> dict[str, Tensor]:
        """Loss and gradient norm of a training step, scalars."""
        inputs = self.variant.prepare(batch)
        with self.settings.autocast():
            loss = self.variant.step(inputs)
        gradients = [one.grad for one in self.variant.model.parameters() if one.grad is not None]
        norm = torch.stack([one.norm() for one in gradients]).norm()
        self.drop_gradients()
        return {"loss": torch.tensor(loss), "gradient norm": norm}

    def drop_gradients(self) -> None:
        """Free the gradients, so that only one variant ever holds some."""
        self.variant.optimizer.zero_grad(set_to_none=True)
