"""mmlab: multi-modal video retrieval, from raw media to an interactive map and search box.

Read in this order: media -> features -> dataset -> types -> model -> losses -> training ->
evaluation -> retrieval -> views. Beside that road: published and verify (the authors' files and
numbers), bench (what a step costs).

Shape letters used everywhere: B batch, N tokens, D model width, P projection width,
Q queries, K candidates, F audio frames (10 ms), T seconds of a long video.
"""

from mmlab.check import check
from mmlab.convert import convert_dataset
from mmlab.dataset import ClipDataset
from mmlab.evaluation import (
    bootstrap_interval,
    chance_recall,
    difference_interval,
    ordered_assignment,
    rank_of_match,
    recall_at,
    retrieval_scores,
    step_recall,
)
from mmlab.evaluation.localization import localize_videos
from mmlab.evaluation.moments import attention_on_moment, mean_interval
from mmlab.evaluation.neighbours import neighbour_agreement
from mmlab.export import export_webdataset
from mmlab.ingest import ingest
from mmlab.losses import combinatorial_loss, contrastive_loss
from mmlab.model import FusionModel, ModelConfig
from mmlab.paths import data_folder
from mmlab.readers.captions import read_captions
from mmlab.readers.crosstask import read_crosstask
from mmlab.retrieval import Retriever
from mmlab.runs import open_run, sample_run, train_run
from mmlab.training import TrainConfig, Trainer, Watcher, read_metrics, read_steps
from mmlab.types import combination_name, parse_combination

__version__ = "0.1.0"

__all__ = [
    "ClipDataset",
    "FusionModel",
    "ModelConfig",
    "Retriever",
    "TrainConfig",
    "Trainer",
    "Watcher",
    "attention_on_moment",
    "bootstrap_interval",
    "chance_recall",
    "check",
    "combination_name",
    "combinatorial_loss",
    "contrastive_loss",
    "convert_dataset",
    "data_folder",
    "difference_interval",
    "export_webdataset",
    "ingest",
    "localize_videos",
    "mean_interval",
    "neighbour_agreement",
    "open_run",
    "ordered_assignment",
    "parse_combination",
    "rank_of_match",
    "read_captions",
    "read_crosstask",
    "read_metrics",
    "read_steps",
    "recall_at",
    "retrieval_scores",
    "sample_run",
    "step_recall",
    "train_run",
]
