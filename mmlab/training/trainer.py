"""The training loop (paper, section 4.1, at any size), made safe to leave alone."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from mmlab.dataset import ClipDataset
from mmlab.distributed import any_rank, choose_device, rank, wait_for_all, world_size
from mmlab.evaluation.retrieval import retrieval_scores
from mmlab.files import write_atomically
from mmlab.memory import kept_memory
from mmlab.model import FusionModel
from mmlab.retrieval import Retriever
from mmlab.training.batches import LoadedBatch, make_batches, read_ahead
from mmlab.training.checkpoints import Checkpoints, Progress
from mmlab.training.config import TrainConfig, schedule_factor
from mmlab.training.log import RunLog
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
from mmlab.types import parse_combination

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
        if config.deterministic:
            os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # asked for by cuBLAS
            torch.use_deterministic_algorithms(True)
        self.model, self.config, self.run_folder = model.to(self.device), config, Path(run_folder)
        self.watcher = (watcher if rank() == 0 else None) or Watcher()
        self.batches = make_batches(clips, config)
        self.validation = validation
        self.monitored = tuple(
            parse_combination(side, model.config.names)
            for side in (config.monitor_query, config.monitor_gallery)
            if config.evaluate_every_epochs
        )
        if self.monitored and not validation:
            raise ValueError("evaluate_every_epochs needs clips to measure on: give `validation`")
        _check_modalities(clips, model)
        self.optimizer = make_optimizer(self.model, config.learning_rate)
        self.scaler = make_scaler(config, self.device)
        self.checkpoints = Checkpoints(self.run_folder, _identity(model, clips, config))
        if self.checkpoints.exist() and not resume:
            raise ValueError(
                f"{self.run_folder} holds an unfinished run; --resume (resume=True) goes on with "
                "it, or choose another folder"
            )
        self._asked_to_stop = False

    def fit(self) -> Outcome:
        """Train until all epochs are done, patience runs out, or somebody stops it.

        Raises:
            TrainingError: ten steps in a row had a loss or gradient that is not finite.
            ValueError: the folder's checkpoints are of another configuration, or all damaged.
        """
        self.run_folder.mkdir(parents=True, exist_ok=True)
        progress = self.checkpoints.resume(self.model, self.optimizer, self.scaler, self.watcher)
        plan = Plan(self.config.epochs, self.batches.per_epoch, progress.step)
        self.watcher.begin(plan)
        with ExitStack() as stack:
            stack.enter_context(kept_memory())
            stack.enter_context(self._stoppable())
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
                stop = any_rank(self._asked_to_stop or self.watcher.stop, self.device)
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
        if progress.broken_in_a_row < MOST_BROKEN_IN_A_ROW:
            self.watcher.say(
                f"step {progress.step}: loss or gradient is not finite, the step is skipped"
            )
            return
        named = ", ".join(batch.clip_ids[:NAMED_CLIPS])
        more = len(batch.clip_ids) - NAMED_CLIPS
        message = (
            f"loss or gradient was not finite in {progress.broken_in_a_row} steps in a row, the "
            f"last is step {progress.step}; its clips are {named}"
            f"{f' and {more} more' if more > 0 else ''}. Look at their features with `mmlab "
            "check`, or lower the learning rate and train anew"
        )
        self.watcher.say(message)
        raise TrainingError(message)

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
        query, gallery = self.monitored
        scores = retrieval_scores(Retriever(self.model, self.validation).ranks(query, gallery))
        set_training(self.model, self.config)
        return scores

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
            best_epoch=progress.best[1] if progress.best else None,
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
        self.watcher.end(outcome)
        return outcome

    @contextmanager
    def _stoppable(self) -> Iterator[None]:
        """Let SIGINT and SIGTERM stop training after the step; a second one at once."""
        self._asked_to_stop = False
        if threading.current_thread() is not threading.main_thread():
            yield  # only the main thread is told of signals
            return
        signals = (signal.SIGINT, signal.SIGTERM)
        before = {number: signal.getsignal(number) for number in signals}

        def ask(number: int, _: object) -> None:
            self._asked_to_stop = True
            signal.signal(number, before[signal.Signals(number)])

        for number in signals:
            signal.signal(number, ask)
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def _check_modalities(clips: ClipDataset, model: FusionModel) -> None:
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


def _identity(model: FusionModel, clips: ClipDataset, config: TrainConfig) -> dict[str, Any]:
    """What must be the same for a stopped run to go on: both configurations and the clips."""
    columns = ["clip_id", "start_seconds", "end_seconds", "text"]
    digest = hashlib.blake2b(clips.manifest[columns].to_csv().encode(), digest_size=16)
    free = {"device", "loaders", "checkpoint_every_steps"}  # these change no number
    train = {name: value for name, value in asdict(config).items() if name not in free}
    return {
        "train": train,
        "model": json.loads(model.config.to_json()),
        "clips": {"count": len(clips), "digest": digest.hexdigest()},
        "processes": world_size(),
    }
