"""Findings and the report that lists them: as text, as HTML, as a table."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from html import escape
from itertools import islice
from typing import Literal, get_args

import pandas as pd

Severity = Literal["error", "warning", "note"]
"""An error breaks training or makes its numbers wrong; a warning may; a note is good to know."""

SEVERITIES: tuple[Severity, ...] = get_args(Severity)
MAX_EXAMPLES = 5
EXAMPLE_CHARACTERS = 160


@dataclass(frozen=True)
class Finding:
    """One kind of thing that is not as it should be.

    Attributes:
        severity: see `Severity`.
        what: is counted, such as "clips without any token".
        count: how many there are.
        examples: up to five of them.
        advice: what to do.
    """

    severity: Severity
    what: str
    count: int
    examples: tuple[str, ...]
    advice: str

    def __str__(self) -> str:
        head = f"{self.severity.upper():<8} {self.what}: {self.count:,}"
        lines = [f"         {example}" for example in self.examples]
        if self.count > len(self.examples) > 0:
            lines.append(f"         and {self.count - len(self.examples):,} more")
        advice = textwrap.fill(
            self.advice, 90, initial_indent="         -> ", subsequent_indent="            "
        )
        return "\n".join([head, *lines, advice])


def found(severity: Severity, what: str, items: Iterable[object], advice: str) -> Iterator[Finding]:
    """One finding about some items, or none where there are no items."""
    named = iter(items)
    examples = tuple(f"{item!s:.{EXAMPLE_CHARACTERS}}" for item in islice(named, MAX_EXAMPLES))
    if examples:
        yield Finding(severity, what, len(examples) + sum(1 for _ in named), examples, advice)


def counted(severity: Severity, what: str, count: int, advice: str) -> Iterator[Finding]:
    """One finding where examples would tell nothing, or none where the count is 0."""
    if count:
        yield Finding(severity, what, int(count), (), advice)


@dataclass(frozen=True)
class Report:
    """What `check` found; print it, or let a notebook show it.

    Attributes:
        title: what the dataset says of itself.
        splits: per split and in total: clips, media, hours, captions, words_per_caption.
        features: per modality: name, width, tokens_per_second, how many media and clips have it.
        licences: how many clips are under which; empty where no column tells.
        findings: errors first.
    """

    title: str
    splits: pd.DataFrame
    features: pd.DataFrame
    licences: dict[str, int]
    findings: tuple[Finding, ...]

    def __post_init__(self) -> None:
        by_severity = sorted(self.findings, key=lambda one: SEVERITIES.index(one.severity))
        object.__setattr__(self, "findings", tuple(by_severity))

    @property
    def ok(self) -> bool:
        """Whether there is no error; warnings and notes are for you to judge."""
        return all(finding.severity != "error" for finding in self.findings)

    @property
    def verdict(self) -> str:
        """How many findings of each severity there are, in words."""
        severities = [finding.severity for finding in self.findings]
        counts = {severity: severities.count(severity) for severity in SEVERITIES}
        said = [f"{n} {name}{'s' * (n != 1)}" for name, n in counts.items() if n]
        return ", ".join(said) or "nothing to complain about"

    def to_frame(self) -> pd.DataFrame:
        """One row per finding: severity, what, count, examples (joined by "; "), advice."""
        rows = [
            (one.severity, one.what, one.count, "; ".join(one.examples), one.advice)
            for one in self.findings
        ]
        return pd.DataFrame(rows, columns=["severity", "what", "count", "examples", "advice"])

    def __str__(self) -> str:
        tables = [_text_table(self.splits), _text_table(self.features)]
        licences = [f"licences: {self._licences_in_words()}"] if self.licences else []
        head = f"{self.title}\n{self.verdict}"
        return "\n\n".join([head, *tables, *licences, *map(str, self.findings)])

    def _repr_html_(self) -> str:
        licences = f"<p>Licences: {escape(self._licences_in_words())}</p>" if self.licences else ""
        return (
            f'<style>{_CSS}</style><div class="mmlab-report">'
            f"<p><b>{escape(self.title)}</b><br>{escape(self.verdict)}</p>"
            f"<div class='mmlab-report-tables'>{_html_table(self.splits)}"
            f"{_html_table(self.features)}</div>{licences}"
            f"{''.join(map(_html_finding, self.findings))}</div>"
        )

    def _licences_in_words(self) -> str:
        return ", ".join(f"{name} {count:,}" for name, count in self.licences.items())


def _readable(table: pd.DataFrame) -> pd.DataFrame:
    """The table as words: thousands apart, units in the header, nothing where nothing is known."""
    words = table.rename(columns=lambda name: str(name).replace("_", " "))
    return words.map(
        lambda value: (
            f"{value:,.2f}"
            if isinstance(value, float)
            else (f"{value:,}" if isinstance(value, int) else str(value))
        )
    ).replace("nan", "")


def _text_table(table: pd.DataFrame) -> str:
    return _readable(table).rename_axis(None).to_string()


def _html_table(table: pd.DataFrame) -> str:
    return _readable(table).rename_axis(None).to_html(border=0, escape=True)


def _html_finding(finding: Finding) -> str:
    examples = "".join(f"<li>{escape(example)}</li>" for example in finding.examples)
    more = finding.count - len(finding.examples)
    examples += f"<li>and {more:,} more</li>" if more and finding.examples else ""
    return (
        f'<details class="mmlab-{finding.severity}"{" open" * (finding.severity == "error")}>'
        f"<summary><b>{finding.severity}</b> {escape(finding.what)}: {finding.count:,}</summary>"
        f"<ul>{examples}</ul><p>{escape(finding.advice)}</p></details>"
    )


_CSS = """
.mmlab-report { font: 13px/1.45 system-ui, sans-serif; max-width: 860px; }
.mmlab-report p { margin: 0 0 10px; }
.mmlab-report-tables { display: flex; flex-wrap: wrap; gap: 4px 28px; margin-bottom: 10px; }
.mmlab-report table {
  margin: 0; font: inherit; border-collapse: collapse; table-layout: auto;
}
.mmlab-report :is(th, td) {
  padding: 2px 0 2px 18px; text-align: right; font-variant-numeric: tabular-nums;
}
.mmlab-report :is(th:first-child, tr > :nth-child(-n + 1)) { padding-left: 0; text-align: left; }
.mmlab-report thead th { font-weight: normal; opacity: 0.7; }
.mmlab-report tr { background: none; }
.mmlab-report details {
  margin: 6px 0; padding: 6px 10px; border-left: 4px solid #808080; border-radius: 4px;
  background: color-mix(in srgb, currentColor 5%, transparent);
}
.mmlab-report .mmlab-error { border-color: #d55e00; }
.mmlab-report .mmlab-warning { border-color: #e69f00; }
.mmlab-report summary { cursor: pointer; overflow-wrap: anywhere; }
.mmlab-report summary b { display: inline-block; min-width: 62px; }
.mmlab-report ul { margin: 6px 0; padding-left: 22px; overflow-wrap: anywhere; }
.mmlab-report details p { margin: 0 0 2px; opacity: 0.8; }
"""
