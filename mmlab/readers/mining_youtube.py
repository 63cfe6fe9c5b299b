"""MiningYouTube: dictionary, transcripts, frame labels and step times of cooking videos.

The dictionary has 512 actions such as "crack_egg" and, last, "background". Its words are written
without their final s, right ("crack_egg") or not ("cut_asparagu", "pres_egg"), while the step
times say "crack_eggs" or "using_spatula"; `class_of` finds what is meant.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from itertools import islice, product
from pathlib import Path
from typing import TypeVar

import numpy as np

from mmlab.readers.captions import NO_SPLIT, Captions
from mmlab.readers.localization import LocalizationVideo, LocalizationVideos, segment_problem
from mmlab.readers.safe import read_text
from mmlab.readers.subtitles import parse_cues

BACKGROUND = "background"
UNKNOWN = -1
"""The index of a frame whose label is not in the dictionary."""

DICTIONARY = "weakYouTube_dict.txt"
MAPPING = "mapping_without_meta.txt"
SPLITS = {"videos_test.txt": "test", "videos_val.txt": "val", "videos_train.txt": "train"}

PLURALS = (("s", ""), ("es", ""), ("ies", "y"), ("y", "ie"))
"""Endings in an annotation and what the dictionary has instead; the first that fits is taken."""

WORDS = {
    "using": "use",
    "leaf": "leave",
    "topping": "topp",
    "toppings": "topp",
    "omelet": "omelette",
    "omelets": "omelette",
    "yoghurt": "yogurt",
    "chilli": "chili",
}
"""Words that no rule for endings maps to the dictionary's own."""

MOST_SPELLINGS = 256  # tried for one label; a label of two words has at most 36

Skipped = list[tuple[str, str]]
Content = TypeVar("Content")


@dataclass(frozen=True)
class MiningYoutubeVideo:
    """What is known about one video; labels are the dictionary's, unknown ones as written.

    Attributes:
        video_id: its id on YouTube.
        transcript: the classes in the order in which they happen, with "background" between.
        frame_labels: (F,) int16 class of each frame, `UNKNOWN` where it is not in the dictionary;
            empty where there is no such file.
        segments: (label, start_seconds, end_seconds) of the annotated steps.
        split: "test" or "val" as in the lists of videos, else "all".
    """

    video_id: str
    transcript: tuple[str, ...] = ()
    frame_labels: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int16))
    segments: tuple[tuple[str, float, float], ...] = ()
    split: str = NO_SPLIT

    def localization(self) -> LocalizationVideo:
        """The annotated steps in the common form: each segment is a step of its own, in order."""
        ordered = sorted(self.segments, key=lambda segment: segment[1])
        steps = tuple(label.replace("_", " ") for label, _, _ in ordered)
        times = tuple((step, start, end) for step, (_, start, end) in enumerate(ordered))
        return LocalizationVideo("", self.video_id, steps, times, self.split)


@dataclass(frozen=True)
class MiningYoutube:
    """A folder of MiningYouTube.

    Attributes:
        classes: the dictionary in the order of its indices.
        videos: in the order of the list of test videos, then by name.
        skipped: (which item, reason) of what cannot be used, and of labels not in the dictionary.
    """

    classes: tuple[str, ...]
    videos: tuple[MiningYoutubeVideo, ...]
    skipped: Skipped

    @property
    def background(self) -> int:
        """The index of the background class."""
        return self.classes.index(BACKGROUND)

    def localization(self) -> LocalizationVideos:
        """The videos that have step times, in the common form; the others are listed."""
        timed = [video for video in self.videos if video.segments]
        untimed = [
            (video.video_id, f"has no step times ({video.video_id}.srt)")
            for video in self.videos
            if not video.segments
        ]
        videos = [video.localization() for video in timed]
        return LocalizationVideos(videos, [*self.skipped, *untimed], "MiningYouTube")

    def captions(self) -> Captions:
        """The step times as captions such as "crack egg"."""
        return self.localization().captions()


def read_mining_youtube(folder: Path) -> MiningYoutube:
    """Read what a folder holds of MiningYouTube; files may lie in any subfolders.

    Args:
        folder: weakYouTube_dict.txt (one class per line) or mapping_without_meta.txt (index and
            class), and any of `VIDEO.grammar` or transcripts/`VIDEO.txt` (a line of classes),
            `VIDEO.gt` (a class for each frame), `VIDEO.srt` (step times), videos_test.txt.

    Returns:
        All videos of which there is any of these. Damaged files, and labels that are not in the
        dictionary, are listed in `skipped`; such labels stay in the videos as they are.

    Raises:
        ValueError: there is no dictionary, or it is damaged.
    """
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    classes = _dictionary(folder, paths)
    labels = _Labels(classes)
    skipped: Skipped = []
    transcripts = _read_each(_transcript_files(paths), _transcript, labels, skipped)
    frames = _read_each(_ending(paths, ".gt"), _frame_labels, labels, skipped)
    segments = _read_each(_ending(paths, ".srt"), _step_times, labels, skipped)
    skipped += [
        (name, f"label {label!r} is not in the dictionary ({count} times); kept as it is")
        for (name, label), count in labels.unknown.items()
    ]
    splits = _splits(paths, skipped)
    present = transcripts.keys() | frames.keys() | segments.keys()
    ids = [name for name in splits if name in present] + sorted(present - splits.keys())
    videos = [
        MiningYoutubeVideo(
            video_id,
            transcripts.get(video_id, ()),
            frames.get(video_id, np.zeros(0, np.int16)),
            segments.get(video_id, ()),
            splits.get(video_id, NO_SPLIT),
        )
        for video_id in ids
    ]
    return MiningYoutube(classes, tuple(videos), skipped)


def read_dictionary(path: Path) -> tuple[str, ...]:
    """The classes of a weakYouTube_dict.txt or of a mapping_without_meta.txt, by index.

    Raises:
        OSError: the file cannot be opened.
        ValueError: it has gaps, names a class twice, or has no "background".
    """
    lines = [line.split() for line in read_text(path).splitlines() if line.strip()]
    if all(len(words) == 2 and words[0].isdecimal() for words in lines):
        by_index = dict(lines)
        names = [by_index.get(str(index), "") for index in range(len(lines))]
    else:
        names = ["_".join(words) for words in lines]
    if len(set(names)) < len(names) or "" in names:
        raise ValueError(f"{path}: names a class twice or leaves one out; get the file again")
    if BACKGROUND not in names:
        raise ValueError(f"{path}: has no class {BACKGROUND!r}; get the file again")
    return tuple(names)


def class_of(label: str, known: Mapping[str, int]) -> str | None:
    """The dictionary's name for a label ("crack_eggs": "crack_egg"), None where it has none."""
    words = label.strip().lower().replace(" ", "_").split("_")
    spellings = product(*(list(_spellings(word)) for word in words))
    candidates = ("_".join(spelling) for spelling in islice(spellings, MOST_SPELLINGS))
    return next((name for name in candidates if name in known), None)


def _spellings(word: str) -> Iterable[str]:
    yield word
    if word in WORDS:
        yield WORDS[word]
    for ending, instead in PLURALS:
        if word.endswith(ending):
            yield word.removesuffix(ending) + instead


def _dictionary(folder: Path, paths: list[Path]) -> tuple[str, ...]:
    for name in (DICTIONARY, MAPPING):
        for path in paths:
            if path.name == name:
                return read_dictionary(path)
    raise ValueError(f"{folder}: holds no {DICTIONARY} and no {MAPPING}; put one there")


def _ending(paths: list[Path], ending: str) -> list[Path]:
    return [path for path in paths if path.suffix == ending]


def _transcript_files(paths: list[Path]) -> list[Path]:
    folders = ("transcript", "transcripts")
    return [
        path
        for path in paths
        if path.suffix == ".grammar" or (path.suffix == ".txt" and path.parent.name in folders)
    ]


class _Labels:
    """Finds each label's class and counts those that have none, by file."""

    def __init__(self, classes: tuple[str, ...]) -> None:
        self.known = {name: index for index, name in enumerate(classes)}
        self.names: dict[str, str | None] = {}
        self.unknown: Counter[tuple[str, str]] = Counter()

    def __call__(self, label: str, path: Path) -> str:
        """The dictionary's name, or the label itself."""
        if label not in self.names:
            self.names[label] = class_of(label, self.known)
        name = self.names[label]
        if name is None:
            self.unknown[path.name, label] += 1
        return label if name is None else name


def _read_each(
    paths: list[Path],
    read: Callable[[Path, _Labels, Skipped], Content],
    labels: _Labels,
    skipped: Skipped,
) -> dict[str, Content]:
    """Each file's content by video; files that cannot be read are listed."""
    found: dict[str, Content] = {}
    for path in paths:
        if path.stem in found:
            skipped.append((path.name, "another such file of this video was read before"))
            continue
        try:
            found[path.stem] = read(path, labels, skipped)
        except (OSError, ValueError) as error:
            skipped.append((path.name, str(error)))
    return found


def _transcript(path: Path, labels: _Labels, _: Skipped) -> tuple[str, ...]:
    return tuple(labels(word, path) for word in read_text(path).split())


def _frame_labels(path: Path, labels: _Labels, _: Skipped) -> np.ndarray:
    names = [labels(line.strip(), path) for line in read_text(path).rstrip().splitlines()]
    return np.array([labels.known.get(name, UNKNOWN) for name in names], dtype=np.int16)


def _step_times(
    path: Path, labels: _Labels, skipped: Skipped
) -> tuple[tuple[str, float, float], ...]:
    cues, broken = parse_cues(read_text(path))
    skipped += [(f"{path.name} line {line}", reason) for line, reason in broken]
    segments = []
    for cue in cues:
        problem = segment_problem(cue.start_seconds, cue.end_seconds)
        if problem or not cue.text:
            skipped.append((f"{path.name} line {cue.line}", problem or "names no step"))
        else:
            label = labels(" ".join(cue.text), path)
            segments.append((label, cue.start_seconds, cue.end_seconds))
    return tuple(segments)


def _splits(paths: list[Path], skipped: Skipped) -> dict[str, str]:
    """The split of each video that a list of videos names, in the lists' order."""
    splits: dict[str, str] = {}
    for name, split in SPLITS.items():
        for path in (path for path in paths if path.name == name):
            try:
                ids = read_text(path).split()
            except (OSError, ValueError) as error:
                skipped.append((path.name, str(error)))
            else:
                splits |= dict.fromkeys((name for name in ids if name not in splits), split)
    return splits
