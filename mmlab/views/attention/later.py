"""Answers that take seconds: each is worked out once, and the newest question is told."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Hashable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Generic, TypeVar

Answer = TypeVar("Answer")


class Later(Generic[Answer]):
    """Questions whose answers are kept; a kernel stays free while one is worked out.

    Args:
        tell: gets the answer to the newest question, in the thread of the kernel's loop.
    """

    def __init__(self, tell: Callable[[Answer], None]) -> None:
        self._tell = tell
        self._newest: Hashable = None
        self._known: dict[Hashable, Future[Answer]] = {}
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="attention")

    def ask(self, question: Hashable, work: Callable[[], Answer], *, at_once: bool) -> None:
        """Tell what `work` returns, or what it returned to the same question before.

        Args:
            question: what the answer is kept under.
            work: works it out; no exception of it is caught.
            at_once: wait for it here; otherwise a thread does it.
        """
        before, self._newest = self._newest, question
        if before != question and before in self._known and self._known[before].cancel():
            del self._known[before]  # it had not begun
        if question not in self._known:
            self._known[question] = _done(work()) if at_once else self._worker.submit(work)
        answer = self._known[question]
        if answer.done():
            self._deliver(question)
            return
        try:
            act = asyncio.get_running_loop().call_soon_threadsafe
        except RuntimeError:  # no loop, as in a script: `wait` tells
            return
        answer.add_done_callback(lambda _: act(self._deliver, question))

    def wait(self) -> None:
        """Until the newest question is answered and told."""
        if self._newest is not None:
            self._known[self._newest].exception()
            self._deliver(self._newest)

    def answer(self, question: Hashable, work: Callable[[], Answer] | None = None) -> Answer | None:
        """The answer to any question if it is known or can be worked out now; it is not told."""
        if question not in self._known and work is not None:
            self._known[question] = _done(work())
        known = self._known.get(question)
        return known.result() if known is not None and known.done() else None

    def _deliver(self, question: Hashable) -> None:
        if question != self._newest or question is None:
            return
        self._newest = None
        self._tell(self._known[question].result())


def _done(answer: Answer) -> Future[Answer]:
    future: Future[Answer] = Future()
    future.set_result(answer)
    return future
