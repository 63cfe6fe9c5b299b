"""Training, in the order of reading: config, batches, step, checkpoints, log, trainer."""

from mmlab.training.config import RECIPES, TrainConfig
from mmlab.training.log import environment, read_metrics, read_steps
from mmlab.training.records import (
    EpochRecord,
    Outcome,
    Plan,
    StepRecord,
    TrainingError,
    Watcher,
)
from mmlab.training.step import make_optimizer, make_scaler, set_training, train_step
from mmlab.training.trainer import Trainer

__all__ = [
    "RECIPES",
    "EpochRecord",
    "Outcome",
    "Plan",
    "StepRecord",
    "TrainConfig",
    "Trainer",
    "TrainingError",
    "Watcher",
    "environment",
    "make_optimizer",
    "make_scaler",
    "read_metrics",
    "read_steps",
    "set_training",
    "train_step",
]
