"""What a run leaves to read: JSON lines of its steps and epochs, and TensorBoard's events.

A figure that is not finite is null in a file, and NaN again when it is read.
"""

from __future__ import annotations

import json
import math
import os
import platform
from collections.abc import Callable
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import IO, Any

import psutil
import torch

from mmlab.files import write_atomically
from mmlab.training.records import EpochRecord, StepRecord

STEPS, EPOCHS, BROKEN = "steps.jsonl", "metrics.jsonl", "broken_steps.jsonl"
PACKAGES = ("mmlab", "torch", "numpy", "safetensors")


class RunLog:
    """Writes what happens, a line at a time.

    A run that goes on from a checkpoint drops the lines behind it: these steps are made again.
    """

    def __init__(self, run_folder: Path, *, steps: int, epochs: int) -> None:
        from torch.utils.tensorboard import SummaryWriter  # slow to import, not always needed

        _keep(run_folder / STEPS, lambda line: line["step"] <= steps)
        _keep(run_folder / EPOCHS, lambda line: line["epoch"] <= epochs)
        _keep(run_folder / BROKEN, lambda line: line["step"] <= steps)
        self._broken = run_folder / BROKEN
        self._steps = (run_folder / STEPS).open("a")
        self._epochs = (run_folder / EPOCHS).open("a")
        self._board = SummaryWriter(run_folder, purge_step=steps + 1 if steps else None)
        self._last_step = steps

    def step(self, record: StepRecord) -> None:
        """Note a step."""
        _append(self._steps, asdict(record))
        self._last_step = record.step
        figures = {f"loss/{name}": value for name, value in record.terms.items()}
        figures |= {
            "learning_rate": record.learning_rate,
            "gradient_norm": record.gradient_norm,
            "seconds": record.seconds,
            "waiting_seconds": record.waiting_seconds,
        }
        self._show(figures)

    def broken(self, step: int, clip_ids: list[str], not_finite: list[str]) -> None:
        """Note the clips of a step whose loss or gradient was not finite, so that one can look."""
        with self._broken.open("a") as file:
            _append(file, {"step": step, "not_finite": not_finite, "clip_ids": clip_ids})

    def epoch(self, record: EpochRecord) -> None:
        """Note an epoch."""
        _append(self._epochs, asdict(record))
        self._show({f"evaluation/{name}": value for name, value in record.evaluation.items()})

    def _show(self, figures: dict[str, float]) -> None:
        for name, value in figures.items():
            self._board.add_scalar(name, value, self._last_step)

    def close(self) -> None:
        """Close all files."""
        self._steps.close()
        self._epochs.close()
        self._board.close()


def read_metrics(run_folder: Path) -> list[dict[str, Any]]:
    """What a run noted of each epoch: the fields of `EpochRecord`.

    Raises:
        FileNotFoundError: nothing was noted there.
    """
    return _read(Path(run_folder) / EPOCHS)


def read_steps(run_folder: Path) -> list[dict[str, Any]]:
    """What a run noted of each step: the fields of `StepRecord`.

    Raises:
        FileNotFoundError: nothing was noted there.
    """
    return _read(Path(run_folder) / STEPS)


def environment() -> dict[str, Any]:
    """On what a run is made: versions, machine, threads."""
    gpus = [torch.cuda.get_device_name(number) for number in range(torch.cuda.device_count())]
    return {
        "python": platform.python_version(),
        "packages": {name: _version(name) for name in PACKAGES},
        "system": platform.platform(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "memory_bytes": psutil.virtual_memory().total,
        "gpus": gpus,
    }


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:  # a checkout that was not installed
        return "unknown"


def _append(file: IO[str], line: dict[str, Any]) -> None:
    file.write(json.dumps(_plain(line), allow_nan=False) + "\n")
    file.flush()  # a process that is killed loses no step


def _keep(path: Path, wanted: Callable[[dict[str, Any]], bool]) -> None:
    """Drop the lines that are not wanted, and one that was cut short."""
    kept = [line for line in _read(path) if wanted(line)] if path.exists() else []
    write_atomically(path, "".join(json.dumps(_plain(line)) + "\n" for line in kept).encode())


def _read(path: Path) -> list[dict[str, Any]]:
    if not path.exists():
        raise FileNotFoundError(f"no {path.name} in {path.parent}; is it a run of `mmlab train`?")
    text = path.read_text()
    whole = text[: text.rfind("\n") + 1]  # a process that was killed may have left half a line
    found = []
    for number, line in enumerate(whole.splitlines(), start=1):
        try:
            found.append(_figures(json.loads(line)))
        except ValueError as error:
            raise ValueError(
                f"{path} line {number} is damaged ({error}); delete the line or restore the file"
            ) from error
    return found


def _plain(value: Any) -> Any:
    """The same with null for what JSON has no number for."""
    if isinstance(value, dict):
        return {name: _plain(inner) for name, inner in value.items()}
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _figures(value: Any) -> Any:
    """What `_plain` was made of, as far as one can tell."""
    if isinstance(value, dict):
        return {name: _figures(inner) for name, inner in value.items()}
    return math.nan if value is None else value
