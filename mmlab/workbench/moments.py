"""The moment in a long video: paste the steps, see when each is, and correct it by hand."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import ipywidgets
import numpy as np
import pandas as pd

from mmlab.evaluation.seconds import Tell
from mmlab.evaluation.segment_files import save_segments
from mmlab.evaluation.segments import COLUMNS
from mmlab.views.player import ClipPlayer
from mmlab.views.posters import Span
from mmlab.views.stamp import Stamped
from mmlab.views.static import Picture
from mmlab.workbench.moment_controls import MomentControls
from mmlab.workbench.moment_edits import Edited, numbered
from mmlab.workbench.moment_lanes import MomentLane, MomentLanes, common_scale, lane_heat
from mmlab.workbench.moment_picture import moment_picture
from mmlab.workbench.moment_search import GREETING, Found, MomentSearch, Wish
from mmlab.workbench.moment_telling import tell_segments
from mmlab.workbench.pacing import Newest

if TYPE_CHECKING:
    from mmlab.retrieval import Retriever


class MomentFinder(Stamped, ipywidgets.VBox):
    r"""Find steps, or the best moments of one sentence, in a long video.

    Several lines are steps in their order: each gets one segment of the video. A single line gets
    its best moments, best first. Every start and end can be moved by mouse or keyboard; a change
    stays when other steps are added. The video's seconds are embedded once, so that another
    question is answered at once. What cannot be answered is said in a sentence; nothing raises.

    Args:
        retriever: model and clips.
        media: the id of a video of the dataset, or a media file.
        steps: lines, or a list of sentences.
        truth: for each of these steps its true segments as (start, end) seconds, where known.
        among: what of the video is fused; default: all but text.

    Example:
        >>> finder = MomentFinder(retriever, "eggs.mp4", "crack an egg\nwhisk it\nfry it")
        >>> finder.move(1, end_seconds=14.5)
        >>> finder.save("eggs.vtt")
    """

    retriever: Retriever

    def __init__(
        self,
        retriever: Retriever,
        media: str | Path,
        steps: str | Sequence[str] = "",
        *,
        truth: Sequence[Sequence[Span]] = (),
        among: str = "",
    ) -> None:
        self.retriever, self._search = retriever, MomentSearch(retriever)
        lines = _lines(steps)
        if len(truth) and len(truth) != len(lines):
            raise ValueError(f"truth is of {len(truth)} steps, but there are {len(lines)}")
        if wrong := [span for spans in truth for span in spans if not 0 <= span[0] < span[1]]:
            raise ValueError(
                f"truth has the span {wrong[0]}; it must end after it starts, at 0 or later"
            )
        self._truth = dict(zip(numbered(lines), truth, strict=False))
        self._newest = Newest()
        self._edited: Edited | None = None
        self.media, self._opened = str(media), {str(media)}
        among = self._search.combination(among)
        self.controls = MomentControls(self._search.offered, self._search.combinations, among)
        self.player = ClipPlayer()
        self.lanes = MomentLanes(self.player, self._moved, self.reset)
        self.controls.on_ask(self._ask)
        self.controls.on_open(self._open_chosen)
        self.controls.on_keep(self.save, self.reset)
        top = ipywidgets.HBox([self.controls.question(), self.player])
        top.add_class("mmlab-moments-top")
        rows = [top, self.controls.message, self.lanes, self.controls.tools()]
        super().__init__([*rows, self.stamp_line()])
        self.add_class("mmlab-moments")
        self._look_into(self.media)
        self.find(lines)

    @property
    def segments(self) -> pd.DataFrame:
        """One row for each step or moment: step, start_seconds, end_seconds, score, edited."""
        return pd.DataFrame(columns=COLUMNS) if self._edited is None else self._edited.table

    @property
    def scores(self) -> np.ndarray:
        """(T, K) how well each second fits each step; (0, 0) before there are steps."""
        return np.zeros((0, 0)) if self._edited is None else self._edited.found.scores

    def look_into(self, media: str | Path) -> pd.DataFrame:
        """Find the same steps in another video, and wait for them.

        Args:
            media: as in the class.

        Returns:
            `segments`.
        """
        self._opened.add(str(media))
        self._look_into(str(media))
        return self.find(self.controls.steps.value)

    def find(self, steps: str | Sequence[str]) -> pd.DataFrame:
        """Find other steps, and wait for them.

        Args:
            steps: as in the class.

        Returns:
            `segments`.
        """
        self.controls.fill(media=self.media, steps="\n".join(_lines(steps)))
        self._newest.overtake()
        self._show(self._search.look(self._wish()))
        return self.segments

    def move(
        self, number: int, start_seconds: float | None = None, end_seconds: float | None = None
    ) -> pd.DataFrame:
        """Move the ends of a segment.

        Args:
            number: its row in `segments`.
            start_seconds: where it starts now; as it is, if left out.
            end_seconds: likewise where it ends.

        Returns:
            `segments`.

        Raises:
            ValueError: no such segment, or times outside of the video or in a wrong order.
        """
        if self._edited is None:
            raise ValueError("there is no segment to move; find some steps first")
        self._edit(self._edited.move(number, start_seconds, end_seconds))
        return self.segments

    def reset(self, number: int | None = None) -> pd.DataFrame:
        """Take back what was moved, of one segment or of all.

        Returns:
            `segments`.
        """
        if self._edited is not None:
            self._edit(self._edited.reset(number))
        return self.segments

    def save(self, path: Path | str) -> Path:
        """Write `segments` as .json, .csv or .vtt (WebVTT), whole or not at all.

        Raises:
            ValueError: another ending, or nothing to write.
            OSError: for example a full disk; then the file is as it was.
        """
        if self._edited is None:
            raise ValueError("there is no segment to save; find some steps first")
        return save_segments(self.segments, path, about=str(self.stamp))

    def parameters(self) -> dict[str, Any]:
        """The video, the steps with what is true of them, and what was moved."""
        wish = self._edited.found.wish if self._edited else self._wish()
        truth = [[list(span) for span in spans] for spans in self._truth_of(wish.steps)]
        moved = self._edited.moved if self._edited else {}
        return {
            "media": wish.media,
            "steps": "\n".join(wish.steps),
            "among": wish.among,
            "truth": truth if any(truth) else [],
            "moved": [[number, *span] for number, span in sorted(moved.items())],
        }

    @classmethod
    def reopened(cls, retriever: Any, **parameters: Any) -> Self:
        """The view that `parameters` describes, with what was moved."""
        moved = parameters.pop("moved")
        view = cls(retriever, **parameters)
        for number, start, end in moved:
            view.move(number, start, end)
        return view

    def still(self) -> Picture:
        """Film strip and lanes."""
        lanes = self._lanes(self._edited.found) if self._edited else []
        told = f"Moments in {Path(self.media).name}. {self.controls.message.words}"
        path = self._search.path_of(self.media)
        span, scale = (0.0, self.lanes.seconds), common_scale(self.scores)
        return moment_picture(lanes, self.segments, path, span, scale, told)

    def _look_into(self, media: str) -> None:
        self.media, self._edited = media, None
        self.controls.fill(media=media)
        self.controls.forget_saved()
        path = self._search.path_of(media)
        self.player.show(path)
        self.lanes.look_into(path, self._search.seconds_of(media))

    def _open_chosen(self, media: str) -> None:
        """A typed path is not opened: only a video that is offered, or one that code opened."""
        self._newest.overtake()
        if media not in self._search.offered and media not in self._opened:
            below = f"What is below is of {Path(self.media).name}."
            told = f"There is no video “{media}” in the dataset. {below}"
            self.controls.message.say(told, problem=True)
            return
        self._look_into(media)
        self._ask()

    def _wish(self) -> Wish:
        return Wish(self.media, _lines(self.controls.steps.value), self.controls.among.value)

    def _ask(self) -> None:
        """Look beside the kernel, so that everything can be used meanwhile."""
        if (named := self.controls.media.value) != self.media:  # it was refused
            self._open_chosen(named.strip())
            return
        wish, tell = self._wish(), self._progress()
        self._newest.run(lambda: self._search.look(wish, tell), self._show)

    def _progress(self) -> Tell:
        """What says, from another thread, how far the video is read and looked through.

        It ends this once another video is chosen.
        """
        try:
            deliver = asyncio.get_running_loop().call_soon_threadsafe
        except RuntimeError:  # no loop, as in a script: nobody could see it
            return lambda doing, share: None

        said = set[str]()  # a screen reader reads each of them
        media = self.media

        def tell(doing: str, share: float) -> None:
            if self.media != media:  # the other one waits for this; nobody is told of the error
                raise ValueError(f"{media} is no longer looked through")
            words = f"{doing.capitalize()}: {int(10 * share)}0 % …"
            if words not in said:
                said.add(words)
                deliver(self.controls.message.say, words)

        return tell

    def _show(self, found: Found | str) -> None:
        if isinstance(found, str):
            kept = " What is below stays as it was." if self._edited else ""
            self.controls.message.say(f"{found}{kept}", problem=found != GREETING)
            return
        before = self._edited or Edited(found, self.lanes.seconds)
        self._edited = before.onto(found)
        self.lanes.draw(self._lanes(found), self.segments, common_scale(found.scores))
        self._tell()

    def _edit(self, edited: Edited) -> None:
        self._edited = edited
        self.lanes.place(self.segments)
        self._tell()

    def _moved(self, number: int, start: float, end: float) -> None:
        try:
            self.move(number, start, end)
        except ValueError as error:  # another view of it has found something else by now
            self.lanes.put_back()
            self.controls.message.say(f"Not moved: {error}.", problem=True)

    def _lanes(self, found: Found) -> list[MomentLane]:
        """A lane for each step; or the sentence's heat, and a lane for each of its moments."""
        steps, heat = found.wish.steps, lane_heat(found.scores)
        truth = self._truth_of(steps)
        if len(steps) > 1:
            return [
                MomentLane(f"{number + 1}. {step}", heat[:, number], truth[number], number)
                for number, step in enumerate(steps)
            ]
        moments = range(len(found.segments))
        ranked = [MomentLane(f"moment {number + 1}", segment=number) for number in moments]
        return [MomentLane(steps[0], heat[:, 0], truth[0]), *ranked]

    def _truth_of(self, steps: Sequence[str]) -> list[Sequence[Span]]:
        return [self._truth.get(step, ()) for step in numbered(steps)]

    def _tell(self) -> None:
        assert self._edited is not None  # there is something to tell of
        found = self._edited.found
        truth = self._truth_of(found.wish.steps)
        told = tell_segments(self.segments, truth, len(found.wish.steps) == 1)
        self.controls.message.say(" ".join([told, *found.notes]))
        self.controls.forget_saved()
        self.restamp()


def _lines(steps: str | Sequence[str]) -> list[str]:
    text = steps if isinstance(steps, str) else "\n".join(steps)
    return [line.strip() for line in text.splitlines() if line.strip()]
