"""Which words have to do with which seconds of picture and sound, with the clip playing."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import ipywidgets
import pandas as pd

from mmlab.explanation import Moment, TokenMap, deletion_test, true_seconds
from mmlab.explanation.deletion import DeletionResult, Score
from mmlab.types import MODALITIES, Combination, combination_name, parse_combination
from mmlab.views.attention.clock import AttentionClock
from mmlab.views.attention.controls import WRAPPED, Asking, dropdown, notes_html
from mmlab.views.attention.deletion import DeletionPlace, Worth
from mmlab.views.attention.explaining import Explained, Question, clip_worth, explained, is_long
from mmlab.views.attention.later import Later
from mmlab.views.attention.links import links_html
from mmlab.views.attention.picture import attention_picture
from mmlab.views.attention.saving import SaveControl, save_view
from mmlab.views.attention.telling import notes
from mmlab.views.player import ClipPlayer
from mmlab.views.posters import Span
from mmlab.views.stamp import Stamped
from mmlab.views.static import Picture, under_nbconvert

if TYPE_CHECKING:
    from mmlab.retrieval import Retriever

NOTHING = "Nothing here has seconds; choose a combination with picture or sound."


class AttentionView(Stamped, ipywidgets.VBox):
    """Choose a word and see in which seconds its heat lies; choose a second and see the words.

    Args:
        retriever: a model and its clips.
        clip_id: which clip.
        combination: what is fused.
        caption: a sentence to ask the clip with; default: its own caption.
        word: the word that is chosen at first, or its number; None: the whole caption.
        weighting: what the heat is, such as "relevance"; default: the first that there is.
        block: which transformer block's attention, counted from the last if negative.
        second: the second of the media file that is chosen at first.
        shown: start and end of the part of the axis that is shown at first; default: all.
        every_word: whether each word has its own row of heat.

    Attributes:
        token_map: all of it as numbers; of a long clip, `wait` for what was asked last.
        moments: when what the words say is really there, where the corpus knows it.

    Example:
        >>> AttentionView(retriever, "video0007.mp4#3.00-7.12", word="onion")
        >>> AttentionView.of(TokenMap(words, modality, seconds, weights, span))  # of any model
    """

    token_map: TokenMap
    moments: Sequence[Moment]
    _changing = False  # while clock and controls do not yet speak of the same map

    def __init__(
        self,
        retriever: Retriever,
        clip_id: str,
        combination: str | Combination = MODALITIES,
        *,
        caption: str | None = None,
        word: str | int | None = None,
        weighting: str | None = None,
        block: int = -1,
        second: float | None = None,
        shown: Span | None = None,
        every_word: bool = False,
    ) -> None:
        self.retriever, self.clip_id = retriever, clip_id
        self._score: Score | None = None
        name = combination_name(parse_combination(combination, retriever.modalities))
        own = retriever.dataset.span(retriever.dataset.row_of(clip_id)).text
        self._asking = Asking(retriever, Question(name, caption, block), own)
        self._explained = explained(retriever, clip_id, self._asking.question)
        self._build(word, weighting, every_word=every_word)
        self._maps.answer(self._explained.question, lambda: self._explained)
        self._asking.observe(self._on_question)
        if shown is not None:
            if not shown[0] < shown[1]:
                raise ValueError(f"shown is a start and a later end in seconds; found {shown}")
            self.clock.shown = list(shown)
        if second is not None:
            self.seek(second)

    @classmethod
    def of(
        cls,
        token_map: TokenMap,
        *,
        score: Score | None = None,
        word: str | int | None = None,
        weighting: str | None = None,
    ) -> Self:
        """The view of any model's words, seconds and weights.

        Args:
            token_map: all that it shows.
            score: what the deletion test asks, see `deletion_test`; default: there is none.
            word: as for the class.
            weighting: likewise.
        """
        view = cls.__new__(cls)
        view.retriever, view.clip_id, view._score = None, "", score
        view._explained = Explained(Question(token_map.combination, None, 0), token_map)
        view._asking = Asking(None, view._explained.question, token_map.caption)
        view._build(word, weighting)
        return view

    @property
    def combination(self) -> ipywidgets.Dropdown:
        """The control of what is fused."""
        return self._asking.combination

    @property
    def sentence(self) -> ipywidgets.Text:
        """The control of the sentence with which the clip is asked."""
        return self._asking.sentence

    @property
    def deletion(self) -> DeletionResult | None:
        """What the shown heat is worth, when measured; None where nothing can be scored."""
        self.wait()
        return self._measured

    @property
    def table(self) -> pd.DataFrame:
        """The links of the shown weighting, see `TokenMap.table`."""
        return self.token_map.table(self.weighting.value)

    def choose(self, word: str | int | None) -> None:
        """Choose a word of the caption: itself, its number, or None for the whole caption.

        Raises:
            ValueError: the caption has no such word, or the heat shown has no words.
        """
        self.clock.chosen = self.clock.row_of(word)

    def seek(self, seconds: float) -> None:
        """Choose a second of the media file, at most the clip's ends; the player goes there."""
        self.clock.seek(seconds)

    def wait(self) -> None:
        """Until all that is asked of a long clip is worked out; a short one never waits."""
        self._maps.wait()
        self.worth.later.wait()

    def parameters(self) -> dict[str, Any]:
        """What makes the same view again beside the retriever."""
        clock, asked = self.clock, self._asking.question
        return {
            "clip_id": self.clip_id,
            **asked._asdict(),
            "word": clock.chosen_word,
            "weighting": self.weighting.value,
            "second": None if clock.second is None else round(clock.second, 3),
            "shown": None if clock.shown == clock.span else list(clock.shown),
            "every_word": clock.every_word,
        }

    def still(self) -> Picture:
        """All words against all seconds, the chosen word marked."""
        if under_nbconvert():
            self.wait()
        worth, row = self._measured, self.clock.chosen
        return attention_picture(
            self.token_map, self.weighting.value, row=row, deletion=worth, moments=self.moments
        )

    def save(self, path: Path | str) -> Path:
        """Write the view to a file, whole or not at all; what is being measured is waited for.

        Args:
            path: its ending says how: .png and .svg draw `still()`, .html is a page that works by
                itself, .safetensors holds the `token_map`, .csv the `table`.

        Raises:
            ValueError: another ending.
        """
        return save_view(self, Path(path))

    def worths(self) -> dict[tuple[str, int], Worth]:
        """What is measured, by heat and row: of a short clip at least every whole caption."""
        found = {}
        for weighting in self.token_map.weights:
            for row in range(len(self.token_map.rows(weighting))):
                work = None if row or self._explained.is_long else self._work(weighting, row)
                worth = self.worth.later.answer(self._name_of(weighting, row), work)
                if worth is not None:
                    found[weighting, row] = worth
        return found

    def _build(
        self, word: str | int | None, weighting: str | None, *, every_word: bool = False
    ) -> None:
        _, token_map, problem = self._explained
        self._maps: Later[Explained] = Later(self._show)
        self._take(self._explained)
        self.weighting = dropdown("Heat", list(token_map.weights))
        if weighting in token_map.weights:
            self.weighting.value = weighting
        elif weighting is not None and not problem:
            raise ValueError(f"no heat {weighting!r}; there are {', '.join(token_map.weights)}")
        self._wished = self.weighting.value
        own = self._asking.own  # whatever it is asked
        self.player = ClipPlayer(token_map.media_path, *token_map.span, caption=own)
        self.player.layout.width = "360px"
        self.clock = AttentionClock(token_map, self.weighting.value, self.player, self.moments)
        self.every_word = ipywidgets.Checkbox(description="all words", indent=False)
        self.every_word.layout.width = "110px"
        self.every_word.value = self.clock.every_word = every_word
        for link in (ipywidgets.jslink, ipywidgets.link):  # in the browser at once, and from Python
            link((self.every_word, "value"), (self.clock, "every_word"))
        self.notes = ipywidgets.HTML().add_class("mmlab-attention-notes")
        self.links = ipywidgets.HTML().add_class("mmlab-links")
        self.worth = DeletionPlace()
        if word is not None and not problem:
            self.choose(word)
        super().__init__(self._laid_out(), _dom_classes=("mmlab-view", "mmlab-attention"))
        self._tell()
        self.weighting.observe(self._on_weighting, "value")
        self.clock.observe(lambda _: self._tell(), "chosen")
        self.clock.observe(lambda _: self.restamp(), ["second", "shown", "every_word"])

    def _laid_out(self) -> list[ipywidgets.Widget]:
        asking = self._asking
        tools = [asking.sentence, asking.combination, self.weighting, asking.block, self.every_word]
        top = ipywidgets.HBox(tools, layout=WRAPPED).add_class("mmlab-attention-tools")
        told = ipywidgets.HBox([self.notes, SaveControl(self)], layout=WRAPPED)
        told.layout.justify_content = "space-between"
        below = ipywidgets.HBox([self.player, self.links, self.worth])
        below.add_class("mmlab-attention-below")
        return [top, told, self.clock, below, self.stamp_line()]

    def _take(self, about: Explained) -> None:
        self._explained, self.token_map = about, about.token_map
        self.moments = []
        if self.retriever is not None and not about.problem:
            self.moments = true_seconds(self.retriever, self.clip_id, about.question.caption)

    def _on_question(self, _: Any) -> None:
        """Blank what was of the old question, and ask the new one."""
        assert self.retriever is not None
        question, clip_id = self._asking.question, self.clip_id
        if long := is_long(self.retriever, clip_id):
            self.clock.message = f"Working out {question.combination} of this long clip …"
            self.links.value = self.worth.value = ""
        work = partial(explained, self.retriever, clip_id, question)
        self._maps.ask(question, work, at_once=not long)

    def _show(self, about: Explained) -> None:
        same_words = list(self.token_map.words) == list(about.token_map.words)
        self._take(about)
        known, wished = list(self.token_map.weights), self._wished
        wanted, self._changing = wished if wished in known else known[0], True
        if not same_words:
            self.clock.chosen = 0
        if known != list(self.weighting.options):
            self.weighting.options = known  # which chooses the first
            self.weighting.value = wanted
        self.clock.show(self.token_map, wanted, self.moments)
        self._changing = False
        self._tell()

    def _on_weighting(self, _: Any) -> None:
        if not self._changing:
            self._wished = self.weighting.value
            self.clock.weigh(self._wished)
            self._tell()

    def _tell(self) -> None:
        """Everything beside the clock that follows from map, weighting and chosen word."""
        if self._changing:
            return
        self.clock.message = self._explained.problem or NOTHING * (not self.token_map.modality)
        self.notes.value = notes_html(notes(self.token_map))
        weighting, row = self.weighting.value, self.clock.chosen
        self.links.value = links_html(self.token_map, weighting, row)
        work, at_once = self._work(weighting, row), not self._explained.is_long
        self.worth.ask(self._name_of(weighting, row), work, at_once=at_once)
        self.restamp()

    def _name_of(self, weighting: str, row: int) -> tuple[Question, str, int]:
        return self._explained.question, weighting, row

    def _work(self, weighting: str, row: int) -> Any:
        """What measures the worth of one row of heat, or None where nothing can be scored."""
        token_map = self.token_map
        if not token_map.modality:
            return None
        if self._score is not None:  # it is of the whole, whatever word is chosen
            return partial(deletion_test, self._score, token_map.weights[weighting][0])
        if self.retriever is None or token_map.score is None:
            return None
        return partial(clip_worth, self.retriever, self._explained, weighting, row)

    @property
    def _measured(self) -> DeletionResult | None:
        return self.worth.result if isinstance(self.worth.result, DeletionResult) else None
