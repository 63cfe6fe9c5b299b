"""The shards of a dataset, opened when asked for."""

from __future__ import annotations

import os
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from mmlab.mapped import MappedTensors

MOST_OPEN_SHARDS = 2_000
"""The system limits how many files a process maps; those not used for longest are closed."""


class FeatureStore:
    """The tensors of all media of a dataset, memory-mapped.

    Args:
        folder: holds the shards.
        shards: the file name of each medium's shard.
    """

    def __init__(self, folder: Path, shards: Mapping[str, str]) -> None:
        self._folder, self._shards = folder, shards
        self._open: OrderedDict[str, MappedTensors] = OrderedDict()

    def get(self, media_id: str, name: str) -> Tensor | None:
        """A tensor of one medium as stored, such as "video" or "video.seconds", if it has it.

        Raises:
            KeyError: no such medium.
            OSError: its shard is missing.
            ValueError: its shard is damaged.
        """
        shard = self._shard(media_id)
        key = f"{media_id}/{name}"
        return torch.from_numpy(shard[key]) if key in shard else None

    def _shard(self, media_id: str) -> MappedTensors:
        try:
            name = self._shards[media_id]
        except KeyError:
            dataset = self._folder.parent
            raise KeyError(f"no media {media_id!r} in {dataset}; see its media.parquet") from None
        try:
            self._open.move_to_end(name)
            return self._open[name]
        except KeyError:
            return self._opened(name)

    def _opened(self, name: str) -> MappedTensors:
        path = self._folder / name
        if not os.path.exists(path):
            raise FileNotFoundError(f"{path}: is missing; run the same `mmlab ingest` again")
        self._open[name] = MappedTensors(path)
        if len(self._open) > MOST_OPEN_SHARDS:
            self._open.popitem(last=False)
        return self._open[name]

    def __getstate__(self) -> dict[str, Any]:
        """Every process opens shards for itself."""
        return self.__dict__ | {"_open": OrderedDict()}
