"""Why a clip is among the answers: shares as bars, words, and seconds that play when clicked."""

from __future__ import annotations

import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import anywidget
import ipywidgets
import pandas as pd
import traitlets

from mmlab.question.parts import quoted
from mmlab.question.why import HitReasons
from mmlab.question.why_telling import counterfactuals, ordinal, placed, sense
from mmlab.views.static import Picture, StandsStill
from mmlab.views.stills import clip_picture, shorten
from mmlab.views.stylesheet import stylesheet
from mmlab.views.theme import PLAIN, colour_of
from mmlab.workbench.cards import CardPlayer, Seen
from mmlab.workbench.why_picture import why_picture

FOLDER = Path(__file__).parent

WORD_CHARACTERS = 24

GREETING = "Press “Why” on an answer to see what its score is made of."


class WhyPanel(StandsStill, ipywidgets.VBox):
    """The reasons for one answer, beside its player.

    Attributes:
        reasons: what is shown; None before anything is.

    Example:
        >>> panel = WhyPanel()
        >>> panel.show(explain_hit(asker, question, clip_id))
    """

    def __init__(self, reasons: HitReasons | None = None) -> None:
        self.reasons: HitReasons | None = None
        self.player = CardPlayer(Seen())  # which goes on playing while a slider moves
        self.player.message = GREETING
        self.player.layout = {"flex": "0 1 360px", "min_width": "280px"}
        self.bars = WhyBars(layout={"flex": "1 1 460px", "max_width": "760px"})
        self.bars.on_msg(self._on_message)
        body = ipywidgets.HBox([self.bars, self.player]).add_class("mmlab-why-body")
        super().__init__([body])
        self.add_class("mmlab-view").add_class("mmlab-why")
        if reasons is not None:
            self.show(reasons)

    def show(self, reasons: HitReasons) -> None:
        """Show why a clip is an answer."""
        self.reasons = reasons
        self.bars.reasons = _as_dict(reasons)
        heading = f"{ordinal(reasons.rank)} · score {reasons.score:.2f}"
        path, span = reasons.media_path, reasons.span
        self.player.show(path, *span, caption=reasons.caption, heading=heading)

    def clear(self) -> None:
        """Show nothing but what there is to do."""
        if self.reasons is None:
            return
        self.reasons, self.bars.reasons = None, {}
        self.player.show(None)
        self.player.message = GREETING

    def play_from(self, seconds: float) -> None:
        """Play the clip from there, as a click on a second does.

        Args:
            seconds: of the media file.
        """
        self.player.seek(seconds)
        self.player.play()

    def still(self) -> Picture:
        """The bars, words and seconds with the reasons in words."""
        if self.reasons is None:
            return clip_picture(None, "Why", GREETING, plays=False)
        return why_picture(self.reasons)

    def _on_message(self, _: Any, content: dict[str, Any], __: Any) -> None:
        if content.get("kind") == "play":
            self.play_from(float(content["seconds"]))


class WhyBars(anywidget.AnyWidget):
    """The bars in the browser; see `WhyPanel`.

    Attributes:
        reasons: title, sentences, tables of bars, words and lanes of seconds; {} before any.
        greeting: what stands there before.
    """

    _esm = FOLDER / "why_panel.js"
    _css = stylesheet(FOLDER / "why_panel.css")

    reasons = traitlets.Dict().tag(sync=True)
    greeting = traitlets.Unicode(GREETING).tag(sync=True)


def _as_dict(reasons: HitReasons) -> dict[str, Any]:
    """What the browser draws; numbers that are written come with their text."""
    asked = _bars(reasons.parts, reasons.parts["part"])
    seen = _bars(reasons.modalities, map(_capital, map(sense, reasons.modalities["modality"])))
    return {
        "title": _title(reasons),
        "clip": reasons.clip_id,
        "question": reasons.question.in_words(),
        "sentences": counterfactuals(reasons),
        "tables": [
            {"title": "What the question brings", "rows": asked},
            {"title": "What the clip brings", "rows": seen},
        ],
        "total": _signed(reasons.score),
        "words": [
            {"part": str(part), "words": _numbers(rows, map(_short, rows["word"]))}
            for part, rows in reasons.words.groupby("part", sort=False)
        ],
        "lanes": [
            _lane(str(name), rows) for name, rows in reasons.seconds.groupby("modality", sort=False)
        ],
    }


def _bars(table: pd.DataFrame, names: Iterable[str]) -> list[dict[str, Any]]:
    return [
        {**one, "colour": colour_of(name) if name else PLAIN, "without": _rank(rank)}
        for one, name, rank in zip(
            _numbers(table, names), table["modality"], table["rank_without"], strict=True
        )
    ]


def _numbers(table: pd.DataFrame, names: Iterable[str]) -> list[dict[str, Any]]:
    shares = table["share"].tolist()
    return [
        {"name": str(name), "value": share, "share": _signed(share)}
        for name, share in zip(names, shares, strict=True)
    ]


def _lane(modality: str, rows: pd.DataFrame) -> dict[str, Any]:
    name = _capital(sense(modality))
    times = [f"{row.start_seconds:.1f}–{row.end_seconds:.1f} s" for row in rows.itertuples()]
    starts, ends = rows["start_seconds"].tolist(), rows["end_seconds"].tolist()
    pieces = zip(_numbers(rows, times), starts, ends, strict=True)
    return {
        "name": name,
        "colour": colour_of(modality),
        "pieces": [{**one, "start": start, "end": end} for one, start, end in pieces],
    }


def _title(reasons: HitReasons) -> str:
    said = f"{_named(reasons)} {placed(reasons.rank)}"
    return said if math.isnan(reasons.rank) else f"Why {said}"


def _named(reasons: HitReasons) -> str:
    """The clip by its caption; by its id where it has none."""
    return quoted(reasons.caption) if reasons.caption else reasons.clip_id


def _short(word: str) -> str:
    return shorten(word, WORD_CHARACTERS)


def _capital(word: str) -> str:
    return word[:1].upper() + word[1:]


def _signed(share: float) -> str:
    return f"{round(share, 3) + 0.0:+.3f}"  # adding 0 makes -0.0 a 0


def _rank(rank: float) -> str:
    return "–" if math.isnan(rank) else ordinal(rank)
