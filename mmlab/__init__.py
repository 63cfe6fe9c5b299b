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
    LongClips,
    bootstrap_interval,
    chance_recall,
    difference_interval,
    ordered_assignment,
    rank_of_match,
    recall_at,
    retrieval_scores,
    step_recall,
)
from mmlab.evaluation.alignment import align_transcript
from mmlab.evaluation.localization import (
    LocalizationResult,
    localization_recall,
    localize_videos,
)
from mmlab.evaluation.moments import mean_interval
from mmlab.evaluation.neighbours import neighbour_agreement
from mmlab.evaluation.overlap import frame_accuracy, overlap_scores
from mmlab.evaluation.spans import best_span, moment_recall
from mmlab.evaluation.transcripts import align_videos
from mmlab.export import export_webdataset
from mmlab.ingest import ingest
from mmlab.losses import combinatorial_loss, contrastive_loss
from mmlab.model import FusionModel, ModelConfig
from mmlab.paths import data_folder
from mmlab.readers.captions import read_captions
from mmlab.readers.crosstask import read_crosstask
from mmlab.readers.mining_youtube import read_mining_youtube
from mmlab.retrieval import Retriever
from mmlab.runs import open_run, sample_run, train_run
from mmlab.training import TrainConfig, Trainer, Watcher, read_metrics, read_steps
from mmlab.types import combination_name, parse_combination

__version__ = "0.1.0"

__all__ = [
    "ClipDataset",
    "FusionModel",
    "LocalizationResult",
    "LongClips",
    "ModelConfig",
    "Retriever",
    "TrainConfig",
    "Trainer",
    "Watcher",
    "align_transcript",
    "align_videos",
    "best_span",
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
    "frame_accuracy",
    "ingest",
    "localization_recall",
    "localize_videos",
    "mean_interval",
    "moment_recall",
    "neighbour_agreement",
    "open_run",
    "ordered_assignment",
    "overlap_scores",
    "parse_combination",
    "rank_of_match",
    "read_captions",
    "read_crosstask",
    "read_metrics",
    "read_mining_youtube",
    "read_steps",
    "recall_at",
    "retrieval_scores",
    "sample_run",
    "step_recall",
    "train_run",
]
