"""What training costs, and whether its short cuts compute the same: `mmlab bench training`.

Throughput of the sample model and the time it waits for data; gradient caching against a batch in
one piece, its largest difference and its memory; two processes against one. Each in processes of
its own.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import socket
import tempfile
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from mmlab.bench.machine import environment, resident_bytes, seconds_of
from mmlab.dataset import ClipDataset
from mmlab.distributed import choose_device, process_group
from mmlab.memory import kept_memory
from mmlab.model import FusionModel
from mmlab.runs import clips_to_train, model_config
from mmlab.training import (
    TrainConfig,
    Trainer,
    make_optimizer,
    read_steps,
    set_training,
    train_step,
)
from mmlab.training.step import compute_gradients

MOVED = 1e-4
"""Learning rate where two ways are compared."""


@dataclass(frozen=True)
class Throughput:
    """Training as `mmlab train` does it, without its first step, which warms up.

    Attributes:
        batch_clips: clips in a step.
        steps: that were timed.
        clips_per_second: through them.
        waiting_share: of their time, waiting for data.
    """

    batch_clips: int
    steps: int
    clips_per_second: float
    waiting_share: float


@dataclass(frozen=True)
class Step:
    """A step on one large batch.

    Attributes:
        chunk_clips: None: in one piece.
        seconds: of the second step.
        peak_bytes: the most memory held beyond the interpreter and its libraries (on a GPU, the
            most that was allocated); None if the system does not say.
    """

    chunk_clips: int | None
    seconds: float
    peak_bytes: int | None


@dataclass(frozen=True)
class Caching:
    """Gradient caching against the batch in one piece, batch norms in training mode.

    Attributes:
        batch_clips: clips in the batch.
        plain: the step in one piece.
        chunked: the step in chunks.
        difference: the largest of any number of the gradient, in units of its largest number.
    """

    batch_clips: int
    plain: Step
    chunked: Step
    difference: float


@dataclass(frozen=True)
class Processes:
    """Two processes against one with the same batches, batch norms in training mode.

    Attributes:
        numbers: "float32", as one trains; where a gradient is nothing but rounding, Adam makes
            steps of it as large as of any other. "float64" shows what is left without that.
        batch_clips: clips in a step, of both together.
        steps: that were made.
        loss_difference: the largest of any step's loss, relative.
        weight_difference: the largest of any weight at the end, in units of the largest weight.
    """

    numbers: str
    batch_clips: int
    steps: int
    loss_difference: float
    weight_difference: float


@dataclass(frozen=True)
class TrainingReport:
    """Everything that was measured in one run."""

    environment: dict[str, str | int]
    dataset: str
    clips: int
    throughput: Throughput
    caching: Caching
    processes: list[Processes]

    def to_json(self) -> str:
        """All figures."""
        return json.dumps(asdict(self), indent=2) + "\n"


def measure_training(
    folder: Path,
    *,
    epochs: int = 5,
    batch: int = 128,
    large_batch: int = 512,
    chunk: int = 32,
    device: str = "cpu",
    tell: Callable[[str], object] = print,
) -> TrainingReport:
    """Throughput, then chunks against one piece, then two processes against one.

    Args:
        folder: of a dataset, whose clips of the split "train" are trained on.
        epochs: to train for the throughput.
        batch: clips in a batch of that.
        large_batch: clips in the batch that is cut in chunks.
        chunk: clips in each of these chunks.
        device: where the first two run.
        tell: is given a line about each when it is there.
    """
    clips = len(clips_to_train(ClipDataset.open(folder)))
    large_batch, batch = min(large_batch, clips), min(batch, clips)
    throughput = _alone(measure_throughput, folder, epochs, batch, device)
    tell(
        f"{throughput.clips_per_second:,.0f} clips/s in batches of {batch}, "
        f"{throughput.waiting_share:.1%} of the time waiting for data"
    )
    caching = measure_caching(folder, large_batch, chunk, device)
    for step in (caching.plain, caching.chunked):
        pieces = f"chunks of {step.chunk_clips}" if step.chunk_clips else "one piece"
        memory = "-" if step.peak_bytes is None else f"{step.peak_bytes / 1e6:,.0f} MB"
        tell(f"{large_batch} clips in {pieces}: {step.seconds:.2f} s, {memory}")
    tell(f"largest difference of the gradient: {caching.difference:.1e}")
    processes = [measure_processes(folder, min(64, clips), double) for double in (False, True)]
    for one in processes:
        tell(
            f"two processes against one, {one.steps} steps in {one.numbers}: losses differ by at "
            f"most {one.loss_difference:.1e}, weights by {one.weight_difference:.1e}"
        )
    return TrainingReport(environment(device), folder.name, clips, throughput, caching, processes)


def _alone(task: Any, *arguments: Any) -> Any:
    """The result of a function in a fresh process with as many threads as this one."""
    context = multiprocessing.get_context("spawn")
    threads = (torch.get_num_threads(),)
    with ProcessPoolExecutor(1, context, torch.set_num_threads, threads) as pool:
        return pool.submit(task, *arguments).result()


def measure_throughput(dataset: Path, epochs: int, batch: int, device: str) -> Throughput:
    """Train a few epochs as `mmlab train` does; in this process."""
    clips = clips_to_train(ClipDataset.open(dataset))
    precision: Literal["float32", "bfloat16"] = "bfloat16" if device == "cuda" else "float32"
    config = TrainConfig(epochs=epochs, batch_clips=batch, device=device, precision=precision)
    with tempfile.TemporaryDirectory(prefix="mmlab-bench-") as name:
        Trainer(_model(clips), clips, config, run_folder=Path(name)).fit()
        steps = read_steps(Path(name))[1:]
    if not steps:
        raise ValueError(f"one step of {batch} clips cannot be timed; train for more epochs")
    seconds = sum(step["seconds"] for step in steps)
    waiting = sum(step["waiting_seconds"] for step in steps)
    seen = sum(step["clips"] for step in steps)
    return Throughput(batch, len(steps), seen / seconds, waiting / seconds)


def measure_caching(dataset: Path, batch: int, chunk: int, device: str) -> Caching:
    """One batch in one piece and in chunks, each in a process of its own."""
    with tempfile.TemporaryDirectory(prefix="mmlab-bench-") as name:
        files = [Path(name) / "plain.safetensors", Path(name) / "chunked.safetensors"]
        plain, chunked = (
            _alone(measure_step, dataset, batch, size, device, file)
            for size, file in zip((None, chunk), files, strict=True)
        )
        found, expected = (load_file(file) for file in reversed(files))
    return Caching(batch, plain, chunked, _largest_difference(found, expected))


def measure_step(dataset: Path, batch: int, chunk: int | None, device: str, out: Path) -> Step:
    """Two steps on the first clips of a dataset, in this process.

    Args:
        dataset: whose first clips of the split "train".
        batch: how many clips.
        chunk: clips in a chunk; None: in one piece.
        device: "cpu" or "cuda".
        out: gets the gradient of the first step.
    """
    start = resident_bytes() or 0
    clips = clips_to_train(ClipDataset.open(dataset))
    config = TrainConfig(batch_clips=batch, chunk_clips=chunk, device=device)
    model = _model(clips, dropout=0.0).to(device)
    tokens = {name: one.to(device) for name, one in clips.batch(range(batch)).items()}
    optimizer = make_optimizer(model, config.learning_rate)
    set_training(model, config)
    with kept_memory():
        compute_gradients(model, tokens, config)
        gradients = {n: p.grad.cpu() for n, p in model.named_parameters() if p.grad is not None}
        save_file(gradients, out)
        del gradients
        train_step(model, optimizer, tokens, config)
        seconds = seconds_of(lambda: train_step(model, optimizer, tokens, config), device)
    if device == "cuda":
        return Step(chunk, seconds, torch.cuda.max_memory_allocated())
    peak = resident_bytes(peak=True)
    return Step(chunk, seconds, None if peak is None else peak - start)


def measure_processes(dataset: Path, batch: int, double: bool) -> Processes:
    """One epoch in one process and in two."""
    with tempfile.TemporaryDirectory(prefix="mmlab-bench-") as name:
        runs = [Path(name) / "one", Path(name) / "two"]
        for processes, run in enumerate(runs, start=1):
            _train_together(processes, dataset, batch, double, run)
        one, two = ([step["terms"]["total"] for step in read_steps(run)] for run in runs)
        weights = [load_file(run / "model.safetensors") for run in runs]
    losses = max(abs(other - own) / own for own, other in zip(one, two, strict=True))
    different = _largest_difference(weights[1], weights[0])
    return Processes("float64" if double else "float32", batch, len(one), losses, different)


def _train_together(processes: int, *what: Any) -> None:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        port = listening.getsockname()[1]
    context = multiprocessing.get_context("spawn")
    started = []
    for rank in range(processes):
        place = f"RANK={rank} LOCAL_RANK={rank} WORLD_SIZE={processes}"
        place += f" MASTER_ADDR=127.0.0.1 MASTER_PORT={port}"
        started.append(context.Process(target=_train, args=(place, *what)))
        started[-1].start()
    for process in started:
        process.join()
    if any(process.exitcode for process in started):
        raise RuntimeError(f"one of {processes} processes that train together failed; see above")


def _train(place: str, dataset: Path, batch: int, double: bool, run_folder: Path) -> None:
    """What one of several processes does; `place` is what torchrun would tell it."""
    os.environ.update(dict(word.split("=") for word in place.split()))
    torch.set_num_threads(1)  # sums in the same order, and no more threads than cores
    clips = clips_to_train(ClipDataset.open(dataset))
    model = _model(clips, dropout=0.0)
    config = TrainConfig(epochs=1, batch_clips=batch, learning_rate=MOVED, device="cpu")
    with process_group(choose_device("cpu")):
        Trainer(model.double() if double else model, clips, config, run_folder=run_folder).fit()


def _model(clips: ClipDataset, **changes: Any) -> FusionModel:
    torch.manual_seed(0)
    return FusionModel(replace(model_config(clips.features), **changes))


def _largest_difference(found: dict[str, Tensor], expected: dict[str, Tensor]) -> float:
    largest = max(value.abs().max().item() for value in expected.values())
    differences = ((found[name] - expected[name]).abs().max().item() for name in expected)
    return max(differences) / largest
