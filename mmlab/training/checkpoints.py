"""Checkpoints: everything a run needs to go on as if it had never stopped.

RUN/checkpoints/step-00001234/ holds model.safetensors, optimizer.safetensors and, written last,
state.json with the digests of all. The folder gets its name in one step, when it is complete.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import re
import shutil
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor
from torch.amp import GradScaler

from mmlab.distributed import rank, wait_for_all
from mmlab.files import UNFINISHED
from mmlab.model import FusionModel
from mmlab.model.storage import fit_state, write_tensors
from mmlab.training.identity import first_difference
from mmlab.training.records import Metrics, StepRecord, Watcher

KEPT = 2
DAMAGE = (ValueError, OSError, RecursionError)
"""What reading a damaged checkpoint may raise."""

MODEL, OPTIMIZER, STATE = "model.safetensors", "optimizer.safetensors", "state.json"


@dataclass
class Progress:
    """How far a run is.

    Attributes:
        step: steps made.
        epoch_terms: sums of the loss terms over the steps of the present epoch.
        epoch_steps: how many of them had a finite loss.
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
        if math.isfinite(record.terms["total"]):
            self.epoch_steps += 1
            for name, value in record.terms.items():
                self.epoch_terms[name] = self.epoch_terms.get(name, 0.0) + value

    def mean_terms(self) -> Metrics:
        """The means over the present epoch's steps with a finite loss; {} if there was none."""
        return {name: total / self.epoch_steps for name, total in self.epoch_terms.items()}

    def start_epoch(self) -> None:
        """Forget the epoch that has ended."""
        self.epoch_terms, self.epoch_steps, self.epoch_started = {}, 0, self.seconds


class Checkpoints:
    """The checkpoints of a run.

    Attributes:
        folder: where they lie.
        identity: what must be the same for a run to go on, see `run_identity`.
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
        self._remove_unfinished()
        unfinished.mkdir(parents=True)
        try:
            self._write(unfinished, model, optimizer, scaler, progress)
        except OSError:
            self._remove_unfinished()
            raise
        shutil.rmtree(complete, ignore_errors=True)  # of a run that went on from before it
        os.replace(unfinished, complete)
        _flush(self.folder)
        for old in self._folders()[:-KEPT]:
            shutil.rmtree(old, ignore_errors=True)

    def _write(
        self,
        folder: Path,
        model: FusionModel,
        optimizer: torch.optim.Optimizer,
        scaler: GradScaler,
        progress: Progress,
    ) -> None:
        write_tensors(folder / MODEL, model.state_dict())
        write_tensors(folder / OPTIMIZER, _optimizer_tensors(model, optimizer))
        state = {
            "identity": self.identity,
            "progress": asdict(progress),
            "scaler": scaler.state_dict(),
            "digests": {name: _digest(folder / name) for name in (MODEL, OPTIMIZER)},
        }
        state["digest"] = _digest_of_state(state)
        (folder / STATE).write_text(json.dumps(state, indent=2))
        for path in (*folder.iterdir(), folder):
            _flush(path)

    def _remove_unfinished(self) -> None:
        """What a process that was killed has left."""
        for left in self.folder.glob(f"*{UNFINISHED}"):
            shutil.rmtree(left, ignore_errors=True)

    def exist(self) -> bool:
        """Whether there is anything to go on from."""
        return bool(self._folders())

    def check(self) -> None:
        """See whether the newest checkpoint that can be read is of this run.

        Raises:
            ValueError: it is of another configuration or other clips; names the first difference.
        """
        for folder in reversed(self._folders()):
            try:
                found = _read_state(folder)["identity"]
            except DAMAGE:
                continue
            if different := first_difference(self.identity, found):
                name, wanted, there = different
                raise ValueError(
                    f"{folder} is of another configuration: {name} is {there!r} there and "
                    f"{wanted!r} here; use the same one, or another run folder"
                )
            return

    def resume(
        self,
        model: FusionModel,
        optimizer: torch.optim.Optimizer,
        scaler: GradScaler,
        watcher: Watcher,
    ) -> Progress:
        """Load the newest checkpoint that is whole; without any, start at the beginning.

        Those that are damaged are set aside as damaged-*.

        Raises:
            ValueError: all are damaged.
        """
        problems: dict[Path, str] = {}
        for folder in reversed(self._folders()):
            try:
                state = _read_state(folder)
                _check_tensors(folder, state)
            except DAMAGE as error:
                problems[folder] = f"checkpoint {folder.name} is damaged ({error})"
                continue
            device = next(model.parameters()).device
            fit_state(model, load_file(folder / MODEL), origin=str(folder / MODEL))
            tensors = load_file(folder / OPTIMIZER, device=str(device))
            _restore_optimizer(model, optimizer, tensors)
            scaler.load_state_dict(state["scaler"])
            for problem in problems.values():
                watcher.say(f"{problem}; taking {folder.name}")
            self._set_aside(list(problems))
            return _progress(state["progress"])
        if problems:
            raise ValueError(
                f"{self.folder}: {'; '.join(problems.values())}; nothing is left to go on from, "
                "delete the folder to train anew"
            )
        return Progress()

    def _set_aside(self, damaged: list[Path]) -> None:
        """Rename them, so that they do not count among the last two."""
        wait_for_all()  # who may be reading them
        for folder in damaged if rank() == 0 else ():
            aside = folder.with_name(f"damaged-{folder.name}")
            shutil.rmtree(aside, ignore_errors=True)
            os.replace(folder, aside)
        wait_for_all()

    def _folders(self) -> list[Path]:
        if not self.folder.is_dir():
            return []
        found = [path for path in self.folder.iterdir() if re.fullmatch(r"step-\d{8,}", path.name)]
        return sorted(found, key=lambda path: int(path.name.removeprefix("step-")))


def _read_state(folder: Path) -> dict[str, Any]:
    """What a checkpoint says, once it is known to be as it was written."""
    text = (folder / STATE).read_text()
    state = json.loads(text)
    as_written = json.dumps(state, indent=2) == text  # another last digit may be the same number
    whole = isinstance(state, dict) and state.pop("digest", None) == _digest_of_state(state)
    if not (as_written and whole):
        raise ValueError(f"{STATE} is not what was written")
    return state


def _check_tensors(folder: Path, state: dict[str, Any]) -> None:
    for name in (MODEL, OPTIMIZER):
        if _digest(folder / name) != state["digests"][name]:
            raise ValueError(f"{name} is not what was written")


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


def _digest_of_state(state: dict[str, Any]) -> str:
    return hashlib.blake2b(json.dumps(state, sort_keys=True).encode(), digest_size=16).hexdigest()


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
