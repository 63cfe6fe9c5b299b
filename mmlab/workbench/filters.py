"""Conditions on the answers: values, words or ranges of columns, each a chip that goes away."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from difflib import get_close_matches
from typing import Any, NamedTuple

import ipywidgets
import numpy as np
import pandas as pd

from mmlab.question.parts import MOST_CHARACTERS, quoted
from mmlab.question.words import ALIKE, MOST_NEAREST
from mmlab.selection import rows_where
from mmlab.views.map.look import telling_columns
from mmlab.views.stills import shorten
from mmlab.workbench.status_line import StatusLine

NOTHING = "choose a column …"
FEWEST_NUMBERS = 13
"""A column of fewer different numbers is a list of categories."""

MOST_VALUES = 1000
"""Values that a field offers; what is typed may be any other."""

MOST_LOOKED_AT = 20_000
"""Rows, spread over all, that decide which columns tell clips apart."""

ENTER_VALUE, ENTER_WORDS = "type or choose …", "words it has, or choose …"


class Among(list[Any]):
    """The values that a column may have, told by the condition that they meet.

    Args:
        words: the condition, such as "seconds 3 to 5".
        values: those that meet it, maybe thousands.
    """

    def __init__(self, words: str, values: Iterable[Any]) -> None:
        super().__init__(values)
        self.words = words

    def __eq__(self, other: object) -> bool:
        """Another condition is another wish, though the same values meet it."""
        return isinstance(other, Among) and self.words == other.words and list.__eq__(self, other)

    __hash__ = None  # type: ignore[assignment]


class Conditions(NamedTuple):
    """What is asked of columns.

    Attributes:
        values: those of which a column must have one.
        ranges: the least and greatest number that a column must have.
    """

    values: dict[str, list[Any]]
    ranges: dict[str, tuple[float, float]]

    def in_words(self) -> str:
        """Such as "ingredient onion or tomato, and seconds 3 to 5"; "" without conditions."""
        told = [values_in_words(self.values)] if self.values else []
        told += [f"{name} {low:g} to {high:g}" for name, (low, high) in self.ranges.items()]
        return ", and ".join(told)


class Filters(ipywidgets.HBox):
    """Choose a column, then values of it or a range; conditions on several columns all hold.

    A column of texts has a value if it holds its words, whole, in any order.

    Args:
        manifest: the clips of the dataset.
        on_change: called when the conditions change.

    Attributes:
        values: those of which a column must have one.
        ranges: the least and greatest number that a column must have.
        where: both, as `Retriever.nearest` takes them.
        note: says of a value that is entered that no clip has it.
    """

    def __init__(self, manifest: pd.DataFrame, on_change: Callable[[], object]) -> None:
        self.values: dict[str, list[Any]] = {}
        self.ranges: dict[str, tuple[float, float]] = {}
        self.where: dict[str, list[Any]] = {}
        self._table, self._on_change = with_seconds(manifest), on_change
        columns, self._texts = _columns(self._table)
        self.column = ipywidgets.Dropdown(options=[NOTHING, *columns], description="Filter by")
        self.value = ipywidgets.Combobox(description="is", continuous_update=False)
        self.range = ipywidgets.FloatRangeSlider(description="within", continuous_update=False)
        self.chips = ipywidgets.HBox().add_class("mmlab-chips")
        self.note = StatusLine()
        self.column.observe(self._on_column, "value")
        self.value.observe(self._on_value, "value")
        self.range.observe(self._on_range, "value")
        super().__init__([self.column, self.value, self.range, self.chips, self.note])
        self.add_class("mmlab-filters")
        self._on_column(None)

    def set(self, column: str, values: list[Any] | tuple[float, float]) -> None:
        """Replace the conditions on one column: a list of values, or (least, greatest).

        An empty list takes them away.

        Raises:
            ValueError: the dataset has no such column.
        """
        if column not in self._table:
            names = ", ".join(self._table.columns)
            raise ValueError(f"no column “{column}” to filter by; there are {names}")
        self.values.pop(column, None)
        self.ranges.pop(column, None)
        if isinstance(values, tuple):
            self.ranges[column] = values
        elif values:
            self.values[column] = list(values)
        self._refresh()
        self._on_change()

    def keeps(self, rows: pd.DataFrame) -> np.ndarray:
        """(n,) bool: the rows that meet all conditions."""
        return rows_where(rows, self.where)

    @property
    def conditions(self) -> Conditions:
        """Those of now; later changes do not change them."""
        values = {column: list(wanted) for column, wanted in self.values.items()}
        return Conditions(values, dict(self.ranges))

    def restore(self, conditions: Conditions) -> None:
        """Replace the conditions on all columns; nobody is called back."""
        self.values, self.ranges = dict(conditions.values), dict(conditions.ranges)
        self._refresh()

    def in_words(self) -> str:
        """See `Conditions`."""
        return self.conditions.in_words()

    def _refresh(self) -> None:
        self.where = self._where()
        self._show_chips()
        self._on_column(None)

    def _where(self) -> dict[str, list[Any]]:
        """Words and ranges become the clips that meet all: these, every index can look among."""
        if not self.ranges and self._texts.isdisjoint(self.values):
            return dict(self.values)
        kept = np.ones(len(self._table), bool)
        for column, values in self.values.items():
            kept &= self._has_one(column, values)
        for column, (low, high) in self.ranges.items():
            kept &= self._table[column].between(low, high).to_numpy()
        return {"clip_id": Among(self.in_words(), self._table["clip_id"][kept].unique().tolist())}

    def _has_one(self, column: str, values: Sequence[Any]) -> np.ndarray:
        """(n,) bool: the clips that have one of the values in a column."""
        if column not in self._texts:
            return rows_where(self._table, {column: values})
        return np.any([_holds(self._table[column], str(words)) for words in values], axis=0)

    def _on_column(self, change: Any) -> None:
        column = self.column.value
        if change is not None:
            self.value.value = ""  # what was entered was meant for another column
        chosen = column != NOTHING
        numbers = chosen and _is_range(self._table[column])
        if numbers:
            self._offer_range(self._table[column])
        elif chosen:
            self.value.placeholder = ENTER_WORDS if column in self._texts else ENTER_VALUE
            self.value.options = [str(value) for value in self._known(column)[:MOST_VALUES]]
        # Shown once it is set: what comes later would take away what is typed meanwhile.
        for field, shown in ((self.value, chosen and not numbers), (self.range, numbers)):
            field.layout.display = None if shown else "none"

    def _offer_range(self, numbers: pd.Series) -> None:
        low, high = float(numbers.min()), float(numbers.max())
        self.range.unobserve(self._on_range, "value")
        with self.range.hold_trait_notifications():
            self.range.min, self.range.max = low, high
            self.range.step = (high - low) / 100
            self.range.value = self.ranges.get(str(numbers.name), (low, high))
        self.range.observe(self._on_range, "value")

    def _on_value(self, change: Any) -> None:
        """A value that is entered joins the others of its column; an unknown one stays there."""
        column, entered = self.column.value, change["new"].strip()
        self.note.say("")
        if column == NOTHING or not entered:
            return
        known = {str(value): value for value in self._known(column)}
        value = entered if column in self._texts else known.get(entered)
        if value is not None and self._has_one(column, [value]).any():
            self.value.value = ""
            before = self.values.get(column, [])
            self.set(column, [*before, *({value} - set(before))])
        else:
            self.note.say(_unknown(column, entered, list(known)), problem=True)

    def _on_range(self, change: Any) -> None:
        whole = change["new"] == (self.range.min, self.range.max)
        self.set(self.column.value, [] if whole else tuple(change["new"]))

    def _known(self, column: str) -> list[Any]:
        return sorted(self._table[column].dropna().unique().tolist(), key=str)

    def _show_chips(self) -> None:
        chips = [
            _chip(f"{name}: {shorten(str(value), 32)}", self._without(name, value))
            for name, values in self.values.items()
            for value in values
        ]
        chips += [
            _chip(f"{name}: {low:g} to {high:g}", self._without(name))
            for name, (low, high) in self.ranges.items()
        ]
        self.chips.children = chips

    def _without(self, column: str, value: Any = None) -> Callable[[Any], None]:
        def take_away(_: Any) -> None:
            self.set(column, [one for one in self.values.get(column, []) if one != value])

        return take_away


def values_in_words(where: Mapping[str, Sequence[Any]]) -> str:
    """Such as "ingredient onion or tomato, and step 3"."""
    return ", and ".join(
        values.words
        if isinstance(values, Among)
        else f"{name} {shorten(' or '.join(map(str, values)), MOST_CHARACTERS)}"
        for name, values in where.items()
    )


def with_seconds(clips: pd.DataFrame) -> pd.DataFrame:
    """The clips with one more column, how many seconds each lasts."""
    return clips.assign(seconds=clips["end_seconds"] - clips["start_seconds"])


def _columns(table: pd.DataFrame) -> tuple[list[str], set[str]]:
    """Those with more than one value; and of these the texts: captions, and what hardly repeats."""
    some = table.iloc[:: len(table) // MOST_LOOKED_AT + 1]
    columns = [name for name in map(str, table.columns) if some[name].astype(str).nunique() > 1]
    repeating = {*telling_columns(some), "clip_id"} - {"text"}
    return columns, {name for name in columns if name not in repeating}


def _holds(texts: pd.Series, words: str) -> np.ndarray:
    """(n,) bool: which texts have all the words, each whole, in capitals or not."""
    wanted = [re.compile(rf"(?<!\w){re.escape(word)}(?!\w)", re.I) for word in words.split()]
    known = texts.astype(object).where(texts.notna(), "")
    return np.array([all(word.search(str(text)) for word in wanted) for text in known], bool)


def _unknown(column: str, entered: str, known: Sequence[str]) -> str:
    """Such as: No clip has ingredient “tomatoe”; alike: tomato."""
    lowered = {value.lower(): value for value in known[:MOST_LOOKED_AT]}
    near = get_close_matches(entered.lower(), lowered, MOST_NEAREST, ALIKE)
    alike = ", ".join(shorten(lowered[one], 32) for one in near)
    beside = f"; alike: {alike}" if alike else ""
    return f"No clip has {column} {quoted(entered)}{beside}."


def _is_range(values: pd.Series) -> bool:
    is_number = pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values)
    return bool(is_number and values.nunique() >= FEWEST_NUMBERS)


def _chip(words: str, take_away: Callable[[Any], None]) -> ipywidgets.Button:
    chip = ipywidgets.Button(description=words, icon="times", tooltip=f"Without {words}")
    chip.on_click(take_away)
    return chip.add_class("mmlab-chip")
