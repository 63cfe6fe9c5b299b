"""One run of the grid: a variant with a seed, trained and asked; finished ones are not repeated."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd

from mmlab.ablation.tasks import measure
from mmlab.ablation.variants import Setup, Variant
from mmlab.dataset import ClipDataset
from mmlab.files import replacing, write_atomically
from mmlab.model import FusionModel
from mmlab.origin import dataset_hash
from mmlab.runs import clips_to_ask, train_run
from mmlab.types import Modality

RANKS, ABOUT = "ranks.parquet", "ablation.json"
"""What a finished run holds; written in this order, so that the second says it is finished."""

ABOUT_FIELDS = ("identity", "parameters", "training_seconds", "asking_seconds")


@dataclass(frozen=True)
class Run:
    """A variant with a seed.

    Attributes:
        variant: its name.
        setup: the variant's own; its training has the seed.
        dataset: the folder.
        digest: of the dataset.
        folder: where the run lies.
    """

    variant: str
    setup: Setup
    dataset: Path
    digest: str
    folder: Path

    @property
    def seed(self) -> int:
        """Of its training."""
        return self.setup.train.seed

    def identity(self) -> dict[str, Any]:
        """What a finished run must agree in to count."""
        model, train = json.loads(self.setup.model.to_json()), asdict(self.setup.train)
        free = {"device", "loaders", "checkpoint_every_steps"}  # these change no number
        kept = {name: value for name, value in train.items() if name not in free}
        return {"variant": self.variant, "clips": self.digest, "model": model, "train": kept}


@dataclass(frozen=True)
class Result:
    """What a run gave.

    Attributes:
        run: which.
        error: why it failed; "" if it did not.
        fresh: whether it was computed just now.
    """

    run: Run
    error: str = ""
    fresh: bool = True

    def about(self) -> dict[str, Any]:
        """Its identity, its parameters, its seconds of training and of asking.

        Raises:
            ValueError: the file is damaged.
        """
        path = self.run.folder / ABOUT
        try:
            return {name: json.loads(path.read_text())[name] for name in ABOUT_FIELDS}
        except (ValueError, TypeError, KeyError) as error:
            raise ValueError(
                f"{path} is damaged ({error}); delete it: the same command makes this run again"
            ) from error

    def ranks(self) -> pd.DataFrame:
        """What `mmlab.ablation.tasks.measure` gave."""
        return pd.read_parquet(self.run.folder / RANKS)


def plan_run(variant: Variant, setup: Setup, seed: int, dataset: ClipDataset, out: Path) -> Run:
    """The run of a variant with a seed, in a folder of its own below `out`."""
    changed = variant.change(replace(setup, train=replace(setup.train, seed=seed)))
    folder = out / variant.name / f"seed-{seed}"
    return Run(variant.name, changed, dataset.folder, dataset_hash(dataset.folder), folder)


def is_finished(run: Run) -> bool:
    """Whether its results are there.

    Raises:
        ValueError: they are, but of other settings.
    """
    if not (run.folder / ABOUT).exists():
        return False
    found = Result(run).about()["identity"]
    if other := _first_difference(found, json.loads(json.dumps(run.identity()))):
        raise ValueError(
            f"{run.folder} holds a run with other settings ({other}); choose another folder with "
            "--out, or delete this one"
        )
    return True


def _first_difference(found: Any, wanted: Any, field: str = "") -> str:
    """The first field in which two nested values differ, with both; "" if they do not."""
    if isinstance(found, dict) and isinstance(wanted, dict):
        for name in [*wanted, *(set(found) - set(wanted))]:
            path = f"{field}.{name}" if field else name
            if difference := _first_difference(found.get(name), wanted.get(name), path):
                return difference
        return ""
    return "" if found == wanted else f"{field} is {found}, asked for is {wanted}"


def with_modalities(dataset: ClipDataset, names: Sequence[Modality]) -> ClipDataset:
    """The same clips with only some of their modalities."""
    return ClipDataset(
        dataset.folder,
        dataset.manifest,
        dataset.media,
        media_root=dataset.media_root,
        features={name: info for name, info in dataset.features.items() if name in names},
        text_encoder=dataset.text_encoder,
    )


def complete(run: Run) -> None:
    """Train, ask and store; goes on where an interrupted run stopped.

    Raises:
        KeyboardInterrupt: somebody stopped the training; the same call continues it.
    """
    dataset = with_modalities(ClipDataset.open(run.dataset), run.setup.model.names)
    outcome = train_run(dataset, run.folder, run.setup.train, model=run.setup.model)
    if not outcome.finished:
        raise KeyboardInterrupt
    model = FusionModel.from_pretrained(run.folder)
    started = time.perf_counter()
    with replacing(run.folder / RANKS) as unfinished:
        measure(model, clips_to_ask(dataset)).to_parquet(unfinished, index=False)
    about = {
        "identity": run.identity(),
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
        "training_seconds": outcome.seconds,
        "asking_seconds": time.perf_counter() - started,
    }
    write_atomically(run.folder / ABOUT, json.dumps(about, indent=2).encode())
    shutil.rmtree(run.folder / "checkpoints", ignore_errors=True)  # three times the model's size
