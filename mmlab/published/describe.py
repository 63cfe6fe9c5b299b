"""What `mmlab convert` says of a checkpoint, in a few lines."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import accumulate

from mmlab.model import FusionModel, ModalityConfig, ModelConfig
from mmlab.published.names import published_name


def describe(model: FusionModel, unused: Sequence[str], *, heads_known: bool = True) -> str:
    """The inferred configuration, the number of parameters, and the names that went unused.

    Args:
        model: read from a checkpoint.
        unused: the authors' names that have no counterpart in it.
        heads_known: False if the number of heads is only assumed.
    """
    config = model.config
    count = sum(parameter.numel() for parameter in model.parameters())
    lines = [("parameters", f"{count / 1e6:,.1f} M")]
    lines += [(modality.name, _modality(modality)) for modality in config.modalities]
    lines += [
        ("tokens", f"{config.token_projection} projection to {config.token_width}"),
        ("transformer", _transformer(config, heads_known)),
        (
            "embedding",
            f"{config.projection} projection to {config.projection_width}, "
            + ("one for all modalities" if config.shared_projection else "one per modality"),
        ),
    ]
    if unused:
        lines.append(("unused", _grouped(unused, model)))
    return "\n".join(f"  {title:13}{text}" for title, text in lines)


def _modality(modality: ModalityConfig) -> str:
    text = f"width {modality.width}"
    if encoder := modality.encoder:
        blocks, widths = ("-".join(map(str, part)) for part in (encoder.blocks, encoder.widths))
        text += f", network of {blocks} blocks, widths {widths}, "
        text += f"{encoder.frames_per_token} frames to a token"
    if modality.max_tokens is not None:
        text += f", at most {modality.max_tokens} tokens (more: {modality.shorten})"
    return text


def _transformer(config: ModelConfig, heads_known: bool) -> str:
    if not config.depth:
        return "none"
    heads = f"{config.heads} heads" + ("" if heads_known else " (assumed; --heads says otherwise)")
    parts = [
        "one per modality" if config.transformer_per_modality else "one for all modalities",
        f"depth {config.depth}",
        heads,
        f"MLP ratio {config.mlp_ratio:g}",
        *(["class token"] if config.class_token else []),
        *(["positions"] if config.positions else []),
    ]
    return ", ".join(parts)


def _grouped(unused: Sequence[str], model: FusionModel) -> str:
    """The names, those of a module of which nothing is used as one: "fusion.norm (2)"."""
    used = [published_name(name, model.config) for name in model.state_dict()]
    taken = {prefix for name in used for prefix in _prefixes(name)}
    groups = Counter(next(p for p in _prefixes(name) if p not in taken) for name in unused)
    return ", ".join(f"{name} ({count})" for name, count in groups.items())


def _prefixes(name: str) -> Iterator[str]:
    """Turn "a.b.c" into "a", "a.b", "a.b.c"."""
    return accumulate(name.split("."), "{}.{}".format)
