"""What a model is made of: its parts in the order of its computation, and their parameters."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

import pandas as pd

from mmlab.model.config import SHARED, ModalityConfig, ModelConfig
from mmlab.model.model import FusionModel
from mmlab.types import Modality

Row = tuple[str, str, str]
"""A part, what it does, and the shape that goes in and comes out."""

PROJECTION_WORDS = {"gated": "gated linear map", "linear": "linear map"}
OWNED_PARTS = {
    "encoders": "encoder",
    "token_projections": "token projection",
    "positions": "positions",
    "projections": "projection",
}
TRANSFORMER_PARTS = {
    "masking_token": "masking token",
    "class_token": "class token",
    "norm1": "attention",
    "attention": "attention",
    "norm2": "MLP",
    "mlp_in": "MLP",
    "mlp_out": "MLP",
}


def parameter_table(model: FusionModel) -> pd.DataFrame:
    """Count the parameters of each part; the counts sum to those of the whole model.

    Shapes are of one clip: F frames of a sound, N tokens.

    Args:
        model: of any configuration. On the device "meta" it needs no memory, whatever its size.

    Returns:
        One row per part, in the order of the computation, with columns "what it does", "shape"
        (in → out), "parameters" and "share" (0 to 1). Parts without parameters count 0.

    Example:
        >>> with torch.device("meta"):
        ...     model = FusionModel(ModelConfig.paper())
        >>> parameter_table(model).parameters.sum()  # 689 million
    """
    counts: Counter[str] = Counter()
    for name, parameter in model.named_parameters():
        counts[_part_of(name)] += parameter.numel()
    table = pd.DataFrame(_rows(model.config), columns=["part", "what it does", "shape"])
    table["parameters"] = [counts[part] for part in table["part"]]
    table["share"] = table["parameters"] / table["parameters"].sum()
    return table.set_index("part")


def _part_of(parameter: str) -> str:
    """The part that a parameter belongs to, by its name in the model."""
    kind, owner, *rest = parameter.split(".")
    if kind in OWNED_PARTS:
        return f"{owner} {OWNED_PARTS[kind]}"
    step = rest[2] if rest[0] == "blocks" else rest[0]
    return _owned(owner, TRANSFORMER_PARTS[step])


def _owned(owner: str, part: str) -> str:
    return part if owner == SHARED else f"{owner} {part}"


def _rows(config: ModelConfig) -> Iterator[Row]:
    for modality in config.modalities:
        yield from _token_rows(modality, config)
    owners = config.names if config.transformer_per_modality else (SHARED,)
    yield from _learned_rows(owners, config)
    for owner in owners:
        yield from _transformer_rows(owner, config)
    yield from _embedding_rows(config)


def _token_rows(modality: ModalityConfig, config: ModelConfig) -> Iterator[Row]:
    """From frames or features to tokens of the transformer's width."""
    name, inside = modality.name, modality.token_width
    if modality.encoder:
        span = modality.encoder.frames_per_token
        shape = f"F×{modality.width} → F/{span}×{inside}"
        yield f"{name} encoder", f"DAVEnet: {span} frames to a token", shape
    does = f"{PROJECTION_WORDS[config.token_projection]}, LayerNorm"
    yield f"{name} token projection", does, f"N×{inside} → N×{config.token_width}"


def _learned_rows(owners: Sequence[Modality], config: ModelConfig) -> Iterator[Row]:
    """What stands among the tokens, or is added to them, without coming from the clip."""
    width = f"{config.token_width}"
    for owner in owners if config.masking_token else ():
        yield _owned(owner, "masking token"), "stands in for a missing modality", width
    for modality in config.modalities if config.positions else ():
        does, shape = "added to each token by its place", f"{modality.max_tokens}×{width}"
        yield f"{modality.name} positions", does, shape
    for owner in owners if config.class_token else ():
        yield _owned(owner, "class token"), "takes from all others", width


def _transformer_rows(owner: Modality, config: ModelConfig) -> Iterator[Row]:
    """From the tokens of a combination to one vector for each of its modalities."""
    width, times = config.token_width, f", {config.depth} times" if config.depth > 1 else ""
    if config.depth:
        same = f"N×{width} → N×{width}"
        takes = f"tokens take from each other{times}"
        yield _owned(owner, "attention"), takes, same
        yield _owned(owner, "MLP"), f"each token by itself{times}", same
    pooled = "the class token alone" if config.class_token else "mean of each modality's tokens"
    yield _owned(owner, "pooling"), pooled, f"N×{width} → {width}"


def _embedding_rows(config: ModelConfig) -> Iterator[Row]:
    """From pooled tokens to the vector of a combination."""
    into, out = config.token_width, config.projection_width
    for owner in (SHARED,) if config.shared_projection else config.names:
        yield f"{owner} projection", PROJECTION_WORDS[config.projection], f"{into} → {out}"
    if config.transformer_per_modality or not config.class_token:
        yield "joining", "mean of the unit vectors", f"{out} each → {out}"
