"""The clock: words, film, sound and heat on one time axis, drawn in the browser.

The browser holds the whole matrix of words and tokens, so pointing at a word or at a second is
answered there; the kernel hears of what was chosen and sends sharper pictures after a zoom.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import anywidget
import ipywidgets
import numpy as np
import traitlets

from mmlab.explanation import ALL_WORDS, Moment, TokenMap
from mmlab.types import Modality
from mmlab.views.attention.panorama import FILM, SPECTROGRAM, WAVE, WAVE_HEIGHT, panorama, webp
from mmlab.views.attention.telling import unit_of
from mmlab.views.player import ClipPlayer
from mmlab.views.posters import Span
from mmlab.views.stylesheet import stylesheet
from mmlab.views.theme import FUSED, MODALITY_COLOURS, MODALITY_WORDS

HERE = Path(__file__).parent
SCRIPT = "\n".join(
    HERE.joinpath(f"clock{part}.js").read_text()
    for part in ("_data", "_telling", "_elements", "_drawing", "_pointer", "")
)
"""One ESM module of several parts: a front end loads no second file beside the first."""

STYLE = stylesheet(HERE / "clock.css")
HEAT_HEIGHT = 34
SHOWN_WITH: dict[Modality, dict[str, tuple[str, int]]] = {
    "video": {FILM: ("picture", 0)},
    "audio": {SPECTROGRAM: ("sound, low to high", 56), WAVE: ("loudness", WAVE_HEIGHT)},
}
"""The pictures above each modality's heat: label and height in pixels, 0 for the film's own."""


class AttentionClock(anywidget.AnyWidget):
    """One clip's words over its seconds; see the module's docstring.

    Attributes:
        chosen: row of the chosen word in the weights; 0 is the whole caption.
        second: the chosen second of the media file, or None.
        shown: start and end of the part of the axis that is shown; the whole span at first.
        every_word: whether each word has its own row of heat.
        message: a sentence where there is nothing to draw, "" otherwise.
        truth: the marks of `show`'s moments.
    """

    _esm = SCRIPT
    _css = STYLE

    words: Any = traitlets.List(traitlets.Unicode()).tag(sync=True)
    whole = traitlets.Int(-1).tag(sync=True)
    lanes: Any = traitlets.List().tag(sync=True)
    seconds = traitlets.Bytes().tag(sync=True)
    weights = traitlets.Bytes().tag(sync=True)
    unit = traitlets.Unicode().tag(sync=True)
    pictures: Any = traitlets.List().tag(sync=True)
    span: Any = traitlets.List([0.0, 1.0]).tag(sync=True)
    shown: Any = traitlets.List([0.0, 1.0]).tag(sync=True)
    chosen = traitlets.Int(0).tag(sync=True)
    second: Any = traitlets.Float(None, allow_none=True).tag(sync=True)
    every_word = traitlets.Bool(False).tag(sync=True)
    message = traitlets.Unicode().tag(sync=True)
    playhead = traitlets.Float().tag(sync=True)
    playing = traitlets.Bool().tag(sync=True)
    truth: Any = traitlets.List().tag(sync=True)
    player_id = traitlets.Unicode().tag(sync=True)  # by which the browser finds the player

    def __init__(
        self,
        token_map: TokenMap,
        weighting: str,
        player: ClipPlayer,
        moments: Sequence[Moment] = (),
    ) -> None:
        super().__init__()
        self._player = player
        self.player_id = player.model_id or ""
        self.show(token_map, weighting, moments)
        self.playhead = player.current_time
        for theirs, ours in {"current_time": "playhead", "playing": "playing"}.items():
            ipywidgets.jsdlink((player, theirs), (self, ours))
        self.observe(self._look_closer, "shown")
        self.on_msg(self._answer)

    def show(self, token_map: TokenMap, weighting: str, moments: Sequence[Moment] = ()) -> None:
        """Put another map on the clock; the chosen word and the zoom stay where they can.

        Args:
            token_map: the map.
            weighting: which of its heats.
            moments: when what its words say is really there, marked on the heat.
        """
        self.token_map, span = token_map, list(map(float, token_map.span))
        pictures = panorama(token_map, token_map.span)
        with self.hold_sync():
            if self.span != span:
                self.span = self.shown = span
            self.pictures = [_sent(name, image, token_map.span) for name, image in pictures.items()]
            self.lanes = clock_lanes(
                token_map, {name: image.shape for name, image in pictures.items()}
            )
            self.seconds = token_map.seconds.astype("<f4").tobytes()
            self.truth = [_marked(moment) for moment in moments]
            self.weigh(weighting)
        self._look_closer(None)

    def weigh(self, weighting: str) -> None:
        """Show another weighting of the same tokens."""
        with self.hold_sync():
            self.words = self.token_map.rows(weighting)
            self.whole = self.words.index(ALL_WORDS) if ALL_WORDS in self.words[:1] else -1
            self.weights = self.token_map.weights[weighting].astype("<f4").tobytes()
            self.unit = unit_of(self.token_map.weights[weighting])
            self.chosen = min(self.chosen, len(self.words) - 1)

    def row_of(self, word: str | int | None) -> int:
        """The row of a word: itself, its number, or None for the whole caption.

        Raises:
            ValueError: the caption has no such word, or the heat shown has no words.
        """
        if word is None:
            return 0
        if isinstance(word, str):
            row = self.words.index(word, 1) if word in self.words[1:] else -1
        else:
            row = word + 1
        if not 0 < row < len(self.words):
            known = ", ".join(self.words[1:]) or "none of its own in this heat"
            raise ValueError(f"the caption has no word {word!r}: {known}")
        return row

    @property
    def chosen_word(self) -> str | int | None:
        """As `row_of` takes it: the word, or its number where the caption says it twice."""
        if self.chosen < 1:
            return None
        word = self.words[self.chosen]
        return word if self.words.count(word) == 1 else self.chosen - 1

    def play_from(self, seconds: float) -> None:
        """Choose a second and play the clip from there."""
        self.seek(seconds)
        self._player.play()

    def seek(self, seconds: float) -> None:
        """Choose a second, at most the clip's ends, and move the player there.

        Raises:
            ValueError: it is no finite number.
        """
        if not math.isfinite(seconds):
            raise ValueError(f"seconds is {seconds}; give finite seconds of the media file")
        start, end = self.span
        self.second = min(max(seconds, start), end)
        self._player.seek(self.second)

    def _answer(self, _: Any, content: dict[str, Any], __: Any) -> None:
        if content.get("kind") == "play":
            self.play_from(float(content["seconds"]))

    def _look_closer(self, _: Any) -> None:
        """After a zoom, send pictures of the shown part that are as sharp as the whole ones."""
        whole, part = tuple(self.span), tuple(self.shown)
        kept = [picture for picture in self.pictures if (picture["start"], picture["end"]) == whole]
        closer = panorama(self.token_map, part) if part != whole else {}
        self.pictures = kept + [_sent(name, image, part) for name, image in closer.items()]


def clock_lanes(token_map: TokenMap, shapes: dict[str, tuple[int, ...]]) -> list[dict[str, Any]]:
    """The rows of the clock: for each modality what is seen or heard, and below it the heat.

    Args:
        token_map: whose lanes.
        shapes: (H, W, ...) of the pictures that there are.
    """
    lanes: list[dict[str, Any]] = []
    for modality in dict.fromkeys(token_map.modality):
        for name, (label, height) in SHOWN_WITH.get(modality, {}).items():
            if name in shapes:
                ratio = shapes[name][1] / shapes[name][0]
                shown = {"name": name, "label": label, "height": height, "ratio": ratio}
                lanes.append(shown | {"tokens": []})
        what = MODALITY_WORDS.get(modality, modality)
        heat: dict[str, Any] = {
            "name": f"heat {modality}",
            "label": f"heat over {what}",
            "what": what,
        }
        heat |= {"height": HEAT_HEIGHT, "colour": MODALITY_COLOURS.get(modality, FUSED)}
        columns = np.flatnonzero(np.array(token_map.modality) == modality).tolist()
        lanes.append(heat | {"tokens": columns})
    return lanes


def _marked(moment: Moment) -> dict[str, Any]:
    spans = [list(map(float, span)) for span in moment.spans]
    lane = f"heat {moment.modality}"
    return {"row": moment.word_number + 1, "lane": lane, "what": moment.label, "spans": spans}


def _sent(name: str, image: np.ndarray, span: Span) -> dict[str, Any]:
    return {"name": name, "start": float(span[0]), "end": float(span[1]), "bytes": webp(image)}
