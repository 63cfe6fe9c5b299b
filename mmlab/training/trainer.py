"""The training loop (paper, section 4.1, at any size), made safe to leave alone."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path

from mmlab.dataset import ClipDataset
from mmlab.distributed import (
    any_rank,
    choose_device,
    gather_objects,
    rank,
    wait_for_all,
    world_size,
)
from mmlab.evaluation.retrieval import retrieval_scores
from mmlab.files import UNFINISHED, write_atomically
from mmlab.memory import kept_memory
from mmlab.model import FusionModel
from mmlab.retrieval import Retriever
from mmlab.training.batches import LoadedBatch, make_batches, read_ahead
from mmlab.training.checkpoints import Checkpoints, Progress
from mmlab.training.config import TrainConfig, schedule_factor
from mmlab.training.guards import (
    alone_in,
    asked_to_stop,
    check_modalities,
    check_weights,
    monitored_direction,
    same_bits,
)
from mmlab.training.identity import run_identity
from mmlab.training.log import BROKEN, RunLog
from mmlab.training.records import (
    EpochRecord,
    Metrics,
    Outcome,
    Plan,
    StepRecord,
    TrainingError,
    Watcher,
)
from mmlab.training.step import make_optimizer, make_scaler, set_training, train_step

MOST_BROKEN_IN_A_ROW = 10
NAMED_CLIPS = 20


class Trainer:
    """Trains a model on clips and leaves everything in a run folder.

    Example:
        >>> Trainer(model, clips, TrainConfig(epochs=3), run_folder=Path("run")).fit()
    """

    def __init__(
        self,
        model: FusionModel,
        clips: ClipDataset,
        config: TrainConfig,
        *,
        run_folder: Path,
        validation: ClipDataset | None = None,
        watcher: Watcher | None = None,
        resume: bool = True,
    ) -> None:
        """Get ready; nothing is computed or written yet.

        Args:
            model: changed in place; moved to the configured device.
            clips: to train on.
            config: how.
            run_folder: see docs/training.md for what it holds.
            validation: clips that retrieval is measured on in training.
            watcher: is told how it goes.
            resume: go on from a checkpoint, if the folder has one; else that is an error.

        Raises:
            ValueError: clips and configuration do not fit each other or the model.
        """
        self.device = choose_device(config.device)
        self.model, self.config, self.run_folder = model.to(self.device), config, Path(run_folder)
        self.watcher = (watcher if rank() == 0 else None) or Watcher()
        self.batches = make_batches(clips, config)
        self.validation = validation
        self.monitored = monitored_direction(model, config, validation)
        check_modalities(clips, model)
        check_weights(model, config)
        self.optimizer = make_optimizer(self.model, config.learning_rate)
        self.scaler = make_scaler(config, self.device)
        self.checkpoints = Checkpoints(self.run_folder, run_identity(model, clips, config))
        if self.checkpoints.exist() and not resume:
            raise ValueError(
                f"{self.run_folder} holds a run already; --resume (resume=True) goes on with it, "
                "or choose another folder"
            )
        self.checkpoints.check()

    def fit(self, note: Callable[[], None] | None = None) -> Outcome:
        """Train until all epochs are done, patience runs out, or somebody stops it.

        Args:
            note: writes what else belongs into the folder; called once no other process trains
                there.

        Raises:
            TrainingError: ten steps in a row had a loss or gradient that is not finite.
            ValueError: the folder's checkpoints are all damaged, or another process trains there.
            OSError: for example a full disk; the last checkpoint is kept.
        """
        self.run_folder.mkdir(parents=True, exist_ok=True)
        try:
            with alone_in(self.run_folder), same_bits(self.config.deterministic):
                if note and rank() == 0:
                    note()
                return self._fit()
        except BaseException as error:
            self.watcher.fail(error)
            raise

    def _fit(self) -> Outcome:
        for left in self.run_folder.glob(f"*{UNFINISHED}") if rank() == 0 else ():
            left.unlink()  # by a process that was killed
        progress = self.checkpoints.resume(self.model, self.optimizer, self.scaler, self.watcher)
        plan = Plan(self.config.epochs, self.batches.per_epoch, progress.step)
        self.watcher.begin(plan)
        with ExitStack() as stack:
            stack.enter_context(kept_memory())
            self._asked = stack.enter_context(asked_to_stop())
            self._log: RunLog | None = None
            if rank() == 0:
                epochs = progress.step // plan.steps_per_epoch
                self._log = RunLog(self.run_folder, steps=progress.step, epochs=epochs)
                stack.callback(self._log.close)
            stopped = self._train(plan, progress)
        return self._finish(plan, progress, stopped)

    def _train(self, plan: Plan, progress: Progress) -> str:
        """The loop; says why it ended early, or ""."""
        while progress.step < plan.steps:
            if self._patience_is_over(plan, progress):
                return "patience"
            epoch, first = divmod(progress.step, plan.steps_per_epoch)
            set_training(self.model, self.config)
            batches = read_ahead(self.batches, epoch, first, self.config.loaders)
            for batch, waiting_seconds in batches:
                self._step(plan, progress, batch, waiting_seconds)
                if progress.step % plan.steps_per_epoch == 0:
                    self._end_epoch(plan, progress)
                stop = any_rank(self._asked.is_set() or self.watcher.stop, self.device)
                if stop or self._checkpoint_is_due(plan, progress):
                    self._checkpoint(progress)
                if stop:
                    return "asked" if progress.step < plan.steps else ""
        return ""

    def _step(
        self, plan: Plan, progress: Progress, batch: LoadedBatch, waiting_seconds: float
    ) -> None:
        started = time.perf_counter()
        rate = self.config.learning_rate * schedule_factor(
            self.config, progress.step, plan.steps, plan.steps_per_epoch
        )
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        tokens = {name: one.to(self.device) for name, one in batch.tokens.items()}
        result = train_step(
            self.model,
            self.optimizer,
            tokens,
            self.config,
            step=progress.step,
            scaler=self.scaler,
        )
        record = StepRecord(
            step=progress.step + 1,
            epoch=progress.step // plan.steps_per_epoch + 1,
            terms=result.terms,
            learning_rate=rate,
            gradient_norm=result.gradient_norm,
            clips=len(batch.clip_ids) * world_size(),
            seconds=time.perf_counter() - started + waiting_seconds,
            waiting_seconds=waiting_seconds,
            skipped=result.skipped,
        )
        progress.note(record, broken=result.broken)
        if self._log:
            self._log.step(record)
        self.watcher.step(record)
        if result.broken:
            self._report_broken(progress, batch)

    def _report_broken(self, progress: Progress, batch: LoadedBatch) -> None:
        clip_ids, not_finite = gather_objects(batch.clip_ids), gather_objects(batch.not_finite())
        if self._log:
            self._log.broken(progress.step, clip_ids, not_finite)
        guilty = f"; not finite are the features of {_named(not_finite)}" if not_finite else ""
        if progress.broken_in_a_row < MOST_BROKEN_IN_A_ROW:
            self.watcher.say(
                f"step {progress.step}: loss or gradient is not finite, the step is skipped{guilty}"
            )
            return
        raise TrainingError(
            f"loss or gradient was not finite in {progress.broken_in_a_row} steps in a row, the "
            f"last is step {progress.step}; its clips are {_named(clip_ids)}{guilty} (all of them "
            f"in {self.run_folder / BROKEN}). Look at their features with `mmlab check`, or lower "
            "the learning rate and train anew"
        )

    def _end_epoch(self, plan: Plan, progress: Progress) -> None:
        epoch = progress.step // plan.steps_per_epoch
        evaluation: Metrics = {}
        every = self.config.evaluate_every_epochs
        if every and (epoch % every == 0 or epoch == plan.epochs):
            evaluation = self._evaluate()
        value = evaluation.get(self.config.monitor_measure)
        better = False
        if value is not None and (progress.best is None or value > progress.best[0]):
            better = True
            progress.best = (value, epoch)
            self._keep_best(epoch, evaluation)
        record = EpochRecord(
            epoch=epoch,
            terms=progress.mean_terms(),
            evaluation=evaluation,
            best=better,
            seconds=progress.seconds - progress.epoch_started,
        )
        progress.start_epoch()
        if self._log:
            self._log.epoch(record)
        self.watcher.epoch(record)

    def _evaluate(self) -> Metrics:
        """Retrieval on the validation clips; every process measures the same."""
        assert self.validation is not None
        assert self.monitored is not None
        query, gallery = self.monitored
        try:
            return retrieval_scores(Retriever(self.model, self.validation).ranks(query, gallery))
        except ValueError as error:  # hours of training are worth more than one measurement
            self.watcher.say(f"retrieval could not be measured on the validation clips: {error}")
            return {}
        finally:
            set_training(self.model, self.config)

    def _keep_best(self, epoch: int, evaluation: Metrics) -> None:
        if rank() == 0:
            self.model.save_pretrained(self.run_folder / "best")
            note = json.dumps({"epoch": epoch} | evaluation, indent=2)
            write_atomically(self.run_folder / "best" / "evaluation.json", note.encode())

    def _patience_is_over(self, plan: Plan, progress: Progress) -> bool:
        patience, epoch = self.config.patience_epochs, progress.step // plan.steps_per_epoch
        return bool(patience and progress.best and epoch - progress.best[1] >= patience)

    def _checkpoint_is_due(self, plan: Plan, progress: Progress) -> bool:
        every = self.config.checkpoint_every_steps or plan.steps_per_epoch
        return progress.step % every == 0 or progress.step % plan.steps_per_epoch == 0

    def _checkpoint(self, progress: Progress) -> None:
        if rank() == 0:
            self.checkpoints.save(self.model, self.optimizer, self.scaler, progress)
        wait_for_all()

    def _finish(self, plan: Plan, progress: Progress, stopped: str) -> Outcome:
        outcome = Outcome(
            finished=stopped != "asked",
            steps=progress.step,
            epochs=progress.step // plan.steps_per_epoch,
            best_epoch=self._best_epoch(progress),
            skipped_steps=progress.skipped_steps,
            stopped=stopped,
            seconds=progress.seconds,
            clips_per_second=progress.clips / progress.seconds if progress.seconds else 0.0,
            waiting_share=progress.waiting_seconds / max(progress.seconds, 1e-9),
        )
        if rank() == 0:
            if progress.best:
                best = FusionModel.from_pretrained(self.run_folder / "best")
                self.model.load_state_dict(best.state_dict())
            self.model.save_pretrained(self.run_folder)
            text = json.dumps(asdict(outcome), indent=2)
            write_atomically(self.run_folder / "outcome.json", text.encode())
        wait_for_all()
        self.model.eval()
        if progress.step and progress.skipped_steps == progress.step:
            self.watcher.say("every step was skipped: the model is as it was at the beginning")
        self.watcher.end(outcome)
        return outcome

    def _best_epoch(self, progress: Progress) -> int | None:
        """Of the model that was kept: after a crash, it may be of steps that were made again."""
        if not progress.best:
            return None
        wait_for_all()
        return int(json.loads((self.run_folder / "best" / "evaluation.json").read_text())["epoch"])


def _named(clip_ids: list[str]) -> str:
    more = len(clip_ids) - NAMED_CLIPS
    return ", ".join(clip_ids[:NAMED_CLIPS]) + (f" and {more} more" if more > 0 else "")
