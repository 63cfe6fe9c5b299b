"""What of the map is lit, and why: near to a question, near to a clip, or gathered by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd

from mmlab.views.map.asking import nearest_points, neighbours, points_of
from mmlab.views.map.controls import NO_MODEL, OWN
from mmlab.views.map.standing import Stands
from mmlab.views.map.telling import Tells
from mmlab.views.stills import shorten

MOST_FOUND = 24
MOST_NEIGHBOURS = 8
NO_CLIP = "Click a dot, or choose a clip below; then its neighbours are listed."


class Lights(Stands, Tells):
    """Mixed into the map: makes points its selection."""

    _question: np.ndarray | None

    def _search(self, words: str) -> str:
        """Light what is near; return a sentence if there is no answer."""
        if self.retriever is None:
            return NO_MODEL
        try:
            self._question = self.retriever.query(text=words).numpy()
        except (ValueError, OSError) as error:
            return f"No answer: {error}."
        self._light_nearest()
        return ""

    def _light_nearest(self) -> None:
        assert self._question is not None
        found = nearest_points(self.space, self._question, self.canvas.visible, MOST_FOUND)
        self.canvas.ask(self._question, self._asked)
        self._take(found, f"nearest to “{shorten(self._asked, 60)}”")

    def _list_neighbours(self) -> None:
        if not (clip_id := self._clicked[0]):
            self.canvas.say(NO_CLIP)
            return
        wanted = self.controls.nearest.value
        combination = self._clicked[1] if wanted == OWN else wanted
        found = neighbours(self.space, clip_id, combination, MOST_NEIGHBOURS)
        why = f"nearest to {clip_id} by {combination}, in the full space"
        self._gather(found, why, listed=True)
        if self.space.row(clip_id, combination) is None:
            self.canvas.say(f"{clip_id} has nothing of {combination}.")
        self._tell("select", self.selection)

    def _place_beside(self, clip_id: str, combination: str) -> None:
        """Let a clip be the one whose neighbours can be listed."""
        self._clicked = clip_id, combination
        self.panel.show_clip(clip_id)

    def _gather(self, found: pd.DataFrame, why: str, *, listed: bool = False) -> None:
        """Make rows the selection that no search has found: its words and its star go."""
        self._asked, self._question = "", None
        self.canvas.ask(None)
        self._take(found, why, listed=listed)
        self.restamp()

    def _take(self, found: pd.DataFrame, why: str, *, listed: bool = False) -> None:
        """Make rows the selection; listed: they are the neighbours of the clicked clip."""
        self._found, self._why, self._listed = found, why, listed
        self.canvas.engine.light(found.index.to_numpy() if why else None)
        self.panel.list(self.selection, why)
        self.canvas.say()

    def _point(self, row: int) -> None:
        points = points_of(self.space, str(self.space.table.clip_id[row]))
        self.canvas.join(np.array([row, *(other for other in points if other != row)]))
        question, vector = self._question, self.space.vectors[row]
        self.panel.point_at(row, None if question is None else float(vector @ question))
