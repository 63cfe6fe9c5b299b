"""Joint beside late fusion: which answers moved up or down, which are new, and by how much."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anywidget
import ipywidgets
import pandas as pd
import traitlets

from mmlab.views.counted import counted
from mmlab.views.player import ClipPlayer
from mmlab.views.posters import poster_jpeg
from mmlab.views.static import Picture, StandsStill
from mmlab.views.stills import shorten
from mmlab.views.stylesheet import stylesheet
from mmlab.workbench.comparison_picture import comparison_picture
from mmlab.workbench.status_line import StatusLine

if TYPE_CHECKING:
    from mmlab.dataset import ClipDataset

NEEDED = ("clip_id", "joint_rank", "late_rank", "joint_score", "late_score")
HINT = "Ask with two parts or more to see what fusing them together changes."
SAME = "Joint and late fusion are the same here: one part, and one modality to look through."
POSTER_PIXELS = 192


class Comparison(StandsStill, ipywidgets.VBox):
    """Two ranked columns, late fusion on the left and joint on the right, the same clips joined.

    Args:
        dataset: where the clips are; None shows their words only.
        on_choose: called with the clip_id of an answer that is clicked or entered.

    Attributes:
        board: the columns.
        player: plays what was chosen.

    Example:
        >>> comparison = Comparison(retriever.dataset)
        >>> comparison.show(Asker(retriever).compare(question))
    """

    def __init__(
        self,
        dataset: ClipDataset | None = None,
        *,
        on_choose: Callable[[str], object] | None = None,
    ) -> None:
        self.dataset, self._on_choose = dataset, on_choose
        self.status = StatusLine()
        self.board = ComparisonBoard(self._poster, self.choose)
        self.player = ClipPlayer()
        self._side = ipywidgets.Box([self.player], layout={"display": "none"})
        self._side.add_class("mmlab-comparison-side")
        body = ipywidgets.HBox([self.board, self._side])
        if dataset is None:
            self.board.add_class("mmlab-comparison-words")
        super().__init__([self.status, body.add_class("mmlab-comparison-body")])
        self.add_class("mmlab-view").add_class("mmlab-comparison")
        self.show(pd.DataFrame(columns=list(NEEDED)))

    def show(self, table: pd.DataFrame, *, top: int | None = None) -> None:
        """Show another comparison.

        Args:
            table: as of `Asker.compare`: clip_id, text, joint_rank, late_rank (a rank may be
                missing), joint_score, late_score.
            top: how many answers each column shows; what only one of them has is new or gone.
                Default: as many as both have without a gap.

        Raises:
            ValueError: a column is missing.
        """
        if missing := [name for name in NEEDED if name not in table]:
            raise ValueError(
                f"a comparison has the columns {', '.join(NEEDED)}; it lacks {', '.join(missing)}"
            )
        self.rows, whole = _as_rows(table), _complete_to(table)
        self.top = whole if top is None else min(top, whole)
        with self.board.hold_sync():
            self.board.top, self.board.rows = self.top, self.rows
        self.status.say(change_in_words(self.rows, self.top) or HINT)

    def show_same(self) -> None:
        """Say that there is nothing to fuse, instead of two columns that cannot differ."""
        self.show(pd.DataFrame(columns=list(NEEDED)))
        self.status.say(SAME)

    def choose(self, clip_id: str) -> None:
        """Mark an answer in both columns and play it."""
        self.board.chosen = clip_id
        if self.dataset is not None:
            row = self.dataset.row_of(clip_id)
            clip = self.dataset.manifest.iloc[row]
            span = (float(clip["start_seconds"]), float(clip["end_seconds"]))
            self.player.show(self.dataset.media_path(row), *span, caption=str(clip["text"]))
            self._side.layout.display = None
            self.player.play()
        if self._on_choose is not None:
            self._on_choose(clip_id)

    def still(self) -> Picture:
        """The two columns with their lines."""
        sentence = f"Joint beside late fusion. {self.status.words}"
        return comparison_picture(self.rows, self.top, sentence)

    def _poster(self, clip_id: str) -> bytes:
        if self.dataset is None:
            return b""
        row = self.dataset.row_of(clip_id)
        clip = self.dataset.manifest.iloc[row]
        span = (float(clip["start_seconds"]), float(clip["end_seconds"]))
        return poster_jpeg(self.dataset.media_path(row), span, POSTER_PIXELS)


class ComparisonBoard(anywidget.AnyWidget):
    """The two columns in the browser; posters are asked for when their rows are on screen.

    Args:
        poster_of: a clip's poster as JPEG, b"" where there is none.
        on_choose: called with the clip_id of a row that is pressed.

    Attributes:
        rows: what `Comparison` shows, missing ranks as None.
        top: how many ranks both columns have.
        chosen: the clip_id that is marked.
    """

    _esm = Path(__file__).with_name("comparison.js")
    _css = stylesheet(Path(__file__).with_name("comparison.css"))

    rows: Any = traitlets.List().tag(sync=True)
    top = traitlets.Int().tag(sync=True)
    chosen = traitlets.Unicode().tag(sync=True)

    def __init__(
        self, poster_of: Callable[[str], bytes], on_choose: Callable[[str], object]
    ) -> None:
        super().__init__()
        self._poster_of, self._choose = poster_of, on_choose
        self.on_msg(self._answer)
        self.add_class("mmlab-comparison-board")

    def _answer(self, _: Any, asked: dict[str, str], __: Any) -> None:
        clip_id = asked["clip_id"]
        if clip_id not in {row["clip_id"] for row in self.rows}:
            return  # a newer comparison has come meanwhile
        if asked["kind"] == "chosen":
            self._choose(clip_id)
        elif picture := self._poster_of(clip_id):
            self.send(asked, [picture])


def change_in_words(rows: list[dict[str, Any]], top: int) -> str:
    """What became of the `top` best of either fusion; "" without rows."""
    best = [(row["joint_rank"] or top + 1, row["late_rank"] or top + 1) for row in rows]
    best = [(joint, late) for joint, late in best if min(joint, late) <= top]
    if not best:
        return ""
    moves = [late - joint for joint, late in best if max(joint, late) <= top]
    counts = {
        "has {} that late fusion lacks": sum(late > top for _, late in best),
        "lacks {} that late fusion has": sum(joint > top for joint, _ in best),
        "ranks {} higher": sum(move > 0 for move in moves),
        "ranks {} lower": sum(move < 0 for move in moves),
        "ranks {} the same": moves.count(0),
    }
    told = ", ".join(what.format(count) for what, count in counts.items() if count)
    clips = f"{counted(len(best), 'clip')} {'is' if len(best) == 1 else 'are'}"
    return f"{clips} among the {top} best of either. Joint fusion {told}."


def _as_rows(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Plain values, in the order of the table."""
    return [
        {
            "clip_id": str(row["clip_id"]),
            "caption": shorten(str(row.get("text", row["clip_id"])), 160),
            **{name: _number(row[name], int) for name in ("joint_rank", "late_rank")},
            **{name: _number(row[name], float) for name in ("joint_score", "late_score")},
        }
        for row in table.to_dict("records")
    ]


def _number(value: Any, kind: Callable[[Any], Any]) -> Any:
    return None if pd.isna(value) else kind(value)


def _complete_to(table: pd.DataFrame) -> int:
    """The last rank up to which both columns have every rank."""
    ranks = set(table["joint_rank"]) & set(table["late_rank"])
    rank = 0
    while rank + 1 in ranks:
        rank += 1
    return rank
