"""A training while it runs: curves, time left, what it waits for, and a button that stops it."""

from __future__ import annotations

import math
import time
import uuid
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import anywidget
import traitlets
from IPython.display import display, update_display

from mmlab.training import EpochRecord, Outcome, Plan, StepRecord, Watcher
from mmlab.views.static import Picture, StandsStill
from mmlab.views.stylesheet import stylesheet
from mmlab.views.training_curves import TrainingCurves
from mmlab.views.training_picture import BLIND, curves_picture, line_colours, recall_colours

SECONDS_BETWEEN_REDRAWS = 0.5
LARGEST_SHARE_OF_TIME = 0.05
"""Redraws become rarer where they would take more of the time than this."""

SECONDS_BETWEEN_STILLS = 60.0
"""So old is the picture at most that a notebook holds whose kernel dies."""

MESSAGES = 5
DIGITS = 4

WAITING = "Waits for train_run(…, watcher=this)."
RUNNING = "Stop ends it after the step and keeps everything."
BROKEN_OFF = "Broken off by an error; the last checkpoint is kept."
ENDINGS = {
    "": "Finished.",
    "asked": "Stopped as asked; all is kept, and the same call goes on from here.",
    "patience": "Stopped: no better evaluation for long enough.",
}


class LiveTraining(StandsStill, Watcher, anywidget.AnyWidget):
    """Curves of a training, drawn while it runs; Stop ends it after the step and keeps all.

    Show it, then hand it to `train_run` in the same cell or a later one. In front ends that hold
    back a click until the cell has ended, interrupting the kernel does the same as Stop.

    Example:
        >>> live = LiveTraining("A fresh model")
        >>> display(live)
        >>> train_run(dataset, folder, config, watcher=live)
    """

    _esm = Path(__file__).with_suffix(".js")
    _css = stylesheet(Path(__file__).with_suffix(".css"))

    shown: Any = traitlets.Dict().tag(sync=True)
    stopping = traitlets.Bool(False).tag(sync=True)

    def __init__(self, title: str = "Training", *, blind_guess: float | None = None) -> None:
        """Start without a point.

        Args:
            title: stands above.
            blind_guess: loss of a model that knows nothing, drawn as a dotted line: of B clips
                2 ln B.
        """
        super().__init__()
        self.title, self.blind_guess = title, blind_guess
        self.curves = TrainingCurves()
        self._plan: Plan | None = None
        self._status, self._words, self._running, self._step = WAITING, "", False, 0
        self._messages: deque[str] = deque(maxlen=MESSAGES)
        self._began = self._next_redraw = self._next_still = 0.0
        self._display_id = ""
        self._answer_at_once()
        self._redraw()

    def _answer_at_once(self) -> None:
        """Let a click be handled while a cell keeps the kernel busy.

        JupyterLab sends messages of widgets to a subshell of ipykernel, a thread of its own. Since
        version 7.4 ipykernel hands them back to the shell that the widget speaks from, where they
        wait for the cell's end, unless the comm knows no such way.
        """
        self.comm._reply_subshell_for = None
        self.on_msg(self._on_message)

    def begin(self, plan: Plan) -> None:
        """Make ready for a training, or for the rest of one."""
        self.curves.begin(plan)
        self._plan, self._step = plan, plan.first_step
        self.stop, self._running, self._status = False, True, RUNNING
        self._began = time.monotonic()
        self._next_still = self._began + SECONDS_BETWEEN_STILLS
        self.stopping = False
        self._redraw()

    def step(self, record: StepRecord) -> None:
        """Take up a step, and redraw if it is time."""
        self.curves.step(record)
        self._step = record.step
        if time.monotonic() >= self._next_redraw:
            self._redraw()

    def epoch(self, record: EpochRecord) -> None:
        """Take up an epoch."""
        self.curves.epoch(record)
        if time.monotonic() >= self._next_still:
            self._leave_picture()

    def say(self, message: str) -> None:
        """Show a message below the curves."""
        self._messages.append(message)
        self._redraw()

    def end(self, outcome: Outcome) -> None:
        """Say how it ended and leave the picture."""
        self._running, self._status = False, ENDINGS[outcome.stopped]
        self._words = _summary(outcome)
        self.stopping = False
        self._redraw()
        self._leave_picture()

    def fail(self, error: BaseException) -> None:
        """Say that it was broken off, and why."""
        self._running, self._status, self._words = False, BROKEN_OFF, str(error)
        self.stopping = False
        self._redraw()
        self._leave_picture()

    def still(self) -> Picture:
        """The curves so far."""
        remark = f"{self._status} {self._in_words()}".strip()
        return curves_picture(
            self.curves, title=self.title, blind_guess=self.blind_guess, remark=remark
        )

    def _ipython_display_(self) -> None:
        """Show this with a name, under which the picture is replaced at the end."""
        self._display_id = self._display_id or uuid.uuid4().hex
        data, metadata = self._repr_mimebundle_()
        display(data, metadata=metadata, raw=True, display_id=self._display_id)

    def _leave_picture(self) -> None:
        if self._display_id:
            data, metadata = self._repr_mimebundle_()
            update_display(data, metadata=metadata, raw=True, display_id=self._display_id)
        self._next_still = time.monotonic() + SECONDS_BETWEEN_STILLS

    def _on_message(self, _: Any, content: dict[str, Any], __: Any) -> None:
        """A click; it may come in another thread, or late, when there is nothing to stop."""
        if content.get("kind") == "stop" and self._running:
            self.stop = self.stopping = True

    def _redraw(self) -> None:
        started = time.monotonic()
        self.shown = {
            "title": self.title,
            "status": self._status,
            "words": self._in_words(),
            "messages": list(self._messages),
            "running": self._running,
            "done": self._step / self._plan.steps if self._plan else 0.0,
            "length": self.curves.length,
            "panels": [self._losses(), *self._recalls()],
        }
        took = time.monotonic() - started
        pause = max(SECONDS_BETWEEN_REDRAWS, took / LARGEST_SHARE_OF_TIME)
        self._next_redraw = time.monotonic() + pause

    def _losses(self) -> dict[str, Any]:
        """The upper panel as the browser draws it."""
        names = self.curves.names()
        colours = line_colours(names)
        lines = []
        for name in names:
            dots = self.curves.means(name) if name in self.curves.terms else ((), ())
            line = _line(name, colours[name], *self.curves.line(name), dots)
            lines.append({**line, "heavy": name == "total"})
        level = {} if self.blind_guess is None else {"name": BLIND, "value": self.blind_guess}
        return {"label": "loss", "digits": 2, "lines": lines, "level": level}

    def _recalls(self) -> list[dict[str, Any]]:
        """The lower panel, if recall was measured."""
        epochs, recalls = self.curves.recall()
        colours = recall_colours(list(recalls))
        lines = [_line(n, [colours[n]], epochs, v, (epochs, v)) for n, v in recalls.items()]
        panel = {"label": "recall (%)", "digits": 0, "lines": lines, "range": [0, 100]}
        return [{**panel, "best": self.curves.best_epoch}] if lines else []

    def _in_words(self) -> str:
        """How far, how long, how fast."""
        if not self._running or self._plan is None:
            return self._words
        plan, made = self._plan, self._step - self._plan.first_step
        epoch = min(self._step // plan.steps_per_epoch + 1, plan.epochs)
        words = [f"epoch {epoch:,} of {plan.epochs:,}", f"step {self._step:,} of {plan.steps:,}"]
        if made:
            gone = time.monotonic() - self._began
            left = gone / made * (plan.steps - self._step)
            words += [f"{in_words(gone)} gone, about {in_words(left)} left"]
            words += _speed(*self.curves.speed(), self.curves.skipped)
        return " · ".join(words)


def _summary(outcome: Outcome) -> str:
    """What stays of the line when training has ended."""
    words = [f"{outcome.steps:,} steps in {in_words(outcome.seconds)}"]
    words += _speed(outcome.clips_per_second, outcome.waiting_share, outcome.skipped_steps)
    return " · ".join(words)


def _speed(clips_per_second: float, waiting_share: float, skipped: int) -> list[str]:
    speed = f"{clips_per_second:,.0f} clips per second"
    return [speed, f"{100 * waiting_share:.0f} % waiting for data", f"{skipped} skipped"]


def in_words(seconds: float) -> str:
    """A time in its two largest units."""
    whole = math.ceil(seconds)
    hours, minutes = whole // 3600, whole // 60 % 60
    if hours:
        return f"{hours} h {minutes:02} min"
    return f"{minutes} min {whole % 60:02} s" if minutes else f"{whole} s"


def _line(
    name: str,
    colours: list[str],
    places: Sequence[float],
    values: Sequence[float],
    dots: tuple[Sequence[float], Sequence[float]],
) -> dict[str, Any]:
    """A line for the browser, whose JSON knows no NaN."""
    known = [round(value, DIGITS) if math.isfinite(value) else None for value in values]
    points = [[place, round(y, DIGITS)] for place, y in zip(*dots, strict=True) if math.isfinite(y)]
    shown = [round(place, DIGITS) for place in places]
    return {"name": name, "colours": colours, "x": shown, "y": known, "dots": points}
