"""Published checkpoints and reference files, made for the tests from `data/reference`."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import torch

REFERENCE = Path(__file__).parent / "data" / "reference"
CASES = sorted(path.stem for path in REFERENCE.glob("*.npz"))


def read_case(case: str) -> dict[str, np.ndarray]:
    with np.load(REFERENCE / f"{case}.npz") as file:
        return dict(file)


def write_case(path: Path, arrays: dict[str, np.ndarray]) -> Path:
    with path.open("wb") as file:
        np.savez(file, **arrays)
    return path


def meta_of(arrays: dict[str, np.ndarray]) -> dict:
    return json.loads(str(arrays["meta"]))


def state_of(arrays: dict[str, np.ndarray]) -> dict[str, torch.Tensor]:
    return {
        name.removeprefix("state/"): torch.from_numpy(np.array(value))
        for name, value in arrays.items()
        if name.startswith("state/")
    }


def checkpoint_of(case: str, *, prefix: str = "", model_class: str | None = None) -> dict:
    """What the authors' trainer would have saved."""
    arrays = read_case(case)
    meta = meta_of(arrays)
    return {
        "arch": "DataParallel",
        "epoch": 15,
        "step": 1,
        "state_dict": {prefix + name: value for name, value in state_of(arrays).items()},
        "optimizer": {"state": {}, "param_groups": [{"lr": 5e-5}]},
        "monitor_best": np.float64(0.5),
        "config": {"arch": {"type": model_class or meta["model"], "args": meta["config"]}},
    }
