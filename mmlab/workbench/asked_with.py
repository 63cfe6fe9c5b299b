"""The clips and files that a question asks with, beside it, to see and hear."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import ipywidgets

from mmlab.dataset import ClipDataset
from mmlab.question import Part
from mmlab.views.player import ClipPlayer
from mmlab.views.theme import MODALITY_WORDS

NOTHING = "What you ask with plays here."


class AskedWith(ipywidgets.VBox):
    """A player for each medium of a question; it stays while the medium is asked with.

    Its place is kept while there is none, so that nothing beside it moves.

    Args:
        dataset: where the clips are.
    """

    def __init__(self, dataset: ClipDataset) -> None:
        self.dataset = dataset
        self._players: dict[str, ClipPlayer] = {}
        self._nothing = ipywidgets.Label(NOTHING).add_class("mmlab-asked-nothing")
        super().__init__()
        self.add_class("mmlab-asked-with").add_class("mmlab-cards")
        self.show(())

    def show(self, parts: Sequence[Part]) -> None:
        """Show the media of these parts; a sentence has none."""
        senses: dict[str, list[str]] = {}
        for part in parts:
            if part.modality != "text":
                word = MODALITY_WORDS.get(part.modality, part.modality)
                senses.setdefault(part.source, []).append(word)
        labels = {part.source: part.label for part in parts}
        self._players = {
            source: self._players.get(source) or self._player(source, labels[source])
            for source in senses
        }
        for source, player in self._players.items():
            player.heading = f"Asked: its {' and '.join(senses[source])}"
        self.children = tuple(self._players.values()) or (self._nothing,)
        mark = self.add_class if len(senses) > 1 else self.remove_class
        mark("mmlab-asked-several")  # which are drawn smaller

    def _player(self, source: str, label: str) -> ClipPlayer:
        manifest = self.dataset.manifest
        if not (manifest["clip_id"] == source).any():
            return ClipPlayer(Path(source), caption=label).add_class("mmlab-card")
        row = self.dataset.row_of(source)
        clip = manifest.iloc[row]
        span = float(clip["start_seconds"]), float(clip["end_seconds"])
        player = ClipPlayer(self.dataset.media_path(row), *span, caption=str(clip["text"]))
        return player.add_class("mmlab-card")
