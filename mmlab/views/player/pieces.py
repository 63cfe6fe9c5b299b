"""What travels to the browser: a piece of a clip that plays, or stills where none can be made.

A clip of up to a minute is one piece. A longer one, two hours if need be, is fetched piece by
piece as it plays: a short first one so that it starts soon, then minutes ahead of the playhead.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from mmlab.media import MediaError, cut_clip, probe, read_frames
from mmlab.views.posters import Span

BYTE_BUDGET = 20_000_000
"""Bytes that one piece may have: some minutes as `cut_clip` writes it."""

PIECE_SECONDS, FIRST_SECONDS, SHORTEST_SECONDS = 60.0, 20.0, 1.0
"""Of a piece in general, of one that somebody waits for, and of the shortest worth sending."""

MOST_STILLS, STILLS_PER_SECOND, STILL_WIDTH = 60, 2, 480


class Piece(NamedTuple):
    """A part of a clip as mp4; its second 0 is `start_seconds` of the media file."""

    start_seconds: float
    end_seconds: float
    media: bytes


class Stills(NamedTuple):
    """Pictures of a clip as JPEG, each from the given second of the media file on."""

    seconds: list[float]
    pictures: list[bytes]


def cut_piece(
    path: Path, span: Span, at_seconds: float, *, ahead: bool, byte_budget: int = BYTE_BUDGET
) -> Piece:
    """Cut the piece of a clip in which one second lies.

    Args:
        path: the media file.
        span: start and end of the clip in seconds of the file.
        at_seconds: what shall be seen first.
        ahead: nobody waits yet, so it may be longer.
        byte_budget: the most bytes it may have; it is made shorter until it fits.

    Raises:
        MediaError: the file cannot be read, or not even a second fits the budget.
    """
    for start, end in _parts(span, at_seconds, ahead=ahead):
        media = cut_clip(path, start, end)
        if len(media) <= byte_budget:
            return Piece(start, end, media)
    raise _over_budget(path, f"{end - start:.1f} s need", len(media), byte_budget)


def take_stills(path: Path, span: Span, *, byte_budget: int = BYTE_BUDGET) -> Stills:
    """Pictures evenly over a span, two a second but at most sixty; fewer where bytes are scarce.

    Raises:
        MediaError: no picture can be read, or none fits the budget.
    """
    start, end = span
    count = min(MOST_STILLS, max(1, round(STILLS_PER_SECOND * (end - start))))
    seconds = (start + (end - start) * np.arange(count) / count).tolist()
    info = probe(path)
    width = min(STILL_WIDTH, info.width)
    size = (width, max(1, round(width * info.height / max(info.width, 1))))
    pictures = [_jpeg(frame) for frame in read_frames(path, seconds, size=size)]
    while sum(map(len, pictures)) > byte_budget and len(pictures) > 1:
        seconds, pictures = seconds[::2], pictures[::2]
    if len(pictures[0]) > byte_budget:
        raise _over_budget(path, "a picture needs", len(pictures[0]), byte_budget)
    return Stills(seconds, pictures)


def _parts(span: Span, at_seconds: float, *, ahead: bool) -> Iterator[Span]:
    """What to try: all of a short clip, then shorter and shorter parts from `at_seconds` on."""
    start, end = span
    if end - start <= PIECE_SECONDS:
        yield span
    at = max(start, min(at_seconds, end - SHORTEST_SECONDS))
    length = min(PIECE_SECONDS if ahead else FIRST_SECONDS, end - at)
    while length >= SHORTEST_SECONDS:
        yield at, at + length
        length /= 2


def _over_budget(path: Path, what: str, needed: int, byte_budget: int) -> MediaError:
    problem = f"{what} {_size(needed)}, over the budget of {_size(byte_budget)}"
    return MediaError(path.name, problem, "raise byte_budget")


def _size(count: int) -> str:
    """In the unit that leaves one to three digits before the point."""
    if count < 1000:
        return f"{count} bytes"
    return f"{count / 1e3:.1f} kB" if count < 1_000_000 else f"{count / 1e6:.1f} MB"


def _jpeg(frame: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(frame).save(buffer, format="JPEG", quality=80)
    return buffer.getvalue()
