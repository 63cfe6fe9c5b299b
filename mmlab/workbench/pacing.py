"""Work for hands that are quicker than the answers: wait for a pause, do only the newest."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import TypeVar

from mmlab.views.map.background import Background
from mmlab.views.static import under_nbconvert

Result = TypeVar("Result")

SHOWN_EVERY_SECONDS = 0.1
"""While a slider moves, answers are shown this often; the last one always is."""


def after(seconds: float, act: Callable[[], object]) -> None:
    """Act in so many seconds, between two cells; at once where there is no loop, as in a script."""
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        act()
        return
    loop.call_later(seconds, act)


class Newest:
    """Of several wishes only the newest is worked on, beside the kernel, and delivered to it.

    Without a running loop, as in a script, everything happens at once; and so it does under
    nbconvert, as nobody would see what comes later.
    """

    def __init__(self) -> None:
        self._background = Background()
        self._wished = self._shown = 0
        self._shown_at = -float("inf")

    def run(
        self,
        work: Callable[[], Result],
        then: Callable[[Result], None],
        *,
        pause_seconds: float = 0.0,
    ) -> None:
        """Do `work` and give what it returns to `then`, if nothing newer is wished meanwhile.

        Args:
            work: runs in a thread of its own.
            then: runs where this was called, between two cells.
            pause_seconds: wait so long for something newer first.
        """
        self._wished += 1
        number = self._wished

        def needed() -> list[Result]:
            return [work()] if number == self._wished else []

        def deliver(found: list[Result]) -> None:
            if found and self._is_due(number):
                self._shown, self._shown_at = number, time.monotonic()
                then(found[0])

        if under_nbconvert():
            deliver(needed())
        else:
            after(pause_seconds, lambda: self._background.run(needed, deliver))

    def overtake(self) -> None:
        """Something else was shown: whatever is under way is no longer wanted."""
        self._wished += 1
        self._shown = self._wished

    def _is_due(self, number: int) -> bool:
        """The newest is; one that was overtaken too, if nothing was shown for a while."""
        waited = time.monotonic() - self._shown_at
        return number == self._wished or (number > self._shown and waited > SHOWN_EVERY_SECONDS)
