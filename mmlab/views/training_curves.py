"""What a training was like so far, in few enough points to draw it at any length."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable

from mmlab.training import EpochRecord, Plan, StepRecord

MOST_POINTS = 400
"""Of a line; beyond this every second one is left out."""

SMOOTHED_SHARE = 1 / 20
"""Of the steps so far: about so many are averaged into a point, the latest counting most."""

RECENT_STEPS = 50
"""Speed and waiting are told of so many."""

Recall = tuple[list[int], dict[str, list[float]]]


class TrainingCurves:
    """The loss terms of every step, smoothed and thinned, and the records of the epochs.

    Positions are in epochs: 0 is the start, 1.5 the middle of the second epoch.

    Attributes:
        positions: where the smoothed points lie; the last one is the last step.
        terms: the value of each term there; NaN where it has not begun.
        epochs: the records of the completed epochs.
        skipped: how many steps were skipped since `begin`.
    """

    def __init__(self, epochs: Iterable[EpochRecord] = ()) -> None:
        self.epochs = list(epochs)
        self.skipped = 0
        self._plan: Plan | None = None
        self._recent: deque[StepRecord] = deque(maxlen=RECENT_STEPS)
        self._forget_steps()

    def _forget_steps(self) -> None:
        self.positions: list[float] = []
        self.terms: dict[str, list[float]] = {}
        self._averages: dict[str, tuple[float, int]] = {}
        self._steps: list[int] = []
        self._stride = 1

    @property
    def length(self) -> float:
        """How many epochs to draw: never more than twice those made, so that curves are seen."""
        if not self.done:
            return 1.0
        return max(self.done, min(self.planned, 2.0 ** math.ceil(math.log2(self.done))))

    @property
    def planned(self) -> float:
        """How many epochs there are to be, as far as is known."""
        return self._plan.epochs if self._plan else self.done

    @property
    def done(self) -> float:
        """How many epochs were made."""
        return max([0.0, *self.positions[-1:], *(record.epoch for record in self.epochs)])

    def begin(self, plan: Plan) -> None:
        """A training starts, or goes on; of what it makes again the first try is forgotten."""
        self._plan, self.skipped = plan, 0
        self._recent.clear()
        done = plan.first_step // plan.steps_per_epoch
        self.epochs = [record for record in self.epochs if record.epoch <= done]
        kept = sum(step <= plan.first_step for step in self._steps)
        if kept < len(self._steps):
            self._averages.clear()
            self._keep(slice(kept))
        if not kept:
            self._forget_steps()

    def step(self, record: StepRecord) -> None:
        """Add a step to every line; one that was skipped leaves the averages as they were."""
        if self._plan is None:
            raise ValueError("a training says `begin` before its first step")
        self._recent.append(record)
        self.skipped += record.skipped
        for name in {**self.terms, **record.terms}:
            self._average(name, record.terms.get(name, math.nan))
        if len(self._steps) > 1 and self._steps[-1] - self._steps[-2] < self._stride:
            self._keep(slice(None, -1))
        self._steps.append(record.step)
        self.positions.append(record.step / self._plan.steps_per_epoch)
        for name, (average, _) in self._averages.items():
            line = self.terms.setdefault(name, [math.nan] * (len(self.positions) - 1))
            line.append(average)
        if len(self._steps) > MOST_POINTS:
            self._keep(slice(None, None, 2))
            self._stride *= 2

    def epoch(self, record: EpochRecord) -> None:
        """Add the means and the evaluation of an epoch."""
        self.epochs.append(record)

    def means(self, name: str) -> tuple[list[float], list[float]]:
        """Where the means of a term lie, in the middle of their epochs, and what they are."""
        pairs = [
            (record.epoch - 0.5, record.terms[name])
            for record in self.epochs
            if name in record.terms
        ]
        return [place for place, _ in pairs], [mean for _, mean in pairs]

    def names(self) -> list[str]:
        """Of all terms, in the order in which they came."""
        return list(dict.fromkeys([*self.terms, *(n for one in self.epochs for n in one.terms)]))

    def line(self, name: str) -> tuple[list[float], list[float]]:
        """A term as drawn: smoothed steps if there are any, else the means of the epochs."""
        return (self.positions, self.terms[name]) if name in self.terms else self.means(name)

    def recall(self) -> Recall:
        """The epochs with an evaluation, and each recall in percent, smallest cutoff first."""
        measured = [record for record in self.epochs if record.evaluation]
        names = {name for record in measured for name in record.evaluation}
        cutoffs = sorted((n for n in names if n.startswith("R@")), key=lambda n: int(n[2:]))
        values = {n: [one.evaluation.get(n, math.nan) for one in measured] for n in cutoffs}
        return [record.epoch for record in measured], values

    @property
    def best_epoch(self) -> int | None:
        """The epoch of the best evaluation so far."""
        return next((one.epoch for one in reversed(self.epochs) if one.best), None)

    def speed(self) -> tuple[float, float]:
        """Clips per second and the share of the time spent waiting for data, of late."""
        seconds = sum(record.seconds for record in self._recent)
        clips = sum(record.clips for record in self._recent)
        waiting = sum(record.waiting_seconds for record in self._recent)
        return (clips / seconds, waiting / seconds) if seconds else (0.0, 0.0)

    def _average(self, name: str, value: float) -> None:
        average, count = self._averages.get(name, (math.nan, 0))
        if math.isfinite(value):
            count += 1
            share = 1 / max(1.0, count * SMOOTHED_SHARE)
            average = value if count == 1 else average + share * (value - average)
        self._averages[name] = (average, count)

    def _keep(self, which: slice) -> None:
        self._steps, self.positions = self._steps[which], self.positions[which]
        self.terms = {name: values[which] for name, values in self.terms.items()}
