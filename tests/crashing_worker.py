"""A worker whose decoder takes its process down, in a module that is quick to import."""

from __future__ import annotations

import os
from pathlib import Path

from mmlab import shards


def crash_on_red(work: shards.ShardWork) -> list[shards.MediaRecord]:
    real = shards.extract

    def extract(path: Path, *arguments):
        if path.name == "red right.mp4":
            os._exit(11)
        return real(path, *arguments)

    shards.extract = extract
    return shards.write_shard(work)


def die_at_once(work: shards.ShardWork) -> list[shards.MediaRecord]:
    os._exit(11)
