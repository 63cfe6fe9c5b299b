"""Training in processes that are quick to start: killed (kill -9) at a moment, or two as one."""

from __future__ import annotations

import multiprocessing
import os
import signal
import socket
from collections.abc import Callable, Sequence
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import torch

CHANGES = ("replace", "rename", "fsync", "unlink", "rmdir", "mkdir")
"""What a run does to files, beside writing them."""

Moment = tuple[str, int]
"""("step", n): after step n; ("pass", n): in the nth pass through the model, evaluation included;
("file", n): at the nth change of a file."""


def train_killed(
    dataset: Path, run_folder: Path, config: dict[str, Any], moment: Moment, dropout: float
) -> bool:
    """Train, or go on, in a process that is killed at a moment; whether it lived to the end."""
    process = start(_train, dataset, run_folder, config, moment, dropout)
    process.join()
    assert process.exitcode in (0, -signal.SIGKILL)
    return process.exitcode == 0


def train_together(
    dataset: Path, run_folder: Path, config: dict[str, Any], processes: int, **model: Any
) -> list[dict[str, Any]]:
    """Train in several processes, started as torchrun starts them; what each one did.

    Returns:
        For each process: "read", the media whose tokens it has read; "gradients" of every step;
        "weights" at the end; or "error", what it raised.
    """
    port, folder = _free_port(), run_folder.with_name(f"{run_folder.name} of {processes}")
    folder.mkdir()
    started = []
    for rank in range(processes):
        place = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": processes}
        place |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
        files = dataset, run_folder, folder / f"{rank}.pt"
        started.append(start(_train_one_of_many, place, files, config, model))
    for process in started:
        process.join()
        assert process.exitcode == 0
    return [torch.load(folder / f"{rank}.pt") for rank in range(processes)]


def _free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return listening.getsockname()[1]


def start(task: Callable[..., None], *arguments: Any) -> BaseProcess:
    """Run a function of a module of tests in another process, with as many threads as here."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.training_cases", "torch.utils.tensorboard"])
    process = context.Process(target=_begin, args=(torch.get_num_threads(), task, arguments))
    process.start()
    return process


def _begin(threads: int, task: Callable[..., None], arguments: Sequence[Any]) -> None:
    torch.set_num_threads(threads)
    task(*arguments)


def _train(
    dataset: Path, run_folder: Path, config: dict[str, Any], moment: Moment, dropout: float
) -> None:
    from mmlab.dataset import ClipDataset
    from mmlab.training import TrainConfig
    from tests.training_cases import Told, tiny_model, trained

    kind, number = moment
    deadly = _Countdown(number)
    model = tiny_model(dropout=dropout)
    if kind == "pass":
        model.fuse = deadly.guarded(model.fuse)  # type: ignore[method-assign]
    elif kind == "file":
        for name in CHANGES:
            setattr(os, name, deadly.guarded(getattr(os, name)))
    watcher = Told(act=lambda record: kind == "step" and record.step == number and _die())
    trained(
        ClipDataset.open(dataset), run_folder, TrainConfig(**config), model=model, watcher=watcher
    )


def _train_one_of_many(
    place: dict[str, int], files: Sequence[Path], config: dict[str, Any], model: dict[str, Any]
) -> None:
    os.environ.update({name: str(value) for name, value in place.items()})
    from mmlab.dataset import ClipDataset
    from mmlab.distributed import process_group
    from mmlab.store import FeatureStore
    from mmlab.training import TrainConfig
    from tests.training_cases import WITHOUT_NETWORK, gradients_at_steps, tiny_model, trained

    dataset, run_folder, out = files
    modalities = () if model.pop("sound_network", True) else WITHOUT_NETWORK
    double, read, get = model.pop("double", False), set(), FeatureStore.get

    def noted_get(store: FeatureStore, media_id: str, name: str) -> Any:
        read.add(media_id)
        return get(store, media_id, name)

    FeatureStore.get = noted_get  # type: ignore[method-assign]
    found: dict[str, Any] = {"read": read}
    network = tiny_model(*modalities, **model)
    network = network.double() if double else network
    with process_group(torch.device("cpu")), gradients_at_steps(network) as gradients:
        try:
            trained(ClipDataset.open(dataset), run_folder, TrainConfig(**config), model=network)
        except ValueError as error:
            found["error"] = str(error)
    torch.save(found | {"gradients": gradients, "weights": network.state_dict()}, out)


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


class _Countdown:
    def __init__(self, number: int) -> None:
        self.left = number

    def guarded(self, real: Callable[..., Any]) -> Callable[..., Any]:
        def change(*arguments: Any, **options: Any) -> Any:
            self.left -= 1
            if self.left == 0:  # never, if it began at 0
                _die()
            return real(*arguments, **options)

        return change
