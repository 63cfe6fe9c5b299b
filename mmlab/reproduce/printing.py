"""A benchmark's table as text for a terminal and as HTML for a notebook."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING

import pandas as pd

from mmlab.evaluation.listing import by_reason
from mmlab.reproduce.figures import READ_IN_LIST

if TYPE_CHECKING:
    from mmlab.reproduce.tables import BenchmarkTable

NOT_PUBLISHED = "not published here"
"""In place of rows where no source at hand confirms a figure."""

LISTED = "* stands in a list that compares methods; not looked up where it comes from"
NO_FIGURE = "–"

WORDS, NUMBERS = (
    f"padding:2px 6px;vertical-align:baseline;text-align:{side}"
    for side in ("left", "right;white-space:nowrap")
)
OURS = "font-weight:600;background:color-mix(in srgb, currentColor 8%, transparent)"


def as_text(table: BenchmarkTable) -> str:
    """A title, aligned columns, and what has to be known beside them."""
    (columns, rows), measures = _cells(table), table.measures
    lines = [columns, *rows] if rows else []
    widths = [max(len(line[place]) for line in lines) for place in range(len(columns)) if lines]
    aligned = [
        "  ".join(
            cell.rjust(width) if name in measures else cell.ljust(width)
            for name, cell, width in zip(columns, line, widths, strict=True)
        ).rstrip()
        for line in lines
    ]
    title = f"{_title(table)}  ({table.benchmark.name})"
    return "\n".join([title, *(f"  {line}" for line in [*aligned, *_remarks(table)])])


def as_html(table: BenchmarkTable) -> str:
    """The same; our rows stand out and have their 95 % intervals below the figures."""
    columns, rows = _cells(table)
    head = "".join(f'<th style="{WORDS}">{escape(name)}</th>' for name in columns)
    styles = {name: NUMBERS if name in table.measures else WORDS for name in columns}
    body = "".join(_html_row(table, number, styles, row) for number, row in enumerate(rows))
    remarks = "".join(f"<li>{escape(remark)}</li>" for remark in _remarks(table))
    return (
        f"<div><p><strong>{escape(_title(table))}</strong></p>"
        '<div style="overflow-x:auto"><table style="border-collapse:collapse">'
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
        f'<ul style="font-size:smaller">{remarks}</ul></div>'
    )


def _html_row(
    table: BenchmarkTable, number: int, styles: Mapping[str, str], row: Sequence[str]
) -> str:
    is_ours = number < len(table.ours)
    cells = []
    for (name, style), cell in zip(styles.items(), row, strict=True):
        interval = _interval(table.ours.iloc[number], name) if is_ours else ""
        cells.append(f'<td style="{style}">{escape(cell)}{interval}</td>')
    return f'<tr style="{OURS if is_ours else ""}">{"".join(cells)}</tr>'


def _interval(row: pd.Series, measure: str) -> str:
    low, high = row.get(f"{measure} low"), row.get(f"{measure} high")
    if low is None or high is None or pd.isna(low):
        return ""
    return f'<br><span style="font-weight:400;font-size:smaller">{low:.1f} to {high:.1f}</span>'


def _title(table: BenchmarkTable) -> str:
    """With the direction, where all rows have the same."""
    directions = table.rows()["direction"].unique()
    return table.benchmark.title + (f", {directions[0]}" if len(directions) == 1 else "")


def _cells(table: BenchmarkTable) -> tuple[list[str], list[list[str]]]:
    """The columns that say anything, and every row as words."""
    rows, measures = table.rows(), table.measures
    shown = rows.assign(**{name: rows[name].map(_figure) for name in measures})
    shown["source"] += rows["read"].map(lambda read: " *" if read == READ_IN_LIST else "")
    differing = [name for name in ("direction", "setting", "split") if rows[name].nunique() > 1]
    differing += ["scores"] if rows["scores"].any() else []
    columns = ["method", "backbone", *differing, *measures, "source"]
    return columns, shown[columns].replace("", NO_FIGURE).to_numpy().tolist()


def _figure(value: float) -> str:
    """With one decimal; with two what was published so."""
    if pd.isna(value):
        return NO_FIGURE
    return f"{value:.2f}" if round(value, 2) == value != round(value, 1) else f"{value:.1f}"


def _remarks(table: BenchmarkTable) -> list[str]:
    published = table.published
    is_public = bool(table.benchmark.figures)
    noted = published[published["note"] != ""].groupby("note", sort=False).method
    return [
        *([f"figures of others: {NOT_PUBLISHED}"] if is_public and published.empty else []),
        *(f"{', '.join(methods.unique())}: {note}" for note, methods in noted),
        *([LISTED] if (published["read"] == READ_IN_LIST).any() else []),
        *(remark for remark in (table.benchmark.note, *table.notes) if remark),
        *(
            f"{backbone}: {line}"
            for backbone, listed in table.listed.items()
            for line in by_reason(listed)
        ),
        *(f"{backbone} failed: {reason}" for backbone, reason in table.failed.items()),
        *(
            f"{backbone} not evaluated, missing: {', '.join(one.path for one in wanted)}"
            for backbone, wanted in table.missing.items()
        ),
    ]
