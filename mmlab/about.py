"""dataset.json: what a dataset's features are and where its media lie."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from mmlab.types import Modality

FORMAT_VERSION = 1


@dataclass(frozen=True)
class FeatureInfo:
    """How one modality is described.

    Attributes:
        name: of the extractor.
        width: of a token.
        tokens_per_second: None for text, whose words have no times.
    """

    name: str
    width: int
    tokens_per_second: float | None


def about_bytes(media_root: str, features: dict[Modality, FeatureInfo]) -> bytes:
    """The content of dataset.json."""
    about = {
        "format": "mmlab-dataset",
        "version": FORMAT_VERSION,
        "media_root": media_root,
        "features": {name: asdict(info) for name, info in features.items()},
    }
    return (json.dumps(about, indent=2, ensure_ascii=False) + "\n").encode()


def read_about(folder: Path) -> dict[str, Any]:
    """The content of a dataset's dataset.json.

    Raises:
        FileNotFoundError: `folder` is no dataset.
        ValueError: the file is damaged or of another version.
    """
    path = folder / "dataset.json"
    if not path.exists():
        raise FileNotFoundError(f"{folder}: is no dataset (no dataset.json); make it: mmlab ingest")
    try:
        about = json.loads(path.read_text(encoding="utf-8"))
        version = about["version"]
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{path}: is damaged ({error!r}); run `mmlab ingest` again") from None
    if version != FORMAT_VERSION:
        raise ValueError(f"{path}: has version {version}, this mmlab reads {FORMAT_VERSION}")
    return about
