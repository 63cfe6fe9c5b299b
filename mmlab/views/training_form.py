"""The training configuration as a form: change a number, read what it means, take `.config`."""

from __future__ import annotations

import re
import types
from collections.abc import Callable, Sequence
from dataclasses import fields, replace
from html import escape
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import ipywidgets
import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mmlab.training import RECIPES, TrainConfig
from mmlab.views.static import Picture, StandsStill
from mmlab.views.theme import DRAWING, INK, MUTED

GROUPS: dict[str, tuple[str, ...]] = {
    "How long": ("epochs", "batch_clips", "chunk_clips", "seed"),
    "Learning": (
        *("learning_rate", "schedule", "decay_per_epoch", "warmup_share"),
        *("clip_gradient_norm", "precision", "freeze_norm"),
    ),
    "Loss": ("loss", "temperature", "margin"),
    "Clips": ("clips", "clips_per_video", "jitter_seconds", "word_dropout", "audio_shift_seconds"),
    "Evaluation": (
        *("evaluate_every_epochs", "patience_epochs", "evaluation_split"),
        *("monitor_query", "monitor_gallery", "monitor_measure"),
    ),
    "Machine": ("device", "deterministic", "loaders", "checkpoint_every_steps"),
}

TITLES = {
    "sample": "the sample corpus",
    "paper": "the paper",
    "msrvtt": "fine-tuning on MSR-VTT",
    "youcook2": "fine-tuning on YouCook2",
}
AS_GIVEN = "as given"

NEEDED: dict[str, Callable[[TrainConfig], bool]] = {
    "decay_per_epoch": lambda config: config.schedule == "exponential",
    "temperature": lambda config: config.loss == "softmax",
    "margin": lambda config: config.loss == "margin",
    "clips_per_video": lambda config: config.clips != "captions",
    **dict.fromkeys(GROUPS["Evaluation"][1:], lambda config: bool(config.evaluate_every_epochs)),
}
"""Fields that only count under a condition; else they are greyed."""

NOTHING = "none"
"""How a field reads that may be left empty and is."""

COLUMNS = 3
WARNING = "#D55E00"


class TrainingForm(StandsStill, ipywidgets.VBox):
    """The fields of `TrainConfig` that one changes in a notebook.

    What cannot be is answered in a sentence, and the last good value stays. A field's meaning
    shows under the pointer.

    Example:
        >>> form = TrainingForm(TrainConfig(epochs=10))
        >>> form
        >>> train_run(dataset, folder, form.config)
    """

    def __init__(self, config: TrainConfig = TrainConfig()) -> None:  # noqa: B008 - it is frozen
        """Start from a configuration; what the form does not show stays as it is there.

        Args:
            config: the values at first.
        """
        self._given = self._config = config
        self._kinds = get_type_hints(TrainConfig)
        recipes = [(AS_GIVEN, AS_GIVEN), *((title, name) for name, title in TITLES.items())]
        self.recipe = ipywidgets.Dropdown(options=recipes, description="Start from")
        self.message = ipywidgets.HTML(style={"text_color": WARNING})
        self.message.add_class("mmlab-training-form-message")
        self.besides = ipywidgets.HTML()
        self.fields = {name: self._field(name) for names in GROUPS.values() for name in names}
        self._show_all()
        self.recipe.observe(self._on_recipe, "value")
        groups = [self._group(title, names) for title, names in GROUPS.items()]
        columns = f"repeat({COLUMNS}, minmax(290px, 1fr))"
        layout = {"grid_template_columns": columns, "grid_gap": "12px 24px"}
        head = ipywidgets.HBox([self.recipe, self.message])
        super().__init__([head, ipywidgets.GridBox(groups, layout=layout), self.besides])
        self.add_class("mmlab-training-form")

    @property
    def config(self) -> TrainConfig:
        """What the form says."""
        return self._config

    def still(self) -> Picture:
        """The form as a table."""
        return form_picture(self._config)

    def _field(self, name: str) -> ipywidgets.Widget:
        """A switch, a choice or a line to type in, by the type of the field."""
        style = {"description_width": "165px"}
        looks = {"description": label(name), "tooltip": MEANINGS.get(name, ""), "style": style}
        looks["layout"] = {"width": "auto"}
        kind = self._kinds[name]
        if kind is bool:
            field = ipywidgets.Checkbox(**{**looks, "indent": True})
        elif get_origin(kind) is Literal:
            field = ipywidgets.Dropdown(options=get_args(kind), **looks)
        else:
            hint = NOTHING if _may_be_none(kind) else ""
            field = ipywidgets.Text(placeholder=hint, continuous_update=False, **looks)
        field.add_class(f"mmlab-training-form-{name}")
        field.observe(lambda change: self._on_change(name, change["new"]), "value")
        return field

    def _group(self, title: str, names: Sequence[str]) -> ipywidgets.VBox:
        heading = ipywidgets.HTML(f"<b>{escape(title)}</b>")
        return ipywidgets.VBox([heading, *(self.fields[name] for name in names)])

    def _on_change(self, name: str, shown: Any) -> None:
        if shown == self._shown(name):  # also when a field is set back
            return
        try:
            value = read_value(name, self._kinds[name], shown)
            self._config = replace(self._config, **{name: value})
            self.message.value = ""
        except ValueError as problem:
            stays = self._shown(name) or NOTHING
            self.message.value = escape(f"{problem}; {label(name)} stays {stays}.")
        self._show_all()

    def _on_recipe(self, change: dict[str, Any]) -> None:
        self._config = self._given if change["new"] == AS_GIVEN else RECIPES[change["new"]]()
        self.message.value = ""
        self._show_all()

    def _show_all(self) -> None:
        for name, field in self.fields.items():
            field.value = self._shown(name)
            field.disabled = name in NEEDED and not NEEDED[name](self._config)
        hidden = [name for name in _changed(self._config) if name not in self.fields]
        told = [f"{label(name)}: {value_in_words(self._config, name)}" for name in hidden]
        self.besides.value = escape(f"Besides, {'; '.join(told)}." if told else "")

    def _shown(self, name: str) -> Any:
        """A value as its field holds it."""
        value = getattr(self._config, name)
        kind = self._kinds[name]
        return value if kind is bool or get_origin(kind) is Literal else as_text(value)


def label(name: str) -> str:
    """A field's name in words."""
    return name.replace("_", " ")


def as_text(value: Any) -> str:
    """A value as typed; nothing for None."""
    if value is None:
        return ""
    return f"{value:g}" if isinstance(value, float) else str(value)


def read_value(name: str, kind: Any, shown: Any) -> Any:
    """The value that a field's content stands for.

    Args:
        name: of the field.
        kind: its type.
        shown: what was typed or chosen.

    Raises:
        ValueError: it is no value of that type.
    """
    if not isinstance(shown, str) or get_origin(kind) is Literal:
        return shown
    text = shown.strip()
    if _may_be_none(kind):
        if text.lower() in ("", NOTHING):
            return None
        kind = next(one for one in get_args(kind) if one is not types.NoneType)
    words = {int: "a whole number", float: "a number", str: "a word"}
    try:
        if not text:
            raise ValueError
        return kind(text)
    except ValueError:
        raise ValueError(f"{label(name)} is {words[kind]}, found {shown!r}") from None


def _may_be_none(kind: Any) -> bool:
    return get_origin(kind) in (Union, types.UnionType) and types.NoneType in get_args(kind)


def _meanings() -> dict[str, str]:
    """What each field means, as the docstring of `TrainConfig` tells it."""
    _, _, attributes = (TrainConfig.__doc__ or "").partition("Attributes:")
    entries = re.findall(r"^ {8}(\w+): (.*(?:\n {12}.*)*)", attributes, flags=re.MULTILINE)
    return {name: " ".join(text.split()) for name, text in entries}


MEANINGS = _meanings()


@matplotlib.rc_context(DRAWING)
def form_picture(config: TrainConfig) -> Picture:
    """All fields of a form with their values; those that are not the default are bold."""
    titles = list(GROUPS)
    tops, lines = [], 0
    for start in range(0, len(titles), COLUMNS):
        row = titles[start : start + COLUMNS]
        tops += [lines] * len(row)
        lines += max(len(GROUPS[title]) for title in row) + 2
    figure = Figure(figsize=(10.5, 0.24 * lines + 0.2))
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, COLUMNS), ylim=(lines, -0.8))
    axes.set_axis_off()
    for place, (title, top) in enumerate(zip(titles, tops, strict=True)):
        left = place % COLUMNS + 0.03
        axes.text(left, top, title, fontweight="bold", va="center", fontsize=11.5)
        for line, name in enumerate(GROUPS[title], start=1):
            _write_field(axes, left, top + line, name, config)
    changed = [label(name) + " " + value_in_words(config, name) for name in _changed(config)]
    told = ", ".join(changed) or "nothing"
    return Picture(figure, f"A form of the training's settings; other than by default: {told}.")


def _write_field(axes: Axes, left: float, line: float, name: str, config: TrainConfig) -> None:
    counts = name not in NEEDED or NEEDED[name](config)
    words: dict[str, Any] = {"va": "center", "fontsize": 10, "color": INK if counts else MUTED}
    axes.text(left, line, label(name), **words)
    weight = "bold" if name in _changed(config) else "normal"
    axes.text(left + 0.57, line, value_in_words(config, name), fontweight=weight, **words)


def value_in_words(config: TrainConfig, name: str) -> str:
    """A value as a sentence tells it."""
    value = getattr(config, name)
    if isinstance(value, dict):
        return ", ".join(f"{key} {as_text(one)}" for key, one in value.items())
    return ("yes" if value else "no") if isinstance(value, bool) else as_text(value) or NOTHING


def _changed(config: TrainConfig) -> list[str]:
    default = TrainConfig()
    names = [field.name for field in fields(config)]
    return [name for name in names if getattr(config, name) != getattr(default, name)]
