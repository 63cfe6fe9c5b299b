"""Recall of every direction as a table of buttons; each lists where its direction fails most."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from html import escape, unescape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anywidget
import ipywidgets
import pandas as pd
import traitlets

from mmlab.evaluation.failures import worst_failures
from mmlab.views.counted import counted
from mmlab.views.player import ClipPlayer
from mmlab.views.recall_picture import highest_recall, recall_matrix
from mmlab.views.stamp import Stamped
from mmlab.views.static import Picture
from mmlab.views.stills import cards_picture, shorten
from mmlab.views.stylesheet import stylesheet

if TYPE_CHECKING:
    from mmlab.retrieval import Retriever

__all__ = ["RecallMatrix", "recall_matrix"]

MEASURES = ("R@1", "R@5", "R@10", "R@50", "gmean")
GREETING = "Choose a direction to see the clips that it fails most."


class RecallMatrix(Stamped, ipywidgets.VBox):
    """From any combination to any: how often the right clip is found, and where it is not.

    Where both sides hold a modality, a clip is also found by that, and by itself where both are
    the same; such figures are grey.

    Args:
        retriever: a model and its clips.
        measure: the first one shown, "R@1", "R@5", "R@10", "R@50" or "gmean".
        late: each direction with a fused side also with late fusion.
        direction: what asks and what is asked for, to begin with; default: none is chosen.
        worst: how many failures to list.

    Attributes:
        table: as `Retriever.matrix` gives it.
        failures: those of the chosen direction, as `worst_failures` gives them.

    Example:
        >>> RecallMatrix(retriever).choose("text", "video")
    """

    def __init__(
        self,
        retriever: Retriever,
        *,
        measure: str = "R@1",
        late: bool = False,
        direction: Sequence[str] | None = None,
        worst: int = 5,
    ) -> None:
        if measure not in MEASURES:
            raise ValueError(f"measure is one of {', '.join(MEASURES)}, found {measure!r}")
        self.retriever: Retriever = retriever
        self.late, self.worst = late, worst
        self.table, problem = _measured(retriever, late)
        self.failures = pd.DataFrame()
        self.measure = ipywidgets.Dropdown(
            options=MEASURES, value=measure, description="Measure", layout={"width": "200px"}
        )
        self.grid = RecallGrid()
        self.message = ipywidgets.HTML(escape(problem or GREETING))
        self.pairs = ipywidgets.VBox()
        below = ipywidgets.VBox([self.message, self.pairs]).add_class("mmlab-matrix-failures")
        self._fill()
        self.measure.observe(self._on_measure, "value")
        self.grid.observe(self._on_chosen, "chosen")
        super().__init__([self.measure, self.grid, below, self.stamp_line()])
        self.add_class("mmlab-view").add_class("mmlab-matrix")
        if direction is not None:
            self.choose(*direction)

    def choose(self, query: str, gallery: str) -> pd.DataFrame:
        """List the worst failures of a direction, as a click on its button does.

        Args:
            query: the combination that asks.
            gallery: the one that is asked for. If it is the same, only clips that equal another
                one there can fail.

        Returns:
            `failures`.

        Raises:
            ValueError: there is no such direction.
        """
        if self._row(query, gallery) is None:
            known = ", ".join(dict.fromkeys(cell["query"] for cell in self.grid.cells))
            raise ValueError(
                f"no direction {query} → {gallery} was measured; both sides are one of {known}"
            )
        self.grid.chosen = [query, gallery]
        return self.failures

    def parameters(self) -> dict[str, Any]:
        """What makes the same view again beside the retriever."""
        return {
            "measure": self.measure.value,
            "late": self.late,
            "direction": self.grid.chosen or None,
            "worst": self.worst,
        }

    def still(self) -> Picture:
        """The square of numbers; its sentence tells the chosen direction's worst failure."""
        if self.table.empty:
            said = unescape(self.message.value)
            return cards_picture(said, [], f"Recall of every direction. {said}")
        picture = recall_matrix(self.table, self.measure.value)
        if self.failures.empty:
            return picture
        first = self.failures.iloc[0]
        own, other = shorten(first["text"], 80), shorten(first["first_text"], 80)
        told = f"Worst of {' → '.join(self.grid.chosen)}: “{own}” came at rank {first['rank']:g}"
        return replace(picture, sentence=f"{picture.sentence} {told}, “{other}” came first.")

    def _fill(self) -> None:
        """The grid's numbers in the chosen measure."""
        if self.table.empty:
            return
        measure = self.measure.value
        highest = highest_recall(self.table, measure)
        known = self.table[self.table[measure].notna()]
        self.grid.measure = measure
        self.grid.cells = [_cell(row, measure, highest) for row in known.to_dict("records")]

    def _on_measure(self, _: Any) -> None:
        self._fill()
        self.restamp()

    def _row(self, query: str, gallery: str) -> pd.Series | None:
        if self.table.empty:
            return None
        there = (self.table["query"] == query) & (self.table["gallery"] == gallery)
        rows = self.table[there & (self.table["clips"] > 0)]
        return None if rows.empty else rows.iloc[0]

    def _on_chosen(self, _: Any) -> None:
        query, gallery = self.grid.chosen
        row = self._row(query, gallery)
        assert row is not None, "only measured directions have a button"
        self.failures = worst_failures(self.retriever, query, gallery, self.worst)
        self.message.value = escape(_told(row, len(self.failures)))
        self._show_pairs(int(row["candidates"]))
        self.restamp()

    def _show_pairs(self, candidates: int) -> None:
        """Two players per failure; they are kept from direction to direction."""
        pairs = list(self.pairs.children)[: len(self.failures)]
        pairs += [_pair() for _ in range(len(self.failures) - len(pairs))]
        for number, (pair, row) in enumerate(
            zip(pairs, self.failures.itertuples(), strict=True), 1
        ):
            own, first = pair.children
            place = f"rank {row.rank:g} of {candidates:,}, score {row.score_own:.2f}"
            self._show(own, row.clip_id, f"{number} · looked for: {place}")
            other = f"came first instead: score {row.score_first:.2f}"
            self._show(first, row.first_clip_id, other)
        self.pairs.children = pairs

    def _show(self, player: ClipPlayer, clip_id: str, heading: str) -> None:
        row = self.retriever.dataset.row_of(clip_id)
        clip = self.retriever.dataset.manifest.iloc[row]
        player.show(
            self.retriever.dataset.media_path(row),
            float(clip["start_seconds"]),
            float(clip["end_seconds"]),
            caption=str(clip["text"]),
            heading=heading,
            with_poster=False,
        )


class RecallGrid(anywidget.AnyWidget):
    """The table of buttons in the browser; see `RecallMatrix`.

    Attributes:
        measure: the name of the figures.
        cells: query, gallery, value, interval ("" without), strength (0 to 1), shared.
        chosen: query and gallery of the pressed button, empty for none.
    """

    _esm = Path(__file__).with_name("recall_matrix.js")
    _css = stylesheet(Path(__file__).with_name("recall_matrix.css"))

    measure = traitlets.Unicode().tag(sync=True)
    cells = traitlets.List(traitlets.Dict()).tag(sync=True)
    chosen = traitlets.List(traitlets.Unicode()).tag(sync=True)


def _measured(retriever: Retriever, late: bool) -> tuple[pd.DataFrame, str]:
    """The table, or none and why: embeddings that are NaN, clips that have nothing in common."""
    try:
        return retriever.matrix(late=late), ""
    except ValueError as error:
        return pd.DataFrame(), f"Nothing was measured: {error}"


def _told(row: pd.Series, failures: int) -> str:
    """What a direction measures, how well it does, and what stands below."""
    asked = counted(row["clips"] + row["missing"], "query", "queries")
    found = f"the own clip comes first for {row['R@1']:.1f} % of {asked}"
    said = [f"{row['query']} → {row['gallery']}: {found}, among {row['candidates']:,}."]
    if row["query"] == row["gallery"]:
        said.append("Each clip asks for itself, so it can miss only where others are just like it.")
    elif row["shared"]:
        said.append("Both sides hold the same modality, and a clip is also found by that.")
    if not failures:
        return " ".join([*said, "None fails."])
    worst = f"The {failures} worst" if failures > 1 else "The worst"
    return " ".join([*said, f"{worst}: left what was looked for, right what came first."])


def _cell(row: dict[Any, Any], measure: str, highest: float) -> dict[str, Any]:
    low, high = row[f"{measure} low"], row[f"{measure} high"]
    return {
        "query": row["query"],
        "gallery": row["gallery"],
        "value": f"{row[measure]:.1f}",
        "interval": f"{low:.0f} to {high:.0f}",
        "strength": min(row[measure] / (highest or 1), 1),
        "shared": bool(row["shared"]),
    }


def _pair() -> ipywidgets.Box:
    players = [ClipPlayer().add_class("mmlab-card") for _ in range(2)]
    return ipywidgets.Box(players).add_class("mmlab-cards").add_class("mmlab-matrix-pair")
