"""A published model's configuration, read off the names and shapes of its parameters.

Three things leave no trace there and come from the file's own configuration: the number of
attention heads, how sound tokens are shortened, and that the text-video model, whose file holds a
sound network all the same, never listens.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from typing import Any

from mmlab.model import AudioEncoderConfig, ModalityConfig, ModelConfig
from mmlab.model.config import ProjectionKind, Shortening
from mmlab.published.names import Shape

TEXT_VIDEO = "EverythingAtOnceModel_TV_Only"
MODEL_CLASSES = ("EverythingAtOnceModel", TEXT_VIDEO, "TransformerPerModalityModel")
HEAD_WIDTH = 64
"""Of all published models."""

SHORTENINGS: dict[str, Shortening] = {
    "clip": "clip",
    "nearest": "nearest",
    "max_pool": "max",
    "avg_pool": "average",
}
"""Their `strategy_audio_pooling` -> our `shorten`; theirs also knows "none"."""

Shapes = Mapping[str, Shape]


def infer_config(
    shapes: Shapes,
    model_class: str = "",
    arguments: Mapping[str, Any] | None = None,
    heads: int | None = None,
) -> ModelConfig:
    """The configuration of a published model.

    Args:
        shapes: of every parameter, by the authors' names, without `module.`.
        model_class: the authors' class, where it is known.
        arguments: of its constructor, where they are known.
        heads: of the attention; default: as the arguments say, else 64 wide each.

    Raises:
        ValueError: a parameter is missing, of another rank, or not as the arguments say.
    """
    arguments = arguments or {}
    _check_origin(shapes, model_class)
    per_modality = _any(shapes, "fusion_text.")
    fusion = "fusion_text" if per_modality else "fusion"
    out = "proj" if _any(shapes, "proj.") else "text_proj"
    width = _weight(shapes, "text_token_proj")[0]
    depth = _count(shapes, rf"{fusion}\.blocks\.(\d+)\.")
    hidden = _shape(shapes, f"{fusion}.blocks.0.mlp.fc1.weight", 2)[0] if depth else width
    # One transformer per modality: the published code makes positions and never adds them.
    positions = "text_pos_embed" in shapes and not per_modality
    names = ["text", "video"]
    if model_class != TEXT_VIDEO and (_any(shapes, "audio_") or _any(shapes, "davenet.")):
        names.append("audio")
    config = ModelConfig(
        modalities=tuple(_modality(shapes, name, positions, arguments) for name in names),
        token_width=width,
        depth=depth,
        heads=_heads(width, arguments, heads) if depth else 1,
        mlp_ratio=_ratio(hidden, width),
        projection_width=_weight(shapes, out)[0],
        token_projection=_kind(shapes, "text_token_proj"),
        projection=_kind(shapes, out),
        shared_projection=out == "proj",
        class_token=f"{fusion}.cls_token" in shapes,
        positions=positions,
        transformer_per_modality=per_modality,
        masking_token=True,
    )
    _check_arguments(config, arguments)
    return config


def _modality(
    shapes: Shapes, name: str, positions: bool, arguments: Mapping[str, Any]
) -> ModalityConfig:
    count = _shape(shapes, f"{name}_pos_embed", 3)[1] if positions else None
    if name != "audio":
        return ModalityConfig(name, _weight(shapes, f"{name}_token_proj")[1], max_tokens=count)
    stem = _shape(shapes, "davenet.conv1.weight", 4)  # (C, 1, mel bands, 1)
    stages = range(1, _count(shapes, r"davenet\.layer(\d+)\.") + 1)
    convolutions = [_shape(shapes, f"davenet.layer{s}.0.conv1.weight", 4) for s in stages]
    encoder = AudioEncoderConfig(
        widths=(stem[0], *(shape[0] for shape in convolutions)),
        blocks=tuple(_count(shapes, rf"davenet\.layer{s}\.(\d+)\.") for s in stages),
        kernel_frames=convolutions[0][3] if convolutions else 1,
        mask_padding=False,
    )
    strategy = arguments.get("strategy_audio_pooling", "none")
    frames = arguments.get("audio_max_num_STFT_frames")
    if strategy == "none":
        return ModalityConfig(name, stem[2], encoder, max_tokens=count)
    if strategy not in SHORTENINGS:
        raise ValueError(f"strategy_audio_pooling is {strategy!r}, expected {list(SHORTENINGS)}")
    if count is None and frames is not None:
        count = int(frames) // encoder.frames_per_token
    return ModalityConfig(name, stem[2], encoder, count, SHORTENINGS[strategy])


def _heads(width: int, arguments: Mapping[str, Any], heads: int | None) -> int:
    if heads is None:
        heads = arguments.get("fusion_params", {}).get("num_heads")
    if heads is None and width % HEAD_WIDTH:
        raise ValueError(f"it does not say how many heads share its width {width}; give --heads")
    heads = width // HEAD_WIDTH if heads is None else heads
    if heads < 1 or width % heads:
        raise ValueError(f"{heads} heads cannot share its width {width}")
    return heads


def _ratio(hidden: int, width: int) -> float:
    """The ratio that, times the width and rounded down, is the hidden width."""
    ratio = hidden / width
    return ratio if int(width * ratio) == hidden else math.nextafter(ratio, math.inf)


def _check_origin(shapes: Shapes, model_class: str) -> None:
    if model_class and model_class not in MODEL_CLASSES:
        raise ValueError(f"a model of class {model_class}, expected {', '.join(MODEL_CLASSES)}")
    for name in ("text", "video"):
        if not _any(shapes, f"{name}_token_proj."):
            first = next(iter(shapes), "nothing")
            raise ValueError(f"{name}_token_proj.fc.weight is missing; it begins with {first}")


def _check_arguments(config: ModelConfig, arguments: Mapping[str, Any]) -> None:
    """Weights and configuration of one file that contradict each other are of two models."""
    fusion = arguments.get("fusion_params", {})
    said = {**arguments, **{f"fusion_params.{name}": value for name, value in fusion.items()}}
    theirs = {"gated": "gated", "linear": "minimal"}
    found: dict[str, Any] = {
        **{f"{m.name}_embed_dim": m.width for m in config.modalities if not m.encoder},
        "projection_dim": config.projection_width,
        "token_projection": theirs[config.token_projection],
        "projection": theirs[config.projection],
        "individual_projections": not config.shared_projection,
        "fusion_params.embed_dim": config.token_width,
        "fusion_params.depth": config.depth,
        "fusion_params.use_cls_token": config.class_token,
    }
    if not config.transformer_per_modality:
        found["use_positional_emb"] = config.positions
    for name, value in found.items():
        if said.get(name, value) != value:
            raise ValueError(f"its configuration says {name} = {said[name]}, its weights {value}")


def _kind(shapes: Shapes, projection: str) -> ProjectionKind:
    return "linear" if f"{projection}.weight" in shapes else "gated"


def _weight(shapes: Shapes, projection: str) -> Shape:
    inner = "weight" if _kind(shapes, projection) == "linear" else "fc.weight"
    return _shape(shapes, f"{projection}.{inner}", 2)  # (width out, width in)


def _shape(shapes: Shapes, name: str, rank: int) -> Shape:
    if name not in shapes:
        raise ValueError(f"{name} is missing")
    if len(shapes[name]) != rank or 0 in shapes[name]:
        raise ValueError(f"{name} has shape {shapes[name]}, expected {rank} axes")
    return shapes[name]


def _any(names: Iterable[str], prefix: str) -> bool:
    return any(name.startswith(prefix) for name in names)


def _count(names: Iterable[str], pattern: str) -> int:
    """How many different numbers the names have in the pattern's place."""
    return len({found[1] for name in names if (found := re.match(pattern, name))})
