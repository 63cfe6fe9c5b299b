"""What could not be used as it is, told in few lines: by kind of reason, with counts."""

from __future__ import annotations

import re
from collections.abc import Iterable

Skipped = list[tuple[str, str]]
"""(which video, step or line, what became of it and why)."""

VARYING = re.compile(
    r"""(?<!\w)'[^']*'(?!\w)|"[^"]*"|\S*/\S*|\S+\.[a-z]\w+|\d+(?:[.,]\d+)*""", re.IGNORECASE
)
"""Quoted words, paths, file names and numbers, in which reasons of one kind differ."""


def by_reason(listed: Iterable[tuple[str, str]]) -> list[str]:
    """A line for each kind of reason, the most frequent first.

    Returns:
        Such as "3 listed, such as video7: has 11 steps in 10 s, so they count as missed". Reasons
        are of one kind if they differ only in quoted words, names of files and numbers.
    """
    kinds: dict[str, Skipped] = {}
    for name, reason in listed:
        kinds.setdefault(VARYING.sub("…", reason), []).append((name, reason))
    often_first = sorted(kinds.values(), key=len, reverse=True)
    return [
        f"{len(kind)} listed{', such as' if len(kind) > 1 else ':'} {kind[0][0]}: {kind[0][1]}"
        for kind in often_first
    ]


def because(listed: Iterable[tuple[str, str]]) -> str:
    """The same behind a message, "" where nothing is listed."""
    lines = by_reason(listed)
    return f" ({'; '.join(lines)})" if lines else ""


def each_once(lists: Iterable[Skipped]) -> Skipped:
    """What several lists of the same videos hold."""
    return list(dict.fromkeys(one for listed in lists for one in listed))
