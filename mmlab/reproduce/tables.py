"""What was computed here beside what others have published."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from mmlab.evaluation.listing import Skipped
from mmlab.files import write_atomically
from mmlab.reproduce.benchmarks import Benchmark
from mmlab.reproduce.figures import COLUMNS, MEASURES, published_figures
from mmlab.reproduce.printing import as_html, as_text
from mmlab.reproduce.wanted import Wanted

HERE = "computed here"
"""The source of our own rows."""

EVERYTHING = "everything"
"""In the list of what could not be used: all that a model was to be evaluated on."""

Row = dict[str, Any]


@dataclass(frozen=True)
class Evaluated:
    """What one model gives.

    Attributes:
        rows: its figures.
        notes: what was counted.
        listed: (which clip, video or step, reason) of what could not be used as it is.
    """

    rows: list[Row]
    notes: list[str] = field(default_factory=list)
    listed: Skipped = field(default_factory=list)


@dataclass(frozen=True)
class BenchmarkTable:
    """One of the paper's tables.

    Attributes:
        benchmark: what it is about.
        ours: rows computed here, best known columns first; further measures as columns of their
            own, and intervals as `R@1 low`, `R@1 high`.
        missing: by backbone, what has to be downloaded before it can be evaluated.
        failed: by backbone, why files that are there could not be used.
        notes: what was counted.
        listed: by backbone, what could not be used as it is, and why.
    """

    benchmark: Benchmark
    ours: pd.DataFrame
    missing: Mapping[str, Sequence[Wanted]] = field(default_factory=dict)
    failed: Mapping[str, str] = field(default_factory=dict)
    notes: Sequence[str] = ()
    listed: Mapping[str, Sequence[tuple[str, str]]] = field(default_factory=dict)

    @property
    def published(self) -> pd.DataFrame:
        """The rows of others, each with its source."""
        name = self.benchmark.figures
        return published_figures(name) if name else pd.DataFrame(columns=list(COLUMNS))

    @property
    def measures(self) -> list[str]:
        """Those of `MEASURES` that the rows have."""
        rows = self.rows()
        return [name for name in MEASURES if rows[name].notna().any()]

    def rows(self) -> pd.DataFrame:
        """Our rows, then the published ones, in the columns that both have."""
        ours = self.ours.reindex(columns=list(COLUMNS))
        words = [name for name in COLUMNS if name not in MEASURES]
        ours[words] = ours[words].fillna("")
        ours[list(MEASURES)] = ours[list(MEASURES)].astype(float)
        parts = [part for part in (ours, self.published) if len(part)]
        return pd.concat(parts, ignore_index=True) if parts else ours

    def __str__(self) -> str:
        return as_text(self)

    def _repr_html_(self) -> str:
        return as_html(self)


def download_list(tables: Sequence[BenchmarkTable]) -> str:
    """Every file that is missing, once, under where it is to be had; "" if none is."""
    needs: dict[Wanted, list[str]] = {}
    for table in tables:
        for wanted in dict.fromkeys(one for some in table.missing.values() for one in some):
            needs.setdefault(wanted, []).append(table.benchmark.name)
    groups = []
    for where in dict.fromkeys(wanted.where for wanted in needs):
        lines = [f"{where}:"]
        for wanted in (one for one in needs if one.where == where):
            lines += [f"  {wanted.path}", f"      {wanted.what}; for {', '.join(needs[wanted])}"]
        groups.append("\n".join(lines))
    return "\n\n".join(groups)


def write_tables(tables: Sequence[BenchmarkTable], folder: Path) -> list[Path]:
    """Write each table and what is behind it.

    Returns:
        The files: of each table `NAME.csv`, our rows with all measures, then the published ones;
        and `NAME-listed.csv`, what could not be used as it is: backbone, what, reason.
    """
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for table in tables:
        path = folder / f"{table.benchmark.name}.csv"
        more = [name for name in table.ours if name not in COLUMNS]
        rows = table.rows().join(table.ours[more])
        listed = path.with_name(f"{path.stem}-listed.csv")
        for file, content in ((path, rows), (listed, _listed(table))):
            write_atomically(file, content.to_csv(index=False).encode())
            paths.append(file)
    return paths


def _listed(table: BenchmarkTable) -> pd.DataFrame:
    rows = [(backbone, EVERYTHING, reason) for backbone, reason in table.failed.items()]
    rows += [(backbone, *one) for backbone, listed in table.listed.items() for one in listed]
    return pd.DataFrame(rows, columns=["backbone", "what", "reason"])
