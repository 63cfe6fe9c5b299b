"""Subtitles in WebVTT and SubRip (SRT), clean or as people and tools damage them."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path, PurePosixPath

import pandas as pd

from mmlab.readers.captions import Captions, joined_captions, usable_captions
from mmlab.readers.safe import read_lines
from mmlab.readers.times import seconds_of

ENDINGS = (".srt", ".vtt")
LANGUAGE = r"[a-zA-Z]{2,3}(?:-[a-zA-Z0-9]{2,8})*"
"""Such as en, en-US, zh-Hans, en-orig in "talk.en-US.vtt"."""

MOST_ROLLING_LINES = 8  # that are shown at once; there are two or three

MEDIA_LIKE_LANGUAGES = ("avi", "mkv", "mov", "wav")
"""What looks like a language in "talk.mov.srt" and is none."""

BLIP_SECONDS = 0.05
"""Rolling captions show each finished line once more, alone, for at most this long."""

CLOCK = r"-?(?:\d+:)?\d+:\d+(?:[.,]\d+)?"
TIMING = re.compile(rf"\s*({CLOCK})\s*--?\s*>\s*({CLOCK})(?![\d:])")
WORD_TIME = re.compile(r"<\d+:\d[\d:.]*>")
MARKUP = re.compile(r"</?[a-zA-Z][^<>]*>|</?>|<\d+:\d[\d:.]*>|\{\\[^{}]*\}")
INVISIBLE = dict.fromkeys(map(ord, "\u200b\u200e\u200f\u202a\u202c\ufeff"))


@dataclass(frozen=True)
class Cue:
    """One subtitle: where its times stand in the file, when it is shown, its lines of text."""

    line: int
    start_seconds: float
    end_seconds: float
    text: tuple[str, ...]


def read_subtitles(path: Path, video: str | None = None) -> Captions:
    """Read one WebVTT or SRT file; broken cues are listed, each rolling text is read once.

    Args:
        path: the file.
        video: what it is about; by default the file's name without its ending and without a
            language of two letters: "talk" for "talk.en-US.vtt".

    Raises:
        OSError: the file cannot be opened.
        ValueError: it holds no cues.
    """
    text, no_text = read_lines(path)
    cues, broken = parse_cues(text)
    broken += no_text
    if not cues and not broken:
        raise ValueError(f"{path}: holds no times like 00:00:01,000 --> 00:00:02,000; write some")
    cues = _said_once(cues, WORD_TIME.search(text) is not None)
    skipped = [(f"{path.name} line {line}", reason) for line, reason in broken]
    skipped += [(f"{path.name} line {cue.line}", "holds no text") for cue in cues if not cue.text]
    cues = [cue for cue in cues if cue.text]
    video = video or re.sub(r"(?<=.)\.[a-z]{2}(-[a-zA-Z0-9]{2,8})*$", "", path.stem)
    rows = [(video, cue.start_seconds, cue.end_seconds, " ".join(cue.text)) for cue in cues]
    table = pd.DataFrame(rows, columns=["video", "start_seconds", "end_seconds", "text"])
    names = [f"{path.name} line {cue.line}" for cue in cues]
    format_name = "WebVTT" if is_web(text) else "SRT"
    return usable_captions(table, format_name, item=names.__getitem__, skipped=skipped)


def read_subtitles_folder(folder: Path) -> Captions:
    """Read all subtitles below `folder`; "video" is each one's path without language and ending.

    Of several languages of one video the file without a language is read, else the English one,
    else the first; the others are listed.

    Raises:
        ValueError: there is none.
    """
    by_video: dict[str, list[tuple[Path, str]]] = {}
    for path in _subtitle_files(folder.rglob("*")):
        stem, language = _split_language(path)
        video = (path.relative_to(folder).parent / stem).as_posix()
        by_video.setdefault(video, []).append((path, language))
    if not by_video:
        raise ValueError(f"{folder}: holds no subtitles; mmlab reads {' '.join(ENDINGS)}")
    parts = [_best(files, video) for video, files in sorted(by_video.items())]
    return joined_captions(parts, f"subtitles ({len(by_video)} files)")


def subtitles_beside(folder: Path, media_ids: Sequence[str]) -> Captions:
    """What `mmlab.readers.captions.find_subtitles` gives; chosen as in `read_subtitles_folder`."""
    parents = {PurePosixPath(media_id).parent for media_id in media_ids}
    files: dict[tuple[PurePosixPath, str], list[tuple[Path, str]]] = {}
    for parent in sorted(parents):
        for path in _subtitle_files((folder / parent).glob("*")):
            for stem, language in {(path.stem, ""), _split_language(path)}:
                files.setdefault((parent, stem), []).append((path, language))
    parts = []
    for media_id in media_ids:
        name = PurePosixPath(media_id)
        beside = files.get((name.parent, name.stem), []) + files.get((name.parent, name.name), [])
        if beside:
            parts.append(_best(beside, media_id))
    return joined_captions(parts, f"subtitles ({len(parts)} files)")


def is_web(text: str) -> bool:
    """Whether a text is WebVTT; else it can be SRT."""
    return text.lstrip().startswith("WEBVTT")


def parse_cues(text: str) -> tuple[list[Cue], list[tuple[int, str]]]:
    """The cues of a WebVTT or SRT text, and (line, reason) of times that cannot be read.

    Whatever stands outside of cues (header, notes, styles, regions, numbers) is left out. In
    WebVTT an empty line ends a cue; SRT goes on until the next number or time, as many files
    have empty lines within a text.
    """
    lines = re.split(r"\r\n|\r|\n", text)
    web = is_web(text)
    timings = [
        number
        for number, line in enumerate(lines)
        if "->" in line or "- >" in line
        if TIMING.match(line) or _meant_as_timing(line, web)
    ]
    numbered = bool(timings) and timings[0] > 0 and lines[timings[0] - 1].strip().isdigit()
    cues, broken = [], []
    for number, stop in pairwise([*timings, len(lines)]):
        times = TIMING.match(lines[number])
        if times:
            body = lines[number + 1 : stop]
            body = _web_body(body) if web else _srt_body(body, numbered)
            before = lines[number - 1].strip() if number else ""
            if not web and (next_cue := _next_without_time(body, before)):
                broken.append((number + 2 + next_cue, "is the number of a cue without its time"))
                body = body[:next_cue]
            spoken = tuple(filter(None, map(clean, body)))
            cues.append(Cue(number + 1, seconds_of(times[1]), seconds_of(times[2]), spoken))
        else:
            broken.append((number + 1, f"its times cannot be read: {lines[number].strip()[:80]!r}"))
    return cues, broken


def _meant_as_timing(line: str, web: bool) -> bool:
    return "-->" in line and (web or line.lstrip()[:1].isdigit() or line.lstrip().startswith("--"))


def _web_body(lines: list[str]) -> list[str]:
    """A cue's text: up to the empty line, or to the next cue's number where that is missing."""
    closed = lines.index("") if "" in lines else len(lines)
    if closed == 0:  # tools that trim lines empty the first of YouTube's two
        rest = lines[1:]
        closed = rest.index("") if "" in rest else 0
        outside = not closed or rest[0].startswith(("NOTE", "STYLE", "REGION"))
        return [] if outside else rest[:closed]
    missing = closed == len(lines) > 1 and lines[-1].strip().isdigit()
    return lines[: closed - missing]


def _srt_body(lines: list[str], numbered: bool) -> list[str]:
    """A cue's text, without the next cue's number."""
    text = [line.strip() for line in lines]
    while text and not text[-1]:
        text.pop()
    number_follows = len(text) > 1 and text[-1].isdigit()
    apart = number_follows and (len(text) == len(lines) or not text[-2])
    return text[:-1] if numbered and apart else text


def _next_without_time(lines: list[str], number: str) -> int:
    """Where in a cue's text the next cue's number stands behind an empty line; 0 if nowhere.

    Only a cue whose time is destroyed comes to stand there, or a text that counts like this.
    """
    wanted = str(int(number) + 1) if number.isdecimal() and len(number) < 10 else ""
    for place, (line, after) in enumerate(pairwise(lines)):
        if wanted and not line and after == wanted:
            return place + 1
    return 0


def clean(line: str) -> str:
    r"""A line without tags (<b>, <c.color>, <00:00:01.000>), positions ({\an8}) and entities."""
    text = html.unescape(MARKUP.sub("", line)).replace("\\N", " ").translate(INVISIBLE)
    return " ".join(text.split())


def _said_once(cues: list[Cue], word_times: bool) -> list[Cue]:
    """The cues; those of rolling captions without the lines that they repeat.

    Rolling captions are known by the times of single words, or where another tool has removed
    these, by finished lines that appear again for a moment.
    """
    rolled, blips, before = [], 0, Cue(0, 0.0, 0.0, ())
    for cue in cues:
        if not cue.text:
            continue
        follows = cue.start_seconds <= before.end_seconds + BLIP_SECONDS
        repeated = _overlap(before.text, cue.text) if follows else 0
        short = cue.end_seconds - cue.start_seconds <= BLIP_SECONDS
        blips += short and repeated == len(cue.text)
        before = cue
        if repeated < len(cue.text):
            rolled.append(replace(cue, text=cue.text[repeated:]))
    return rolled if word_times or blips > 1 else cues


def _overlap(before: tuple[str, ...], after: tuple[str, ...]) -> int:
    """How many of the first lines of `after` are the last ones of `before`."""
    most = min(len(before), len(after), MOST_ROLLING_LINES)
    return next((n for n in range(most, 0, -1) if before[-n:] == after[:n]), 0)


def _subtitle_files(paths: Iterable[Path]) -> list[Path]:
    return sorted(path for path in paths if path.suffix.lower() in ENDINGS and path.is_file())


def _split_language(path: Path) -> tuple[str, str]:
    named = re.fullmatch(rf"(.+)\.({LANGUAGE})", path.stem)
    if named and named[2].lower() not in MEDIA_LIKE_LANGUAGES:
        return named[1], named[2]
    return path.stem, ""


def _best(files: Sequence[tuple[Path, str]], video: str) -> Captions:
    """The captions of the best of one video's subtitle files that can be read."""
    ordered = sorted(files, key=lambda file: (_preference(file[1]), file[0].name))
    skipped: list[tuple[str, str]] = []
    for at, (path, _) in enumerate(ordered):
        try:
            captions = read_subtitles(path, video)
        except (OSError, ValueError) as error:
            skipped.append((path.name, str(error)))
            continue
        others = [(other.name, f"{path.name} is read instead") for other, _ in ordered[at + 1 :]]
        return replace(captions, skipped=[*skipped, *captions.skipped, *others])
    return Captions(joined_captions([], "").table, skipped, "subtitles")


def _preference(language: str) -> tuple[bool, bool, bool]:
    """Smallest for no language, then en, then en-US and the like, then others."""
    return language != "", language.lower() != "en", not language.lower().startswith("en")
