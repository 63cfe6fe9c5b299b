"""What a benchmark of the model measures."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from mmlab.bench.inputs import random_batch
from mmlab.model import ModelConfig
from mmlab.types import Batch

TRAINING, EMBEDDING = "training step", "embedding"
"""The two tasks. Embedded are text alone and video+audio, which search with fused clips needs."""


@dataclass(frozen=True)
class Settings:
    """What to measure.

    Attributes:
        name: of the size, for the heading.
        config: of the model, see `bench_config`.
        clips: the batch sizes.
        rounds: timed rounds; in each, both variants do the task once.
        words: mean words of a caption, see `random_batch`.
        device: "cpu" (float32) or "cuda" (bfloat16 autocast, for both variants).
        compiled: run mmlab through torch.compile.
        kept: the variants that run in `mmlab.memory.kept_memory`, as `mmlab train` does.
        memory: also measure the peak memory, two more steps of each variant.
        seed: of weights and batches.
    """

    name: str
    config: ModelConfig
    clips: tuple[int, ...]
    rounds: int
    words: float = 9.0
    device: str = "cpu"
    compiled: bool = False
    kept: tuple[str, ...] = ("mmlab",)
    memory: bool = True
    seed: int = 0

    def __post_init__(self) -> None:
        if not self.clips or min(self.clips) < 2 or self.rounds < 1:
            raise ValueError(
                f"a batch needs 2 clips or more, a median 1 round or more; found batches of "
                f"{self.clips}, {self.rounds} rounds"
            )
        if self.device == "cuda" and not torch.cuda.is_available():
            raise ValueError("torch finds no GPU here; leave --device cuda out")

    def batch(self, clips: int) -> Batch:
        """The random batch of a size."""
        return random_batch(
            self.config, clips, words=self.words, seed=self.seed, device=self.device
        )

    def autocast(self) -> torch.autocast:
        """Where both variants run."""
        return torch.autocast(self.device, torch.bfloat16, enabled=self.device == "cuda")
