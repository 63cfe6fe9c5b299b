"""A worker whose decoder takes its process down, in a module that is quick to import."""

from __future__ import annotations

import os
from pathlib import Path

from mmlab import shards


def crash_on_red(work: shards.ShardWork) -> list[shards.MediaRecord]:
    real = shards.extract

    def extract(path: Path):
        if path.name == "red right.mp4":
            os._exit(11)
        return real(path)

    shards.extract = extract
    return shards.write_shard(work)
