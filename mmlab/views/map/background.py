"""Work beside the notebook's kernel, delivered to it between two cells."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from mmlab.files import in_words

Result = TypeVar("Result")


class Background:
    """One thread for what the map can wait for: posters and cluster labels."""

    def __init__(self) -> None:
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="map")

    def run(
        self,
        work: Callable[[], Result],
        then: Callable[[Result], None],
        failed: Callable[[str], None] | None = None,
    ) -> None:
        """Do `work` and give what it returns to `then`; outside of a notebook, at once.

        What goes wrong is told to `failed`, in words; without it, it is raised where `then` would
        have been called.
        """

        def finish(done: Future[Result]) -> None:
            error = done.exception()
            if failed and isinstance(error, Exception):
                failed(in_words(error))
            else:
                then(done.result())

        try:
            deliver = asyncio.get_running_loop().call_soon_threadsafe
        except RuntimeError:  # no loop, as in a script, which may be ending: no worker starts then
            finish(_done(work))
            return
        self._worker.submit(work).add_done_callback(lambda done: deliver(finish, done))


def _done(work: Callable[[], Result]) -> Future[Result]:
    """What becomes of `work`, here and now."""
    future = Future[Result]()
    try:
        future.set_result(work())
    except Exception as error:  # which the future keeps, like a worker's
        future.set_exception(error)
    return future
