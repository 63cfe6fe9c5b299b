"""What a run is a run of: what must be the same for a stopped one to go on."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from typing import Any

from mmlab.dataset import ClipDataset
from mmlab.distributed import world_size
from mmlab.model import FusionModel
from mmlab.origin import dataset_hash
from mmlab.training.config import TrainConfig

FREE = {"device", "loaders", "checkpoint_every_steps", "deterministic"}
"""Settings that change no number."""

COLUMNS = ["clip_id", "media_id", "start_seconds", "end_seconds", "text"]


def run_identity(model: FusionModel, clips: ClipDataset, config: TrainConfig) -> dict[str, Any]:
    """Both configurations, the clips, their features, and how many processes share a batch."""
    digest = hashlib.blake2b(clips.manifest[COLUMNS].to_csv().encode(), digest_size=16)
    return {
        "train": {name: value for name, value in asdict(config).items() if name not in FREE},
        "model": json.loads(model.config.to_json()),
        "clips": {"count": len(clips), "digest": digest.hexdigest()},
        "dataset_hash": dataset_hash(clips.folder),
        "processes": world_size(),
    }


def first_difference(one: Any, other: Any, name: str = "") -> tuple[str, Any, Any] | None:
    """The first field in which two JSON values differ: its name and both values."""
    if isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        one, other = dict(enumerate(one)), dict(enumerate(other))
    if isinstance(one, dict) and isinstance(other, dict):
        for key in [*one, *(key for key in other if key not in one)]:
            inner = f"{name}.{key}" if name else str(key)
            found = first_difference(one.get(key), other.get(key), inner)
            if found:
                return found
        return None
    return None if one == other else (name, one, other)
