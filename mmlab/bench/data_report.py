"""The figures of the data benchmark, and how they are printed."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from mmlab.bench.backbones import BackboneSpeed
from mmlab.bench.extraction import Extraction
from mmlab.bench.loading import MMLAB, Loading
from mmlab.bench.upkeep import Upkeep


@dataclass(frozen=True)
class DataReport:
    """Everything that was measured in one run; a part that was left out is empty or None."""

    environment: dict[str, str | int]
    settings: dict[str, Any]
    loading: list[Loading] = field(default_factory=list)
    extraction: list[Extraction] = field(default_factory=list)
    backbones: list[BackboneSpeed] = field(default_factory=list)
    upkeep: Upkeep | None = None

    def to_json(self) -> str:
        """All figures, every round included."""
        return json.dumps(asdict(self), indent=2) + "\n"

    def tables(self) -> Iterator[str]:
        """Each part as plain text."""
        yield from map(loading_table, self.loading)
        yield from map(extraction_table, self.extraction)
        if self.backbones:
            yield backbone_table(self.backbones)
        if self.upkeep:
            yield upkeep_lines(self.upkeep)


def loading_table(loading: Loading) -> str:
    """Clips per second and memory of every side."""
    rows = [["", "clips/s", "ms per clip", "peak memory", "own", "mapped files", "mmlab is"]]
    for name, side in loading.sides.items():
        memory = side.memory
        cells = [memory.peak, memory.own, memory.mapped] if memory else []
        ratio = loading.ratios.get(name)
        rows.append(
            [
                name if name == MMLAB else f"one {name} per video",
                f"{side.clips_per_second:,.0f}",
                f"{1000 / side.clips_per_second:.2f}",
                *([f"{cell / 1e6:,.0f} MB" for cell in cells] or ["-"] * 3),
                f"{ratio:.1f} times as fast" if ratio else "",
            ]
        )
    many = loading.clips_per_video
    order = f"{many} clips of each video together" if many > 1 else "clips in random order"
    title = f"Loading: {loading.content}; batches of {loading.clips}, {order}"
    return f"{title}\n{_aligned(rows)}"


def extraction_table(extraction: Extraction) -> str:
    """What each stage takes of the time, and the speed of all."""
    rows = [["", "core seconds", "share", "times real time"]]
    for stage in extraction.stages:
        rows.append(
            [
                stage.name,
                f"{stage.core_seconds:.2f}",
                f"{stage.core_seconds / extraction.core_seconds:.0%}",
                f"{extraction.media_seconds / stage.core_seconds:,.0f}"
                if stage.core_seconds
                else "-",
            ]
        )
    rows.append(["all", f"{extraction.core_seconds:.2f}", "", f"{extraction.per_core:,.0f}"])
    size = f"{extraction.width} x {extraction.height} at {extraction.frames_per_second:.3g}/s"
    title = (
        f"Extraction: {extraction.media}, {extraction.files} files, {size}, "
        f"{extraction.media_seconds / 60:.1f} minutes; {extraction.decoding_share:.0%} is decoding"
    )
    speeds = (
        f"wall time: one process {extraction.one_process:,.0f} times real time, "
        f"{extraction.processes} processes {extraction.all_processes:,.0f}"
    )
    return f"{title}\n{_aligned(rows)}\n{speeds}"


def backbone_table(speeds: Sequence[BackboneSpeed]) -> str:
    """Frames per second and times real time of each network."""
    rows = [["", "device", "threads", "frames/s", "tokens/s", "times real time"]]
    for one in speeds:
        rows.append(
            [
                one.name,
                one.device,
                str(one.threads),
                f"{one.frames_per_token * one.tokens_per_second:.3g}",
                f"{one.tokens_per_second:.3g}",
                f"{one.tokens_per_second / one.tokens_per_media_second:.3g}",
            ]
        )
    return f"Backbones, with random weights\n{_aligned(rows)}"


def upkeep_lines(upkeep: Upkeep) -> str:
    """What a dataset costs besides its features."""
    return "\n".join(
        [
            "Upkeep",
            f"manifest: {upkeep.manifest_disk_bytes:.0f} bytes a clip on disk, "
            f"{upkeep.manifest_memory_bytes:.0f} in memory, "
            f"{1e6 * upkeep.open_seconds:.1f} s to open a million clips",
            f"restart: {1e6 * upkeep.listing_seconds:.1f} s to find a million media, "
            f"{1e3 * upkeep.header_seconds:.2f} ms to look into a finished shard",
        ]
    )


def _aligned(rows: Sequence[Sequence[str]]) -> str:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]).rstrip()
        for row in rows
    )
