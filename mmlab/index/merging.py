"""Few large segments instead of many small ones, and none that is mostly dead."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import numpy as np
import pyarrow as pa

from mmlab.index.segment import Segment, write_segment
from mmlab.index.state import State, open_segments

SEGMENT_ROWS = 65_536
"""Not merged beyond: a segment is put together in memory."""


def settled(
    folder: Path, state: State, alive: np.ndarray, *, most_dead: float = 0.5
) -> tuple[State, np.ndarray]:
    """The same clips in segments that are good to search.

    Args:
        folder: of the index; new segments are written there, old ones stay.
        state: what there is.
        alive: (rows,) bool.
        most_dead: the share of a segment's rows that may be dead.
    """
    while found := _to_rewrite(state, alive, most_dead):
        first, last = found
        start, end = sum(state.rows[:first]), sum(state.rows[:last])
        part = open_segments(folder, state)[first:last]
        kept = np.split(alive[start:end], np.cumsum(state.rows[first:last])[:-1])
        names, rows = list(state.segments), list(state.rows)
        names[first:last], rows[first:last] = _rewritten(folder, state, part, kept)
        alive = np.concatenate([alive[:start], alive[start:end][alive[start:end]], alive[end:]])
        state = replace(state, segments=tuple(names), rows=tuple(rows))
    return state, alive


def _to_rewrite(state: State, alive: np.ndarray, most_dead: float) -> tuple[int, int] | None:
    """Which segments to put into one.

    None that graphs cover. Those at the end, as far as the one before is at most twice as large as
    all behind it: each clip is rewritten a few times only, and there are few segments.
    """
    ends = np.cumsum((0, *state.rows))
    counts = [int(alive[start:end].sum()) for start, end in zip(ends, ends[1:], strict=False)]
    first, total = len(counts), 0
    for count in reversed(counts[state.graphed :]):
        if total + count > SEGMENT_ROWS or (total and count > 2 * total):
            break
        first, total = first - 1, total + count
    if len(counts) - first > 1:
        return first, len(counts)
    rest = range(state.graphed, len(counts))
    dead = (one for one in rest if counts[one] < (1 - most_dead) * state.rows[one])
    return next(((one, one + 1) for one in dead), None)


def _rewritten(
    folder: Path, state: State, segments: Sequence[Segment], kept: Sequence[np.ndarray]
) -> tuple[list[str], list[int]]:
    """The name and rows of one segment with what is kept of some; nothing if nothing is."""
    count = int(sum(rows.sum() for rows in kept))
    if not count:
        return [], []
    name = new_name()
    tables = [
        segment.table().filter(pa.array(rows)) for segment, rows in zip(segments, kept, strict=True)
    ]
    table = pa.concat_tables(tables, promote_options="permissive")
    write_segment(folder / "segments", name, _vectors(state, segments, kept), table)
    return [name], [count]


def _vectors(
    state: State, segments: Sequence[Segment], kept: Sequence[np.ndarray]
) -> Iterator[tuple[str, np.ndarray]]:
    """One combination at a time."""
    for name in state.about.combinations:
        parts = [segment.vectors(name)[rows] for segment, rows in zip(segments, kept, strict=True)]
        yield name, np.concatenate(parts)


def new_name() -> str:
    """One that nothing had before, so that a reader never takes new files for older ones."""
    return uuid4().hex
