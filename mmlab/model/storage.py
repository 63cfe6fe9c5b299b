"""A model on disk: a folder with config.json and model.safetensors."""

from __future__ import annotations

import errno
from collections.abc import Mapping
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from mmlab.files import replacing, write_atomically
from mmlab.model.config import ModelConfig


def save_model(folder: Path, config: ModelConfig, state: Mapping[str, Tensor]) -> None:
    """Write both files, each atomically."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    write_atomically(folder / "config.json", config.to_json().encode())
    with replacing(folder / "model.safetensors") as unfinished:
        write_tensors(unfinished, state)


def write_tensors(path: Path, tensors: Mapping[str, Tensor]) -> None:
    """Write a safetensors file, tensor by tensor, not as bytes in memory.

    Raises:
        OSError: for example a full disk.
    """
    try:
        save_file({name: value.contiguous() for name, value in tensors.items()}, path)
    except SafetensorError as error:
        message = f"could not be written ({error}); is the disk full? free some space and go on"
        raise OSError(errno.EIO, message, str(path)) from error


def load_model(folder: Path) -> tuple[ModelConfig, dict[str, Tensor]]:
    """Read both files.

    Raises:
        FileNotFoundError: no model lies there.
        ValueError: a file is damaged.
    """
    settings, weights = Path(folder) / "config.json", Path(folder) / "model.safetensors"
    if not settings.exists():
        raise FileNotFoundError(f"{folder} holds no model (config.json); train one: mmlab train")
    try:
        return ModelConfig.from_json(settings.read_text()), load_file(weights)
    except SafetensorError as error:
        raise ValueError(f"{weights} is damaged ({error}); train again or restore it") from error
    except ValueError as error:
        raise ValueError(f"{settings}: {error}") from error


def fit_state(model: nn.Module, state: Mapping[str, Tensor], *, origin: str) -> None:
    """Load a state that has to fit exactly.

    Raises:
        ValueError: names the first parameter that is missing, unknown or of another shape.
    """
    for name, own in model.state_dict().items():
        if name not in state:
            raise ValueError(
                f"{origin} does not fit its configuration: it has no {name}, "
                f"expected {tuple(own.shape)}"
            )
        if state[name].shape != own.shape:
            raise ValueError(
                f"{origin} does not fit its configuration: {name} is "
                f"{tuple(state[name].shape)}, expected {tuple(own.shape)}"
            )
    if unknown := set(state) - set(model.state_dict()):
        raise ValueError(
            f"{origin} does not fit its configuration: unknown parameter {min(unknown)}"
        )
    model.load_state_dict(dict(state))
