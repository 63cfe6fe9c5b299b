"""The grid: what each variant changes in the model or in its training, and nothing else.

The published code holds a configuration for each of the paper's ablations (its folder
configs/pretraining/ablation); a variant says which of them it follows. Here they change the
sample model's own recipe instead of the paper's: sound aligned, every pair of the loss counts 1
(of the published ones the single pairs have the main model's weights).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from mmlab.losses import disjoint_pairs, pair_name, paper_weights
from mmlab.model import ModelConfig
from mmlab.training import TrainConfig
from mmlab.types import Modality

MAIN = "main"
"""The variant that all others are compared with."""

PUBLISHED_TOKENS = {"text": 20, "video": 12, "audio": 12}
"""Tokens of a clip that the published models with positions have a position for."""


@dataclass(frozen=True)
class Setup:
    """What a run is made of.

    Attributes:
        model: its configuration.
        train: how it is trained.
        clip_seconds: the mean length of the clips that it is trained on.
    """

    model: ModelConfig
    train: TrainConfig
    clip_seconds: float


@dataclass(frozen=True)
class Variant:
    """One entry of the grid.

    Attributes:
        name: for the command line and the folder.
        label: for tables and pictures.
        changes: one sentence: what is different from the main variant.
        published: the published configuration that it follows; "" if there is none.
        change: makes a run's setup from the main variant's.
    """

    name: str
    label: str
    changes: str
    published: str
    change: Callable[[Setup], Setup]


def _model(**changes: object) -> Callable[[Setup], Setup]:
    return lambda setup: replace(setup, model=replace(setup.model, **changes))  # type: ignore[arg-type]


def single_pairs(modalities: Sequence[Modality]) -> dict[str, float]:
    """Weight 1 for every pair of single modalities, none for the pairs with something fused."""
    pairs = disjoint_pairs(modalities)
    return {pair_name(pair): 1.0 for pair in pairs if all(len(side) == 1 for side in pair)}


def _only_single_pairs(setup: Setup) -> Setup:
    weights = single_pairs(setup.model.names)
    return replace(setup, train=replace(setup.train, loss_weights=weights))


def _without_transformer(setup: Setup) -> Setup:
    return _only_single_pairs(_model(depth=0)(setup))


def _transformer_per_modality(setup: Setup) -> Setup:
    return _only_single_pairs(_model(transformer_per_modality=True)(setup))


def _positions(setup: Setup) -> Setup:
    modalities = tuple(
        replace(one, max_tokens=PUBLISHED_TOKENS.get(one.name)) for one in setup.model.modalities
    )
    return _model(modalities=modalities, positions=True)(setup)


def _shifted_sound(setup: Setup) -> Setup:
    shifted = replace(setup.train, audio_shift_seconds=round(setup.clip_seconds / 2, 2))
    return replace(setup, train=shifted)


def _published_weights(setup: Setup) -> Setup:
    return replace(setup, train=replace(setup.train, loss_weights=paper_weights(setup.model.names)))


def _shifted_and_weighted(setup: Setup) -> Setup:
    return _published_weights(_shifted_sound(setup))


def _text_and_video(setup: Setup) -> Setup:
    kept = tuple(one for one in setup.model.modalities if one.name != "audio")
    return _model(modalities=kept)(setup)


def _times_as_wide(factor: float) -> Callable[[Setup], Setup]:
    """Heads keep their width, as in the published configurations."""

    def change(setup: Setup) -> Setup:
        width, heads = (round(factor * n) for n in (setup.model.token_width, setup.model.heads))
        return _model(token_width=width, heads=heads)(setup)

    return change


GRID = (
    Variant(
        MAIN,
        "everything at once",
        "One transformer fuses all tokens; all six pairs are in the loss.",
        "disentangling_audio_text/aligned_audio_text",
        lambda setup: setup,
    ),
    Variant(
        "no-transformer",
        "no transformer",
        "Tokens are averaged without a transformer; nothing fused is in the loss.",
        "architecture/no_transformers",
        _without_transformer,
    ),
    Variant(
        "per-modality",
        "a transformer per modality",
        "Each modality has a transformer of its own; nothing fused is in the loss.",
        "architecture/singe_mod_tr_per_mod",
        _transformer_per_modality,
    ),
    Variant(
        "no-combinatorial",
        "fusion, only single pairs",
        "The transformer is shared, but nothing fused is in the loss.",
        "architecture/fusion_no_comb",
        _only_single_pairs,
    ),
    Variant(
        "class-token",
        "class token",
        "A learned token stands for the whole; one projection for all modalities.",
        "fusion_design/cls_token",
        _model(class_token=True, shared_projection=True),
    ),
    Variant(
        "shared-projection",
        "shared projection",
        "One projection out of the transformer for all modalities.",
        "fusion_design/shared_final_proj",
        _model(shared_projection=True),
    ),
    Variant(
        "positions",
        "positions",
        "Each token gets a learned embedding of its position; longer clips are shortened.",
        "evaluation/pos_*",
        _positions,
    ),
    Variant(
        "shifted-sound",
        "shifted sound",
        "The sound of a training clip is half a clip earlier or later than its picture.",
        "disentangling_audio_text/disentangled_equal_weights",
        _shifted_sound,
    ),
    Variant(
        "published-weights",
        "published weights",
        "Text | video counts 1 in the loss, every other pair 0.1.",
        "",
        _published_weights,
    ),
    Variant(
        "shifted-and-weighted",
        "shifted and weighted",
        "Shifted sound and the published weights together, as the paper's main model has them.",
        "everything_at_once_tva",
        _shifted_and_weighted,
    ),
    Variant(
        "two-blocks",
        "two blocks",
        "The transformer has two blocks.",
        "fusion_transformer/2blocks_64heads_4096hidsize_224_5bs",
        _model(depth=2),
    ),
    Variant(
        "half-as-wide",
        "half as wide",
        "Tokens inside the transformer are half as wide, with half as many heads.",
        "fusion_transformer/2blocks_32heads_2048hiden",
        _times_as_wide(0.5),
    ),
    Variant(
        "twice-as-wide",
        "twice as wide",
        "Tokens inside the transformer are twice as wide, with twice as many heads.",
        "",
        _times_as_wide(2),
    ),
    Variant(
        "text-video",
        "without sound",
        "Text and video only.",
        "everything_at_once_tv",
        _text_and_video,
    ),
)


def choose_variants(names: Sequence[str] = ()) -> list[Variant]:
    """The variants of these names in the grid's order, the main one always; all if none is named.

    Raises:
        ValueError: an unknown name.
    """
    known = [variant.name for variant in GRID]
    if unknown := [name for name in names if name not in known]:
        raise ValueError(f"unknown variants {', '.join(unknown)}; there are {', '.join(known)}")
    return [one for one in GRID if not names or one.name in {MAIN, *names}]
