"""A clip player that Python can drive: poster first, media only when somebody presses play.

The browser side is player.js, plain ESM. Media travels as one message of bytes when it is asked
for, so a page of results costs a few kilobytes per card until one of them is played.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import anywidget
import traitlets

from mmlab.media import MediaError, cut_clip, probe
from mmlab.views.posters import poster_image, poster_jpeg
from mmlab.views.static import Picture, StandsStill
from mmlab.views.stills import clip_picture

BYTE_BUDGET = 20_000_000
"""Bytes that one clip may send to the browser: about four minutes as `cut_clip` writes it."""

LOWEST_BYTES_PER_SECOND = 8_000
"""Less than any clip with a picture needs, so hopeless spans are refused before they are cut."""


class ClipPlayer(StandsStill, anywidget.AnyWidget):
    """Play one span of a media file, from the mouse, the keyboard or Python.

    All seconds are those of the media file: a clip cut from 12.5 to 17 starts at 12.5. Keys:
    space or K plays and pauses, the arrows move by one second, J and L by five. A file that is
    missing or cannot be read gives a sentence in the view.

    Attributes:
        current_time: where the playhead is, in seconds, told by the browser four times a second.
        playing: whether it plays now.
        message: what went wrong, "" if nothing did.

    Example:
        >>> player = ClipPlayer("egg.mp4", 12.5, 17.0, caption="crack the egg")
        >>> player.seek(14.0)
    """

    _esm = Path(__file__).with_name("player.js")
    _css = Path(__file__).with_name("player.css")

    poster = traitlets.Bytes().tag(sync=True)
    heading = traitlets.Unicode().tag(sync=True)
    caption = traitlets.Unicode().tag(sync=True)
    message = traitlets.Unicode().tag(sync=True)
    start_seconds = traitlets.Float().tag(sync=True)
    end_seconds = traitlets.Float().tag(sync=True)
    current_time = traitlets.Float().tag(sync=True)
    playing = traitlets.Bool().tag(sync=True)
    generation = traitlets.Int().tag(sync=True)

    def __init__(
        self,
        media_path: Path | str | None = None,
        start_seconds: float = 0.0,
        end_seconds: float | None = None,
        *,
        caption: str = "",
        heading: str = "",
        byte_budget: int = BYTE_BUDGET,
    ) -> None:
        super().__init__()
        self.byte_budget = byte_budget
        self.media_path: Path | None = None
        self.on_msg(self._answer)
        self.add_class("mmlab-view")
        if media_path is not None:
            self.show(media_path, start_seconds, end_seconds, caption=caption, heading=heading)
        else:
            self.message = caption or "Nothing chosen yet."

    def show(
        self,
        media_path: Path | str,
        start_seconds: float = 0.0,
        end_seconds: float | None = None,
        *,
        caption: str = "",
        heading: str = "",
        with_poster: bool = True,
    ) -> None:
        """Put another clip into this player, paused at its start.

        Args:
            media_path: the media file.
            start_seconds: where the clip starts in the file.
            end_seconds: where it ends, by default the file's end.
            caption: shown as text below the picture.
            heading: shown as text above the picture.
            with_poster: False leaves the picture empty until `load_poster`.
        """
        self.media_path = Path(media_path)
        message, end = "", end_seconds
        try:
            duration = probe(self.media_path).duration_seconds
            end = duration if end is None else min(end, duration)
        except (MediaError, OSError) as error:
            message = str(error)
        with self.hold_sync():
            self.start_seconds, self.end_seconds = start_seconds, end or start_seconds
            self.current_time, self.playing = start_seconds, False
            self.caption, self.heading, self.message = caption, heading, message
            self.poster = self._poster() if with_poster else b""
            self.generation += 1

    def load_poster(self) -> None:
        """Fetch the picture that `show(..., with_poster=False)` left out."""
        self.poster = self._poster()

    def play(self) -> None:
        """Play from `current_time`. A page that nobody has clicked yet may refuse sound."""
        self.send({"kind": "play"})

    def pause(self) -> None:
        """Pause where it is."""
        self.send({"kind": "pause"})

    def seek(self, seconds: float) -> None:
        """Move the playhead to these seconds of the media file, at most to the clip's ends."""
        self.current_time = min(max(seconds, self.start_seconds), self.end_seconds)
        self.send({"kind": "seek", "seconds": self.current_time})

    def still(self) -> Picture:
        """The poster with its caption."""
        if self.media_path is None:
            return clip_picture(None, self.heading, self.message, plays=False)
        span = (self.start_seconds, self.end_seconds)
        tile = poster_image(self.media_path, span, 640)
        heading, words = self.heading or _clock_span(*span), self.message or self.caption
        return clip_picture(tile, heading, words, plays=not self.message)

    def _poster(self) -> bytes:
        assert self.media_path is not None
        return poster_jpeg(self.media_path, (self.start_seconds, self.end_seconds))

    def _answer(self, _: Any, content: dict[str, Any], __: Any) -> None:
        """The browser asks for the media: cut it, or say why not."""
        if content.get("kind") != "media" or self.media_path is None:
            return
        try:
            media = self._cut(self.media_path)
        except (MediaError, OSError) as error:
            self.message = str(error)
            self.send({"kind": "refused", "generation": self.generation})
            return
        self.send({"kind": "media", "generation": self.generation, "mime": "video/mp4"}, [media])

    def _cut(self, media_path: Path) -> bytes:
        span_seconds = self.end_seconds - self.start_seconds
        needed = int(span_seconds * LOWEST_BYTES_PER_SECOND)
        media = b""
        if needed <= self.byte_budget:
            media = cut_clip(media_path, self.start_seconds, self.end_seconds)
            needed = len(media)
        if needed > self.byte_budget:
            problem = f"{span_seconds:.0f} s need {needed / 1e6:.1f} MB or more"
            budget = f"over the budget of {self.byte_budget / 1e6:.1f} MB"
            mend = "play a shorter span or raise byte_budget"
            raise MediaError(media_path.name, f"{problem}, {budget}", mend)
        return media


def _clock_span(start_seconds: float, end_seconds: float) -> str:
    return f"{start_seconds:.1f} to {end_seconds:.1f} s"
