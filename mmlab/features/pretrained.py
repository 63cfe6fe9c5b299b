"""Loading networks of `transformers` safely, and running them in batches.

Nothing that is loaded can run code: weights are safetensors, remote code is refused. What is in
the Hugging Face cache or a local folder is used without asking the network.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

EXTRA = "pip install 'mmlab[backbones]'"
SAFELY = {"trust_remote_code": False}
TEXT_PARTS, PICTURE_PARTS = (
    ("text_model", "text_projection"),
    ("vision_model", "visual_projection"),
)
"""The halves of models of pictures (or sound) and text, as `load_model` drops them."""


def transformers_package() -> Any:
    """The `transformers` module.

    Raises:
        ImportError: it is not installed.
    """
    try:
        import transformers
    except ImportError as error:
        raise ImportError(
            f"networks from the Hugging Face hub need transformers; {EXTRA}"
        ) from error
    return transformers


def load_part(factory: Any, source: str, **options: Any) -> Any:
    """`factory.from_pretrained(source)` of a local folder, a cached or else a downloaded model.

    Args:
        factory: a class of `transformers`: a config, model, processor or tokenizer.
        source: a folder, or a name such as "openai/clip-vit-base-patch32".
        options: for `from_pretrained`.

    Raises:
        ValueError: there is no such model, it is damaged, or it would need remote code.
    """
    folder = Path(source).expanduser()
    if folder.is_file():
        raise ValueError(f"{source}: is a file; give the folder of a saved model")
    found, is_local = (str(folder), True) if folder.exists() else (source, _is_path(source))
    try:
        with _quietly():
            return factory.from_pretrained(found, **SAFELY, **options, local_files_only=True)
    except ImportError:
        raise
    except Exception as error:  # whatever a damaged folder makes of a dozen parsers
        if is_local or not isinstance(error, OSError):
            raise ValueError(_why(source, is_local, error)) from error
    try:
        return factory.from_pretrained(found, **SAFELY, **options)  # downloads, with a bar
    except (OSError, ValueError) as error:
        raise ValueError(_why(source, is_local, error)) from error


def read_config(source: str) -> Any:
    """The model's config, which says in `model_type` what it is; errors as `load_part`."""
    return load_part(transformers_package().AutoConfig, source)


def find_file(source: str, name: str) -> Path | None:
    """A further small file of a model, None if it has none or it is not at hand."""
    folder = Path(source).expanduser()
    if folder.exists():
        return folder / name if (folder / name).is_file() else None
    for local in (True, False):
        found = transformers_package().utils.cached_file(
            source,
            name,
            local_files_only=local,
            _raise_exceptions_for_missing_entries=False,
            _raise_exceptions_for_connection_errors=False,
        )
        if found:
            return Path(found)
    return None


def load_model(factory: Any, source: str, *, unused: tuple[str, ...] = (), **options: Any) -> Any:
    """A model with float32 weights from safetensors files, ready for inference.

    Args:
        factory: as for `load_part`.
        source: as for `load_part`.
        unused: parts to drop, so that no worker keeps them in memory; their weights may be
            missing.
        options: for `from_pretrained`.

    Raises:
        ValueError: as `load_part`; or weights are missing, which would be left random.
    """
    options |= {"use_safetensors": True, "dtype": torch.float32, "output_loading_info": True}
    model, report = load_part(factory, source, **options)
    wrong = [str(key) for key in (*report["missing_keys"], *report["mismatched_keys"])]
    wrong = sorted(name for name in wrong if name.partition(".")[0] not in unused)
    if wrong:
        raise ValueError(
            f"{source}: its weights do not fit a {type(model).__name__}: {wrong[0]} and "
            f"{len(wrong) - 1} more are missing or have another shape; save the model again "
            "with save_pretrained"
        )
    for part in unused:
        if hasattr(model, part):
            setattr(model, part, None)
    return model.eval().requires_grad_(False)


def describe_model(source: str, model: nn.Module) -> str:
    """A name for what `model` makes: what was asked for and a fingerprint of its weights.

    So two folders of the same name, or a model that was trained further, are not mixed up.
    """
    digest = hashlib.blake2b(digest_size=4)
    for name, weight in sorted(model.state_dict().items()):
        sample = weight.detach().reshape(-1)[:64].to(torch.float64).cpu().numpy()
        digest.update(name.encode() + sample.tobytes())
    path = Path(source).expanduser()
    return f"{path.resolve().name if path.exists() else source}-{digest.hexdigest()}"


def choose_device(device: str) -> torch.device:
    """The device called "auto" (a GPU if there is one), "cpu", "cuda", "cuda:1", ...

    Raises:
        ValueError: there is no such device here.
    """
    if device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        return torch.empty(0, device=device).device
    except (RuntimeError, AssertionError) as error:
        raise ValueError(f"device {device!r} is not available here; use 'auto' or 'cpu'") from error


def batch_size(device: torch.device, *, on_cpu: int, on_gpu: int) -> int:
    """How many items at once: few keep a CPU's memory small, many keep a GPU busy."""
    return on_cpu if device.type == "cpu" else on_gpu


@contextmanager
def computing(device: torch.device) -> Iterator[None]:
    """No gradients; bfloat16 products on a GPU that has them, else float32 as on the CPU."""
    half = device.type == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False)
    with (
        torch.inference_mode(),
        torch.autocast(device.type, torch.bfloat16, enabled=half),
    ):
        yield


def plain_rows(tokens: Tensor, name: str) -> np.ndarray:
    """(n, D) of any precision and device -> (n, D) float32.

    Raises:
        ValueError: not all are finite.
    """
    if not torch.isfinite(tokens).all():
        raise ValueError(f"{name} gave NaN or infinity; its weights are damaged, load others")
    return tokens.float().cpu().numpy()


def unit_rows(tokens: Tensor, name: str) -> np.ndarray:
    """`plain_rows` scaled to unit length, as the published features are."""
    return plain_rows(nn.functional.normalize(tokens.float(), dim=-1), name)


def rows(blocks: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
    """The rows of all blocks, one after the other."""
    return (row for block in blocks for row in block)


def in_batches(
    encode: Callable[[list[np.ndarray]], np.ndarray],
    items: Iterable[np.ndarray],
    width: int,
    batch_size: int,
) -> np.ndarray:
    """The tokens that `encode` makes of all items, `batch_size` of them at a time.

    Batches do not follow the blocks in which a file was read, so that these change nothing,
    not even the rounding.

    Returns:
        (N, width) float32, also of no items at all.
    """
    left = iter(items)
    tokens = [np.zeros((0, width), dtype=np.float32)]
    while batch := list(islice(left, batch_size)):
        tokens.append(encode(batch))
    return np.concatenate(tokens)


def _is_path(source: str) -> bool:
    """Whether this can only mean a folder: hub names are `name` or `owner/name`."""
    return source.startswith((".", "/", "~")) or source.count("/") > 1 or "\\" in source


def _why(source: str, is_local: bool, error: Exception) -> str:
    lines = str(error).strip().splitlines() or [type(error).__name__]
    if "named model.safetensors" in str(error):
        mend = (
            "only safetensors weights are read, because others can run code; if you trust it, "
            "load it with transformers, save_pretrained it, and give that folder"
        )
    elif Path(source).expanduser().exists():
        mend = "give a folder written by save_pretrained with safetensors weights"
    elif is_local:
        return f"{source}: there is no such folder; give the folder of a saved model"
    else:
        mend = (
            "it is neither a folder nor in the Hugging Face cache and could not be downloaded; "
            "check the name, or run `hf download NAME` where there is a network"
        )
    return f"{source}: cannot be loaded ({lines[0][:300]}); {mend}"


@contextmanager
def _quietly() -> Iterator[None]:
    """No bars for loading weights: workers would draw them over the bar of the extraction."""
    logging = transformers_package().utils.logging
    shown, level = logging.is_progress_bar_enabled(), logging.get_verbosity()
    logging.disable_progress_bar()
    logging.set_verbosity_error()
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if shown:
            logging.enable_progress_bar()
