"""From the benchmarks' published features to a dataset; their videos need not be at hand.

Which sources are understood is in `mmlab.readers.feature_sources`. Streams stay apart in the
dataset, each at its own rate, and are merged when a clip is read.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path

import numpy as np
import pandas as pd

from mmlab.about import FeatureInfo, StreamInfo
from mmlab.dataset import ClipDataset
from mmlab.features.audio import FRAMES_PER_SECOND
from mmlab.features.published import TOKENS_PER_SECOND, unit
from mmlab.media_features import MediaFeatures
from mmlab.readers.captions import Captions, read_captions, usable_captions
from mmlab.readers.crosstask import read_prepared
from mmlab.readers.feature_folders import FeatureFolders, read_paths
from mmlab.readers.feature_sources import Source, Streams, find_source
from mmlab.writing import write_dataset

FRAME_END_SECONDS = 0.0126
"""How long the last 10 ms frame goes on behind its start, for published code's way of cutting."""

TSN_TOKENS_PER_SECOND = 15.0
"""Every second frame, of videos with the usual 30 frames per second."""

PROBED_VIDEOS = 20
"""So many videos that can be read tell which features most of them have."""

NOT_LISTED = "rest"
"""The split of training clips that are not in the list given."""


@dataclass(frozen=True)
class Stream:
    """What a stream of published features is.

    Attributes:
        name: of the network.
        tokens_per_second: of its features.
        source: from which more can be made; "" if not here.
    """

    name: str
    tokens_per_second: float
    source: str = ""


RESNET152 = Stream("resnet152", TOKENS_PER_SECOND["2d"])
RESNEXT101 = Stream("resnext101-16f", TOKENS_PER_SECOND["3d"])
S3D = Stream("s3d", TOKENS_PER_SECOND["s3d"])
CLIP = Stream("clip-vit-base-patch32", TOKENS_PER_SECOND["clip"], "openai/clip-vit-base-patch32")

KNOWN_STREAMS = {
    ("2d", 512): CLIP,
    ("3d", 1024): S3D,
    ("i3d", 1024): Stream("i3d", 1.0),
    ("resnet152", 2048): RESNET152,
    ("tsn", 2048): Stream("tsn", TSN_TOKENS_PER_SECOND),
}
"""By kind of file and width, where the kind alone does not tell."""

STREAMS = {"2d": RESNET152, "3d": RESNEXT101, "s3d": S3D, "clip": CLIP}


def convert_dataset(
    source: Path,
    out: Path,
    *,
    captions: Path | Captions | None = None,
    paths: Path | None = None,
    aligned: Sequence[Path] = (),
    audio: Path | None = None,
    features_3d: Path | None = None,
    steps: Path | None = None,
    media_root: Path | None = None,
    unit_norm: bool = True,
    progress: bool = True,
) -> ClipDataset:
    """Write published features as a dataset; what they are is found out, see the module.

    A conversion that was stopped goes on where it was. Files and clips that are broken are
    listed in the dataset's skipped.csv, the others are converted.

    Args:
        source: a pickle or a folder of features.
        out: folder of the dataset.
        captions: any file or folder that `read_captions` reads, or a folder of 0/1 matrices with
            `steps`; by default the captions in a pickle, or one clip without text per video.
        paths: csv with the column path or video_id. Of a folder only these videos are converted;
            of a pickle, these clips get the split "train" (the 7k and 9k lists of MSR-VTT) and
            others that have it the split "rest".
        aligned: pickles whose item i has other features (`s3d`, `clip`) of `source`'s item i.
        audio: folder of the log-mel frames, where it is not `source`.
        features_3d: folder of the 3D features, where it is not `source`.
        steps: json of the step texts that belong to the matrices in `captions`.
        media_root: folder of the videos themselves, as `<anything>/ID.mp4`, if they are at hand.
        unit_norm: bring every video feature to L2 norm 1, as published code does when reading.
        progress: show a progress bar.

    Raises:
        OSError: a file cannot be opened.
        ValueError: the source is none of these, or nothing of it can be used.
    """
    source = Path(source)
    found = find_source(source, paths, aligned, FeatureFolders(source, features_3d, audio))
    if not found.streams:
        reasons = "; ".join(f"{name}: {reason}" for name, reason in found.skipped[:3])
        raise ValueError(f"{source}: none of its videos can be used ({reasons or 'there is none'})")
    streams = _usual_streams(found)
    features = {"video": _video_info(streams, unit_norm)} if streams else {}
    if found.has_audio:
        features["audio"] = found.audio
    table = _captions(found, captions, paths, steps)
    loads = {
        media_id: partial(_media, read, streams, features.get("audio"), unit_norm)
        for media_id, read in found.streams.items()
    }
    return write_dataset(
        out,
        loads,
        table,
        features,
        media_root=media_root,
        skipped=found.skipped,
        progress=progress,
    )


def _usual_streams(found: Source) -> tuple[StreamInfo, ...]:
    """The video streams of most of the first videos; a video that has others is left out."""
    readable = islice(_readable(found), PROBED_VIDEOS)
    widths = Counter(_widths(streams) for streams in readable)
    (usual, _), *_ = widths.most_common(1) or [((), 0)]
    return tuple(
        StreamInfo(kind, width, _stream(kind, width).tokens_per_second) for kind, width in usual
    )


def _readable(found: Source) -> Iterator[Streams]:
    for read in found.streams.values():
        with suppress(OSError, ValueError):  # is listed when all are read
            yield read()


def _widths(streams: Streams) -> tuple[tuple[str, int], ...]:
    return tuple((kind, values.shape[1]) for kind, values in streams.items() if kind != "audio")


def _stream(kind: str, width: int) -> Stream:
    return KNOWN_STREAMS.get((kind, width)) or STREAMS.get(kind) or Stream(kind, 1.0)


def _video_info(streams: tuple[StreamInfo, ...], unit_norm: bool) -> FeatureInfo:
    """The last stream sets the times of the merged tokens, as in published code."""
    known = [_stream(info.name, info.width) for info in streams]
    return FeatureInfo(
        "+".join(stream.name for stream in known),
        sum(info.width for info in streams),
        streams[-1].tokens_per_second,
        source=known[0].source if len(known) == 1 else "",
        streams=streams if len(streams) > 1 else (),
        unit_norm=unit_norm,
    )


def _media(
    read: Callable[[], Streams],
    streams: tuple[StreamInfo, ...],
    audio: FeatureInfo | None,
    unit_norm: bool,
) -> MediaFeatures:
    """One video's features as a dataset keeps them.

    Raises:
        OSError: a file cannot be opened.
        ValueError: the features are damaged, or differ from the other videos'.
    """
    found = read()
    usual = tuple((info.name, info.width) for info in streams)
    if _widths(found) != usual:
        raise ValueError(f"has the features {_words(_widths(found))}, others {_words(usual)}")
    tokens, seconds = {}, [0.0]
    for info in streams:
        values = found[info.name].astype(np.float32)
        name = f"video.{info.name}" if len(streams) > 1 else "video"
        tokens[name] = unit(values) if unit_norm else values  # one stream is not merged later
        seconds.append(len(values) / info.tokens_per_second)
    if audio and len(found.get("audio", ())):
        rate = audio.tokens_per_second or 1.0
        tokens["audio"] = found["audio"]
        seconds.append(len(found["audio"]) / rate + FRAME_END_SECONDS * (rate == FRAMES_PER_SECOND))
    if not any(map(len, tokens.values())):
        raise ValueError("has no features at all")
    return MediaFeatures(duration_seconds=max(seconds), tokens=tokens)


def _words(widths: Iterable[tuple[str, int]]) -> str:
    return ", ".join(f"{name} of width {width}" for name, width in widths) or "none"


def _captions(
    found: Source, given: Path | Captions | None, paths: Path | None, steps: Path | None
) -> Captions:
    """The captions of the videos that are there."""
    if isinstance(given, Captions):
        captions = given
    elif given is not None and steps is not None:
        if paths is None:
            raise ValueError(f"{given}: matrices need the csv of their videos; give `paths`")
        captions = read_prepared(paths, given, steps).captions()
    elif given is not None:
        captions = read_captions(given)
    else:
        captions = found.captions or _whole_videos(found.streams)
    name = captions.format if given is None or isinstance(given, Captions) else Path(given).name
    captions = _of_these_videos(captions, found.streams, name)
    if found.captions is not None and paths is not None:
        captions = _train_on(captions, read_paths(paths))
    return captions


def _train_on(captions: Captions, videos: Sequence[str]) -> Captions:
    """The captions with the split "train" for some videos and for no others."""
    listed, split = captions.table["video"].isin(videos), captions.table["split"]
    split = split.where(split != "train", NOT_LISTED).where(~listed, "train")
    return Captions(captions.table.assign(split=split), captions.skipped, captions.format)


def _whole_videos(media_ids: Iterable[str]) -> Captions:
    return usable_captions(pd.DataFrame({"video": list(media_ids)}), "no captions")


def _of_these_videos(captions: Captions, media_ids: Mapping[str, object], name: str) -> Captions:
    """Leave out the captions of other videos, which a whole benchmark's file may have many of."""
    here = captions.table["video"].isin(list(media_ids))
    if not here.any():
        named, ids = captions.table["video"].unique()[:3], list(media_ids)[:3]
        raise ValueError(
            f"the captions ({captions.format}) are of other videos: they name "
            f"{', '.join(named) or 'none'}, the features are of {', '.join(ids)}"
        )
    others = captions.table["video"][~here].unique()
    reason = f"no features of {len(others)} of its videos, such as {', '.join(others[:3])}"
    skipped = captions.skipped + ([(name, reason)] if len(others) else [])
    return Captions(captions.table[here].reset_index(drop=True), skipped, captions.format)
