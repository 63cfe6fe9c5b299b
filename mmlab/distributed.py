"""Several processes that train one model together, as torchrun starts them.

In a process that is alone everything here does nothing, so training needs no second way.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import TypeVar

import torch
import torch.distributed as dist
from torch import Tensor

T = TypeVar("T")

PATIENCE = timedelta(hours=2)
"""How long the others wait for one of them, which may be evaluating or writing."""


def choose_device(name: str = "auto") -> torch.device:
    """The device of that name; "auto" is a GPU if there is one, else the CPU.

    Raises:
        ValueError: there is no such device here.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise ValueError(f"device is auto, cpu, cuda or such, found {name!r}") from error
    if device.type == "cuda" and not torch.cuda.is_available():
        raise ValueError(f"device is {name!r}, but there is no GPU here that torch can use")
    return device


@contextmanager
def process_group(device: torch.device) -> Iterator[None]:
    """Meet the other processes, if torchrun started this one, and take leave of them.

    Args:
        device: GPUs talk by NCCL, each process with that of its local rank, CPUs by gloo.
    """
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        yield
        return
    if device.type == "cuda":
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    dist.init_process_group("nccl" if device.type == "cuda" else "gloo", timeout=PATIENCE)
    try:
        yield
    finally:
        dist.destroy_process_group()


def world_size() -> int:
    """How many processes train together."""
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def rank() -> int:
    """This process's number, from 0; number 0 writes the files."""
    return dist.get_rank() if world_size() > 1 else 0


def sum_over_ranks(values: Tensor) -> Tensor:
    """The same tensor, now holding the sum over all processes; no gradient flows through."""
    if world_size() > 1:
        dist.all_reduce(values)
    return values


def gather(rows: Tensor) -> Tensor:
    """(B, ...) of every process, stacked in the order of their ranks; no gradient flows through.

    All processes have to bring the same shape.
    """
    if world_size() == 1:
        return rows
    sent = rows.to(torch.uint8) if rows.dtype == torch.bool else rows  # gloo knows no bool
    received = [torch.empty_like(sent) for _ in range(world_size())]
    dist.all_gather(received, sent.contiguous())
    return torch.cat(received).to(rows.dtype)


def gather_objects(found: list[T]) -> list[T]:
    """The lists of all processes, one after the other; plain values only, sent between us."""
    if world_size() == 1:
        return found
    received: list[list[T]] = [[] for _ in range(world_size())]
    dist.all_gather_object(received, found)
    return [one for part in received for one in part]


def any_rank(said: bool, device: torch.device | str = "cpu") -> bool:
    """Whether any process says so."""
    if world_size() == 1:
        return said
    return bool(sum_over_ranks(torch.tensor(float(said), device=device)).item())


def wait_for_all() -> None:
    """Go on when all processes are here."""
    if world_size() > 1:
        dist.barrier()
