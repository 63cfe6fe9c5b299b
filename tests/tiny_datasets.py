"""Datasets of a few clips written by hand in the documented form, so that tests can damage them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
from safetensors.numpy import save_file

from mmlab.about import FeatureInfo
from mmlab.dataset import ClipDataset
from mmlab.features.text import HashedWordVectors

FEATURES = {
    "video": FeatureInfo("colours", 6, 1.0),
    "audio": FeatureInfo("log-mel-40-v1", 40, 100.0),
}

MEDIA_COLUMNS = ["media_id", "media_path", "duration_seconds", "has_video", "has_audio", "shard"]


def arrays(seconds: int = 10, *, seed: int = 0, **more: np.ndarray | None) -> dict[str, np.ndarray]:
    """All tensors of one medium; `more` replaces some, or takes them away (None)."""
    random = np.random.default_rng(seed)
    own = {
        "video": random.random((seconds, 6)).astype(np.float16),
        "audio": random.uniform(-60, 0, (100 * seconds + 1, 40)).astype(np.float16),
        "brightness": np.full(seconds, 0.5, np.float16),
        "loudness": np.full(seconds, -20.0, np.float16),
    } | more
    return {name: array for name, array in own.items() if array is not None}


def clip_table(clips: list[tuple[str, float, float, str, str]], **more: list) -> pd.DataFrame:
    """A manifest of (media_id, start_seconds, end_seconds, text, split)."""
    columns = ["media_id", "start_seconds", "end_seconds", "text", "split"]
    table = pd.DataFrame(clips, columns=columns)
    table.insert(0, "clip_id", [f"{c[0]}#{c[1]:.2f}-{c[2]:.2f}" for c in clips])
    table.insert(2, "media_path", table.media_id)
    return table.assign(**more)


def make_dataset(
    folder: Path,
    media: Mapping[str, dict[str, np.ndarray]],
    clips: pd.DataFrame,
    *,
    features: dict[str, FeatureInfo] = FEATURES,
    media_root: Path | None = None,
    **columns: object,
) -> ClipDataset:
    """Write one shard per medium; `columns` go into the table of media."""
    (folder / "features").mkdir(parents=True)
    rows = []
    for number, (media_id, tensors) in enumerate(media.items()):
        shard = f"{number:04}.safetensors"
        named = {f"{media_id}/{name}": array for name, array in tensors.items()}
        save_file(named, folder / "features" / shard)
        has = [any(name.split(".")[0] == m for name in tensors) for m in ("video", "audio")]
        rows.append((media_id, media_id, 10.0, *has, shard))
    table = pd.DataFrame(rows, columns=MEDIA_COLUMNS)
    starts = {"picture_start_seconds": 0.0, "sound_start_seconds": 0.0}
    root = media_root or folder
    for media_id in media if media_root is None else ():
        (folder / media_id).parent.mkdir(parents=True, exist_ok=True)
        (folder / media_id).touch()
    return ClipDataset(
        folder,
        clips,
        table.assign(**(starts | columns)),
        media_root=root,
        features=features,
        text_encoder=HashedWordVectors(),
    )
