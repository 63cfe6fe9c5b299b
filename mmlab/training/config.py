"""How to train: one frozen dataclass, the same in Python, on the command line and on disk."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Literal, get_args

from mmlab.losses import paper_weights

Schedule = Literal["cosine", "exponential"]
Precision = Literal["float32", "bfloat16", "float16"]
LossKind = Literal["softmax", "margin"]
Clips = Literal["captions", "published", "corrected"]
Measure = Literal["R@1", "R@5", "R@10", "R@50"]


@dataclass(frozen=True)
class TrainConfig:
    """How to train; the defaults suit the sample corpus on two cores.

    Attributes:
        epochs: passes over the clips (or, where clips are drawn at random, over the videos).
        batch_clips: clips in a batch, over all processes together; all others of the batch are a
            clip's negatives.
        chunk_clips: gradient caching: every process embeds so many clips at a time, so that a
            large batch fits into little memory; default: its whole batch at once.
        learning_rate: of Adam, at its highest.
        schedule: "cosine" falls to zero over the whole training, "exponential" by
            `decay_per_epoch` after every epoch, as published.
        decay_per_epoch: factor of the exponential schedule.
        warmup_share: share of all steps in which the learning rate first rises from zero.
        clip_gradient_norm: gradients longer than this are shortened to it; default: never.
        freeze_norm: batch norm keeps its statistics, as in the published fine-tuning.
        precision: of the products; with float16 the loss is scaled so that gradients do not
            vanish.
        temperature: of the contrastive loss.
        loss: "softmax" (InfoNCE) or "margin" (MMS).
        margin: of the latter, in units of the cosine.
        loss_weights: by pair, such as "text | video+audio"; a pair that is not named counts 0.
            Default: every pair counts 1.
        clips: "captions" takes the dataset's own clips; "published" and "corrected" draw random
            clips of its videos, see `mmlab.sampling`.
        clips_per_video: how many of the random clips come from each video of a batch.
        jitter_seconds: a clip's window is moved by up to this much, its ends independently.
        word_dropout: share of the caption's words left out at random.
        audio_shift_seconds: a clip's sound is taken this much later or earlier, where the medium
            has it, so that it is not just its text spoken.
        evaluate_every_epochs: how often retrieval is measured on other clips; default: never.
        evaluation_split: which clips these are.
        monitor_query: what retrieval is measured from; with `monitor_gallery` and
            `monitor_measure` it says which model is the best one.
        monitor_gallery: among what is retrieved.
        monitor_measure: recall at so many.
        patience_epochs: training stops after so many epochs without a better figure.
        checkpoint_every_steps: besides the end of every epoch.
        device: "auto" takes a GPU if there is one.
        deterministic: a GPU gives the same bits every time, at some cost in speed; a CPU always
            does.
        loaders: threads that read the next batches while the model learns; 0: none.
        seed: of the weights, the order, the crops and the dropout.
    """

    epochs: int = 40
    batch_clips: int = 128
    chunk_clips: int | None = None
    learning_rate: float = 1e-3
    schedule: Schedule = "cosine"
    decay_per_epoch: float = 0.9
    warmup_share: float = 0.05
    clip_gradient_norm: float | None = None
    freeze_norm: bool = False
    precision: Precision = "float32"
    temperature: float = 0.05
    loss: LossKind = "softmax"
    margin: float = 0.001
    loss_weights: dict[str, float] | None = None
    clips: Clips = "captions"
    clips_per_video: int = 10
    jitter_seconds: float = 1.0
    word_dropout: float = 0.2
    audio_shift_seconds: float = 0.0
    evaluate_every_epochs: int | None = None
    evaluation_split: str = "validation"
    monitor_query: str = "text"
    monitor_gallery: str = "video+audio"
    monitor_measure: Measure = "R@10"
    patience_epochs: int | None = None
    checkpoint_every_steps: int | None = None
    device: str = "auto"
    deterministic: bool = False
    loaders: int = 1
    seed: int = 0

    def __post_init__(self) -> None:
        least = {
            **dict.fromkeys(("epochs", "clips_per_video", "chunk_clips"), 1),
            **dict.fromkeys(("evaluate_every_epochs", "patience_epochs"), 1),
            **{"checkpoint_every_steps": 1, "batch_clips": 2, "loaders": 0, "seed": 0},
        }
        for name, smallest in least.items():
            value = getattr(self, name)
            if value is not None and (not isinstance(value, int) or value < smallest):
                raise ValueError(f"{name} is a whole number from {smallest}, found {value!r}")
        for name in ("learning_rate", "decay_per_epoch", "temperature", "clip_gradient_norm"):
            value = getattr(self, name)
            if value is not None and not (_is_number(value) and 0 < value < math.inf):
                raise ValueError(f"{name} is above 0, found {value!r}")
        for name in ("jitter_seconds", "audio_shift_seconds", "margin"):
            value = getattr(self, name)
            if not (_is_number(value) and 0 <= value < math.inf):
                raise ValueError(f"{name} is 0 or more, found {value!r}")
        for name in ("warmup_share", "word_dropout"):
            value = getattr(self, name)
            if not (_is_number(value) and 0 <= value < 1):
                raise ValueError(f"{name} is 0 or more and below 1, found {value!r}")
        for name in ("freeze_norm", "deterministic"):
            if not isinstance(getattr(self, name), bool):
                raise ValueError(f"{name} is true or false, found {getattr(self, name)!r}")
        weights = {} if self.loss_weights is None else self.loss_weights
        if not isinstance(weights, dict) or not all(
            isinstance(name, str) and _is_number(weight) and 0 <= weight < math.inf
            for name, weight in weights.items()
        ):
            raise ValueError(f"loss_weights give pairs a number from 0, found {weights!r}")
        choices = {"schedule": Schedule, "precision": Precision, "loss": LossKind}
        for name, kind in (choices | {"clips": Clips, "monitor_measure": Measure}).items():
            if getattr(self, name) not in get_args(kind):
                known = ", ".join(get_args(kind))
                raise ValueError(f"{name} is one of {known}; found {getattr(self, name)!r}")
        if self.patience_epochs and not self.evaluate_every_epochs:
            raise ValueError("patience_epochs needs evaluate_every_epochs: nothing is measured")
        if self.patience_epochs and self.patience_epochs < (self.evaluate_every_epochs or 0):
            raise ValueError(
                f"patience_epochs {self.patience_epochs} is over before the next evaluation; it "
                f"is at least evaluate_every_epochs, {self.evaluate_every_epochs}"
            )
        if self.clips != "captions" and self.batch_clips % self.clips_per_video:
            raise ValueError(
                f"batch_clips {self.batch_clips} is not a multiple of clips_per_video "
                f"{self.clips_per_video}"
            )

    @classmethod
    def paper(cls) -> TrainConfig:
        """The paper's pre-training on HowTo100M (section 4.1 and the published configuration)."""
        return replace(
            cls.finetune_msrvtt(),
            epochs=15,
            batch_clips=2240,
            freeze_norm=False,
            loss_weights=paper_weights(),
            clips="published",
            loaders=4,
        )

    @classmethod
    def finetune_msrvtt(cls) -> TrainConfig:
        """The published fine-tuning on MSR-VTT."""
        return cls(
            epochs=25,
            learning_rate=5e-5,
            schedule="exponential",
            warmup_share=0.0,
            freeze_norm=True,
            precision="float16",
            jitter_seconds=0.0,
            word_dropout=0.0,
        )

    @classmethod
    def finetune_youcook2(cls) -> TrainConfig:
        """The published fine-tuning on YouCook2."""
        return replace(cls.finetune_msrvtt(), epochs=5, batch_clips=256, learning_rate=1e-5)

    def to_json(self) -> str:
        """Print as JSON; `from_json` reads it back."""
        return json.dumps(asdict(self), indent=2)

    @classmethod
    def from_json(cls, text: str) -> TrainConfig:
        """Read what `to_json` wrote, or a run's run.json; a field that is missing has its default.

        Raises:
            ValueError: names what is unknown or cannot be.
        """
        try:
            found: Any = json.loads(text)
        except ValueError as error:
            raise ValueError(f"not a training configuration: no JSON ({error})") from error
        if isinstance(found, dict) and isinstance(found.get("train"), dict):
            found = found["train"]  # a run's run.json
        known = [field.name for field in fields(cls)]
        unknown = sorted(set(found) - set(known)) if isinstance(found, dict) else [repr(found)]
        if unknown:
            raise ValueError(
                f"not a training configuration: unknown {', '.join(unknown)}; known are "
                f"{', '.join(known)}"
            )
        return cls(**found)


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


RECIPES: dict[str, Callable[[], TrainConfig]] = {
    "sample": TrainConfig,
    "paper": TrainConfig.paper,
    "msrvtt": TrainConfig.finetune_msrvtt,
    "youcook2": TrainConfig.finetune_youcook2,
}
"""Configurations by name."""


def schedule_factor(config: TrainConfig, step: int, steps: int, steps_per_epoch: int) -> float:
    """The factor on the learning rate at a step, counted from 0, of `steps`."""
    warmup = round(config.warmup_share * steps)
    if step < warmup:
        return (step + 1) / warmup
    if config.schedule == "exponential":
        return config.decay_per_epoch ** (step // steps_per_epoch)
    return 0.5 * (1 + math.cos(math.pi * (step - warmup) / (steps - warmup)))
