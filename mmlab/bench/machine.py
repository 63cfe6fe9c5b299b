"""What this machine can do at best, measured; and what it is."""

from __future__ import annotations

import os
import platform
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch


@dataclass(frozen=True)
class Machine:
    """Measured limits.

    Attributes:
        matmul_flops: operations (a multiply-add is two) in a second of a large matrix product,
            in float32 on a processor and bfloat16 on a GPU.
        bytes_per_second: read and written by a large addition in place.
    """

    matmul_flops: float
    bytes_per_second: float


def seconds_of(call: Callable[[], object], device: str) -> float:
    """Wall time, with all work of a GPU inside."""
    synchronize(device)
    started = time.perf_counter()
    call()
    synchronize(device)
    return time.perf_counter() - started


def synchronize(device: str) -> None:
    """Wait for what was started on a GPU."""
    if device == "cuda":
        torch.cuda.synchronize()


def measure_machine(
    device: str, *, side: int = 4096, numbers: int = 2**26, repeats: int = 6
) -> Machine:
    """The best of a few matrix products and a few additions.

    Args:
        device: "cpu" or "cuda".
        side: of the square matrices.
        numbers: float32 numbers in each operand of the addition; far more than any cache holds.
        repeats: how many of each.
    """
    kind = torch.bfloat16 if device == "cuda" else torch.float32
    one, other, out = (torch.randn(side, side, device=device).to(kind) for _ in range(3))
    product = min(seconds_of(lambda: torch.mm(one, other, out=out), device) for _ in range(repeats))
    total, term = (torch.ones(numbers, device=device) for _ in range(2))
    addition = min(seconds_of(lambda: total.add_(term), device) for _ in range(repeats))
    return Machine(2 * side**3 / product, 12 * numbers / addition)


def environment(device: str) -> dict[str, str | int]:
    """What the figures depend on."""
    found: dict[str, str | int] = {
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else -1,
        "threads": torch.get_num_threads(),
        "system": platform.platform(),
        "python": platform.python_version(),
        "torch": torch.__version__,
    }
    if device == "cuda":
        found["gpu"] = torch.cuda.get_device_name()
    return found


def _processor() -> str:
    information = Path("/proc/cpuinfo")
    if information.exists():
        found = re.search(r"model name\s*:\s*(.+)", information.read_text())
        if found:
            return found[1].strip()
    return platform.processor() or platform.machine()


def resident_bytes(peak: bool = False) -> int | None:
    """Memory of this process now, or the most it ever had; None where the system does not say."""
    return memory_status().get("VmHWM" if peak else "VmRSS")


def memory_status() -> dict[str, int]:
    """This process's memory in bytes by the kernel's names; empty where there are none.

    Among them VmRSS, all that is resident, of it RssAnon, its own, and RssFile, mapped files; and
    VmHWM, the most that VmRSS ever was.
    """
    status = Path("/proc/self/status")
    if not status.exists():
        return {}
    found = re.findall(r"^(\w+):\s*(\d+) kB$", status.read_text(), flags=re.MULTILINE)
    return {name: int(kilobytes) * 1024 for name, kilobytes in found}
