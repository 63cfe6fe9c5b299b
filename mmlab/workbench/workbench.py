"""The retrieval workbench: compose a question, watch the answers, compare, ask why, go on."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, Self, TypeVar

import ipywidgets
import pandas as pd
from PIL import Image

from mmlab.question import Asker, Part, Question
from mmlab.question.why import explain_hit
from mmlab.space import embedding_space
from mmlab.views.map import EmbeddingMap
from mmlab.views.posters import poster_image
from mmlab.views.stamp import Stamped
from mmlab.views.static import Picture
from mmlab.views.stills import Card, cards_picture, shorten
from mmlab.workbench.comparison import NEEDED, Comparison
from mmlab.workbench.composer import Composer
from mmlab.workbench.exporting import as_list
from mmlab.workbench.finding import GREETING, Found, Wish, attempt, find, no_hits
from mmlab.workbench.history import History
from mmlab.workbench.pacing import Newest, after
from mmlab.workbench.results import Results
from mmlab.workbench.status_line import StatusLine
from mmlab.workbench.why_panel import WhyPanel

if TYPE_CHECKING:
    from mmlab.retrieval import Retriever

Result = TypeVar("Result")

ANSWERS, COMPARISON, WHY, HISTORY = "Answers", "Joint beside late", "Why", "History"
MAP = "Map"

SETTLED_SECONDS = 1.0
"""A question that stays so long is noted in the history and in the stamp."""

PATIENCE_SECONDS = 0.3
"""If answers take longer, it is said what is being done."""

MOST_IN_PICTURE = 10


class Workbench(Stamped, ipywidgets.VBox):
    """Ask with words, pictures, sounds and files at once, each as much as you like.

    The answers follow every key, slider and switch; what cannot be answered is said in a sentence
    and nothing raises. Beside the answers: joint fusion against late fusion, why a clip is among
    them, a map on which they are lit, and what was asked before.

    Args:
        retriever: model and clips.
        question: asked at first; or its parts by name.
        text: a sentence.
        video: a clip_id, or a media file, whose picture to ask with.
        audio: likewise its sound.
        among: what is looked through, such as "video+audio"; "" = all but text.
        top: how many answers.

    Attributes:
        composer: the question's fields.
        results: the cards.
        answers: the last answers, as `Asker.answer` gives them; empty before a question.
        message: the sentence about them.

    Example:
        >>> bench = Workbench(retriever, text="slice the tomato")
        >>> bench.ask(text="slice the tomato", audio="knock.wav", without="onion")
        >>> bench.hits
    """

    def __init__(
        self,
        retriever: Retriever,
        question: Question | None = None,
        *,
        text: str = "",
        video: str = "",
        audio: str = "",
        among: str = "",
        top: int = 10,
    ) -> None:
        self.retriever, self.asker = retriever, Asker(retriever)
        self.answers = no_hits(retriever)
        self._asked: Wish | None = None
        self._answered: Wish | None = None
        self._explained, self._maps = "", list[EmbeddingMap]()
        self._finding, self._comparing = Newest(), Newest()
        self._build(top)
        self.tabs.observe(lambda _: self._open(), "value")
        rows = [self.composer, self.message, self.tabs, self.panel, self.place_of_map]
        super().__init__([*rows, self.stamp_line()])
        self.add_class("mmlab-view").add_class("mmlab-workbench")
        if retriever.index is None:  # so that the first answer is quick, too
            attempt(lambda: retriever.embeddings(retriever.all_but_text))
        self.ask(question, text=text, video=video, audio=audio, among=among)

    @property
    def question(self) -> Question:
        """What was asked last."""
        return self._question

    @property
    def hits(self) -> list[dict[str, Any]]:
        """`answers` as a list of dicts of plain Python values."""
        return as_list(self.answers)

    @property
    def pinned(self) -> pd.DataFrame:
        """The clips that were pinned, with rank and score as they were then."""
        return self.results.pinned

    def ask(self, question: Question | None = None, **parts: Any) -> pd.DataFrame:
        """Fill in the composer from Python and answer.

        Args:
            question: any that the composer has rows for.
            **parts: or what `Question.of` takes: text, video, audio, without, weights, among …

        Returns:
            `answers`.
        """
        self._finding.overtake()
        problem = attempt(lambda: self.composer.fill(question or Question.of(**parts)))
        self._asked = self._wish()
        wish = self._asked._replace(question=problem) if problem else self._asked
        self._show(wish, find(self.asker, wish))
        return self.answers

    def more_like(self, clip_id: str) -> pd.DataFrame:
        """Ask with a clip's picture and sound, whatever it has of them, among the same clips."""
        tokens = self.retriever.dataset[self.retriever.dataset.row_of(clip_id)].tokens
        senses = [name for name in self.retriever.modalities if name != "text"]
        parts = tuple(Part(name, clip_id) for name in senses if len(tokens[name]))
        composer = self.composer
        return self.ask(Question(parts, among=composer.among.value, fusion=composer.fusion.value))

    def why(self, clip_id: str) -> None:
        """Show what made a clip score as it does."""
        self._explained = clip_id
        if self.tabs.value == WHY:
            self._open()
        self.tabs.value = WHY

    def link_to(self, view: EmbeddingMap) -> None:
        """Let a map light the answers, now and whenever they change."""
        self._maps.append(view)
        if not self.answers.empty:
            view.light(self.answers["clip_id"].tolist())

    def parameters(self) -> dict[str, Any]:
        """The question as JSON, how many answers, and the filters."""
        filters = self.results.filters
        ranges = {column: list(ends) for column, ends in filters.ranges.items()}
        told = {"question": self.question.to_json(), "top": self.composer.top.value}
        filtered = {"where": dict(filters.values), "ranges": ranges}
        return told | {name: conditions for name, conditions in filtered.items() if conditions}

    @classmethod
    def reopened(cls, retriever: Retriever, **parameters: Any) -> Self:
        """The same question with the same filters."""
        question = Question.from_json(parameters["question"])
        view = cls(retriever, question, top=parameters["top"])
        for column, values in parameters.get("where", {}).items():
            view.results.filters.set(column, values)
        for column, (low, high) in parameters.get("ranges", {}).items():
            view.results.filters.set(column, (low, high))
        return view

    def still(self) -> Picture:
        """The question with its answers as cards."""
        clips = self.answers.head(MOST_IN_PICTURE)
        cards = [Card(*self._tile(clip), str(clip.text)) for clip in clips.itertuples()]
        sentence = f"A retrieval workbench. {self.message.words}"
        if cards:
            sentence += f" First: “{shorten(cards[0].caption, 120)}”."
        return cards_picture(self.question.in_words() or GREETING, cards, sentence)

    def _build(self, top: int) -> None:
        dataset = self.retriever.dataset
        self.composer = Composer(self.retriever, self._on_change, top=top)
        self._question = self.composer.question
        self.message = StatusLine().add_class("mmlab-workbench-message")
        self.results = Results(
            dataset,
            on_more_like=self.more_like,
            on_why=self.why,
            on_choose=self._point_at,
            on_filter=lambda: self._on_change(0.0),
        )
        self.comparison = Comparison(dataset, on_choose=self._choose)
        self.why_panel = WhyPanel()
        self.history = History(self._recall)
        self._panels = {
            ANSWERS: self.results,
            COMPARISON: self.comparison,
            WHY: self.why_panel,
            HISTORY: self.history,
        }
        # An index may have too many clips to embed them all for a picture.
        tabs = [*self._panels, MAP] if self.retriever.index is None else list(self._panels)
        self.tabs = ipywidgets.ToggleButtons(options=tabs)
        self.tabs.add_class("mmlab-workbench-tabs")
        self.panel = ipywidgets.Box([self.results]).add_class("mmlab-workbench-panel")
        self.place_of_map = ipywidgets.VBox(layout={"display": "none"})

    def _on_change(self, pause_seconds: float) -> None:
        """Somebody moved something; the same question is asked only once."""
        wish = self._wish()
        if wish == self._asked:
            return
        self._asked = wish

        def deliver(found: Found) -> None:
            self._answered = wish
            self._show(wish, found)

        self._finding.run(lambda: find(self.asker, wish), deliver, pause_seconds=pause_seconds)
        after(pause_seconds + PATIENCE_SECONDS, lambda: self._ask_for_patience(wish))

    def _ask_for_patience(self, wish: Wish) -> None:
        """Say what is being done, unless it is done, or something else is wished."""
        if wish is self._asked and wish is not self._answered:
            question = wish.question
            words = "" if isinstance(question, str) else question.in_words()
            self.message.say(f"Looking for {words} …" if words else "Looking …")

    def _wish(self) -> Wish:
        """What is filled in and filtered now."""
        composer = self.composer
        question = attempt(lambda: composer.question)
        return Wish(
            question, composer.top.value, self.results.where, self.results.filters.conditions
        )

    def _recall(self, wish: Wish) -> None:
        """Ask again what was asked before, of the same clips."""
        assert isinstance(wish.question, Question)  # nothing else is noted
        self.composer.show_top(wish.top)
        self.results.filters.restore(wish.conditions)
        self.ask(wish.question)

    def _show(self, wish: Wish, found: Found) -> None:
        self._question = found.question or self._question
        self.answers = found.hits
        self.message.say(found.words, problem=found.problem)
        self.composer.asked_with.show(self.question.parts)
        self.results.show(self.answers, asked=self.question.in_words())
        for view in self._maps:
            view.light(self.answers["clip_id"].tolist())
        if self._explained not in set(self.answers["clip_id"]):
            self._explained = ""
        if self.answers.empty:
            self._blank()
        self._open()
        after(SETTLED_SECONDS, lambda: self._settle(wish, found))

    def _settle(self, wish: Wish, found: Found) -> None:
        """Keep a question that stayed for a while; not what a slider passed over."""
        if found.hits is self.answers:
            if found.question is not None and not found.hits.empty:
                self.history.note(wish, found.hits)
            self.restamp()

    def _open(self) -> None:
        """Show the panel that is chosen, made for the present answers."""
        tab, question, where = self.tabs.value, self.question, self.results.where
        self.panel.children = [] if tab == MAP else [self._panels[tab]]
        self._show_map(tab == MAP)
        if self.answers.empty or tab not in (COMPARISON, WHY):
            return
        if tab == COMPARISON and _nothing_to_fuse(self.asker, question):
            self._comparing.overtake()
            self.comparison.show_same()
        elif tab == COMPARISON:
            top = self.composer.top.value
            compare = partial(self.asker.compare, question, top=top, where=where)
            self._beside(compare, partial(self.comparison.show, top=top))
        else:
            clip_id = self._explained or str(self.answers["clip_id"].iloc[0])
            explain = partial(explain_hit, self.asker, question, clip_id, where=where)
            self._beside(explain, self.why_panel.show)

    def _show_map(self, shown: bool) -> None:
        """The clips as they are looked through by default, the answers lit.

        Once made it is hidden, not taken away: plotly cannot change what is on no page.
        """
        if shown and not self.place_of_map.children:
            view = EmbeddingMap(embedding_space(self.retriever, [self.retriever.all_but_text]))
            self.link_to(view)
            self.place_of_map.children = [view]
        self.place_of_map.layout.display = None if shown else "none"

    def _blank(self) -> None:
        """Without answers nothing stands beside them, either."""
        self._comparing.overtake()
        self.comparison.show(pd.DataFrame(columns=list(NEEDED)))
        self.why_panel.clear()

    def _beside(self, work: Callable[[], Result], show: Callable[[Result], object]) -> None:
        """Make what stands beside the answers; a newer one takes its place."""

        def deliver(found: Result | str) -> None:
            if isinstance(found, str):
                self.message.say(found, problem=True)
            else:
                show(found)

        self._comparing.run(lambda: attempt(work), deliver)

    def _choose(self, clip_id: str) -> None:
        """Of the clip that is looked at, Why says why."""
        self._explained = clip_id
        self._point_at(clip_id)

    def _point_at(self, clip_id: str) -> None:
        for view in self._maps:
            view.point_at(clip_id)

    def _tile(self, clip: Any) -> tuple[Image.Image, str]:
        """The poster and heading of an answer."""
        dataset, span = self.retriever.dataset, (clip.start_seconds, clip.end_seconds)
        heading = f"{clip.rank} · score {clip.score:.2f} · {span[0]:.1f}–{span[1]:.1f} s"
        return poster_image(dataset.media_path(dataset.row_of(clip.clip_id)), span), heading


def _nothing_to_fuse(asker: Asker, question: Question) -> bool:
    """One part, and one modality that is looked through."""
    return len(question.counting) == 1 and "+" not in asker.gallery(question)
