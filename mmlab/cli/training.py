"""The command that trains."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path

from tyro.conf import OmitArgPrefixes, Positional

from mmlab.dataset import ClipDataset
from mmlab.distributed import choose_device, process_group
from mmlab.model import ModelConfig
from mmlab.origin import dataset_hash
from mmlab.runs import read_model_config, read_outcome, read_run, train_run
from mmlab.training import (
    RECIPES,
    EpochRecord,
    Outcome,
    Plan,
    StepRecord,
    TrainConfig,
    Watcher,
)
from mmlab.training.identity import FREE, first_difference

SECONDS_BETWEEN_LINES = 30.0
STOPPED = 130
"""Exit status of a run that was stopped before its end, as shells have it after Ctrl-C."""


def read_recipe(name: str) -> TrainConfig:
    """A recipe by name, or the configuration in a JSON file (a run's run.json as well).

    Raises:
        ValueError: neither.
    """
    if name in RECIPES:
        return RECIPES[name]()
    path = Path(name)
    if not path.exists():
        raise ValueError(f"--recipe is {', '.join(RECIPES)} or a JSON file, found {name!r}")
    try:
        return TrainConfig.from_json(path.read_text())
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


def recipe_asked_for(arguments: list[str]) -> TrainConfig:
    """The configuration whose fields are the defaults of `mmlab train`'s flags.

    A run that goes on has its own.
    """
    if arguments[1:2] != ["train"]:
        return TrainConfig()
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--recipe")
    parser.add_argument("--resume", action="store_true")
    parser.add_argument("--out", type=Path)
    found, _ = parser.parse_known_args(arguments)
    if found.recipe:
        return read_recipe(found.recipe)
    if found.resume and found.out and (found.out / "run.json").exists():
        return read_recipe(str(found.out / "run.json"))
    return TrainConfig()


def train(
    dataset: Positional[Path],
    out: Path,
    config: OmitArgPrefixes[TrainConfig] = TrainConfig(),  # noqa: B008 - it is frozen
    recipe: str | None = None,
    model: str | None = None,
    start: Path | None = None,
    resume: bool = False,
) -> None:
    """Train a model on the split "train" of a dataset.

    Several processes train together when torchrun starts them:
    torchrun --nproc-per-node 4 -m mmlab train DATASET --out RUN

    Args:
        dataset: what `mmlab ingest` or `mmlab convert` made.
        out: the run's folder: model, configuration, metrics, checkpoints.
        config: how to train.
        recipe: whose values the flags have if they are not given: sample (the default), paper
            (pre-training), msrvtt, youcook2 (fine-tuning), or a JSON file. A run that is resumed
            has its own.
        model: sample (the default), paper, or the config.json of a model.
        start: a run or an authors' checkpoint whose weights and model to begin with.
        resume: go on where a run was stopped, with its own configuration.
    """
    with process_group(choose_device(config.device)):
        clips = ClipDataset.open(dataset)
        architecture = read_model_config(model, clips.features) if model else None
        outcome = read_outcome(out)
        if outcome and outcome.finished:
            _check_finished(out, dataset, config, architecture)
            print(f"{out}: trained already; delete the folder to train anew")
            return
        if resume and not (out / "run.json").exists():
            print(f"{out}: there is nothing to go on from, training starts at the beginning")
        outcome = train_run(
            clips,
            out,
            config,
            model=architecture,
            start=start,
            watcher=Printer(out),
            resume=resume,
        )
    if not outcome.finished:
        sys.exit(STOPPED)


def _check_finished(
    out: Path, dataset: Path, config: TrainConfig, model: ModelConfig | None
) -> None:
    """Refuse to take a finished run for one of another configuration."""
    noted = read_run(out) or {}
    train = {name: value for name, value in asdict(config).items() if name not in FREE}
    asked = {"train": train, "dataset_hash": dataset_hash(dataset)}
    if model:
        asked["model"] = json.loads(model.to_json())
    there = {name: noted.get(name) for name in asked}
    there["train"] = {name: (noted.get("train") or {}).get(name) for name in train}
    if different := first_difference(json.loads(json.dumps(asked)), there):
        name, wanted, found = different
        raise ValueError(
            f"{out} holds a finished run of another configuration: {name} is {found!r} there and "
            f"{wanted!r} here; choose another folder"
        )


class Printer(Watcher):
    """Prints how training goes, a line per epoch and in long epochs one now and then."""

    def __init__(self, run_folder: Path) -> None:
        self.run_folder = run_folder
        self.plan = Plan(0, 0)
        self.seconds = self.printed = 0.0

    def begin(self, plan: Plan) -> None:
        """Say where it goes on."""
        self.plan = plan
        if plan.first_step:
            print(f"going on after step {plan.first_step} of {plan.steps}", flush=True)

    def step(self, record: StepRecord) -> None:
        """A line if there was none for a while."""
        self.seconds += record.seconds
        if self.seconds - self.printed > SECONDS_BETWEEN_LINES:
            self._print(f"step {record.step}/{self.plan.steps}", record.terms, record.step)

    def epoch(self, record: EpochRecord) -> None:
        """A line."""
        found = "  ".join(f"{name} {value:.1f}" for name, value in record.evaluation.items())
        best = "  best so far" if record.best else ""
        steps = record.epoch * self.plan.steps_per_epoch
        self._print(f"epoch {record.epoch}/{self.plan.epochs}", record.terms, steps, found + best)

    def say(self, message: str) -> None:
        """A line."""
        print(message, flush=True)

    def end(self, outcome: Outcome) -> None:
        """What came out."""
        how = "trained" if outcome.finished else "stopped, --resume goes on,"
        best = f", epoch {outcome.best_epoch} kept" if outcome.best_epoch else ""
        skipped = f", {outcome.skipped_steps} steps skipped" if outcome.skipped_steps else ""
        print(
            f"{self.run_folder}: {how} in {outcome.seconds:.0f} s, {outcome.clips_per_second:.0f} "
            f"clips/s, {outcome.waiting_share:.0%} of it waiting for data{best}{skipped}"
        )

    def _print(self, place: str, terms: dict[str, float], step: int, more: str = "") -> None:
        made = max(1, step - self.plan.first_step)
        left = self.seconds / made * (self.plan.steps - step)
        loss = terms.get("total", float("nan"))
        print(
            f"{place}  loss {loss:.3f}  {self.seconds:.0f} s, {left:.0f} s left  {more}".rstrip(),
            flush=True,
        )
        self.printed = self.seconds
