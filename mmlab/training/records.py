"""What is said of a training while it runs, and who listens."""

from __future__ import annotations

from dataclasses import dataclass, field

Metrics = dict[str, float]


class TrainingError(ValueError):
    """Training cannot go on; the message says with which clips."""


@dataclass(frozen=True)
class Plan:
    """What lies ahead.

    Attributes:
        epochs: of the whole training.
        steps_per_epoch: batches in each.
        first_step: steps that were made before this process took over.
    """

    epochs: int
    steps_per_epoch: int
    first_step: int = 0

    @property
    def steps(self) -> int:
        """Of the whole training."""
        return self.epochs * self.steps_per_epoch


@dataclass(frozen=True)
class StepRecord:
    """One step.

    Attributes:
        step: its number, from 1.
        epoch: likewise.
        terms: the loss as "total" and each of its terms.
        learning_rate: that it was made with.
        gradient_norm: before clipping; NaN if there was no gradient.
        clips: in its batch, over all processes.
        seconds: that it took, with reading.
        waiting_seconds: of these, waiting for the batch.
        skipped: whether the weights stayed, because the loss or its gradient was not finite.
    """

    step: int
    epoch: int
    terms: Metrics
    learning_rate: float
    gradient_norm: float
    clips: int
    seconds: float
    waiting_seconds: float
    skipped: bool = False


@dataclass(frozen=True)
class EpochRecord:
    """One epoch.

    Attributes:
        epoch: its number, from 1.
        terms: the means over its steps, those skipped left out.
        evaluation: recalls in percent and ranks of the monitored direction; {} if not measured.
        best: whether it is the best evaluation so far.
        seconds: since the epoch before it.
    """

    epoch: int
    terms: Metrics
    evaluation: Metrics = field(default_factory=dict)
    best: bool = False
    seconds: float = 0.0


@dataclass(frozen=True)
class Outcome:
    """How a training ended.

    Attributes:
        finished: all epochs done, or patience ran out.
        steps: made, over all parts of a run that was resumed.
        epochs: completed.
        best_epoch: whose weights were kept, where retrieval was measured.
        skipped_steps: see `StepRecord.skipped`.
        stopped: "" if not before the last epoch, "asked", or "patience".
        seconds: spent in steps.
        clips_per_second: through all steps.
        waiting_share: of the seconds, waiting for data.
    """

    finished: bool
    steps: int
    epochs: int
    best_epoch: int | None
    skipped_steps: int
    stopped: str
    seconds: float
    clips_per_second: float
    waiting_share: float


class Watcher:
    """Is told how a training goes, in the process that writes; subclass what you need.

    Set `stop` to True, from anywhere, and training stops after the step and keeps everything.
    """

    stop: bool = False

    def begin(self, plan: Plan) -> None:
        """Training starts, or goes on."""

    def step(self, record: StepRecord) -> None:
        """A step was made."""

    def epoch(self, record: EpochRecord) -> None:
        """An epoch was completed."""

    def say(self, message: str) -> None:
        """Something that a person should know."""

    def end(self, outcome: Outcome) -> None:
        """Training has ended and everything is written."""

    def fail(self, error: BaseException) -> None:
        """Training was broken off by an error, which is raised next."""
