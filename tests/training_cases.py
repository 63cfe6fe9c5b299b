"""A tiny dataset whose tokens say where they come from, tiny models for it, and runs of them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.optim.optimizer import register_optimizer_step_pre_hook

from mmlab.about import About, FeatureInfo
from mmlab.dataset import ClipDataset
from mmlab.model import FusionModel, ModalityConfig, ModelConfig
from mmlab.model.embeddings import Embeddings, Encoded
from mmlab.tables import replace_tables
from mmlab.training import (
    EpochRecord,
    Outcome,
    Plan,
    StepRecord,
    TrainConfig,
    Trainer,
    Watcher,
    read_steps,
)
from mmlab.types import Batch, Combination
from tests.small_models import ENCODER, small
from tests.tiny_datasets import clip_table, make_dataset

FRAME_UNIT = 16
"""Sound frame f of a medium holds -f / FRAME_UNIT, which float16 holds exactly."""

TRAINED, VALIDATED = 12, 4
"""Media, each with two clips."""

CONFIG = TrainConfig(epochs=4, batch_clips=8, learning_rate=3e-3, device="cpu")
"""Three steps in each of four epochs."""

AUDIO = ModalityConfig("audio", 40, ENCODER)
WITHOUT_NETWORK = (ModalityConfig("text", 300), ModalityConfig("video", 6))
MODALITIES = (*WITHOUT_NETWORK, AUDIO)


def medium(number: int, seconds: int = 10) -> dict[str, np.ndarray]:
    """Random tokens; the first column says which medium, the second where in it."""
    random = np.random.default_rng(number)
    video = random.random((seconds, 6))
    video[:, 0], video[:, 1] = number / 8, np.arange(seconds) / 8
    audio = random.uniform(-60, 0, (100 * seconds + 1, 40))
    audio[:, 0], audio[:, 1] = -number, -np.arange(len(audio)) / FRAME_UNIT
    return {"video": video.astype(np.float16), "audio": audio.astype(np.float16)}


def tiny_dataset(folder: Path, *, lacking: bool = False) -> ClipDataset:
    """Two clips of each medium, of 2 and 3 s; `lacking`: three of four media lack a modality."""
    media, clips = {}, []
    for number in range(TRAINED + VALIDATED):
        name, tokens = f"medium{number:02}", medium(number)
        texts = [f"word{number} first part", f"word{number} {number} the second part"]
        if lacking and number % 4 == 3:
            texts = ["", ""]
        elif lacking and number % 4:
            tokens.pop(("video", "audio")[number % 4 - 1])
        media[name] = tokens
        split = "train" if number < TRAINED else "validation"
        clips += [(name, 1.0, 3.0, texts[0], split), (name, 5.0, 8.0, texts[1], split)]
    return on_disk(make_dataset(folder, media, clip_table(clips)))


def narrated_dataset(folder: Path, videos: int = 6, seconds: int = 40) -> ClipDataset:
    """Long videos; in each a caption of 3 s begins every 4 s."""
    media = {f"video{number}": medium(number, seconds) for number in range(videos)}
    clips = [
        (name, float(start), start + 3.0, f"{name} says {start}", "train")
        for name in media
        for start in range(0, seconds - 3, 4)
    ]
    durations = [float(seconds)] * videos
    made = make_dataset(folder, media, clip_table(clips), duration_seconds=durations)
    return on_disk(made)


def on_disk(made: ClipDataset) -> ClipDataset:
    """The same dataset with its tables on disk, so that another process can open it."""
    text = FeatureInfo(made.features["text"].name, 300, None, source="default")
    about = About(".", made.features | {"text": text})
    replace_tables(made.folder, made.manifest, made.media, [], about)
    return ClipDataset.open(made.folder)


def tiny_config(*modalities: ModalityConfig, **changes: object) -> ModelConfig:
    """A few thousand parameters; text, video and audio by default."""
    return small(*(modalities or MODALITIES), **changes)


def tiny_model(
    *modalities: ModalityConfig, kind: type[FusionModel] = FusionModel, **changes: object
) -> FusionModel:
    """A fresh model, the same each time."""
    torch.manual_seed(0)
    return kind(tiny_config(*modalities, **changes))


def trained(
    dataset: ClipDataset,
    run_folder: Path,
    config: TrainConfig = CONFIG,
    *,
    model: FusionModel | None = None,
    watcher: Watcher | None = None,
    resume: bool = True,
) -> Outcome:
    """Train on the split "train"; the validation clips are there if the configuration asks."""
    return Trainer(
        tiny_model() if model is None else model,
        dataset.select(split="train"),
        config,
        run_folder=run_folder,
        validation=dataset.select(split="validation") if config.evaluate_every_epochs else None,
        watcher=watcher,
        resume=resume,
    ).fit()


class Told(Watcher):
    """Keeps what it is told, and asks to stop at a step or does something else there."""

    def __init__(
        self, stop_at: int | None = None, act: Callable[[StepRecord], object] | None = None
    ) -> None:
        self.stop_at, self.act = stop_at, act
        self.plans: list[Plan] = []
        self.steps: list[StepRecord] = []
        self.epochs: list[EpochRecord] = []
        self.outcomes: list[Outcome] = []
        self.messages: list[str] = []

    def begin(self, plan: Plan) -> None:
        self.plans.append(plan)

    def step(self, record: StepRecord) -> None:
        self.steps.append(record)
        if record.step == self.stop_at:
            self.stop = True
        if self.act:
            self.act(record)

    def epoch(self, record: EpochRecord) -> None:
        self.epochs.append(record)

    def end(self, outcome: Outcome) -> None:
        self.outcomes.append(outcome)

    def say(self, message: str) -> None:
        self.messages.append(message)


def lines(run_folder: Path) -> list[str]:
    """steps.jsonl without the times: equal strings are equal bits."""
    rows = [dict(row) for row in read_steps(run_folder)]
    for row in rows:
        for name in ("seconds", "waiting_seconds"):
            del row[name]
    return [json.dumps(row, sort_keys=True) for row in rows]


@dataclass
class Pass:
    """The second half of a way through a model: how many clips, and what it depends on besides."""

    clips: int
    graph: bool
    random_state: Tensor


class Recorded(FusionModel):
    """Keeps what it is trained on: every batch, and every pass of some of its clips."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__(config)
        self.batches: list[Batch] = []
        self.passes: list[Pass] = []

    def encode(self, batch: Batch, chosen: Sequence[Combination], **options: bool) -> Encoded:
        if self.training:
            self.batches.append(batch)
        return super().encode(batch, chosen, **options)

    def fuse(self, encoded: Encoded, chosen: Sequence[Combination]) -> Embeddings:
        if self.training:
            clips = len(next(iter(encoded.present.values())))
            graph, state = torch.is_grad_enabled(), torch.get_rng_state()
            self.passes.append(Pass(clips, graph, state))
        return super().fuse(encoded, chosen)


@contextmanager
def gradients_at_steps(model: FusionModel) -> Iterator[list[dict[str, Tensor]]]:
    """The gradient of each parameter at every step of an optimizer."""
    found: list[dict[str, Tensor]] = []

    def note(*_: object) -> None:
        every = model.named_parameters()
        found.append({name: p.grad.clone() for name, p in every if p.grad is not None})

    handle = register_optimizer_step_pre_hook(note)
    try:
        yield found
    finally:
        handle.remove()


def largest_difference(one: dict[str, Tensor], other: dict[str, Tensor]) -> float:
    """Of two gradients or states, in units of the largest number of the second."""
    assert one.keys() == other.keys()
    largest = max(value.abs().max().item() for value in other.values() if value.numel())
    differences = [(one[name] - other[name]).abs().max().item() for name in one]
    return max(differences) / largest


def one_step(config: TrainConfig = CONFIG, **changes: object) -> TrainConfig:
    """One step on all training clips, at the first step already with the full learning rate."""
    settings = {"epochs": 1, "batch_clips": 2 * TRAINED, "warmup_share": 0.0}
    return replace(config, **(settings | changes))
