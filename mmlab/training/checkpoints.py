"""Checkpoints: everything a run needs to go on as if it had never stopped.

RUN/checkpoints/step-00001234/ holds model.safetensors, optimizer.safetensors and, written last,
state.json with the digests of both. The folder gets its name in one step, when it is complete.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch.amp import GradScaler

from mmlab.files import UNFINISHED
from mmlab.model import FusionModel
from mmlab.model.storage import fit_state
from mmlab.training.records import Metrics, StepRecord, Watcher

KEPT = 2
MODEL, OPTIMIZER, STATE = "model.safetensors", "optimizer.safetensors", "state.json"


@dataclass
class Progress:
    """How far a run is.

    Attributes:
        step: steps made.
        epoch_terms: sums of the loss terms over the steps of the present epoch.
        epoch_steps: how many of them were not skipped.
        skipped_steps: since the beginning.
        broken_in_a_row: steps up to now whose loss or gradient was not finite.
        best: the best figure of the monitored measure, and the epoch that had it.
        clips: seen.
        seconds: spent in steps.
        waiting_seconds: of these, waiting for data.
        epoch_started: `seconds` when the present epoch began.
    """

    step: int = 0
    epoch_terms: Metrics = field(default_factory=dict)
    epoch_steps: int = 0
    skipped_steps: int = 0
    broken_in_a_row: int = 0
    best: tuple[float, int] | None = None
    clips: int = 0
    seconds: float = 0.0
    waiting_seconds: float = 0.0
    epoch_started: float = 0.0

    def note(self, record: StepRecord, *, broken: bool) -> None:
        """Count a step."""
        self.step = record.step
        self.clips += record.clips
        self.seconds += record.seconds
        self.waiting_seconds += record.waiting_seconds
        self.skipped_steps += record.skipped
        self.broken_in_a_row = self.broken_in_a_row + 1 if broken else 0
        if not record.skipped:
            self.epoch_steps += 1
            for name, value in record.terms.items():
                self.epoch_terms[name] = self.epoch_terms.get(name, 0.0) + value

    def mean_terms(self) -> Metrics:
        """The means over the present epoch's steps; {} if all were skipped."""
        return {name: total / self.epoch_steps for name, total in self.epoch_terms.items()}

    def start_epoch(self) -> None:
        """Forget the epoch that has ended."""
        self.epoch_terms, self.epoch_steps, self.epoch_started = {}, 0, self.seconds


class Checkpoints:
    """The checkpoints of a run.

    Attributes:
        folder: where they lie.
        identity: what must be the same for a run to go on: configurations and clips.
    """

    def __init__(self, run_folder: Path, identity: dict[str, Any]) -> None:
        self.folder = run_folder / "checkpoints"
        self.identity = json.loads(json.dumps(identity))

    def save(
        self,
        model: FusionModel,
        optimizer: torch.optim.Optimizer,
        scaler: GradScaler,
        progress: Progress,
    ) -> None:
        """Write a checkpoint, then remove all but the last two.

        Raises:
            OSError: for example a full disk; the checkpoints before it stay.
        """
        complete = self.folder / f"step-{progress.step:08d}"
        unfinished = complete.with_name(complete.name + UNFINISHED)
        for left in self.folder.glob(f"*{UNFINISHED}"):  # by a process that was killed
            shutil.rmtree(left, ignore_errors=True)
        unfinished.mkdir(parents=True)
        save_file(_contiguous(model.state_dict()), unfinished / MODEL)
        save_file(_contiguous(_optimizer_tensors(model, optimizer)), unfinished / OPTIMIZER)
        state = {
            "identity": self.identity,
            "progress": asdict(progress),
            "scaler": scaler.state_dict(),
            "digests": {name: _digest(unfinished / name) for name in (MODEL, OPTIMIZER)},
        }
        (unfinished / STATE).write_text(json.dumps(state, indent=2))
        for path in (*unfinished.iterdir(), unfinished):
            _flush(path)
        shutil.rmtree(complete, ignore_errors=True)  # of a run that went on from before it
        os.replace(unfinished, complete)
        _flush(self.folder)
        for old in self._folders()[:-KEPT]:
            shutil.rmtree(old, ignore_errors=True)

    def exist(self) -> bool:
        """Whether there is anything to go on from."""
        return bool(self._folders())

    def resume(
        self,
        model: FusionModel,
        optimizer: torch.optim.Optimizer,
        scaler: GradScaler,
        watcher: Watcher,
    ) -> Progress:
        """Load the newest checkpoint that is whole; without any, start at the beginning.

        Raises:
            ValueError: of another configuration or other clips, or all are damaged.
        """
        problems = []
        for folder in reversed(self._folders()):
            try:
                state = _read_state(folder)
            except (ValueError, OSError) as error:
                problems.append(f"checkpoint {folder.name} is damaged ({error})")
                continue
            self._check_identity(folder, state["identity"])
            device = next(model.parameters()).device
            fit_state(model, load_file(folder / MODEL), origin=str(folder / MODEL))
            tensors = load_file(folder / OPTIMIZER, device=str(device))
            _restore_optimizer(model, optimizer, tensors)
            scaler.load_state_dict(state["scaler"])
            for problem in problems:
                watcher.say(f"{problem}; taking {folder.name}")
            return _progress(state["progress"])
        if problems:
            raise ValueError(
                f"{self.folder}: {'; '.join(problems)}; nothing is left to go on from, delete the "
                "folder to train anew"
            )
        return Progress()

    def _check_identity(self, folder: Path, found: dict[str, Any]) -> None:
        different = _first_difference(self.identity, found)
        if different:
            name, wanted, there = different
            raise ValueError(
                f"{folder} is of another configuration: {name} is {there!r} there and {wanted!r} "
                "here; use the same one, or another run folder"
            )

    def _folders(self) -> list[Path]:
        if not self.folder.is_dir():
            return []
        found = self.folder.glob("step-*")
        return sorted(path for path in found if path.is_dir() and path.suffix != UNFINISHED)


def _first_difference(one: Any, other: Any, name: str = "") -> tuple[str, Any, Any] | None:
    """The first field in which two JSON values differ: its name and both values."""
    if isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        one, other = dict(enumerate(one)), dict(enumerate(other))
    if isinstance(one, dict) and isinstance(other, dict):
        for key in [*one, *(key for key in other if key not in one)]:
            inner = f"{name}.{key}" if name else str(key)
            found = _first_difference(one.get(key), other.get(key), inner)
            if found:
                return found
        return None
    return None if one == other else (name, one, other)


def _read_state(folder: Path) -> dict[str, Any]:
    """What a checkpoint says, once its files are known to be as they were written."""
    state = json.loads((folder / STATE).read_text())
    if not isinstance(state, dict) or not {"identity", "progress", "scaler", "digests"} <= set(
        state
    ):
        raise ValueError(f"{STATE} is not what was written")
    for name in (MODEL, OPTIMIZER):
        if _digest(folder / name) != state["digests"].get(name):
            raise ValueError(f"{name} is not what was written")
    return state


def _progress(found: dict[str, Any]) -> Progress:
    best = found.pop("best")
    return Progress(best=None if best is None else (best[0], best[1]), **found)


def _optimizer_tensors(model: FusionModel, optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """Adam's moments and step counts, by parameter."""
    names: dict[Tensor, str] = {one: name for name, one in model.named_parameters()}
    return {
        f"{names[parameter]}/{key}": value
        for parameter, state in optimizer.state.items()
        for key, value in state.items()
    }


def _restore_optimizer(
    model: FusionModel, optimizer: torch.optim.Optimizer, tensors: dict[str, Tensor]
) -> None:
    parameters = dict(model.named_parameters())
    for name, value in tensors.items():
        parameter, _, key = name.rpartition("/")
        optimizer.state[parameters[parameter]][key] = value


def _contiguous(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: value.contiguous() for name, value in tensors.items()}


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=16)).hexdigest()


def _flush(path: Path) -> None:
    """Make sure that a file or a folder is on the disk, not just on its way."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
