"""The player as a widget: what Python says to the browser, and what it answers."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from threading import RLock
from typing import Any, NamedTuple

import anywidget
import numpy as np
import traitlets
from av.codec.codec import UnknownCodecError

from mmlab.media import MediaError, MediaInfo, probe
from mmlab.views.player.pieces import BYTE_BUDGET, cut_piece, take_stills
from mmlab.views.posters import Span, loudness_bars, poster_image, poster_jpeg
from mmlab.views.static import Picture, StandsStill
from mmlab.views.stills import clip_picture
from mmlab.views.stylesheet import stylesheet

FOLDER = Path(__file__).parent
SCRIPTS = ("elements.js", "marks.js", "playback.js", "player.js")
WAVE_BARS = 120
UNPLAYABLE = (MediaError, OSError, UnknownCodecError)
"""What cutting raises: a damaged or missing file, a disk, an FFmpeg without H.264 or AAC."""


class Segment(NamedTuple):
    """A part of a clip with a name, marked on the player's seek bar.

    Attributes:
        start_seconds: in seconds of the media file.
        end_seconds: likewise.
        label: what happens there.
    """

    start_seconds: float
    end_seconds: float
    label: str


class ClipPlayer(StandsStill, anywidget.AnyWidget):
    """Play one span of a media file, from the mouse, the keyboard or Python.

    All seconds are those of the media file: a clip cut from 12.5 to 17 starts at 12.5. Keys:
    space or K plays and pauses, the arrows move by one second, J and L by five, N and P to the
    next and previous segment, M mutes. Sound alone is shown as its wave; what cannot be played
    is shown as stills, what cannot be read gives a sentence. A clip of hours is fetched in
    pieces while it plays.

    Attributes:
        current_time: where the playhead is, in seconds, told by the browser four times a second.
        playing: whether it plays now.
        muted: whether it plays without sound.
        message: what went wrong, "" if nothing did.
        byte_budget: the most bytes that one piece of media may have.

    Example:
        >>> steps = [Segment(12.5, 14.0, "crack the egg"), Segment(14.0, 17.0, "whisk it")]
        >>> player = ClipPlayer("egg.mp4", 12.5, 17.0, segments=steps)
        >>> player.seek(14.0)
    """

    _esm = "\n".join((FOLDER / name).read_text(encoding="utf-8") for name in SCRIPTS)
    _css = stylesheet(FOLDER / "player.css")

    poster = traitlets.Bytes().tag(sync=True)
    wave = traitlets.Bytes().tag(sync=True)
    heading = traitlets.Unicode().tag(sync=True)
    caption = traitlets.Unicode().tag(sync=True)
    message = traitlets.Unicode().tag(sync=True)
    marks: Any = traitlets.List().tag(sync=True)
    start_seconds = traitlets.Float().tag(sync=True)
    end_seconds = traitlets.Float().tag(sync=True)
    current_time = traitlets.Float().tag(sync=True, echo_update=False)  # it has moved on since
    playing = traitlets.Bool().tag(sync=True, echo_update=False)
    muted = traitlets.Bool().tag(sync=True)
    generation = traitlets.Int().tag(sync=True)
    owner = traitlets.Unicode().tag(sync=True)  # which of several views of this player sounds
    told: Any = traitlets.List().tag(sync=True)  # by the browser: generation, seconds, playing

    def __init__(
        self,
        media_path: Path | str | None = None,
        start_seconds: float = 0.0,
        end_seconds: float | None = None,
        *,
        caption: str = "",
        heading: str = "",
        segments: Sequence[Segment] = (),
        byte_budget: int = BYTE_BUDGET,
    ) -> None:
        self._showing = RLock()  # a front end may speak in a thread of its own
        super().__init__()
        self.byte_budget = byte_budget
        self.media_path: Path | None = None
        self._info: MediaInfo | None = None
        self._callbacks: list[Callable[[], object]] = []
        self.on_msg(self._answer)
        self.add_class("mmlab-view")
        if media_path is None:
            self.message = caption or "Nothing chosen yet."
            return
        self.show(
            media_path,
            start_seconds,
            end_seconds,
            caption=caption,
            heading=heading,
            segments=segments,
        )

    def show(
        self,
        media_path: Path | str | None,
        start_seconds: float = 0.0,
        end_seconds: float | None = None,
        *,
        caption: str = "",
        heading: str = "",
        segments: Sequence[Segment] = (),
        with_poster: bool = True,
    ) -> None:
        """Put another clip into this player, paused at its start.

        Args:
            media_path: the media file; None for a clip that has only words.
            start_seconds: where the clip starts in the file.
            end_seconds: where it ends, by default the file's end.
            caption: shown as text below the picture.
            heading: shown as text above the picture.
            segments: its parts, marked on the seek bar.
            with_poster: False leaves the picture out until the player is on screen.

        Raises:
            ValueError: the clip or a segment ends before it starts, or seconds are not finite.
        """
        _check_span(
            "the clip", start_seconds, start_seconds if end_seconds is None else end_seconds
        )
        for start, end, label in segments:
            _check_span(f"segment {label!r}", start, end)
        self.media_path = None if media_path is None else Path(media_path)
        end, message = self._measure(start_seconds, end_seconds)
        with self.hold_sync():
            with self._showing:
                self.generation += 1
                self.start_seconds, self.end_seconds = start_seconds, end
                self.current_time, self.playing = start_seconds, False
            self.caption, self.heading, self.message = caption, heading, message
            self.marks = [_as_mark(segment) for segment in sorted(segments)]
            self.poster = self.wave = b""
            if with_poster:
                self.load_poster()

    def set_state(self, sync_data: dict[str, Any]) -> None:
        """What the browser says; a late word about the clip that was here before is not heard."""
        generation, *now = sync_data.get("told") or [-1, self.current_time, self.playing]
        times = dict(zip(("current_time", "playing"), now, strict=True))
        sync_data = {name: value for name, value in sync_data.items() if name not in times}
        with self._showing:
            super().set_state(sync_data | (times if generation == self.generation else {}))

    def load_poster(self) -> None:
        """Fetch the picture that `show(..., with_poster=False)` left out, or the sound's wave."""
        if self.media_path is None or self._info is None or self.poster or self.wave:
            return
        if self._info.has_video:
            self.poster = poster_jpeg(self.media_path, self._span)
        else:
            self.wave = _wave_bytes(self.media_path, self._span)

    def play(self) -> None:
        """Play from `current_time`. A page that nobody has clicked yet may refuse sound."""
        self.send({"kind": "play"})

    def pause(self) -> None:
        """Pause where it is."""
        self.send({"kind": "pause"})

    def seek(self, seconds: float) -> None:
        """Move the playhead to these seconds of the media file, at most to the clip's ends.

        Raises:
            ValueError: the seconds are not finite.
        """
        if not math.isfinite(seconds):
            raise ValueError(f"seconds is {seconds}; give finite seconds of the media file")
        self.current_time = min(max(seconds, self.start_seconds), self.end_seconds)
        self.send({"kind": "seek", "seconds": self.current_time})

    def on_choose(self, callback: Callable[[], object]) -> None:
        """Call this whenever somebody clicks the player, or presses Enter on it."""
        self._callbacks.append(callback)

    def still(self) -> Picture:
        """The poster with its caption."""
        if self.media_path is None:
            return clip_picture(None, self.heading, self.message, plays=False)
        tile = poster_image(self.media_path, self._span, 640)
        heading, words = self.heading or _clock_span(*self._span), self.message or self.caption
        return clip_picture(tile, heading, words, plays=not self.message)

    def _measure(self, start: float, end: float | None) -> tuple[float, str]:
        """Look into the file: where the clip ends, and a sentence where it cannot be shown."""
        self._info, wanted = None, start if end is None else end
        if self.media_path is None:
            return wanted, "There is no media file."
        try:
            self._info = probe(self.media_path)
        except (MediaError, OSError) as error:
            return wanted, str(error)
        duration = self._info.duration_seconds
        wanted = duration if end is None else min(end, duration)
        if wanted > start:
            return wanted, ""
        return wanted, f"{self.media_path.name}: nothing lies from {start:.1f} to {wanted:.1f} s."

    def _answer(self, _: Any, content: dict[str, Any], __: Any) -> None:
        """The browser asks for something, each time with the clip that it means."""
        if content.get("kind") == "chosen":
            for callback in self._callbacks:
                callback()
        elif self.media_path is None or content.get("generation") != self.generation:
            return
        elif content["kind"] == "poster":
            self.load_poster()
        elif content["kind"] == "media":
            self._send_piece(self.media_path, content)
        elif content["kind"] == "stills":
            self._send_stills(self.media_path, content, "this browser cannot play it")

    def _send_piece(self, path: Path, asked: dict[str, Any]) -> None:
        try:
            start, end, media = cut_piece(
                path,
                self._span,
                asked["seconds"],
                ahead=asked["ahead"],
                byte_budget=self.byte_budget,
            )
        except UNPLAYABLE as error:
            self._send_stills(path, asked, str(error))
            return
        self.message = ""
        span = {"start": start, "end": end, "mime": "video/mp4"}
        self.send({**asked, **span}, [media])

    def _send_stills(self, path: Path, asked: dict[str, Any], reason: str) -> None:
        try:
            seconds, pictures = take_stills(path, self._span, byte_budget=self.byte_budget)
        except (MediaError, OSError):
            self.message = reason
            self.send({**asked, "kind": "refused"})
            return
        self.message = f"Stills without sound: {reason}."
        self.send({**asked, "kind": "stills", "at": seconds}, pictures)

    @property
    def _span(self) -> Span:
        return self.start_seconds, self.end_seconds


def _check_span(name: str, start_seconds: float, end_seconds: float) -> None:
    for field, seconds in (("start_seconds", start_seconds), ("end_seconds", end_seconds)):
        if not 0 <= seconds < math.inf:
            raise ValueError(f"{field} of {name} is {seconds}; give finite seconds from 0 up")
    if start_seconds > end_seconds:
        raise ValueError(
            f"{name} starts at {start_seconds} s and ends at {end_seconds} s; "
            "start_seconds must not lie behind end_seconds"
        )


def _as_mark(segment: Segment) -> dict[str, Any]:
    start, end, label = segment
    return {"start": float(start), "end": float(end), "label": str(label)}


def _wave_bytes(path: Path, span: Span) -> bytes:
    """The loudness of a sound in steps of 1/255."""
    return (255 * loudness_bars(path, span, WAVE_BARS)).astype(np.uint8).tobytes()


def _clock_span(start_seconds: float, end_seconds: float) -> str:
    return f"{start_seconds:.1f} to {end_seconds:.1f} s"
