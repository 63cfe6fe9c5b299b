"""What a model refuses to embed, said by name before anything is computed."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from mmlab.model.config import ModalityConfig, ModelConfig
from mmlab.types import Batch, Combination, Tokens, all_combinations, parse_combination


def check_batch(
    batch: Batch, config: ModelConfig, combinations: Sequence[str | Combination] | None
) -> list[Combination]:
    """Check a batch and what is asked of it.

    Args:
        batch: padded tokens of each modality.
        config: of the model.
        combinations: asked for; None = every one that the batch has tokens for.

    Returns:
        The combinations in canonical form.

    Raises:
        ValueError: names the modality, what was expected and what was found.
    """
    if unknown := set(batch) - set(config.names):
        raise ValueError(f"unknown modality {sorted(unknown)}, the model has {config.names}")
    if wrong := {
        name: type(one).__name__ for name, one in batch.items() if type(one) is not Tokens
    }:
        raise ValueError(f"every modality's tokens are mmlab.types.Tokens, found {wrong}")
    for modality in config.modalities:
        if modality.name in batch:
            _check_tokens(modality, batch[modality.name])
    sizes = {name: len(tokens.mask) for name, tokens in batch.items()}
    if len(set(sizes.values())) != 1 or 0 in sizes.values():
        raise ValueError(f"every modality needs the same number of items, above 0, found {sizes}")
    anything = torch.stack([tokens.present for tokens in batch.values()]).any(dim=0)
    if not anything.all():
        empty = (~anything).nonzero()[:, 0].tolist()
        raise ValueError(f"items {empty} have no token in any of {list(batch)}; leave them out")
    known = all_combinations([name for name in config.names if name in batch])
    asked = known if combinations is None else combinations
    if not asked:
        raise ValueError(f"no combination is asked for; there are {known}")
    chosen = [parse_combination(names, config.names) for names in asked]
    if len(set(chosen)) != len(chosen):
        raise ValueError(f"a combination is asked for twice: {list(asked)}")
    if missing := {name for names in chosen for name in names} - set(batch):
        raise ValueError(f"the batch has no {', '.join(sorted(missing))}; found {list(batch)}")
    return chosen


def _check_tokens(modality: ModalityConfig, tokens: Tokens) -> None:
    name, values, mask = modality.name, tokens.values, tokens.mask
    if not values.is_floating_point():
        raise ValueError(f"{name}: values must be floats, found {values.dtype}")
    if mask.dtype != torch.bool:
        raise ValueError(f"{name}: the mask must be bool, found {mask.dtype}")
    if values.ndim != 3 or values.shape[:2] != mask.shape:
        found = f"values {tuple(values.shape)}, mask {tuple(mask.shape)}"
        raise ValueError(f"{name}: values (B, N, D) and mask (B, N) must agree, found {found}")
    if values.shape[2] != modality.width:
        raise ValueError(f"{name} has width {values.shape[2]}, expected {modality.width}")
    if not values.float().sum().isfinite():  # cheap; but large numbers and padding may do it too
        broken = (~values.float().isfinite()).any(dim=2) & mask  # (B, N)
        if broken.any():
            places = broken.nonzero()[:3].tolist()
            raise ValueError(
                f"{name} holds NaN or infinite features, expected finite ones of float32: found "
                f"{int(broken.sum())} such tokens, first (item, token) {places}"
            )
