"""One look for every picture: colours with a fixed meaning, generous type, no decoration.

The palette is Okabe and Ito's, which stays apart for colour-blind readers. A modality has the
same colour in every view; everything fused is green, the darker the more modalities it holds.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import matplotlib
from matplotlib.rcsetup import cycler

from mmlab.types import Combination, combination_name

TEXT = "#CC79A7"
VIDEO = "#0072B2"
AUDIO = "#E69F00"
FUSED = "#009E73"
TRUTH = "#222222"
INK = "#2B2B2B"
MUTED = "#6E6E6E"
FAINT = "#E4E4E4"
PLAIN = "#56748C"
"""Bars of what is no modality: the palette's colours have meanings."""

MODALITY_COLOURS = {"text": TEXT, "video": VIDEO, "audio": AUDIO}
MODALITY_WORDS = {"text": "words", "video": "picture", "audio": "sound"}

CATEGORIES = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#D55E00", "#56B4E9", "#8C7A00")
"""Okabe and Ito's colours for columns that are not modalities (their yellow darkened)."""

_FUSED_SHADES = {
    "text+video": "#A6DFCB",
    "text+audio": "#5CC2A2",
    "video+audio": "#009E73",
    "text+video+audio": "#006B50",
}

STYLE: Any = {
    "figure.facecolor": "white",
    "figure.dpi": 100,
    "savefig.facecolor": "white",
    "font.family": "DejaVu Sans",
    "font.size": 11,
    "text.color": INK,
    "axes.edgecolor": MUTED,
    "axes.labelcolor": INK,
    "axes.titlesize": 13,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.titlepad": 12,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.8,
    "axes.prop_cycle": cycler(color=list(CATEGORIES)),
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "lines.linewidth": 2.2,
    "lines.solid_capstyle": "round",
    "legend.frameon": False,
}

DRAWING: Any = {**STYLE, "text.parse_math": False}
"""Our own pictures show captions and file names, in which a dollar sign is no mathematics."""


def use_style() -> None:
    """Make every matplotlib figure of a notebook look like mmlab's own."""
    matplotlib.rcParams.update(STYLE)


def colour_of(combination: str | Combination) -> str:
    """The fixed colour ("#RRGGBB") of a modality or of a fused combination."""
    name = combination if isinstance(combination, str) else combination_name(combination)
    return {**_FUSED_SHADES, **MODALITY_COLOURS}.get(name, FUSED)


def is_combination(name: str) -> bool:
    """Whether it names modalities, such as "video+audio", and so has a colour of its own."""
    return set(name.split("+")) <= MODALITY_COLOURS.keys()


def category_colours(values: Sequence[str]) -> dict[str, str]:
    """Give each different value a colour: the fixed one if all are combinations.

    Args:
        values: the different values in the order in which they are shown.
    """
    if all(is_combination(value) for value in values):
        return {value: colour_of(value) for value in values}
    return {value: CATEGORIES[index % len(CATEGORIES)] for index, value in enumerate(values)}


def plotly_layout() -> dict[str, Any]:
    """A plotly layout whose greys read on JupyterLab's light and on its dark background."""
    axis = {"visible": False, "showgrid": False, "zeroline": False}
    return {
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "font": {"family": "system-ui, sans-serif", "size": 13, "color": "#808080"},
        "xaxis": axis,
        "yaxis": {**axis, "scaleanchor": "x"},
        "margin": {"l": 8, "r": 8, "t": 8, "b": 8},
        "legend": {"itemsizing": "constant", "title": {"text": ""}},
        "hoverlabel": {"align": "left", "font": {"size": 13}},
        "dragmode": "pan",
    }
