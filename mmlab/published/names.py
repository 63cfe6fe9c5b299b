"""Our parameter names and shapes, and the same in the authors' checkpoints.

Theirs hold a few parameters that no computation reads (`fusion.norm`, `davenet.batchnorm1`). In a
file with one transformer per modality `fusion.*` is a second name of `fusion_text.*`, and every
transformer's stand-in for a missing modality is the text's.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import torch
from torch import Tensor

from mmlab.model import FusionModel, ModelConfig

Shape = tuple[int, ...]

RENAMES = [
    (r"^encoders\.audio\.", "davenet."),
    (r"^token_projections\.(\w+)\.norm\.", r"\1_norm_layer."),
    (r"^token_projections\.(\w+)\.projection\.", r"\1_token_proj."),
    (r"^projections\.shared\.", "proj."),
    (r"^projections\.(\w+)\.", r"\1_proj."),
    (r"^positions\.(\w+)$", r"\1_pos_embed"),
    (r"^transformers\.shared\.", "fusion."),
    (r"^transformers\.\w+\.masking_token$", "fusion_text.masking_token"),
    (r"^transformers\.(\w+)\.", r"fusion_\1."),
    (r"\.class_token$", ".cls_token"),
    (r"\.attention\.out\.", ".attn.proj."),
    (r"\.attention\.", ".attn."),
    (r"\.mlp_in\.", ".mlp.fc1."),
    (r"\.mlp_out\.", ".mlp.fc2."),
    (r"(_proj|^proj)\.linear\.", r"\1.fc."),
    (r"(_proj|^proj)\.gate\.", r"\1.cg.fc."),
]
"""Pattern in our name -> theirs; each is tried in this order."""


def published_name(ours: str, config: ModelConfig) -> str:
    """What the authors call one of our parameters or buffers."""
    if found := re.match(r"encoders\.audio\.blocks\.(\d+)\.(.*)", ours):
        return f"davenet.{_layer(int(found[1]), config)}.{found[2]}"
    for pattern, name in RENAMES:
        ours = re.sub(pattern, name, ours)
    return ours


def _layer(block: int, config: ModelConfig) -> str:
    """We count the sound network's blocks through; they count stages, and blocks in each."""
    encoder = next(m.encoder for m in config.modalities if m.name == "audio")
    for stage, count in enumerate(encoder.blocks if encoder else (), start=1):
        if block < count:
            return f"layer{stage}.{block}"
        block -= count
    raise ValueError(f"the sound network has no block {block}")


def published_shape(ours: str, shape: Shape) -> Shape:
    """The authors' shape: sound is an image of height 1, single tokens have a batch axis."""
    if ours.startswith("encoders.") and len(shape) == 3:
        # The stem's kernel spans the height (mel bands), every other one the width (time).
        return shape[:1] + (1,) + shape[1:] if ".blocks." not in ours else shape[:2] + (1, shape[2])
    if ours.startswith("positions."):
        return (1, *shape)
    return (1, 1, *shape) if ours.endswith(".class_token") else shape


def rename_state(
    state: Mapping[str, Tensor], config: ModelConfig
) -> tuple[dict[str, Tensor], list[str]]:
    """Turn a published state into ours.

    Args:
        state: by the authors' names, without `module.`.
        config: of the model that it belongs to.

    Returns:
        The state by our names, in our shapes, sharing memory with theirs; and the names that
        have no counterpart.

    Raises:
        ValueError: names the first parameter that is missing or has another shape, and both.
    """
    with torch.device("meta"):  # names and shapes alone, at any size
        expected = FusionModel(config).state_dict()
    ours, used = {}, set()
    for name, value in expected.items():
        published = published_name(name, config)
        shape = published_shape(name, tuple(value.shape))
        if published not in state:
            raise ValueError(f"{published} is missing, expected with shape {shape}")
        found = state[published]
        if tuple(found.shape) != shape:
            raise ValueError(f"{published} has shape {tuple(found.shape)}, expected {shape}")
        # One of theirs that is several of ours becomes several: no two tensors share memory.
        found = found.clone() if published in used else found
        ours[name] = found.reshape(value.shape).to(value.dtype)
        used.add(published)
    return ours, [name for name in state if name not in used]
