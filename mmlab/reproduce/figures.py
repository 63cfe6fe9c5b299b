"""Figures that others have published, as data files: one row each, with its source.

A row says where its figure was read, and whether it was read in that source or only stands in a
list that compares methods. What no source at hand confirms has no row.
"""

from __future__ import annotations

from importlib.resources import files
from importlib.resources.abc import Traversable
from io import StringIO

import pandas as pd

from mmlab.evaluation.step_recall import VARIANTS

RETRIEVAL_MEASURES = ("R@1", "R@5", "R@10", "MedR", "MedR corrected")
"""MedR, as published, is of the clips that are there; corrected ranks missing ones last."""

STEP_MEASURES = ("recall", *(f"recall {variant}" for variant in VARIANTS))
"""Whose lists say "recall" do not say which of its variants; ours say it."""

ALIGNMENT_MEASURES = ("MoF", "IoU by class", "IoD by class", "IoU by segment", "IoD by segment")
"""Nobody's figures are confirmed; which IoU and IoD the paper has is not public."""

MEASURES = (*RETRIEVAL_MEASURES, *STEP_MEASURES, *ALIGNMENT_MEASURES)

COLUMNS = (
    *("setting", "data", "direction", "method", "backbone", "split", "scores"),
    *MEASURES,
    *("source", "read", "note"),
)

READ_IN_SOURCE, READ_IN_LIST = "in the source", "in a comparison list"
NOT_IDENTIFIED = "not identified"


def published_figures(name: str) -> pd.DataFrame:
    """The published rows of one benchmark.

    Args:
        name: of a data file, such as "msrvtt_zero_shot"; `Benchmark.figures` has it.

    Returns:
        `COLUMNS`, the measures as floats in percent (MedR: a rank), NaN where the source gives
        none; the others as text, "" where nothing is known.

    Raises:
        ValueError: there is no such data file.
    """
    file = _folder() / f"{name}.csv"
    if not file.is_file():
        raise ValueError(
            f"no published figures are called {name!r}; there are {', '.join(_names())}"
        )
    table = pd.read_csv(
        StringIO(file.read_text(encoding="utf-8")), dtype=str, keep_default_na=False
    )
    table = table.reindex(columns=list(COLUMNS), fill_value="")  # files lack what theirs has not
    return table.assign(**{measure: pd.to_numeric(table[measure]) for measure in MEASURES})


def sources() -> pd.DataFrame:
    """What the names in `source` stand for; several of them are joined by "; " there.

    Returns:
        key; title, `NOT_IDENTIFIED` where the source is not known beyond its name; address.
    """
    text = (_folder() / "sources.csv").read_text(encoding="utf-8")
    return pd.read_csv(StringIO(text), dtype=str, keep_default_na=False)


def _names() -> list[str]:
    stems = (file.name.removesuffix(".csv") for file in _folder().iterdir())
    return sorted(stem for stem in stems if stem != "sources")


def _folder() -> Traversable:
    return files("mmlab.reproduce") / "literature"
