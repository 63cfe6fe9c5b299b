"""Runs of the grid with made-up ranks, so that their tables can be tested without training."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from mmlab.ablation.runs import ABOUT, RANKS, Result, Run
from mmlab.ablation.tasks import MAIN_TASK, Task
from mmlab.ablation.variants import Setup
from mmlab.training import TrainConfig
from tests.small_models import small


def rank_rows(task: Task, ranks: Sequence[float], first: int = 0) -> pd.DataFrame:
    """What `measure` gives for one task: clips are numbered from `first`."""
    ids = [f"clip{number:03}" for number in range(first, first + len(ranks))]
    parts = {"query": task.query, "gallery": task.gallery, "how": task.how}
    return pd.DataFrame(parts | {"clip_id": ids, "rank": ranks})


def made_up_result(
    folder: Path, variant: str, seed: int, tasks: dict[Task, Sequence[float]]
) -> Result:
    """A finished run with these ranks."""
    setup = Setup(small(), TrainConfig(epochs=3, seed=seed), 4.0)
    run = Run(variant, setup, folder, "digest", folder / variant / f"seed-{seed}")
    run.folder.mkdir(parents=True)
    tables = [rank_rows(task, ranks) for task, ranks in tasks.items()]
    pd.concat(tables).to_parquet(run.folder / RANKS)
    about = {"identity": run.identity(), "parameters": 1000 + len(variant)}
    about |= {"training_seconds": 10.0, "asking_seconds": 2.0}
    (run.folder / ABOUT).write_text(json.dumps(about))
    return Result(run)


def made_up_results(folder: Path, better: dict[str, float], seeds: int = 3) -> list[Result]:
    """Variants whose share of first answers is as given, on the same 200 clips."""
    random = np.random.default_rng(0)
    hard = random.random(200)
    results = []
    for variant, share in better.items():
        for seed in range(seeds):
            found = hard < share + random.normal(0, 0.01)
            ranks = np.where(found, 1.0, 20.0 + random.integers(0, 100, 200))
            late = Task("text", "video+audio", "late")
            tasks = {MAIN_TASK: ranks, Task("text", "video"): ranks + 1, late: ranks}
            results.append(made_up_result(folder, variant, seed, tasks))
    return results


SETTINGS = {
    "command": "mmlab ablate --epochs 3 --seeds 3 --workers 1",
    "epochs": 3,
    "sample_epochs": 40,
    "seeds": [0, 1, 2],
    "workers": 1,
    "clips": 200,
    "split": "test",
    "training_clips": 500,
    "long_clips": 0,
    "steps_of_a_long_clip": 3,
    "dataset": "dataset",
    "wall_seconds": 100.0,
}
