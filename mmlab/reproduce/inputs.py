"""From released files to what is evaluated: a dataset with the right words, and a model."""

from __future__ import annotations

from pathlib import Path

from mmlab.convert import convert_dataset
from mmlab.dataset import ClipDataset
from mmlab.evaluation.listing import Skipped
from mmlab.features.pretrained import choose_device
from mmlab.features.registry import load_text_encoder
from mmlab.model import FusionModel
from mmlab.published import load_published
from mmlab.readers.safe import read_csv
from mmlab.reproduce.benchmarks import Entry
from mmlab.reproduce.wanted import found

CONVERTED = Path("cache") / "reproduce"
"""Where the converted features are kept, below the data folder."""


def retrieval_dataset(entry: Entry, data_folder: Path, *, progress: bool = True) -> ClipDataset:
    """The clips of a feature pickle; converted anew only where the pickle has changed.

    Raises:
        FileNotFoundError: a file is not there.
        ValueError: one is damaged or another.
    """
    aligned = [found(entry.aligned, data_folder)] if entry.aligned else []
    (pickle,) = entry.features
    folder = data_folder / CONVERTED / entry.dataset
    convert_dataset(found(pickle, data_folder), folder, aligned=aligned, progress=progress)
    return _with_words(folder, entry, data_folder)


def long_video_dataset(entry: Entry, data_folder: Path, *, progress: bool = True) -> ClipDataset:
    """The long videos of feature folders, each whole.

    Raises:
        FileNotFoundError: a file is not there.
        ValueError: none of the videos can be used.
    """
    folders = [found(stream, data_folder) for stream in entry.features]
    folder = data_folder / CONVERTED / entry.dataset
    convert_dataset(
        folders[0],
        folder,
        audio=found(entry.audio, data_folder) if entry.audio else None,
        features_3d=folders[-1],
        progress=progress,
    )
    return _with_words(folder, entry, data_folder)


def _with_words(folder: Path, entry: Entry, data_folder: Path) -> ClipDataset:
    return ClipDataset.open(
        folder, text_encoder=load_text_encoder(str(found(entry.text, data_folder)))
    )


def left_out(dataset: ClipDataset) -> Skipped:
    """(file or clip, reason) of what the conversion could not use."""
    table = read_csv(dataset.folder / "skipped.csv")
    return [
        (name, f"{reason}; left out")
        for name, reason in zip(table["media_path"], table["reason"], strict=True)
    ]


def load_model(entry: Entry, dataset: ClipDataset, data_folder: Path) -> FusionModel:
    """The entry's model, on a GPU where there is one.

    Raises:
        FileNotFoundError: there is none.
        ValueError: it is damaged, or was made for other features than the dataset's.
    """
    path = found(entry.model, data_folder)
    if path.suffix == ".pth":
        model, _ = load_published(path)
    else:
        model = FusionModel.from_pretrained(path.parent)
    for modality in model.config.modalities:
        width = dataset.features[modality.name].width if modality.name in dataset.features else 0
        if modality.width != width:
            raise ValueError(
                f"{path}: reads {modality.name} of width {modality.width}, {dataset.folder} has "
                f"{width}; give the model of these features ({entry.backbone})"
            )
    return model.to(choose_device("auto"))
