"""Write the second half of docs/scale.md: what HowTo100M needs, by arithmetic.

Every number comes from the corpus as published (the constants here, each with its source), from
the formats (widths and rates), or from what `mmlab bench data` measured: docs/bench-data.json.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mmlab import writing
from mmlab.features import FRAMES_PER_SECOND, MEL_BANDS, VideoDescriptor
from mmlab.shards import MEDIA_PER_SHARD
from mmlab.store import MOST_OPEN_SHARDS

CHECKOUT = Path(__file__).parents[1]
MEASURED, WRITTEN = "docs/bench-data.json", "docs/scale.md"
MARK = "<!-- below: written by tools/scale.py -->"

VIDEOS, CLIPS, HOURS = 1_220_000, 136_000_000, 134_472
"""HowTo100M (Miech et al., ICCV 2019)."""
VIDEO_BYTES = 12e12
"""All of HowTo100M's videos, made small for training, as its users report."""
EPOCHS, CLIPS_PER_VIDEO, TRAINING_DAYS, TRAINING_GPUS = 15, 10, 2, 4
"""Everything at Once: its pre-training configuration, and its author in issue 4 (V100)."""
CLIP_SECONDS, SOUND_SECONDS = 8.0, 7.68
"""Of a training clip: picture, and 768 frames of sound."""
MEAN_SECONDS = HOURS * 3600 / VIDEOS
FLOAT16 = 2
CORES = (16, 128, 1024)


@dataclass(frozen=True)
class Stream:
    """One kind of features."""

    name: str
    width: int
    per_second: float

    @property
    def bytes_per_second(self) -> float:
        """Of media."""
        return self.width * self.per_second * FLOAT16


SOUND = Stream("log-mel", MEL_BANDS, FRAMES_PER_SECOND)
STREAMS = {
    "default descriptors": (Stream("colour, texture, motion", VideoDescriptor.width, 1), SOUND),
    "the paper's: ResNet-152 + ResNeXt-101": (
        Stream("2D", 2048, 1),
        Stream("3D", 2048, 1.5),
        SOUND,
    ),
    "S3D": (Stream("S3D", 1024, 1), SOUND),
    "CLIP ViT-B/32": (Stream("CLIP", 512, 1), SOUND),
}
PAPER = "the paper's: ResNet-152 + ResNeXt-101"


def main() -> None:
    """Read the measurements, replace what stands behind the mark."""
    path, target = CHECKOUT / MEASURED, CHECKOUT / WRITTEN
    if not path.exists():
        sys.exit(f"{path} is missing; measure first: mmlab bench data --out {MEASURED}")
    head, mark, _ = target.read_text(encoding="utf-8").partition(MARK)
    if not mark:
        sys.exit(f"{target} has no mark; put it back: {MARK}")
    lines = document(json.loads(path.read_text(encoding="utf-8")))
    unfinished = target.with_suffix(".part")
    unfinished.write_text("\n".join([head + mark, "", *lines, ""]), encoding="utf-8")
    os.replace(unfinished, target)
    print(f"{WRITTEN}: {len(lines)} lines from {MEASURED}")


def document(measured: dict[str, Any]) -> list[str]:
    """All that is computed, as lines of Markdown."""
    where = measured["environment"]
    return [
        *corpus(),
        *storage(),
        *shards(),
        *processor_time(measured),
        *networks(measured),
        *transport(measured),
        *training(measured),
        *restarting(measured),
        f"Measured on {where['processor']}, {where['cores']} cores, torch {where['torch']}, "
        f"Python {where['python']}.",
    ]


def corpus() -> Iterator[str]:
    """The numbers that everything else starts from."""
    kilobits = VIDEO_BYTES * 8 / (HOURS * 3600) / 1000
    yield from table(
        ["HowTo100M", "", "source"],
        [
            ["videos", count(VIDEOS), "Miech et al., ICCV 2019"],
            ["hours", count(HOURS), "the same"],
            ["clips (captions)", count(CLIPS), "the same"],
            ["mean length", f"{MEAN_SECONDS:.0f} s, {CLIPS / VIDEOS:.0f} clips", "from these"],
            ["videos on disk", size(VIDEO_BYTES), "its users; made small for training"],
            ["a video", size(VIDEO_BYTES / VIDEOS), f"{kilobits:.0f} kbit/s"],
        ],
    )


def storage() -> Iterator[str]:
    """Bytes of features: width x rate x 2."""
    yield "### Features on disk"
    yield ""
    yield "Float16: width × tokens per second × 2 bytes, for every second of every video.\n"
    rows = []
    for name, streams in STREAMS.items():
        for stream in streams:
            about = f"{stream.width} × {stream.per_second:g}/s"
            rows.append([name, stream.name, about, *_costs(stream.bytes_per_second)])
            name = ""
        if len(streams) > 1:
            total = sum(stream.bytes_per_second for stream in streams)
            rows.append(["", "**together**", "", *_costs(total)])
    yield from table(["", "stream", "tokens", "an hour", "a video", "all"], rows)


def _costs(bytes_per_second: float) -> list[str]:
    seconds = (3600, MEAN_SECONDS, HOURS * 3600)
    return [size(bytes_per_second * each) for each in seconds]


def shards() -> Iterator[str]:
    """How many files, and how large."""
    number = -(-VIDEOS // MEDIA_PER_SHARD)
    yield "### Shards"
    yield ""
    yield (
        f"{count(VIDEOS)} videos / {MEDIA_PER_SHARD} = **{count(number)} shards**, each "
        f"{MEDIA_PER_SHARD * MEAN_SECONDS / 3600:.1f} hours of video:"
    )
    yield ""
    rows = [
        [name, size(MEDIA_PER_SHARD * MEAN_SECONDS * _bytes(streams))]
        for name, streams in STREAMS.items()
    ]
    yield from table(["", "a shard"], rows)
    most, most_bytes = writing.MEDIA_PER_SHARD, writing.SHARD_BYTES
    closed = min(most, most_bytes / (MEAN_SECONDS * _bytes(STREAMS[PAPER])))
    yield (
        f"`mmlab convert` closes a shard at {most} media or {size(most_bytes)}: of the paper's "
        f"features {count(VIDEOS / closed)} shards. However many there are, a process keeps "
        f"{count(MOST_OPEN_SHARDS)} of them open.\n"
    )


def _bytes(streams: Sequence[Stream]) -> float:
    return sum(stream.bytes_per_second for stream in streams)


def processor_time(measured: dict[str, Any]) -> Iterator[str]:
    """Core hours of the default descriptors."""
    yield "### Processor time, default descriptors"
    for one in measured["extraction"]:
        seconds = one["media_seconds"]
        rows = [
            [stage["name"], f"{seconds / stage['core_seconds']:,.0f}", core_hours(stage, one)]
            for stage in one["stages"]
            if stage["core_seconds"]
        ]
        rows.append(["**all**", f"**{one['per_core']:,.0f}**", core_hours(one, one)])
        yield ""
        yield (
            f"Measured on {one['media']}: {one['files']} files of {one['width']} × "
            f"{one['height']} at {one['frames_per_second']:.3g}/s, {seconds / 60:.1f} minutes. "
            f"{one['decoding_share']:.0%} of the time is decoding."
        )
        yield ""
        yield from table(["", "× real time on a core", "core hours for HowTo100M"], rows)
        hours = HOURS / one["per_core"]
        walls = ", ".join(f"{span(hours * 3600 / cores)} on {count(cores)}" for cores in CORES)
        yield f"As wall time, if all cores are as fast as this one: {walls} cores."
        larger = _with_pixels(one, 4)
        yield (
            "Decoding grows with the pixels: were pictures twice as wide and high and decoding "
            f"four times as dear, it would be {count(larger)} core hours.\n"
        )


def core_hours(part: dict[str, Any], one: dict[str, Any]) -> str:
    """What a part of the work costs for all videos."""
    return count(HOURS * part["core_seconds"] / one["media_seconds"])


def _with_pixels(one: dict[str, Any], times: float) -> float:
    decoding = next(s["core_seconds"] for s in one["stages"] if s["name"] == "decoding pictures")
    return HOURS * (one["core_seconds"] + (times - 1) * decoding) / one["media_seconds"]


def networks(measured: dict[str, Any]) -> Iterator[str]:
    """GPU hours as a function of the rate, with measured rates where there are any."""
    yield "### Networks"
    yield ""
    yield (
        "Hours = frames / (frames per second × 3600). Decoding is not in it; it is above. "
        "A GPU that nobody has measured has no row: `mmlab bench data --device cuda` adds it."
    )
    yield ""
    rows = []
    for one in measured["backbones"]:
        tokens = HOURS * 3600 * one["tokens_per_media_second"]
        frames = tokens * one["frames_per_token"]
        scale = ["1,000 frames/s (for scale)", count(frames / 1000 / 3600)]
        rows.append([one["name"], f"{frames / 1e9:.3g} × 10⁹", *scale])
        on_core = one["tokens_per_core_second"]
        made = one["frames_per_token"] * (on_core or one["tokens_per_second"])
        where, unit = ("a core here", "core") if on_core else (one["device"], "GPU")
        hours = f"{count(frames / made / 3600)} {unit} hours"
        rows.append(["", "", f"{count(made)} on {where}", hours])
    yield from table(["", "frames", "rate", "hours"], rows)
    if all(one["tokens_per_core_second"] is not None for one in measured["backbones"]):
        yield "No GPU has been measured yet.\n"


def transport(measured: dict[str, Any]) -> Iterator[str]:
    """Bytes a second that storage has to give and take while features are made."""
    one = measured["extraction"][0]
    reading = VIDEO_BYTES / (HOURS * 3600) * one["per_core"]
    writing = _bytes(STREAMS["default descriptors"]) * one["per_core"]
    yield "### Storage while features are made"
    yield ""
    yield (
        f"A core goes through {one['per_core']:,.0f} seconds of video in a second "
        f"({one['media']}), so it reads {rate(reading)} and writes {rate(writing)}:"
    )
    yield ""
    rows = [[count(cores), rate(reading * cores), rate(writing * cores)] for cores in CORES]
    yield from table(["cores", "read", "write"], rows)


def training(measured: dict[str, Any]) -> Iterator[str]:
    """What a training run reads."""
    streams = STREAMS[PAPER]
    clip = sum(
        stream.bytes_per_second * (SOUND_SECONDS if stream is SOUND else CLIP_SECONDS)
        for stream in streams
    )
    video = MEAN_SECONDS * _bytes(streams)
    needed = VIDEOS * CLIPS_PER_VIDEO * EPOCHS / (TRAINING_DAYS * 86400)
    yield "### Storage while a model is trained"
    yield ""
    yield (
        f"The paper's run reads {count(VIDEOS)} × {CLIPS_PER_VIDEO} clips × {EPOCHS} epochs in "
        f"about {TRAINING_DAYS} days on {TRAINING_GPUS} V100: **{count(needed)} clips a second**. "
        f"A clip of {CLIP_SECONDS:g} s is {size(clip)}, its whole video {size(video)}."
    )
    yield ""
    rows = [
        ["mmlab, the clip's tokens", size(clip), rate(needed * clip)],
        ["a video's files for each clip", size(video), rate(needed * video)],
        [
            f"a video's files for {CLIPS_PER_VIDEO} clips",
            size(video / CLIPS_PER_VIDEO),
            rate(needed * video / CLIPS_PER_VIDEO),
        ],
    ]
    yield from table(["read", "for a clip", "from storage"], rows)
    yield from _loaders(measured, needed)


def _loaders(measured: dict[str, Any], needed: float) -> Iterator[str]:
    """How many processes keep up with the training run, at the measured rates."""
    rows = []
    for one in measured["loading"]:
        order = f"{one['clips_per_video']} of a video" if one["clips_per_video"] > 1 else "random"
        for name, side in one["sides"].items():
            speed = side["clips_per_second"]
            cells = [one["content"], str(one["clips"]), order, name, count(speed)]
            rows.append([*cells, count(-(-needed // speed))])
    yield "From the page cache, one process; and how many processes that run would need:\n"
    yield from table(["content", "batch", "clips", "read from", "clips/s", "processes"], rows)


def restarting(measured: dict[str, Any]) -> Iterator[str]:
    """What a stop costs."""
    upkeep, one = measured["upkeep"], measured["extraction"][0]
    number = -(-VIDEOS // MEDIA_PER_SHARD)
    lost = MEDIA_PER_SHARD * MEAN_SECONDS / one["per_core"]
    yield "### Stopping, going on, opening"
    yield ""
    yield from table(
        ["", ""],
        [
            ["find the videos again", span(VIDEOS * upkeep["listing_seconds"])],
            [f"look into {count(number)} finished shards", span(number * upkeep["header_seconds"])],
            ["work lost, at most one shard for each core", f"{span(lost)} each"],
            ["manifest of all clips on disk", size(CLIPS * upkeep["manifest_disk_bytes"])],
            ["the same in memory", size(CLIPS * upkeep["manifest_memory_bytes"])],
            ["opening it", span(CLIPS * upkeep["open_seconds"])],
        ],
    )
    yield (
        "Looking is measured on a local disk; a network file system takes longer for each file. "
        "The manifest of every caption is large for one process: split it, or keep one row for a "
        "video and draw its clips while training, as published training does.\n"
    )


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """A Markdown table and an empty line."""
    yield f"| {' | '.join(head)} |"
    yield "|---" * len(head) + "|"
    yield from (f"| {' | '.join(row)} |" for row in rows)
    yield ""


def count(value: float) -> str:
    """Three figures at least, with separators: 76,250, 1,059, 3.2."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def size(value: float) -> str:
    """Bytes, three figures: 3.87 TB."""
    for unit in ("B", "kB", "MB", "GB"):
        if value < 999.5:
            return f"{value:.3g} {unit}"
        value /= 1000
    return f"{value:.3g} TB"


def rate(value: float) -> str:
    """Bytes a second."""
    return f"{size(value)}/s"


def span(seconds: float) -> str:
    """A length of time in the unit that fits."""
    for unit, length in (("days", 86400), ("hours", 3600), ("minutes", 60)):
        if seconds >= 1.5 * length:
            return f"{seconds / length:.3g} {unit}"
    return f"{seconds:.3g} seconds"


if __name__ == "__main__":
    main()
