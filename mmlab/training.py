"""Training: one plain loop over batches of clips (paper, section 4.1, at any size).

Every epoch draws its order and its crops from its own seed, and leaves a checkpoint, so that a
run that was stopped goes on at the epoch it had reached.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

from mmlab.dataset import ClipDataset, ClipFeatures
from mmlab.files import write_atomically
from mmlab.losses import combinatorial_loss, disjoint_pairs
from mmlab.memory import kept_memory
from mmlab.model import FusionModel
from mmlab.types import Modality, Tokens

Metrics = dict[str, float]


@dataclass(frozen=True)
class TrainConfig:
    """How to train; the defaults suit the sample corpus on two cores.

    Attributes:
        epochs: passes over the clips.
        batch_clips: clips in a batch; all others of the batch are a clip's negatives.
        learning_rate: of Adam, at the start; it falls along a cosine to zero.
        warmup_share: share of the steps in which the learning rate first rises from zero.
        temperature: of the contrastive loss.
        jitter_seconds: a clip's window is moved by up to this much, its ends independently.
        word_dropout: share of the caption's words left out at random.
        seed: of the weights, the order and the crops.
    """

    epochs: int = 40
    batch_clips: int = 128
    learning_rate: float = 1e-3
    warmup_share: float = 0.05
    temperature: float = 0.05
    jitter_seconds: float = 1.0
    word_dropout: float = 0.2
    seed: int = 0


def train(
    model: FusionModel,
    dataset: ClipDataset,
    config: TrainConfig,
    *,
    run_folder: Path,
    on_epoch: Callable[[int, Metrics], None] | None = None,
) -> list[Metrics]:
    """Train `model` on the clips of `dataset` and save it in `run_folder`.

    Args:
        model: changed in place.
        dataset: the training clips only.
        config: how.
        run_folder: gets config.json, model.safetensors and metrics.jsonl; while
            the run goes on, also checkpoint.pt, from which a stopped run continues.
        on_epoch: called after each epoch with its number (from 1) and its mean loss terms.

    Returns:
        The mean loss terms of each epoch.

    Raises:
        ValueError: too few clips for a batch, or a checkpoint of another configuration.
    """
    if len(dataset) < 2:
        raise ValueError(f"training needs at least 2 clips, {dataset.folder} gives {len(dataset)}")
    run_folder.mkdir(parents=True, exist_ok=True)
    optimizer = make_optimizer(model, config.learning_rate)
    identity = _identity(model, dataset, config)
    history = _resume(run_folder, model, optimizer, identity)
    steps_per_epoch = len(_order(len(dataset), config, epoch=0))
    for epoch in range(len(history), config.epochs):
        model.train()
        torch.manual_seed(config.seed * 100_003 + epoch)  # dropout repeats after a stop
        total: dict[str, float] = {}
        with kept_memory():
            for step, batch in enumerate(_batches(dataset, config, epoch)):
                done = (epoch * steps_per_epoch + step) / (config.epochs * steps_per_epoch)
                for group in optimizer.param_groups:
                    group["lr"] = config.learning_rate * _schedule(done, config.warmup_share)
                terms = train_step(model, optimizer, batch, config.temperature)
                total = {name: total.get(name, 0.0) + value for name, value in terms.items()}
        history.append({name: value / steps_per_epoch for name, value in total.items()})
        _checkpoint(run_folder, model, optimizer, identity, history)
        if on_epoch:
            on_epoch(epoch + 1, history[-1])
    model.eval()
    model.save_pretrained(run_folder)
    (run_folder / "checkpoint.pt").unlink(missing_ok=True)
    return history


def _identity(model: FusionModel, dataset: ClipDataset, config: TrainConfig) -> str:
    """What must be the same for a stopped run to go on: both configurations and the clips."""
    columns = ["clip_id", "start_seconds", "end_seconds", "text"]
    clips = hashlib.blake2b(dataset.manifest[columns].to_csv().encode(), digest_size=16)
    return json.dumps([asdict(config), json.loads(model.config.to_json()), clips.hexdigest()])


def make_optimizer(model: FusionModel, learning_rate: float) -> torch.optim.Optimizer:
    """Adam, as in the paper; fused: one pass through memory for all parameters."""
    return torch.optim.Adam(model.parameters(), lr=learning_rate, fused=True)


def train_step(
    model: FusionModel,
    optimizer: torch.optim.Optimizer,
    batch: dict[Modality, Tokens],
    temperature: float,
) -> Metrics:
    """One step on one batch; only the combinations that the loss compares are computed.

    Returns:
        The loss as "total" and each of its terms.
    """
    needed = {side for pair in disjoint_pairs(model.config.names) for side in pair}
    loss = combinatorial_loss(model(batch, sorted(needed)), temperature=temperature)
    optimizer.zero_grad()
    loss.total.backward()
    optimizer.step()
    return {"total": loss.total.item()} | {name: term.item() for name, term in loss.terms.items()}


def _schedule(done: float, warmup_share: float) -> float:
    """Linear rise, then half a cosine: the factor on the learning rate at `done` of 0..1."""
    if done < warmup_share:
        return done / warmup_share
    falling = (done - warmup_share) / (1 - warmup_share)
    return float(0.5 * (1 + torch.cos(torch.tensor(torch.pi * falling))))


def _order(clips: int, config: TrainConfig, epoch: int) -> list[Tensor]:
    generator = torch.Generator().manual_seed(config.seed * 100_003 + epoch)
    chunks = torch.randperm(clips, generator=generator).split(config.batch_clips)
    whole = [rows for rows in chunks if len(rows) == config.batch_clips]
    return whole or [chunks[0]]  # a short last batch has few negatives, so it is left out


def _batches(
    dataset: ClipDataset, config: TrainConfig, epoch: int
) -> Iterator[dict[Modality, Tokens]]:
    generator = torch.Generator().manual_seed(config.seed * 100_003 + epoch + 50_021)
    for rows in _order(len(dataset), config, epoch):
        yield dataset.collate([_crop(dataset, row, config, generator) for row in rows.tolist()])


def _crop(
    dataset: ClipDataset, row: int, config: TrainConfig, generator: torch.Generator
) -> ClipFeatures:
    """One clip with its window moved a little and some words left out."""
    clip = dataset.span(row)
    shifts = (torch.rand(2, generator=generator) * 2 - 1) * config.jitter_seconds
    start = max(0.0, clip.start_seconds + shifts[0].item())
    end = max(start + 1.0, clip.end_seconds + shifts[1].item())
    window = dataset.window(clip.media_id, start, end, clip.text)
    text = window.tokens["text"]
    keep = torch.rand(len(text), generator=generator) >= config.word_dropout
    return replace(window, tokens=window.tokens | {"text": text[keep] if keep.any() else text})


def _checkpoint(
    run_folder: Path,
    model: FusionModel,
    optimizer: torch.optim.Optimizer,
    identity: str,
    history: list[Metrics],
) -> None:
    state = {
        "identity": identity,
        "model": model.state_dict(),
        "optimizer": optimizer.state_dict(),
        "history": history,
    }
    buffer = io.BytesIO()
    torch.save(state, buffer)
    write_atomically(run_folder / "checkpoint.pt", buffer.getvalue())
    lines = [json.dumps({"epoch": epoch + 1} | row) + "\n" for epoch, row in enumerate(history)]
    write_atomically(run_folder / "metrics.jsonl", "".join(lines).encode())


def _resume(
    run_folder: Path, model: FusionModel, optimizer: torch.optim.Optimizer, identity: str
) -> list[Metrics]:
    """Load the checkpoint of a stopped run, if there is one, and return its history."""
    path = run_folder / "checkpoint.pt"
    if not path.exists():
        return []
    state = torch.load(path, weights_only=True)
    if state["identity"] != identity:
        raise ValueError(
            f"{path} is of another configuration or other clips; delete it or choose another folder"
        )
    model.load_state_dict(state["model"])
    optimizer.load_state_dict(state["optimizer"])
    return state["history"]


def read_metrics(run_folder: Path) -> list[Metrics]:
    """What a run noted of each epoch: its number as "epoch", and its mean loss terms.

    Raises:
        FileNotFoundError: nothing was noted there.
    """
    path = run_folder / "metrics.jsonl"
    if not path.exists():
        raise FileNotFoundError(f"no metrics.jsonl in {run_folder}; is it a run of `mmlab train`?")
    return [json.loads(line) for line in path.read_text().splitlines()]
