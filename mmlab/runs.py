"""A run: a folder that holds a trained model and says which clips it was trained on."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch

from mmlab.about import FeatureInfo
from mmlab.dataset import ClipDataset
from mmlab.features.audio import FRAMES_PER_SECOND
from mmlab.files import write_atomically
from mmlab.model import FusionModel, ModelConfig
from mmlab.origin import dataset_hash
from mmlab.paths import data_folder
from mmlab.published.checkpoint import load_published
from mmlab.readers.captions import NO_SPLIT
from mmlab.training import (
    Outcome,
    TrainConfig,
    Trainer,
    Watcher,
    environment,
)
from mmlab.types import Modality


def sample_run() -> Path:
    """Where the sample model lies."""
    return data_folder() / "sample" / "model"


def train_run(
    dataset: ClipDataset,
    run_folder: Path,
    config: TrainConfig = TrainConfig(),  # noqa: B008 - it is frozen
    *,
    model: ModelConfig | None = None,
    start: Path | None = None,
    watcher: Watcher | None = None,
    resume: bool = True,
) -> Outcome:
    """Train a model on the clips that `clips_to_train` gives, and leave it in a run folder.

    Args:
        dataset: all splits.
        run_folder: see docs/training.md for what it holds.
        config: how to train.
        model: by default a sample-sized one for the dataset's modalities.
        start: a run, or an authors' checkpoint file, whose weights training begins with; its
            configuration is the model's.
        watcher: is told how it goes.
        resume: go on where the folder's run was stopped; else that is an error.

    Raises:
        ValueError: what does not fit together, by name.
        TrainingError: the loss stays infinite.
    """
    run_folder = Path(run_folder)
    clips = clips_to_train(dataset)
    validation = None
    if config.evaluate_every_epochs:
        validation = clips_to_ask(dataset, config.evaluation_split)
    noted = read_run(run_folder)
    if resume and noted and model is None and start is None:
        model = ModelConfig.from_json(json.dumps(noted["model"]))
    trainer = Trainer(
        _fresh_model(dataset, config, model, start),
        clips,
        config,
        run_folder=run_folder,
        validation=validation,
        watcher=watcher,
        resume=resume,
    )
    return trainer.fit(lambda: _note(trainer, dataset, start, noted))


def _note(
    trainer: Trainer, dataset: ClipDataset, start: Path | None, noted: dict[str, Any] | None
) -> None:
    """Write run.json, or add to it where the run goes on."""
    if noted and trainer.checkpoints.exist():
        noted["resumed"].append(environment())  # perhaps on another machine
    else:
        noted = {
            "dataset": os.path.relpath(dataset.folder, trainer.run_folder),
            "dataset_hash": dataset_hash(dataset.folder),
            "start": str(start) if start else None,
            "train": asdict(trainer.config),
            "model": json.loads(trainer.model.config.to_json()),
            "environment": environment(),
            "resumed": [],
        }
    write_atomically(trainer.run_folder / "run.json", json.dumps(noted, indent=2).encode())


def _fresh_model(
    dataset: ClipDataset, config: TrainConfig, model: ModelConfig | None, start: Path | None
) -> FusionModel:
    if start is None:
        torch.manual_seed(config.seed)
        return FusionModel(model or model_config(dataset.features))
    if model is not None:
        raise ValueError("the weights to start from bring their own model; leave out the other")
    if Path(start).is_dir():
        return FusionModel.from_pretrained(start)
    return load_published(Path(start))[0]


def read_run(run_folder: Path) -> dict[str, Any] | None:
    """What run.json says: dataset, dataset_hash, start, train, model, environment, resumed.

    Returns:
        None where there is no such file.

    Raises:
        ValueError: it is damaged.
    """
    path = Path(run_folder) / "run.json"
    if not path.exists():
        return None
    try:
        noted: dict[str, Any] = json.loads(path.read_text())
    except ValueError as error:
        raise ValueError(f"{path} is damaged ({error}); restore it or train anew") from error
    return noted


def model_config(features: dict[Modality, FeatureInfo]) -> ModelConfig:
    """A sample-sized model for the modalities that a dataset has.

    Sound that comes as 10 ms frames goes through the sound network, other tokens as they are.
    """
    return _fitted(ModelConfig.sample(video_width=1, text_width=1), features)


def _fitted(config: ModelConfig, features: dict[Modality, FeatureInfo]) -> ModelConfig:
    """The configuration with the modalities that there are, at their widths."""
    modalities = tuple(
        replace(
            modality,
            width=features[modality.name].width,
            encoder=modality.encoder if _is_frames(features[modality.name]) else None,
        )
        for modality in config.modalities
        if modality.name in features
    )
    return replace(config, modalities=modalities)


def read_model_config(name: str, features: dict[Modality, FeatureInfo]) -> ModelConfig:
    """A model for a dataset's modalities: "sample", "paper", or what a config.json says.

    Raises:
        ValueError: neither, or the file is no model's.
    """
    if name in ("sample", "paper"):
        size = ModelConfig.sample if name == "sample" else ModelConfig.paper
        return _fitted(size(video_width=1, text_width=1), features)
    if not Path(name).exists():
        raise ValueError(f"--model is sample, paper or a model's config.json, found {name!r}")
    return ModelConfig.from_json(Path(name).read_text())


def read_outcome(run_folder: Path) -> Outcome | None:
    """How a run ended; None if it has not."""
    path = run_folder / "outcome.json"
    return Outcome(**json.loads(path.read_text())) if path.exists() else None


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
    origin = read_run(folder)
    if origin is None:
        raise FileNotFoundError(f"{folder} has no run.json, which names its dataset; restore it")
    dataset = ClipDataset.open((folder / origin["dataset"]).resolve())
    return FusionModel.from_pretrained(folder), dataset
