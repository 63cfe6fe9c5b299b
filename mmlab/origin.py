"""What a retriever was made of: enough to say so below a picture and to make the same one again."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from mmlab.dataset import ClipDataset
from mmlab.evaluation.long_clips import LongClips
from mmlab.model import FusionModel
from mmlab.paths import data_folder
from mmlab.tables import read_tables

if TYPE_CHECKING:
    from mmlab.retrieval import Retriever


@dataclass(frozen=True)
class Origin:
    """A model, a dataset, and which of its clips.

    Attributes:
        model: hash of its configuration and weights.
        model_folder: where it was read from, "" if it was never on disk; a folder inside the
            data folder is noted relative to it, so that it may be moved.
        dataset: hash of its content, "" if it was never on disk.
        dataset_folder: as `model_folder`.
        clips: {"split": [...]} for whole splits, else {"clip_id": [...]}.
        long_clips: the fields of `LongClips`, if clips were not read whole.
    """

    model: str
    model_folder: str
    dataset: str
    dataset_folder: str
    clips: dict[str, list[str]]
    long_clips: dict[str, Any] | None = None

    def __str__(self) -> str:
        (column, values), *_ = self.clips.items()
        clips = f"clips {', '.join(values)}" if column == "split" else f"{len(values)} chosen clips"
        return f"model {self.model[:8]} · data {self.dataset[:8]} · {clips}"


def model_hash(model: FusionModel) -> str:
    """Names a model by its configuration and weights."""
    digest = hashlib.blake2b(model.config.to_json().encode(), digest_size=16)
    for name, value in sorted(model.state_dict().items()):
        digest.update(f"{name} {value.dtype} {tuple(value.shape)}".encode())
        digest.update(value.detach().cpu().contiguous().flatten().view(torch.uint8).numpy())
    return digest.hexdigest()


def dataset_hash(folder: Path) -> str:
    """Names the content of a dataset: what its features are, and every table's digest.

    Feature files are named by what they hold, and the tables name them.
    """
    about = json.loads((folder / "dataset.json").read_text())
    held = json.dumps({key: about[key] for key in ("features", "tables")}, sort_keys=True)
    return hashlib.blake2b(held.encode(), digest_size=16).hexdigest()


def origin_of(retriever: Retriever) -> Origin:
    """What a retriever was made of."""
    model, dataset = retriever.model, retriever.dataset
    return Origin(
        model=model_hash(model),
        model_folder=_noted(model.folder) if model.folder else "",
        dataset=dataset_hash(dataset.folder) if _on_disk(dataset) else "",
        dataset_folder=_noted(dataset.folder),
        clips=_clips(dataset),
        long_clips=asdict(retriever.long_clips) if retriever.long_clips else None,
    )


def retriever_of(origin: Origin) -> Retriever:
    """Make a retriever of the same model and the same clips again.

    Raises:
        FileNotFoundError: model or dataset are gone.
        ValueError: they are not what they were, or the model was never on disk.
    """
    from mmlab.retrieval import Retriever  # which notes its origin with this module

    if not origin.model_folder:
        raise ValueError(
            "the model was never on disk: save it with `save_pretrained`, or give the retriever"
        )
    model = FusionModel.from_pretrained(_found(origin.model_folder))
    dataset = ClipDataset.open(_found(origin.dataset_folder))
    if "clip_id" in origin.clips:  # in their own order, which a selection by value does not keep
        dataset = dataset.select([dataset.row_of(one) for one in origin.clips["clip_id"]])
    else:
        dataset = dataset.select(split=origin.clips["split"])
    long_clips = LongClips(**origin.long_clips) if origin.long_clips else None
    retriever = Retriever(model, dataset, long_clips)
    refuse_another(retriever.origin, origin)
    return retriever


def refuse_another(found: Origin, wanted: Origin) -> None:
    """Raise a ValueError that says which of model, data and clips is not the wanted one."""
    if found.model != wanted.model:
        raise ValueError(
            f"the model in {found.model_folder or 'memory'} is {found.model[:8]}, wanted is "
            f"{wanted.model[:8]}: it was trained again; restore that one or make a new view"
        )
    if found.dataset != wanted.dataset:
        raise ValueError(
            f"the dataset in {found.dataset_folder} is {found.dataset[:8]}, wanted is "
            f"{wanted.dataset[:8]}: it was made again; restore that one or make a new view"
        )
    if (found.clips, found.long_clips) != (wanted.clips, wanted.long_clips):
        raise ValueError(f"the clips are not the same: found {found}, wanted {wanted}")


def _clips(dataset: ClipDataset) -> dict[str, list[str]]:
    """Which of the dataset's clips it has, in the shortest form that says so."""
    chosen = dataset.manifest
    splits = sorted(set(chosen["split"]))
    if not _on_disk(dataset):
        return {"clip_id": chosen["clip_id"].tolist()}
    whole = read_tables(dataset.folder)[1]
    whole = whole[whole["split"].isin(splits)]
    if whole["clip_id"].tolist() == chosen["clip_id"].tolist():
        return {"split": splits}
    return {"clip_id": chosen["clip_id"].tolist()}


def _on_disk(dataset: ClipDataset) -> bool:
    return (dataset.folder / "dataset.json").exists()


def _noted(folder: Path) -> str:
    """The folder, relative to the data folder where it lies inside."""
    full, data = folder.resolve(), data_folder().resolve()
    return os.path.relpath(full, data) if full.is_relative_to(data) else str(full)


def _found(noted: str) -> Path:
    return data_folder() / noted  # an absolute path stays what it is
