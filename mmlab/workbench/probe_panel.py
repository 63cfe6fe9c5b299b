"""Change a modality of every query, or of every candidate, and watch the recall curve."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import ipywidgets

from mmlab.evaluation.matrix import LATE, parse_side
from mmlab.question.probes import ProbeResult, probe
from mmlab.question.why_telling import sense
from mmlab.types import combination_name
from mmlab.views.stamp import Stamped
from mmlab.views.static import Picture
from mmlab.views.stills import cards_picture, shorten
from mmlab.workbench.finding import attempt
from mmlab.workbench.pacing import Newest
from mmlab.workbench.part_row import ClipLabels
from mmlab.workbench.probe_curve import curve_html, probe_picture
from mmlab.workbench.status_line import StatusLine

if TYPE_CHECKING:
    from mmlab.retrieval import Retriever

HOW = {"dropped": "drop", "shuffled among the clips": "shuffle", "replaced by one clip's": "swap"}

MEASURING = "Asking all queries anew …"

PLOT_HEIGHT = "452px"
"""Of the curve with its table: what stands below stays in its place while one is measured."""

FADED = '<div style="opacity: 0.3" aria-hidden="true">{}</div>'
"""The curve from before, where another choice has none: nothing jumps, and it is not read out."""


class ProbePanel(Stamped, ipywidgets.VBox):
    """Recall as it is beside recall with a modality dropped, shuffled or swapped.

    Args:
        retriever: a model and its clips.
        query: what asks, such as "text+audio".
        gallery: what is asked for.
        modality: what is changed, of the queries if they hold it, otherwise of the candidates.
        how: "drop", "shuffle" or "swap".
        with_clip: the clip_id whose modality all get when it is swapped.

    Attributes:
        result: of what is chosen; None while it is measured, and where it cannot be.
        message: the result in words, or why there is none.

    Example:
        >>> ProbePanel(retriever, query="text", gallery="video+audio", modality="audio")
    """

    def __init__(
        self,
        retriever: Retriever,
        *,
        query: str = "",
        gallery: str = "",
        modality: str = "",
        how: str = "drop",
        with_clip: str = "",
    ) -> None:
        if how not in HOW.values():
            raise ValueError(f"how is one of {', '.join(HOW.values())}, found {how!r}")
        self.retriever: Retriever = retriever
        self.result: ProbeResult | None = None
        self._newest = Newest()
        self.message = StatusLine().add_class("mmlab-probe-message")
        self._curve = ""
        self.plot = ipywidgets.HTML().add_class("mmlab-probe-plot")
        whole = combination_name(retriever.modalities[-2:])
        self._build(query or retriever.modalities[0], gallery or whole, how, with_clip)
        self._offer_modalities(modality)
        if modality and self.modality.value != modality:
            raise ValueError(
                f"neither {self.query.value} nor {self.gallery.value} has {modality!r}"
            )
        for control in (self.query, self.gallery):
            control.observe(lambda _: self._offer_modalities(self.modality.value), "value")
        for control in self._controls:
            control.observe(lambda _: self._measure(), "value")
        row = ipywidgets.HBox(self._controls, layout={"flex_flow": "row wrap"})
        super().__init__([row, self.message, self.plot, self.stamp_line()])
        self.add_class("mmlab-view").add_class("mmlab-probe")
        self._measure()

    def parameters(self) -> dict[str, Any]:
        """What is chosen."""
        names = ("query", "gallery", "modality", "how")
        chosen = {name: getattr(self, name).value for name in names}
        return {**chosen, "with_clip": self._chosen_clip()}

    def still(self) -> Picture:
        """The curve, or the sentence why there is none."""
        if self.result is None:
            return cards_picture(shorten(self.message.words, 92), [], self.message.words)
        return probe_picture(self.result)

    def _build(self, query: str, gallery: str, how: str, with_clip: str) -> None:
        single = [combination_name(one) for one in self.retriever.combinations]
        sides = [*single, *(f"{name}{LATE}" for name in single if "+" in name)]
        for name in (query, gallery):
            if name not in sides:
                raise ValueError(f"no side {name!r}; there are {', '.join(sides)}")
        self.query = _dropdown("Asks", sides, query)
        self.gallery = _dropdown("for", sides, gallery)
        self.modality = _dropdown("with the", {}, None)
        self.how = _dropdown("is", HOW, how)
        self._labels = ClipLabels(self.retriever.dataset.manifest)
        self.with_clip = ipywidgets.Combobox(
            options=self._labels.offered,
            value=self._labels.label_of(with_clip),
            placeholder=f"choose a clip{self._labels.hint}",
            description="clip",
            continuous_update=False,
            style={"description_width": "initial"},
            layout={"flex": "1 1 300px", "width": "auto", "max_width": "560px"},
        )
        self._controls = [self.query, self.gallery, self.modality, self.how, self.with_clip]

    def _chosen_clip(self) -> str:
        """The id of the clip whose label is chosen; what is typed, if it is none's."""
        typed = self.with_clip.value.strip()
        return self._labels.clip_of(typed) if typed in self.with_clip.options else typed

    def _offer_modalities(self, wanted: str | None) -> None:
        """What either side holds, by its name for a reader."""
        names = self.retriever.model.config.names
        sides = [parse_side(side.value, names).names for side in (self.query, self.gallery)]
        held = [name for name in names if any(name in side for side in sides)]
        self.modality.options = {sense(name): name for name in held}
        usual = "audio" if "audio" in held else held[0]
        self.modality.value = wanted if wanted in held else usual

    def _measure(self) -> None:
        self.with_clip.layout.display = None if self.how.value == "swap" else "none"
        if wanting := self._wanting():
            self._newest.overtake()
            self._show(wanting)
            return
        chosen = {name: value or None for name, value in self.parameters().items()}
        self.result, self.message.words = None, MEASURING
        self.plot.layout.min_height = PLOT_HEIGHT
        self._newest.run(lambda: attempt(lambda: _measured(self.retriever, chosen)), self._show)

    def _wanting(self) -> str:
        """What is still to choose before anything can be measured, "" if nothing."""
        clip_id, what = self._chosen_clip(), sense(self.modality.value)
        if self.how.value == "drop":
            return self._nothing_left()
        if self.how.value == "shuffle":
            return ""
        if not clip_id:
            return f"Choose the clip whose {what} all get."
        if clip_id not in self._labels:
            return f"There is no clip “{clip_id}”; choose one from the list."
        tokens = self.retriever.dataset[self.retriever.dataset.row_of(clip_id)].tokens
        if not len(tokens.get(self.modality.value, ())):
            return f"That clip has no {what}; choose one that has."
        return ""

    def _nothing_left(self) -> str:
        """Why what is chosen cannot be dropped, "" if it can."""
        modality, names = self.modality.value, self.retriever.model.config.names
        asks = modality in parse_side(self.query.value, names).names
        if modality != (self.query if asks else self.gallery).value:
            return ""
        purpose = "to ask with" if asks else "to be found"
        others = " or ".join(f"“{words}”" for words, how in HOW.items() if how != "drop")
        return f"Without the {sense(modality)} nothing is left {purpose}; choose {others}."

    def _show(self, found: ProbeResult | str) -> None:
        self.result = None if isinstance(found, str) else found
        if isinstance(found, str):
            self.message.words = f"{found[:1].upper()}{found[1:].removesuffix('.')}."
            self.plot.value = FADED.format(self._curve) if self._curve else ""
            self.plot.layout.min_height = PLOT_HEIGHT if self._curve else None
        else:
            self.message.words = found.sentence()
            self.plot.value = self._curve = curve_html(found)
        self.restamp()


def _measured(retriever: Retriever, chosen: dict[str, Any]) -> ProbeResult:
    found = probe(retriever, **chosen)
    assert len(found.curve)  # which is kept: here it does not keep the kernel waiting
    return found


def _dropdown(description: str, options: Any, value: Any) -> ipywidgets.Dropdown:
    style, layout = {"description_width": "initial"}, {"width": "auto"}
    return ipywidgets.Dropdown(
        options=options, value=value, description=description, style=style, layout=layout
    )
