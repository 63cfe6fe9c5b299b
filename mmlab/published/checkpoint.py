"""An authors' checkpoint file to a model, without ever running what a pickle asks to run.

Theirs holds {"epoch", "state_dict", "config", "optimizer", ...}; a bare state is read as well.
"""

from __future__ import annotations

import pickle
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.serialization import safe_globals

from mmlab.model import FusionModel
from mmlab.published.infer import infer_config
from mmlab.published.names import rename_state

PREFIX = "module."  # what DataParallel puts before every name


class _Scalar:
    """Stands for a numpy number, such as a best score: nothing here needs its value."""

    def __init__(self, *_: object) -> None:
        pass

    def __setstate__(self, state: object) -> None:
        pass


HARMLESS: list[Any] = [
    (_Scalar, "numpy.core.multiarray.scalar"),
    (_Scalar, "numpy._core.multiarray.scalar"),
    (_Scalar, "numpy.dtype"),
]
"""What a checkpoint may hold beyond tensors and plain Python values."""

SAVE_PLAINLY = (
    "if you trust its origin (this runs what the file says) and have its authors' code, save it "
    "plainly: "
    "c = torch.load(FILE, weights_only=False); torch.save({'state_dict': c['state_dict'], "
    "'config': {'arch': {'type': CLASS, 'args': ARGUMENTS}}}, 'plain.pth')"
)


@dataclass(frozen=True)
class Checkpoint:
    """What a file says of a published model.

    Attributes:
        source: where it was read, for messages.
        state: parameters and buffers by the authors' names, without `module.`.
        model_class: the authors' class; "" where the file does not say.
        arguments: of its constructor, as far as the file says.
    """

    source: str
    state: Mapping[str, Tensor]
    model_class: str = ""
    arguments: Mapping[str, Any] = field(default_factory=dict)

    @property
    def says_heads(self) -> bool:
        """Whether the number of attention heads is known, not assumed."""
        return "num_heads" in self.arguments.get("fusion_params", {})


def build(checkpoint: Checkpoint, heads: int | None = None) -> tuple[FusionModel, list[str]]:
    """The model of a checkpoint in eval mode, and the names in it that went unused.

    Args:
        checkpoint: its tensors become the model's own.
        heads: of the attention; default: as the checkpoint says, else 64 wide each.

    Raises:
        ValueError: names the source, the first parameter that does not fit, and both shapes.
    """
    shapes = {name: tuple(value.shape) for name, value in checkpoint.state.items()}
    try:
        config = infer_config(shapes, checkpoint.model_class, checkpoint.arguments, heads)
        state, unused = rename_state(checkpoint.state, config)
    except (ValueError, TypeError, AttributeError) as error:
        raise ValueError(f"{checkpoint.source}: {error}") from error
    with torch.device("meta"):  # no memory for weights that are replaced
        model = FusionModel(config)
    model.load_state_dict(state, assign=True)
    return model.eval(), unused


def load_published(path: Path, heads: int | None = None) -> tuple[FusionModel, list[str]]:
    """Read an authors' checkpoint: the model in eval mode, and the names that went unused.

    Example:
        >>> model, unused = load_published(Path("everything_at_once_tva.pth"))

    Raises:
        ValueError: damaged, foreign, or of another model; names the first that does not fit.
    """
    return build(read_checkpoint(path), heads)


def read_checkpoint(path: Path) -> Checkpoint:
    """Read an authors' checkpoint; only tensors and plain values are accepted.

    Raises:
        OSError: no such file.
        ValueError: damaged, no checkpoint, or with objects of classes that are not read.
    """
    content = _load(Path(path))
    if not isinstance(content, Mapping):
        raise ValueError(f"{path}: expected a dictionary, found {type(content).__name__}")
    state = content.get("state_dict", content)
    if not isinstance(state, Mapping) or not state:
        raise ValueError(f"{path}: no parameters; it holds {ascii(list(content))[:200]}")
    for name, value in state.items():
        if not isinstance(name, str) or not name.isprintable() or not isinstance(value, Tensor):
            found = f"{name!r}: {type(value).__name__}"
            raise ValueError(f"{path}: expected tensors by name, found {found}")
    if all(name.startswith(PREFIX) for name in state):
        state = {name.removeprefix(PREFIX): value for name, value in state.items()}
    config = content.get("config")
    architecture = config.get("arch") if isinstance(config, Mapping) else None
    if not isinstance(architecture, Mapping):
        return Checkpoint(str(path), state)
    arguments = architecture.get("args")
    arguments = arguments if isinstance(arguments, Mapping) else {}
    return Checkpoint(str(path), state, str(architecture.get("type", "")), arguments)


def _load(path: Path) -> Any:
    with path.open("rb") as file:
        zipped = file.read(4) == b"PK\x03\x04"
    try:
        with safe_globals(HARMLESS):
            # Mapped, a checkpoint's optimizer state (twice its weights) is never read.
            return torch.load(path, map_location="cpu", weights_only=True, mmap=zipped)
    except Exception as error:  # a damaged file fails anywhere in the reader
        text = str(error)
        if refused := re.search(r"GLOBAL (\S+)", text):
            reason = f"{path} holds an object of {refused[1]!r}, which is not read"
            raise ValueError(f"{reason}; {SAVE_PLAINLY}") from error
        reason = "" if isinstance(error, pickle.UnpicklingError) else text.partition("\n")[0]
        raise ValueError(
            f"{path} is damaged, cut short or no PyTorch checkpoint; copy it again "
            f"({ascii(reason) if reason else type(error).__name__})"
        ) from error
