"""What draws the points: the one interface that plotly and jupyter-scatter both meet.

All numbers are rows of the space; in which order an engine draws them is its own affair.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import Literal, NamedTuple, Protocol

import ipywidgets
import numpy as np

from mmlab.views.map.look import Look

EngineName = Literal["auto", "plotly", "scatter"]
Tool = Literal["lasso", "box", "move"]
MOST_FOR_PLOTLY = 50_000

MISSING = (
    "More than 50,000 points are drawn by jupyter-scatter, which is not installed here "
    "(pip install jupyter-scatter); plotly draws them, slowly."
)


class Label(NamedTuple):
    """Words at a place of the map."""

    x: float
    y: float
    words: str


@dataclass(frozen=True)
class Overlay:
    """What lies over the points.

    Attributes:
        joined: (m, 2) points of the clip that is pointed at, the one under the pointer first.
        star: where a question lies, with its words.
        labels: names of groups.
    """

    joined: np.ndarray = field(default_factory=lambda: np.zeros((0, 2), np.float32))
    star: Label | None = None
    labels: Sequence[Label] = ()


class Reactions(NamedTuple):
    """What the map does when somebody uses the canvas."""

    select: Callable[[np.ndarray], None]
    hover: Callable[[int], None]
    click: Callable[[int], None]


class Engine(Protocol):
    """A canvas with points.

    Attributes:
        only_dots: it shows neither a look's shapes nor an overlay's words.
        canvas: the widget.
    """

    only_dots: bool
    canvas: ipywidgets.DOMWidget

    def draw(self, points: np.ndarray, look: Look) -> None:
        """Draw all points, (n, 2), and bring them into view."""

    def recolour(self, look: Look) -> None:
        """Change colours and shapes only."""

    def show(self, visible: np.ndarray) -> None:
        """Hide the points that are not in (n,) bool."""

    def light(self, rows: np.ndarray | None) -> None:
        """Let all others turn pale; None lights all."""

    def overlay(self, overlay: Overlay) -> None:
        """Put lines, a star and labels over the points, in place of those before."""

    def use(self, tool: Tool) -> None:
        """What dragging does."""

    def fit(self) -> None:
        """Bring all points into view."""

    def resize(self, width: int, height: int) -> None:
        """Pixels of the canvas."""

    def paint(self, background: str) -> None:
        """Take over the page's background, as "#rrggbb"."""


def engine_for(
    name: EngineName, count: int, reactions: Reactions, size: tuple[int, int]
) -> tuple[Engine, str]:
    """The engine of that name, or the one that suits so many points, and a sentence if it is not.

    Raises:
        ValueError: there is no such engine.
    """
    if name not in ("auto", "plotly", "scatter"):
        raise ValueError(f"engine is 'auto', 'plotly' or 'scatter', found {name!r}")
    wanted = name == "scatter" or (name == "auto" and count > MOST_FOR_PLOTLY)
    if wanted and count and find_spec("jscatter") is not None:
        from mmlab.views.map.scatter_engine import ScatterEngine

        return ScatterEngine(count, reactions, size), ""
    with _without("rfc3987_syntax"):
        from mmlab.views.map.plotly_engine import PlotlyEngine

    return PlotlyEngine(count, reactions, size), MISSING if wanted and count else ""


@contextmanager
def _without(module: str) -> Iterator[None]:
    """Import others as if an optional module of theirs was not installed.

    plotly imports jsonschema, which compiles 39 grammars of addresses if it finds this one: 1.5 s
    before the first map, for checks that nobody asks for.
    """
    absent = module not in sys.modules
    if absent:
        sys.modules[module] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        if absent:
            del sys.modules[module]


class DrawOrder:
    """Points are drawn in a random order, the same each time, so that no group covers another."""

    def __init__(self, count: int) -> None:
        self.rows = np.random.default_rng(0).permutation(count)
        self.places = np.argsort(self.rows)


def extent(points: np.ndarray) -> tuple[np.ndarray, float]:
    """The middle (2,) of all points and half the side of a square with room around them."""
    if not len(points):
        return np.zeros(2), 1.0
    low, high = points.min(axis=0), points.max(axis=0)
    return (low + high) / 2, float((high - low).max()) / 2 * 1.08 or 1.0
