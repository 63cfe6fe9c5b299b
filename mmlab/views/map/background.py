"""Work beside the notebook's kernel, delivered to it between two cells."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Result = TypeVar("Result")


class Background:
    """One thread for what the map can wait for: posters and cluster labels."""

    def __init__(self) -> None:
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="map")

    def run(self, work: Callable[[], Result], then: Callable[[Result], None]) -> None:
        """Do `work` and give what it returns to `then`; outside of a notebook, at once."""
        try:
            deliver = asyncio.get_running_loop().call_soon_threadsafe
        except RuntimeError:  # no loop, as in a script
            then(work())
            return
        future = self._worker.submit(work)
        future.add_done_callback(lambda done: deliver(then, done.result()))
