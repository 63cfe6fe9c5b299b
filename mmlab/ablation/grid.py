"""The whole grid: plan the runs, complete those that are not, and report."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mmlab.ablation.printing import run_line
from mmlab.ablation.processes import complete_all
from mmlab.ablation.report import Report, summarise
from mmlab.ablation.runs import Result, Run, is_finished, plan_run
from mmlab.ablation.tasks import MAIN_TASK, STEPS_OF_A_LONG_CLIP, long_clips
from mmlab.ablation.variants import Setup, choose_variants
from mmlab.bench.machine import environment
from mmlab.dataset import ClipDataset
from mmlab.files import write_atomically
from mmlab.model import ModelConfig
from mmlab.runs import clips_to_ask, clips_to_train, model_config
from mmlab.training import TrainConfig

REPORT = "report.json"


@dataclass(frozen=True)
class GridSettings:
    """Of a grid.

    Attributes:
        train: the main variant's training; its seed is the first one.
        model: the main variant's; default: sample-sized.
        seeds: trained models of each variant.
        only: names of variants; the main one is always among them. Default: all.
        workers: processes that train at the same time; 1: this process itself.
    """

    train: TrainConfig
    model: ModelConfig | None = None
    seeds: int = 3
    only: tuple[str, ...] = ()
    workers: int = 1

    def __post_init__(self) -> None:
        if self.seeds < 1 or self.workers < 1:
            raise ValueError(
                f"seeds and workers are 1 or more, found {self.seeds} and {self.workers}"
            )


def ablate(
    dataset_folder: Path,
    out: Path,
    settings: GridSettings,
    *,
    tell: Callable[[str], None] = print,
) -> Report:
    """Train and ask every variant with every seed; runs that are finished are not repeated.

    The report is also written to `out`/report.json, after an interruption too.

    Args:
        dataset_folder: of a dataset with text, video and audio.
        out: gets one run folder for each variant and seed.
        settings: which variants, how long, how many.
        tell: is given a line for each run.

    Raises:
        ValueError: the dataset lacks a modality; `out` is a file, or holds a damaged report or
            runs of other settings.
        KeyboardInterrupt: somebody stopped it; the same call continues it.
    """
    dataset = ClipDataset.open(dataset_folder)
    runs, results = plan(dataset, out, settings), []
    done = [run for run in runs if is_finished(run)]  # and none is of other settings
    before, started = _seconds_before(out, done, settings.workers), time.perf_counter()
    out.mkdir(parents=True, exist_ok=True)
    threads = max(1, cores() // settings.workers)
    try:
        for result in complete_all(runs, settings.workers, threads):
            results.append(result)
            each = (time.perf_counter() - started) / max(1, len(results) - len(done))
            left = each * (len(runs) - max(len(results), len(done)))
            tell(run_line(result, len(results), len(runs), left_seconds=left))
    finally:
        seconds = time.perf_counter() - started + before
        report = _report(results, dataset, settings, seconds)
        write_atomically(out / REPORT, report.to_json().encode())
    return report


def plan(dataset: ClipDataset, out: Path, settings: GridSettings) -> list[Run]:
    """The runs of a grid: every variant with the first seed, then with the next.

    Raises:
        ValueError: the dataset lacks a modality.
    """
    needed = [MAIN_TASK.query, *MAIN_TASK.gallery.split("+")]
    if missing := [name for name in needed if name not in dataset.features]:
        raise ValueError(
            f"the grid compares what is fused of text, video and audio; {dataset.folder} has no "
            f"{' and no '.join(missing)}"
        )
    trained = clips_to_train(dataset).manifest
    length = (trained["end_seconds"] - trained["start_seconds"]).mean()
    model = settings.model or model_config(dataset.features)
    setup = Setup(model, settings.train, float(length))
    seeds = range(settings.train.seed, settings.train.seed + settings.seeds)
    variants = choose_variants(settings.only)
    return [plan_run(one, setup, seed, dataset, out) for seed in seeds for one in variants]


def cores() -> int:
    """That this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _seconds_before(out: Path, done: Sequence[Run], workers: int) -> float:
    """Wall time of earlier commands that worked on the same folder.

    It stands in their report; without that, it is what the finished runs took, as if by as many
    workers as now.

    Raises:
        ValueError: `out` is a file, or holds a report that cannot be read.
    """
    if out.exists() and not out.is_dir():
        raise ValueError(f"{out} is a file; give --out a folder for the runs")
    path = out / REPORT
    if path.exists():
        return float(Report.read(path).settings["wall_seconds"])
    own = [Result(run).about() for run in done]
    return sum(one["training_seconds"] + one["asking_seconds"] for one in own) / workers


def _report(
    results: Sequence[Result], dataset: ClipDataset, settings: GridSettings, seconds: float
) -> Report:
    clips = clips_to_ask(dataset)
    only = f" --only {' '.join(settings.only)}" if settings.only else ""
    found: dict[str, Any] = {
        "command": f"mmlab ablate --epochs {settings.train.epochs} --seeds {settings.seeds} "
        f"--workers {settings.workers}{only}",
        "epochs": settings.train.epochs,
        "sample_epochs": TrainConfig().epochs,
        "seeds": sorted({result.run.seed for result in results}),
        "workers": settings.workers,
        "clips": len(clips),
        "split": ", ".join(sorted(set(clips.manifest["split"]))),
        "training_clips": len(clips_to_train(dataset)),
        "long_clips": len(long_clips(clips)),
        "steps_of_a_long_clip": STEPS_OF_A_LONG_CLIP,
        "dataset": dataset.folder.name,
        "wall_seconds": round(seconds, 1),
    }
    return summarise(results, found, environment("cpu"))
