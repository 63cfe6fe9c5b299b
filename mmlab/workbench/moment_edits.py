"""Segments as they were found, and what a person moved."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from itertools import combinations
from typing import Self

import pandas as pd

from mmlab.evaluation.segments import COLUMNS, mean_score
from mmlab.views.posters import Span
from mmlab.workbench.moment_search import Found

SHORTEST_SECONDS = 0.1


@dataclass(frozen=True)
class Edited:
    """Found segments with their corrections; each change is another one.

    Attributes:
        found: what was found.
        seconds: of the video, within which all lies.
        moved: by a segment's number, from when to when it is instead.
    """

    found: Found
    seconds: float
    moved: dict[int, Span] = field(default_factory=dict)

    @property
    def table(self) -> pd.DataFrame:
        """As `find_segments`, with what was moved and its score there."""
        table = self.found.segments.copy()
        for number, span in self.moved.items():
            score = mean_score(self.found.scores_of(number), span)
            table.loc[number, COLUMNS[1:4]] = *span, score
        return table.assign(edited=table.index.isin(self.moved))

    def move(self, number: int, start_seconds: float | None, end_seconds: float | None) -> Self:
        """With other ends of a segment; None leaves one as it is.

        Raises:
            ValueError: no such segment, or times outside of the video or in a wrong order.
        """
        table = self.table
        if number not in table.index:
            raise ValueError(f"there is no segment {number}; they are 0 to {len(table) - 1}")
        start = table.start_seconds[number] if start_seconds is None else start_seconds
        end = table.end_seconds[number] if end_seconds is None else end_seconds
        slack = 1e-6  # of what the browser subtracts
        if not (0 <= start <= end - SHORTEST_SECONDS + slack and end <= self.seconds + slack):
            raise ValueError(
                f"a segment lies between 0 and {self.seconds:g} s and lasts {SHORTEST_SECONDS} s "
                f"or more, found {start:g} to {end:g} s"
            )
        return replace(self, moved={**self.moved, number: (float(start), float(end))})

    def reset(self, number: int | None = None) -> Self:
        """Without what was moved, of one segment or of all."""
        kept = {other: span for other, span in self.moved.items() if number not in (None, other)}
        return replace(self, moved=kept)

    def onto(self, found: Found) -> Self:
        """The corrections on what was found anew, of those steps of the video that stayed."""
        before, after = self.found.wish, found.wish
        if before.media != after.media or 1 in (len(before.steps), len(after.steps)):
            return replace(self, found=found, moved={})
        numbers = {step: number for number, step in enumerate(numbered(after.steps))}
        steps = numbered(before.steps)
        moved = {numbers.get(steps[number], -1): span for number, span in self.moved.items()}
        return replace(self, found=found, moved={n: span for n, span in moved.items() if n >= 0})


def overlaps(segments: pd.DataFrame) -> list[tuple[int, int, float]]:
    """The numbers of any two segments that overlap, and for how many seconds, to a hundredth."""
    spans = list(zip(segments.start_seconds, segments.end_seconds, strict=True))
    found = []
    for (one, (start, end)), (other, span) in combinations(enumerate(spans), 2):
        shared = round(min(end, span[1]) - max(start, span[0]), 2)
        if shared > 0:
            found.append((one, other, shared))
    return found


def numbered(steps: Iterable[str]) -> list[tuple[str, int]]:
    """Each step with how often it came before: a recipe may say the same twice."""
    seen: Counter[str] = Counter()
    result = []
    for step in steps:
        result.append((step, seen[step]))
        seen[step] += 1
    return result
