"""A run: a folder that holds a trained model and says which clips it was trained on."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path

import torch

from mmlab.about import FeatureInfo
from mmlab.dataset import ClipDataset
from mmlab.features.audio import FRAMES_PER_SECOND
from mmlab.files import write_atomically
from mmlab.model import FusionModel, ModelConfig
from mmlab.paths import data_folder
from mmlab.readers.captions import NO_SPLIT
from mmlab.training import Metrics, TrainConfig, train
from mmlab.types import Modality


def sample_run() -> Path:
    """Where the sample model lies."""
    return data_folder() / "sample" / "model"


def train_run(
    dataset: ClipDataset,
    run_folder: Path,
    config: TrainConfig,
    *,
    on_epoch: Callable[[int, Metrics], None] | None = None,
) -> list[Metrics]:
    """Train a fresh sample-sized model on the clips that `clips_to_train` gives.

    Returns:
        The mean loss terms of each epoch.
    """
    clips = clips_to_train(dataset)
    torch.manual_seed(config.seed)
    model = FusionModel(model_config(dataset.features))
    run_folder.mkdir(parents=True, exist_ok=True)
    origin = {"dataset": os.path.relpath(dataset.folder, run_folder), "train": asdict(config)}
    write_atomically(run_folder / "run.json", json.dumps(origin, indent=2).encode())
    return train(model, clips, config, run_folder=run_folder, on_epoch=on_epoch)


def model_config(features: dict[Modality, FeatureInfo]) -> ModelConfig:
    """A sample-sized model for the modalities that a dataset has.

    Sound that comes as 10 ms frames goes through the sound network, other tokens as they are.
    """
    sample = ModelConfig.sample(video_width=1, text_width=1)
    modalities = tuple(
        replace(
            modality,
            width=features[modality.name].width,
            encoder=modality.encoder if _is_frames(features[modality.name]) else None,
        )
        for modality in sample.modalities
        if modality.name in features
    )
    return replace(sample, modalities=modalities)


def _is_frames(info: FeatureInfo) -> bool:
    return info.tokens_per_second == FRAMES_PER_SECOND


def clips_to_train(dataset: ClipDataset) -> ClipDataset:
    """The split "train"; everything where the captions name no split at all.

    Raises:
        ValueError: there are splits, but none of that name.
    """
    names = set(dataset.manifest.split)
    return _clips_of(dataset, NO_SPLIT if names == {NO_SPLIT} else "train")


def clips_to_ask(dataset: ClipDataset, split: str | None = None) -> ClipDataset:
    """The clips of a split, or "all"; by default of "test" if there is one, else everything.

    Raises:
        ValueError: no clips of that split.
    """
    names = set(dataset.manifest.split)
    if (split is None and "test" not in names) or (split == NO_SPLIT and NO_SPLIT not in names):
        return dataset
    return _clips_of(dataset, split or "test")


def _clips_of(dataset: ClipDataset, split: str) -> ClipDataset:
    clips = dataset.select(split=split)
    if not len(clips):
        counts = dataset.manifest.split.value_counts().sort_index()
        found = ", ".join(f"{name} ({count})" for name, count in counts.items())
        raise ValueError(
            f"{dataset.folder} has no clips of the split {split!r}, it has {found or 'none'}; give "
            "the captions a column split (train, validation, test) and make the dataset again"
        )
    return clips


def open_run(run_folder: Path | None = None) -> tuple[FusionModel, ClipDataset]:
    """The model of a run and the dataset that it was trained on (all splits).

    Args:
        run_folder: default: the sample model.

    Raises:
        FileNotFoundError: there is no finished run; the message says how to make one.
    """
    folder = Path(run_folder or sample_run())
    if not (folder / "model.safetensors").exists():
        mend = "`make sample`" if run_folder is None else "`mmlab train DATASET --out RUN`"
        raise FileNotFoundError(f"{folder} holds no trained model; make one with {mend}")
    origin = json.loads((folder / "run.json").read_text())
    dataset = ClipDataset.open((folder / origin["dataset"]).resolve())
    return FusionModel.from_pretrained(folder), dataset
