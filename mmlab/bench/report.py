"""The figures of a benchmark, and how they are printed."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any

from mmlab.bench.machine import Machine

PARTS = ("forward", "backward", "optimizer")


@dataclass(frozen=True)
class Timing:
    """How one variant did one task.

    Attributes:
        seconds: median of the rounds.
        rounds: seconds of each.
        parts: median seconds of forward pass, backward pass (with the loss) and optimizer;
            empty for embedding.
        clips_per_second: at the median.
        multiply_adds: that it computes; of mmlab those that sharing leaves at the least.
        peak_fraction: of the machine's matmul peak that it reaches with them.
        peak_bytes: the most memory that a process of its own held beyond the interpreter and
            its libraries; on a GPU the most that was allocated. None if not known.
    """

    seconds: float
    rounds: list[float]
    parts: dict[str, float]
    clips_per_second: float
    multiply_adds: int
    peak_fraction: float
    peak_bytes: int | None

    @classmethod
    def of(
        cls,
        rounds: Sequence[Mapping[str, float]],
        *,
        clips: int,
        multiply_adds: int,
        machine: Machine,
        peak_bytes: int | None,
    ) -> Timing:
        """Summarise rounds, each {"total": seconds} and, of training steps, their parts."""
        middle = {name: median(one[name] for one in rounds) for name in rounds[0]}
        seconds = middle.pop("total")
        return cls(
            seconds=seconds,
            rounds=[one["total"] for one in rounds],
            parts=middle,
            clips_per_second=clips / seconds,
            multiply_adds=multiply_adds,
            peak_fraction=2 * multiply_adds / seconds / machine.matmul_flops,
            peak_bytes=peak_bytes,
        )


@dataclass(frozen=True)
class Task:
    """One task done by both variants.

    Attributes:
        name: "training step" or "embedding".
        clips: in the batch.
        words: real words of the batch's captions.
        baseline: its timing.
        mmlab: its timing.
        ratio: of the medians; how many times as fast mmlab is.
        limit_seconds: the multiply-adds that sharing leaves at the matmul peak, and in training
            Adam's traffic at the measured bandwidth.
        limit_ratio: the ratio that would be reached there.
    """

    name: str
    clips: int
    words: int
    baseline: Timing
    mmlab: Timing
    ratio: float
    limit_seconds: float
    limit_ratio: float


@dataclass(frozen=True)
class Report:
    """Everything that was measured in one run."""

    environment: dict[str, str | int]
    settings: dict[str, Any]
    machine: Machine
    tasks: list[Task]

    def to_json(self) -> str:
        """All figures, every round included."""
        return json.dumps(asdict(self), indent=2) + "\n"


def heading(report: Report) -> str:
    """Where the figures are from, in three lines."""
    found, settings, machine = report.environment, report.settings, report.machine
    place = found.get("gpu", f"{found['processor']}, {found['threads']} threads")
    return "\n".join(
        [
            f"{settings['name']} model, {settings['parameters'] / 1e6:.1f} M parameters; "
            f"medians of {settings['rounds']} rounds",
            f"{place}; torch {found['torch']}",
            f"matmul peak {machine.matmul_flops / 1e9:.0f} GFLOP/s, "
            f"memory {machine.bytes_per_second / 1e9:.1f} GB/s",
        ]
    )


def table(task: Task) -> str:
    """One task as plain text."""
    parts = [part for part in PARTS if part in task.mmlab.parts]
    rows = [["", "seconds", "fastest", *parts, "clips/s", "G multiply-adds", "of peak", "memory"]]
    for name, one in (("baseline", task.baseline), ("mmlab", task.mmlab)):
        rows.append(
            [
                name,
                _seconds(one.seconds),
                _seconds(min(one.rounds)),  # far below the median: the machine was not idle
                *(_seconds(one.parts[part]) for part in parts),
                f"{one.clips_per_second:.3g}",
                f"{one.multiply_adds / 1e9:.4g}",
                f"{one.peak_fraction:.0%}",
                "-" if one.peak_bytes is None else f"{one.peak_bytes / 1e9:.2f} GB",
            ]
        )
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join(map(str.rjust, row, widths)) for row in rows]
    limit = f"limit {_seconds(task.limit_seconds)} s ({task.limit_ratio:.2f} times)"
    title = f"{task.name}, {task.clips} clips ({task.words} words)"
    return "\n".join([title, *lines, f"mmlab is {task.ratio:.2f} times as fast; {limit}"])


def _seconds(value: float) -> str:
    return f"{value:.4f}" if value < 1 else f"{value:.2f}"
