"""A reference file: a published model, a batch, and what the published code makes of them.

It is an `.npz` of `meta` (JSON), `state/...`, `in/...`, `out/...`, `loss/...` and `gradnorm/...`.
"""

from __future__ import annotations

import json
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from mmlab.model import ModelConfig
from mmlab.types import Batch, Tokens

BROKEN_ZIP = (zipfile.BadZipFile, zlib.error)


@dataclass(frozen=True)
class ReferenceCase:
    """The content of a file; each of its parts by the published names."""

    path: Path
    meta: dict[str, Any]
    state: dict[str, Tensor]
    inputs: dict[str, Tensor]
    outputs: dict[str, Tensor]
    losses: dict[str, Tensor]
    gradient_norms: dict[str, Tensor]

    @classmethod
    def read(cls, path: Path) -> ReferenceCase:
        """Read a file, never a pickle.

        Raises:
            ValueError: names the file and the field that is missing or malformed.
        """
        parts: dict[str, dict[str, Tensor]] = {
            part: {} for part in ("state", "in", "out", "loss", "gradnorm")
        }
        meta = None
        for name, array in _arrays(path):
            part, _, rest = name.partition("/")
            if name == "meta":
                meta = _read_meta(path, array)
            elif part in parts and rest:
                parts[part][rest] = _tensor(f"{path}: {name}", array)
                if part in ("loss", "gradnorm") and array.ndim:
                    raise ValueError(f"{path}: {name} has shape {array.shape}, expected a number")
        if meta is None:
            raise ValueError(f"{path}: meta is missing")
        for part, tensors in parts.items():
            if not tensors:
                raise ValueError(f"{path}: {part}/* is missing")
        return cls(path, meta, *parts.values())

    def batch(self, config: ModelConfig) -> Batch:
        """The inputs of a model's modalities; the published sound is (B, 40, F)."""
        result, items = {}, None
        for modality in config.modalities:
            name = modality.name
            values, mask = self._input(name, 3), self.mask(name)
            if modality.encoder:
                values = values.transpose(1, 2)  # (B, F, 40)
                if modality.max_tokens is not None:
                    self._check_frames(mask)
            if values.shape[:2] != mask.shape or len(mask) != (items or len(mask)):
                raise ValueError(
                    f"{self.path}: in/{name} {tuple(self.inputs[name].shape)}, in/{name}_mask "
                    f"{tuple(mask.shape)} and the other inputs are not of one batch"
                )
            items = len(mask)
            result[name] = Tokens(values, mask)
        return result

    def mask(self, name: str) -> Tensor:
        """(B, N) bool: which of a modality's tokens, or frames of sound, are real."""
        return self._input(f"{name}_mask", 2) > 0

    def _input(self, name: str, axes: int) -> Tensor:
        if name not in self.inputs:
            raise ValueError(f"{self.path}: in/{name} is missing")
        value = self.inputs[name]
        if value.ndim != axes or not value.isfinite().all():
            raise ValueError(
                f"{self.path}: in/{name} has shape {tuple(value.shape)}, "
                f"expected {axes} axes of finite numbers"
            )
        return value.float()

    def _check_frames(self, mask: Tensor) -> None:
        """Sound is shortened by the number of real frames, which ours takes from the mask."""
        frames = self.inputs.get("audio_STFT_nframes")
        if frames is None or not torch.equal(frames.long(), mask.sum(1)):
            raise ValueError(f"{self.path}: in/audio_STFT_nframes is not the sum of in/audio_mask")

    def setting(self, *names: str) -> Any:
        """A value of `meta`, such as `setting("loss", "temperature")`."""
        value: Any = self.meta
        for name in names:
            if not isinstance(value, dict) or name not in value:
                raise ValueError(f"{self.path}: meta has no {'.'.join(names)}")
            value = value[name]
        return value

    def number(self, *names: str) -> float:
        """A number of `meta`."""
        value = self.setting(*names)
        if isinstance(value, bool) or not isinstance(value, int | float):
            found = type(value).__name__
            raise ValueError(f"{self.path}: meta.{'.'.join(names)} is a {found}, expected a number")
        return float(value)


def _arrays(path: Path) -> Iterator[tuple[str, np.ndarray]]:
    if path.exists() and not zipfile.is_zipfile(path):
        raise ValueError(f"{path} is no .npz file, or cut short")
    name = "the file"
    try:
        with np.load(path, allow_pickle=False) as file:
            for name in file.files:
                yield name, file[name]
    # zipfile says NotImplementedError of a compression that it does not know.
    except (ValueError, EOFError, MemoryError, NotImplementedError, *BROKEN_ZIP) as error:
        raise ValueError(f"{path}: {name} cannot be read ({error})") from error


def _read_meta(path: Path, array: np.ndarray) -> dict[str, Any]:
    try:
        meta = json.loads(str(array))
    except ValueError as error:
        raise ValueError(f"{path}: meta is no JSON ({error})") from error
    if not isinstance(meta, dict):
        raise ValueError(f"{path}: meta is a {type(meta).__name__}, expected a dictionary")
    return meta


def _tensor(field_name: str, array: np.ndarray) -> Tensor:
    if array.dtype.kind not in "fiub":
        raise ValueError(f"{field_name} has type {array.dtype}, expected numbers")
    return torch.from_numpy(np.array(array))  # a copy: what was read may be read-only
