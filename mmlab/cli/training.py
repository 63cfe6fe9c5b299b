"""The command that trains."""

from __future__ import annotations

from pathlib import Path

from tyro.conf import OmitArgPrefixes, Positional

from mmlab.distributed import choose_device, process_group
from mmlab.training import EpochRecord, Outcome, Plan, StepRecord, TrainConfig, Watcher

RECIPES = {
    "sample": TrainConfig,
    "paper": TrainConfig.paper,
    "msrvtt": TrainConfig.finetune_msrvtt,
    "youcook2": TrainConfig.finetune_youcook2,
}
SECONDS_BETWEEN_LINES = 30.0


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
    return TrainConfig.from_json(path.read_text())


def recipe_asked_for(arguments: list[str]) -> TrainConfig:
    """The configuration whose fields are the defaults of `mmlab train`'s flags."""
    for place, argument in enumerate(arguments):
        if argument == "--recipe" and place + 1 < len(arguments):
            return read_recipe(arguments[place + 1])
        if argument.startswith("--recipe="):
            return read_recipe(argument.removeprefix("--recipe="))
    return TrainConfig()


def train(
    dataset: Positional[Path],
    out: Path,
    config: OmitArgPrefixes[TrainConfig] = TrainConfig(),  # noqa: B008 - it is frozen
    recipe: str = "sample",
    model: str = "sample",
    start: Path | None = None,
    resume: bool = False,
) -> None:
    """Train a model on the split "train" of a dataset.

    Several processes train together when torchrun starts them:
    torchrun --nproc-per-node 4 -m mmlab train DATASET --out RUN

    Args:
        dataset: what `mmlab ingest` or `mmlab convert` made.
        out: the run's folder: model, configuration, metrics, checkpoints.
        config: how to train; each field is a flag.
        recipe: whose values the flags have if they are not given: sample, paper (pre-training),
            msrvtt, youcook2 (fine-tuning), or a JSON file.
        model: sample, paper, or the config.json of a model.
        start: a run or an authors' checkpoint whose weights to begin with.
        resume: go on where a run was stopped.
    """
    from mmlab.dataset import ClipDataset
    from mmlab.runs import read_model_config, read_outcome, train_run

    outcome = read_outcome(out)
    if outcome and outcome.finished:
        print(f"{out}: trained already; delete the folder to train anew")
        return
    with process_group(choose_device(config.device)):
        clips = ClipDataset.open(dataset)
        train_run(
            clips,
            out,
            config,
            model=None if start else read_model_config(model, clips.features),
            start=start,
            watcher=Printer(out),
            resume=resume,
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
