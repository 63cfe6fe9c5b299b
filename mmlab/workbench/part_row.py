"""The composer's rows: what a part of the question is, how much it weighs, whether it is asked."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from os.path import isfile
from pathlib import Path

import ipywidgets
import pandas as pd

from mmlab.question import Part
from mmlab.question.uploads import Upload
from mmlab.types import Combination, Modality
from mmlab.views.stills import shorten
from mmlab.views.theme import MODALITY_WORDS
from mmlab.workbench.drop import MediaDrop
from mmlab.workbench.weight import Weight

MOST_OFFERED = 3_000
"""Clips that a field lists; the id of any other can be typed."""

TYPING_PAUSE_SECONDS = 0.12
"""Typing rests then; the answer is there within a quarter of a second of the last key."""

OnChange = Callable[[float], object]
"""Is told that the question changed, and how many seconds to wait for more."""


class PartRow(ipywidgets.HBox):
    """A field, its weight and its switch.

    Args:
        title: in front of the field, such as "Words".
        kind: gives the row its colour: a modality, or "file".
        field: what says what is asked.
        on_change: see `OnChange`.
    """

    def __init__(
        self, title: str, kind: str, field: ipywidgets.DOMWidget, on_change: OnChange
    ) -> None:
        self._on_change = on_change
        self.weight = Weight(f"Weight of {title.lower()}")
        self.weight.observe(lambda _: on_change(0.0), ["value", "on"])
        super().__init__([field, self.weight])
        self.add_class("mmlab-part").add_class(f"mmlab-part-{kind}")
        self.weight.disabled = self.empty

    @property
    def empty(self) -> bool:
        """Whether nothing is filled in, so that there is nothing to weigh."""
        raise NotImplementedError

    def parts(self) -> list[Part]:
        """What the row asks: no part while it is empty.

        Raises:
            ValueError: what is filled in cannot be asked.
        """
        raise NotImplementedError

    def take(self, parts: Sequence[Part]) -> list[Part]:
        """Show those parts that the row can, the first with others that go with it.

        Returns:
            The parts that are not shown here.

        Raises:
            ValueError: the file cannot be read.
        """
        mine = self._mine(parts)
        self._show(mine)
        self.weight.value = mine[0].weight if mine else 1.0
        self.weight.on = mine[0].on if mine else True
        return [part for part in parts if part not in mine]

    def _on_field(self, pause_seconds: float) -> None:
        """What is filled in has changed."""
        self.weight.disabled = self.empty
        self._on_change(pause_seconds)

    def _part(self, modality: Modality, source: str, label: str = "") -> Part:
        return Part(modality, source, self.weight.value, self.weight.on, label)

    def _mine(self, parts: Sequence[Part]) -> list[Part]:
        raise NotImplementedError

    def _show(self, mine: Sequence[Part]) -> None:
        raise NotImplementedError


class WordsRow(PartRow):
    """A sentence, asked as soon as the typing rests.

    Args:
        example: of what can be asked.
        on_change: see `OnChange`.
    """

    def __init__(self, example: str, on_change: OnChange) -> None:
        hint = f"what you look for, such as: {shorten(example, 50)}"
        self.text = ipywidgets.Text(description="Words", placeholder=hint)
        self.text.observe(lambda _: self._on_field(TYPING_PAUSE_SECONDS), "value")
        super().__init__("Words", "text", self.text, on_change)

    @property
    def empty(self) -> bool:
        """No words."""
        return not self.text.value.strip()

    def parts(self) -> list[Part]:
        """The sentence."""
        words = self.text.value.strip()
        return [self._part("text", words)] if words else []

    def _mine(self, parts: Sequence[Part]) -> list[Part]:
        return [part for part in parts if part.modality == "text"][:1]

    def _show(self, mine: Sequence[Part]) -> None:
        self.text.value = mine[0].source if mine else ""


class ClipRow(PartRow):
    """One sense of a clip of the dataset, such as its sound."""

    def __init__(self, modality: Modality, labels: ClipLabels, on_change: OnChange) -> None:
        self.modality, self.labels = modality, labels
        word = MODALITY_WORDS.get(modality, modality)
        hint = f"a clip's {word}{labels.hint}"
        self.clip = ipywidgets.Combobox(
            options=labels.offered, placeholder=hint, continuous_update=False
        )
        self.clip.description = word.capitalize()
        self.clip.observe(lambda _: self._on_field(0.0), "value")
        super().__init__(self.clip.description, modality, self.clip, on_change)

    @property
    def empty(self) -> bool:
        """No clip is chosen."""
        return not self.clip.value.strip()

    def parts(self) -> list[Part]:
        """The clip that is chosen."""
        if self.empty:
            return []
        return [self._part(self.modality, self.labels.clip_of(self.clip.value.strip()))]

    def _mine(self, parts: Sequence[Part]) -> list[Part]:
        known = [part for part in parts if part.source in self.labels]
        return [part for part in known if part.modality == self.modality][:1]

    def _show(self, mine: Sequence[Part]) -> None:
        self.clip.value = self.labels.label_of(mine[0].source) if mine else ""


class FileRow(PartRow):
    """Picture, sound or both of a file of one's own."""

    def __init__(self, senses: Combination, labels: ClipLabels, on_change: OnChange) -> None:
        self._senses, self._labels = senses, labels
        self.drop = MediaDrop(lambda *_: self._on_file())
        self.use = ipywidgets.Dropdown(description="Its")
        self.use.observe(lambda _: on_change(0.0), "value")
        place = ipywidgets.VBox([self.drop, self.use]).add_class("mmlab-part-drop")
        field = ipywidgets.HBox([ipywidgets.Label("File"), place])
        super().__init__("File", "file", field, on_change)
        self._offer()

    @property
    def empty(self) -> bool:
        """No file is here, or it has nothing to ask with."""
        return not self.use.options

    def parts(self) -> list[Part]:
        """One for each sense of the file that is used."""
        if self.drop.upload is None:
            return []
        name, path = self.drop.file_name, str(self.drop.upload.path)
        if not self.use.options:
            raise ValueError(f"{name} has nothing of {' or '.join(self._senses)} to ask with.")
        return [self._part(sense, path, name) for sense in self.use.value]

    def _mine(self, parts: Sequence[Part]) -> list[Part]:
        media = [part for part in parts if part.source not in self._labels]
        files = [one for one in media if one.modality in self._senses and isfile(one.source)]
        return [
            part
            for part in files
            if (part.source, part.weight, part.on)
            == (files[0].source, files[0].weight, files[0].on)
        ]

    def _show(self, mine: Sequence[Part]) -> None:
        self.drop.show(Path(mine[0].source) if mine else None, mine[0].label if mine else "")
        self._offer()
        senses = tuple(part.modality for part in mine)
        if senses in dict(self.use.options).values():
            self.use.value = senses
        if mine and self.drop.upload is None:
            raise ValueError(self.drop.message)

    def _on_file(self) -> None:
        self._offer()
        self._on_change(0.0)

    def _offer(self) -> None:
        """What of the file can be asked with."""
        senses = tuple(sense for sense in self._senses if sense in _senses_of(self.drop.upload))
        choices = [senses, *((sense,) for sense in senses if len(senses) > 1)] if senses else []
        self.use.options = [(_senses_in_words(one), one) for one in choices]
        self.use.value = choices[0] if choices else None
        self.use.layout.display = None if len(choices) > 1 else "none"
        self.weight.disabled = self.empty


class ClipLabels:
    """What a field offers for each clip, "clip_id · caption", and back.

    Args:
        manifest: of a dataset; of a clip with several captions each is offered.
    """

    def __init__(self, manifest: pd.DataFrame) -> None:
        rows = list(zip(manifest["clip_id"].astype(str), manifest["text"], strict=True))
        self._known = {clip_id for clip_id, _ in rows}
        listed = rows[:MOST_OFFERED]
        self._ids = {f"{clip_id} · {shorten(str(text), 60)}": clip_id for clip_id, text in listed}
        self._labels = {clip_id: label for label, clip_id in reversed(self._ids.items())}
        self.hint = " …"
        if len(rows) > MOST_OFFERED:
            self.hint = f" (type its id; {MOST_OFFERED:,} of {len(self._known):,} are listed)"

    @property
    def offered(self) -> Sequence[str]:
        """The labels of the field's list."""
        return list(self._ids)

    def label_of(self, clip_id: str) -> str:
        """How the field shows a clip."""
        return self._labels.get(clip_id, clip_id)

    def clip_of(self, chosen: str) -> str:
        """The clip_id that a label, or an id that was typed, stands for.

        Raises:
            ValueError: there is no such clip.
        """
        clip_id = self._ids.get(chosen, chosen)
        if clip_id not in self._known:
            raise ValueError(f"There is no clip “{clip_id}”; choose one from the list.")
        return clip_id

    def __contains__(self, clip_id: object) -> bool:
        return clip_id in self._known


def _senses_of(upload: Upload | None) -> Combination:
    """What a file has."""
    if upload is None:
        return ()
    return ("video",) * upload.has_video + ("audio",) * upload.has_audio


def _senses_in_words(senses: Combination) -> str:
    return " and ".join(MODALITY_WORDS.get(sense, sense) for sense in senses)
