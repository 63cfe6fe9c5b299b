"""A search box: ask in words, by a clip's picture or sound, or all at once; watch the answers."""

from __future__ import annotations

import time
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import ipywidgets
import pandas as pd
from PIL import Image

from mmlab.media import MediaError
from mmlab.types import all_combinations, combination_name, parse_combination
from mmlab.views.player import ClipPlayer
from mmlab.views.posters import poster_image
from mmlab.views.static import Picture, StandsStill
from mmlab.views.stills import Card, cards_picture, shorten

if TYPE_CHECKING:
    from mmlab.retrieval import Retriever

GREETING = "Type what you look for, or choose a clip whose picture or sound to search by."


class SearchBox(StandsStill, ipywidgets.VBox):
    """Find clips by any combination of words, a clip's picture and a clip's sound.

    All that is filled in becomes one question, fused by the model. What cannot be answered is
    said in a sentence below the box; nothing raises.

    Attributes:
        answers: the last answers, as `Retriever.search` gives them; empty before a question.

    Example:
        >>> SearchBox(Retriever(model, dataset.select(split="test")), text="slice the tomato")
    """

    def __init__(
        self,
        retriever: Retriever,
        *,
        text: str = "",
        video: str = "",
        audio: str = "",
        among: str = "video+audio",
        top: int = 10,
    ) -> None:
        self.retriever = retriever
        self.answers = pd.DataFrame()
        self._clips = _clip_labels(retriever.dataset.manifest)
        self._said = ""
        self._asked: tuple[Any, ...] = ()
        self._build(among, top)
        retriever.embeddings(self.among.value)  # now, so that the first question is quick too
        super().__init__([self._question_row(), self._options_row(), self.message, self.cards])
        self.add_class("mmlab-search")
        self.ask(text=text, video=video, audio=audio)

    def ask(self, *, text: str = "", video: str = "", audio: str = "") -> pd.DataFrame:
        """Fill in the box from Python and answer.

        Args:
            text: a sentence.
            video: the clip_id whose picture to search by.
            audio: the clip_id whose sound to search by.

        Returns:
            `answers`.
        """
        labels = {clip_id: label for label, clip_id in self._clips.items()}
        fields = [(self.text, text)]
        fields += [(self.video, labels.get(video, video)), (self.audio, labels.get(audio, audio))]
        for field, value in fields:
            field.unobserve(self._on_change, "value")
            field.value = value
            field.observe(self._on_change, "value")
        self._answer()
        return self.answers

    def still(self) -> Picture:
        """The question with its answers as cards."""
        cards = [
            Card(self._tile(answer), _heading(answer), str(answer.text))
            for answer in self.answers.itertuples()
        ]
        question = self._in_words() or GREETING
        sentence = f"A search box. {self._said}"
        if cards:
            sentence += f" First: “{shorten(cards[0].caption, 120)}”."
        return cards_picture(question, cards, sentence)

    def _build(self, among: str, top: int) -> None:
        clips = list(self._clips)
        self.text = ipywidgets.Text(placeholder=GREETING, continuous_update=False)
        kept = {"options": clips, "continuous_update": False}
        self.video = ipywidgets.Combobox(placeholder="a clip's picture …", **kept)
        self.audio = ipywidgets.Combobox(placeholder="a clip's sound …", **kept)
        names = [combination_name(c) for c in all_combinations(self.retriever.model.config.names)]
        among = combination_name(parse_combination(among, self.retriever.model.config.names))
        self.among = ipywidgets.Dropdown(options=names, value=among)
        counts = sorted({5, 10, 20, top})
        self.top = ipywidgets.Dropdown(options=counts, value=top)
        self.button = ipywidgets.Button(description="Search", icon="search", button_style="primary")
        self.message = ipywidgets.HTML()
        self.cards = ipywidgets.Box()
        self.cards.add_class("mmlab-cards")
        self.message.add_class("mmlab-search-message")
        for name in ("text", "video", "audio", "among", "top", "button"):
            getattr(self, name).add_class(f"mmlab-search-{name}")
        for field in (self.text, self.video, self.audio, self.among, self.top):
            field.observe(self._on_change, "value")
        self.button.on_click(self._on_change)

    def _question_row(self) -> ipywidgets.HBox:
        self.text.layout.width = "auto"
        self.text.layout.flex = "1"
        self.text.description = "Words"
        return ipywidgets.HBox([self.text, self.button])

    def _options_row(self) -> ipywidgets.HBox:
        labels = {"video": "Picture", "audio": "Sound", "among": "Among", "top": "Show"}
        for name, label in labels.items():
            getattr(self, name).description = label
        for field, width in ((self.among, "240px"), (self.top, "150px")):
            field.layout.width = width
        fields = [self.video, self.audio, self.among, self.top]
        return ipywidgets.HBox(fields, layout={"flex_flow": "row wrap"})

    def _on_change(self, _: Any) -> None:
        """Enter, leaving a field and the button all ask; the same question only once."""
        if self._asked != self._state():
            self._answer()

    def _state(self) -> tuple[Any, ...]:
        return self.text.value, self.video.value, self.audio.value, self.among.value, self.top.value

    def _answer(self) -> None:
        self._asked = self._state()
        started = time.perf_counter()
        try:
            question = self._question()
            self.answers = self.retriever.search(
                **question, among=self.among.value, top=self.top.value
            )
            said = f"{self._in_words()} {len(self.answers)} of {len(self.retriever.dataset)} clips"
            said += f" in {1000 * (time.perf_counter() - started):.0f} ms."
        except _UnanswerableError as problem:
            self.answers, said = pd.DataFrame(), str(problem)
        except (MediaError, OSError, ValueError, KeyError) as error:
            self.answers, said = pd.DataFrame(), f"No answer: {error}"
        self._show_cards()
        self._said, self.message.value = said, escape(said)
        for player in self.cards.children:  # pictures last: words and ranks are there at once
            player.load_poster()

    def _question(self) -> dict[str, str]:
        """What is filled in, as arguments of `Retriever.search`."""
        question = {"text": self.text.value.strip()}
        for name, field in (("video", self.video), ("audio", self.audio)):
            chosen = field.value.strip()
            known = set(self._clips.values())
            if chosen and chosen not in self._clips and chosen not in known:
                raise _UnanswerableError(f"There is no clip “{chosen}”; choose one from the list.")
            question[name] = self._clips.get(chosen, chosen)
        filled = {name: value for name, value in question.items() if value}
        if not filled:
            raise _UnanswerableError(GREETING)
        return filled

    def _show_cards(self) -> None:
        """One player per answer, without its picture; they are kept from search to search."""
        players = list(self.cards.children)[: len(self.answers)]
        players += [ClipPlayer() for _ in range(len(self.answers) - len(players))]
        for player, answer in zip(players, self.answers.itertuples(), strict=True):
            player.add_class("mmlab-card")
            span = (answer.start_seconds, answer.end_seconds)
            words = {"caption": str(answer.text), "heading": _heading(answer)}
            player.show(self._media_path(answer), *span, **words, with_poster=False)
        self.cards.children = players

    def _media_path(self, answer: Any) -> Path:
        return self.retriever.dataset.media_path(self.retriever.dataset.row_of(answer.clip_id))

    def _tile(self, answer: Any) -> Image.Image:
        return poster_image(self._media_path(answer), (answer.start_seconds, answer.end_seconds))

    def _in_words(self) -> str:
        """The question as a reader would say it."""
        parts = [f"“{self.text.value.strip()}”"] if self.text.value.strip() else []
        for sense, field in (("picture", self.video), ("sound", self.audio)):
            chosen = field.value.strip()
            if chosen:
                parts.append(f"the {sense} of {shorten(self._clips.get(chosen, chosen), 40)}")
        return f"{' and '.join(parts)}, among {self.among.value}." if parts else ""


class _UnanswerableError(Exception):
    """What is filled in is no question; the message is for the person who asked."""


def _clip_labels(manifest: pd.DataFrame) -> dict[str, str]:
    """What a field offers, "clip_id · caption", and the clip_id that it stands for."""
    rows = zip(manifest.clip_id, manifest.text, strict=True)
    return {f"{clip_id} · {shorten(str(text), 60)}": str(clip_id) for clip_id, text in rows}


def _heading(answer: Any) -> str:
    span = f"{answer.start_seconds:.1f}–{answer.end_seconds:.1f} s"
    return f"{answer.rank} · {answer.score:.2f} · {span}"
