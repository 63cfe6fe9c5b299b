"""What a training makes sure of: that its parts fit, that it is alone, that it can be stopped."""

from __future__ import annotations

import fcntl
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch

from mmlab.dataset import ClipDataset
from mmlab.distributed import rank
from mmlab.losses import disjoint_pairs, pair_name
from mmlab.model import FusionModel
from mmlab.training.config import TrainConfig
from mmlab.types import Combination, parse_combination


def check_modalities(clips: ClipDataset, model: FusionModel) -> None:
    """Refuse clips that lack a modality of the model or have it at another width."""
    if missing := [name for name in model.config.names if name not in clips.features]:
        raise ValueError(
            f"the model has {', '.join(missing)}, but {clips.folder} has only "
            f"{', '.join(clips.features)}; train a model of these"
        )
    for modality in model.config.modalities:
        width = clips.features[modality.name].width
        if width != modality.width:
            raise ValueError(
                f"{modality.name} has width {width} in {clips.folder}, the model expects "
                f"{modality.width}"
            )


def monitored_direction(
    model: FusionModel, config: TrainConfig, validation: ClipDataset | None
) -> tuple[Combination, Combination] | None:
    """What is measured in training, if anything is.

    Raises:
        ValueError: it cannot be measured or says nothing.
    """
    if not config.evaluate_every_epochs:
        return None
    if not validation:
        raise ValueError("evaluate_every_epochs needs clips to measure on: give `validation`")
    sides = []
    for name in ("monitor_query", "monitor_gallery"):
        try:
            sides.append(parse_combination(getattr(config, name), model.config.names))
        except ValueError as error:
            raise ValueError(f"{name}: {error}") from error
    query, gallery = sides
    if shared := set(query) & set(gallery):
        raise ValueError(
            f"monitor_query and monitor_gallery have {', '.join(sorted(shared))} in common, so "
            "every clip would find itself; choose others"
        )
    return query, gallery


def check_weights(model: FusionModel, config: TrainConfig) -> None:
    """Refuse weights of pairs that the model does not have."""
    pairs = [pair_name(pair) for pair in disjoint_pairs(model.config.names)]
    weights = config.loss_weights
    if weights is None:
        return
    if wrong := [name for name, weight in weights.items() if name not in pairs and weight]:
        raise ValueError(
            f"loss_weights name {', '.join(map(repr, wrong))}, but the pairs of this model are "
            f"{', '.join(map(repr, pairs))}; leave the others out"
        )
    if not any(weights.values()):
        raise ValueError(f"loss_weights give no pair a weight; the pairs are {', '.join(pairs)}")


@contextmanager
def alone_in(run_folder: Path) -> Iterator[None]:
    """Hold the folder, so that no other training writes into it; a killed process lets go."""
    if rank():
        yield
        return
    with (run_folder / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise ValueError(
                f"another process trains in {run_folder}; wait for it, or choose another folder"
            ) from error
        yield


@contextmanager
def asked_to_stop() -> Iterator[threading.Event]:
    """Is set when SIGINT or SIGTERM asks to stop; a second one works as it did before."""
    asked = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield asked  # only the main thread is told of signals
        return
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def ask(number: int, _: object) -> None:
        asked.set()
        signal.signal(number, before[signal.Signals(number)])

    for number in before:
        signal.signal(number, ask)
    try:
        yield asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def same_bits(wanted: bool) -> Iterator[None]:
    """Where a GPU computes the same bits every time, if that is wanted."""
    before = torch.are_deterministic_algorithms_enabled()
    if wanted:
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # cuBLAS asks for it
    torch.use_deterministic_algorithms(wanted or before)
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(before)
