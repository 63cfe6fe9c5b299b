"""Steps over a video in the browser: heat, what is true, and segments whose ends can be moved."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anywidget
import ipywidgets
import numpy as np
import pandas as pd
import traitlets

from mmlab.views import attention
from mmlab.views.attention.panorama import webp
from mmlab.views.map.background import Background
from mmlab.views.player import ClipPlayer
from mmlab.views.posters import Span, film_strip, wave_strip
from mmlab.views.stylesheet import stylesheet
from mmlab.views.theme import FUSED

HERE, CLOCK = Path(__file__).parent, Path(attention.__file__).parent
SCRIPTS = (
    *(CLOCK / f"clock_{part}.js" for part in ("elements", "drawing", "pointer")),
    HERE / "moment_drawing.js",
    HERE / "moment_lanes.js",
)
"""One ESM module of several parts; elements, canvases and the pointer are the attention clock's."""

HINT = "Drag the ends of a segment, or press the arrows on them; Backspace takes a change back."
TRUE_HINT = "A line below a lane is its true time."
SOUND_PIXELS = 36


@dataclass(frozen=True)
class MomentLane:
    """One row.

    Attributes:
        label: stands to the left of it.
        heat: (T,) from 0 to 1, how well each second fits; None for none.
        truth: start and end in seconds of what is true.
        segment: the number of the segment that lies in it, -1 for none.
        colour: "#RRGGBB" of the heat.
    """

    label: str
    heat: np.ndarray | None = None
    truth: Sequence[Span] = ()
    segment: int = -1
    colour: str = FUSED


class MomentLanes(anywidget.AnyWidget):
    """The rows of one video; a click plays from there.

    Attributes:
        segments: start, end, score and whether it was edited, of each segment.
        seconds: of the whole video.
        shown: start and end of the part of it that is on show.

    Args:
        player: plays the video.
        on_move: is called with a segment's number and its new start and end in seconds.
        on_reset: is called with the number of a segment whose changes are taken back.
    """

    _esm = "\n".join(path.read_text(encoding="utf-8") for path in SCRIPTS)
    _css = stylesheet(HERE / "moment_lanes.css")

    lanes: Any = traitlets.List().tag(sync=True)
    heat = traitlets.Bytes().tag(sync=True)
    segments: Any = traitlets.List().tag(sync=True)
    pictures: Any = traitlets.List().tag(sync=True)
    film_ratio = traitlets.Float().tag(sync=True)  # width to height; 0 where there is none
    seconds = traitlets.Float(1.0).tag(sync=True)
    shown: Any = traitlets.List([0.0, 1.0]).tag(sync=True)
    playhead = traitlets.Float().tag(sync=True)
    playing = traitlets.Bool().tag(sync=True)
    hint = traitlets.Unicode().tag(sync=True)

    def __init__(
        self,
        player: ClipPlayer,
        on_move: Callable[[int, float, float], object],
        on_reset: Callable[[int], object],
    ) -> None:
        super().__init__()
        self._player, self._on_move, self._on_reset = player, on_move, on_reset
        self._media_path: Path | None = None
        self._background = Background()
        for theirs, ours in {"current_time": "playhead", "playing": "playing"}.items():
            ipywidgets.jsdlink((player, theirs), (self, ours))
        self.observe(self._look_closer, "shown")
        self.on_msg(self._answer)

    def look_into(self, media_path: Path | None, seconds: float) -> None:
        """Show another video, without lanes at first."""
        self._media_path = media_path
        strip = _strip(media_path, (0.0, seconds))
        with self.hold_sync():
            self.lanes, self.segments, self.heat, self.hint = [], [], b"", ""
            self.seconds, self.shown = seconds, [0.0, seconds]
            self.pictures = _sent(strip, (0.0, seconds))
            self.film_ratio = strip.shape[1] / strip.shape[0] if strip.size else 0.0

    def draw(
        self, lanes: Sequence[MomentLane], segments: pd.DataFrame, scale: tuple[float, float]
    ) -> None:
        """Draw other lanes.

        Args:
            lanes: from top to bottom.
            segments: as `mmlab.evaluation.segments.find_segments` gives them.
            scale: the scores of the weakest and of the strongest heat.
        """
        heats = [lane.heat for lane in lanes if lane.heat is not None]
        heat_rows = iter(range(len(heats)))
        rows = [
            {
                "label": lane.label,
                "colour": lane.colour,
                "heat": -1 if lane.heat is None else next(heat_rows),
                "truth": [list(map(float, span)) for span in lane.truth],
                "segment": lane.segment,
            }
            for lane in lanes
        ]
        with self.hold_sync():
            self.heat = b"".join(np.rint(255 * heat).astype(np.uint8).tobytes() for heat in heats)
            self.lanes = rows
            told = scale_in_words(scale)
            true = TRUE_HINT if any(row["truth"] for row in rows) else ""
            self.hint = " ".join(filter(None, [f"{told[:1].upper()}{told[1:]}.", true, HINT]))
            self.place(segments)

    def place(self, segments: pd.DataFrame) -> None:
        """Move the segments of the lanes that are there."""
        self.segments = [
            {
                "start": float(row.start_seconds),
                "end": float(row.end_seconds),
                "score": float(row.score),
                "edited": bool(row.edited),
            }
            for row in segments.itertuples()
        ]

    def put_back(self) -> None:
        """Show `segments` again, in place of what was moved in the browser and refused.

        A message, as a trait that is sent once more without a change is no news to the browser.
        """
        self.send({"kind": "put back"})

    def _answer(self, _: Any, content: dict[str, Any], __: Any) -> None:
        if content.get("kind") == "play":
            self._player.seek(float(content["seconds"]))
            self._player.play()
        elif content.get("kind") == "moved":
            self._on_move(int(content["number"]), float(content["start"]), float(content["end"]))
        elif content.get("kind") == "reset":
            self._on_reset(int(content["number"]))

    def _look_closer(self, _: Any) -> None:
        """After a zoom, add a picture of the part on show that is as sharp as the whole one."""
        part, whole, path = tuple(self.shown), (0.0, self.seconds), self._media_path
        if part == whole:
            return

        def add(closer: list[dict[str, Any]]) -> None:
            if (part, path) == (tuple(self.shown), self._media_path):  # else somebody went on
                self.pictures = [*self.pictures[:1], *closer]

        self._background.run(lambda: _sent(_strip(path, part), part), add)


def lane_heat(scores: np.ndarray) -> np.ndarray:
    """(T, K) scores to 0..1, all lanes alike, so that a weak one looks weak."""
    low, high = common_scale(scores)
    return (scores - low) / max(high - low, 1e-12)


def common_scale(scores: np.ndarray) -> tuple[float, float]:
    """The lowest and the highest of (T, K) scores; (0, 0) of none."""
    return (float(scores.min()), float(scores.max())) if scores.size else (0.0, 0.0)


def scale_in_words(scale: tuple[float, float]) -> str:
    """What the heat of a lane means; not how it looks, as in the dark it grows lighter."""
    return f"one scale for all heat: from score {scale[0]:z.2f} to {scale[1]:z.2f}"


def _strip(path: Path | None, span: Span) -> np.ndarray:
    """What is seen in a span of a video, else what is heard; empty where both are not there."""
    if path is None:
        return np.zeros((0, 0, 3), np.uint8)
    strip = film_strip(path, span)
    return strip if strip.size else wave_strip(path, span, width=1200, height=SOUND_PIXELS)


def _sent(strip: np.ndarray, span: Span) -> list[dict[str, Any]]:
    return [{"start": span[0], "end": span[1], "bytes": webp(strip)}] if strip.size else []
