"""The two sides of the comparison: mmlab, and the baseline on the very same weights."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from torch import Tensor, nn

import mmlab
from mmlab.bench.inputs import published_batch
from mmlab.model import FusionModel, ModelConfig
from mmlab.published.names import published_name, published_shape
from mmlab.training import TrainConfig, make_optimizer, train_step
from mmlab.types import Batch, Combination, parse_combination

TEMPERATURE = 0.05
LEARNING_RATE = 0.0
"""The arithmetic of a step is the same, and every step of both sides sees the same weights."""

EMBEDDED = ("text", "video+audio")
"""What retrieval with fused clips needs."""


@dataclass(frozen=True)
class Variant:
    """One way of computing the model.

    Attributes:
        name: "baseline" or "mmlab".
        model: in training mode.
        optimizer: of all its parameters.
        prepare: a batch -> what `step` and `embed` take; not timed.
        step: a whole training step; the loss.
        embed: vectors of unit length (B, P) of `EMBEDDED`, without gradients.
    """

    name: str
    model: nn.Module
    optimizer: torch.optim.Optimizer
    prepare: Callable[[Batch], Any]
    step: Callable[[Any], float]
    embed: Callable[[Any], dict[Combination, Tensor]]


def mmlab_variant(config: ModelConfig, device: str, *, compiled: bool = False) -> Variant:
    """The model as `mmlab train` and a retriever use it."""
    with torch.device(device):
        model = FusionModel(config).train()
    optimizer = make_optimizer(model, LEARNING_RATE)
    settings = TrainConfig(temperature=TEMPERATURE)
    if compiled:
        model.compile()

    def step(batch: Batch) -> float:
        return train_step(model, optimizer, batch, settings).terms["total"]

    def embed(batch: Batch) -> dict[Combination, Tensor]:
        return model.embed(batch, EMBEDDED).vectors

    return Variant("mmlab", model, optimizer, lambda batch: batch, step, embed)


def baseline_variant(config: ModelConfig, device: str, like: Variant | None = None) -> Variant:
    """The baseline, alone or on the weights and the Adam state of another variant.

    Args:
        config: the main model's design at any size.
        device: "cpu" or "cuda".
        like: mmlab; weights, buffers and moments are then views of its own, so that two models
            fit where one does. Its optimizer must have made a step.
    """
    baseline = load_baseline()
    with torch.device("meta" if like else device):
        model = _build(config, baseline)
    if like:
        share_weights(like.model, model, config)
    model.train()
    optimizer = baseline.make_optimizer(model, LEARNING_RATE)
    if like:
        share_moments(like, model, optimizer, config)

    def step(batch: dict[str, Tensor]) -> float:
        return baseline.train_step(model, optimizer, batch, TEMPERATURE)

    @torch.no_grad()
    def embed(batch: dict[str, Tensor]) -> dict[Combination, Tensor]:
        model.eval()
        output = model(batch)
        model.train()
        found = {"text": output["t"], "video+audio": output["va"]}
        return {
            parse_combination(name): nn.functional.normalize(vectors, dim=-1)
            for name, vectors in found.items()
        }

    return Variant("baseline", model, optimizer, published_batch, step, embed)


def load_baseline(name: str = "published_style") -> ModuleType:
    """A module of the folder benchmarks/ of the checkout that mmlab runs from.

    Raises:
        FileNotFoundError: mmlab was installed without its checkout.
    """
    path = Path(mmlab.__file__).parents[1] / "benchmarks" / f"{name}.py"
    if not path.exists():
        raise FileNotFoundError(
            f"{path} is missing: the baseline is part of the repository, not of the installed "
            "package; clone the repository and install it with `pip install --editable .`"
        )
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None  # it ends in .py
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


def _build(config: ModelConfig, baseline: ModuleType) -> nn.Module:
    modalities = {modality.name: modality for modality in config.modalities}
    encoder = modalities["audio"].encoder if "audio" in modalities else None
    if list(modalities) != ["text", "video", "audio"] or encoder is None:
        raise ValueError(f"the baseline has text, video and audio, found {config.names}")
    return baseline.PublishedStyleModel(
        text_width=modalities["text"].width,
        video_width=modalities["video"].width,
        mel_bands=modalities["audio"].width,
        davenet_widths=encoder.widths,
        davenet_blocks=encoder.blocks,
        kernel_frames=encoder.kernel_frames,
        token_width=config.token_width,
        depth=config.depth,
        heads=config.heads,
        mlp_ratio=config.mlp_ratio,
        projection_width=config.projection_width,
    )


def share_weights(ours: nn.Module, theirs: nn.Module, config: ModelConfig) -> None:
    """Replace the (empty) parameters and buffers of the baseline by views of mmlab's."""
    state = {
        published_name(name, config): value.view(published_shape(name, tuple(value.shape)))
        for name, value in ours.state_dict().items()
    }
    device = next(ours.parameters()).device
    for name, value in theirs.state_dict().items():  # those in no computation
        state.setdefault(name, torch.zeros_like(value, device=device))
    theirs.load_state_dict(state, assign=True)


def share_moments(
    like: Variant, theirs: nn.Module, optimizer: torch.optim.Optimizer, config: ModelConfig
) -> None:
    """Start the baseline's Adam with views of the moments of mmlab's Adam."""
    parameters = dict(theirs.named_parameters())
    for name, own in like.model.named_parameters():
        other, state = parameters[published_name(name, config)], like.optimizer.state.get(own)
        if state:  # a parameter that no gradient has reached has none
            moments = {key: state[key].view_as(other) for key in ("exp_avg", "exp_avg_sq")}
            optimizer.state[other] = {"step": torch.zeros(()), **moments}
