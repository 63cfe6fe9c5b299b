"""Several maps as one: what is selected, pointed at or searched on one is so on all."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Self

import ipywidgets
import pandas as pd

from mmlab.views.map.picture import map_picture
from mmlab.views.map.view import EmbeddingMap
from mmlab.views.stamp import Stamped
from mmlab.views.static import Picture

if TYPE_CHECKING:
    from mmlab.retrieval import Retriever

BESIDE = (520, 440)
"""Pixels of a canvas that shares a row with another."""


def link_maps(*maps: EmbeddingMap) -> None:
    """Let maps follow each other by clip_id: selection, pointer and search.

    What a map does not have is left out there.
    """
    following = False

    def follow(
        leader: EmbeddingMap, act: Callable[[EmbeddingMap, Any], object]
    ) -> Callable[[Any], None]:
        def react(told: Any) -> None:
            nonlocal following
            if following:  # it is an echo
                return
            following = True
            try:
                for other in maps:
                    if other is not leader:
                        act(other, told)
            finally:
                following = False

        return react

    for leader in maps:
        leader.on_select(follow(leader, _select))
        leader.on_hover(follow(leader, lambda other, clip_id: other.point_at(clip_id)))
        leader.on_search(follow(leader, lambda other, words: other.search(words)))


def side_by_side(*maps: EmbeddingMap) -> LinkedMaps:
    """Linked maps in one row."""
    return LinkedMaps(maps)


class LinkedMaps(Stamped, ipywidgets.HBox):
    """Maps beside each other, linked; their own columns move below their canvases.

    Their stamp is that of all; maps of several retrievers only have their own.

    Example:
        >>> video, audio = (embedding_space(retriever, [one]) for one in ("video", "audio"))
        >>> LinkedMaps([EmbeddingMap(video, label="video"), EmbeddingMap(audio, label="audio")])
    """

    def __init__(self, maps: Sequence[EmbeddingMap]) -> None:
        if not maps:
            raise ValueError("no maps to show; give at least one")
        self.maps, first = list(maps), maps[0].retriever
        self.retriever = first if all(one.retriever is first for one in maps) else None
        link_maps(*maps)
        for one in maps:
            one.canvas.resize(*BESIDE)
            one.add_class("mmlab-map-narrow")
        super().__init__(list(maps), layout={"flex_flow": "row wrap"})
        self.add_class("mmlab-linked-maps")

    def still(self) -> Picture:
        """All maps in one picture."""
        return map_picture([one.drawn() for one in self.maps])

    def parameters(self) -> dict[str, Any]:
        """Those of each map."""
        return {"maps": [one.parameters() for one in self.maps]}

    @classmethod
    def reopened(cls, retriever: Retriever, **parameters: Any) -> Self:
        """The same maps, linked."""
        return cls([EmbeddingMap.reopened(retriever, **one) for one in parameters["maps"]])


def _select(other: EmbeddingMap, selection: pd.DataFrame) -> None:
    if selection.empty:
        other.clear()
    else:
        other.select(selection["clip_id"].unique().tolist())
