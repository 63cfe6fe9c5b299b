"""What the grid gave: tables with intervals, and which claims hold. As data, and in print."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from mmlab.ablation.claims import CLAIMS
from mmlab.ablation.comparisons import Finding, Ranks, Side, judge, paired_hits
from mmlab.ablation.runs import Result
from mmlab.ablation.statistics import Estimate, estimate, found
from mmlab.ablation.tasks import Task, aligned, by_task
from mmlab.ablation.variants import GRID, MAIN

CUTOFFS = (1, 5, 10)
JUDGED_AT = 10
"""Claims are judged by recall at so many, which queries and seeds vary least in."""

DIGITS = 2


@dataclass(frozen=True)
class Report:
    """Everything that a grid gave.

    Attributes:
        settings: of the grid: the command, epochs, seeds, clips, wall time and more.
        environment: where it was computed.
        variants: one row each: variant, label, changes, published, parameters, runs, and the
            mean seconds of its runs as training_seconds and asking_seconds.
        scores: one row for each variant and task: variant, query, gallery, how, seeds, clips,
            MedR, R@1, R@5, R@10, and of the recalls the ends of their intervals as `R@1 low`,
            `R@1 high` and each seed's as `R@1 by seed`; recalls in percent, means over the seeds.
        differences: one row for each variant but the main one and each cutoff: variant, measure,
            difference, low, high, of text → video+audio, in points against the main one.
        conclusions: one row for each claim: claim, basis, source, verdict, better, other,
            tolerance, difference, low, high, seeds, queries.
        failed: one row for each run that failed: variant, seed, error.
    """

    settings: dict[str, Any]
    environment: dict[str, Any]
    variants: pd.DataFrame
    scores: pd.DataFrame
    differences: pd.DataFrame
    conclusions: pd.DataFrame
    failed: pd.DataFrame

    def to_json(self) -> str:
        """All of it; `from_json` reads it back."""
        content = {
            name: json.loads(value.to_json(orient="records", double_precision=DIGITS))
            if isinstance(value, pd.DataFrame)
            else value
            for name, value in vars(self).items()
        }
        parts = [f"{json.dumps(name)}: {_lines(value)}" for name, value in content.items()]
        return "{\n" + ",\n".join(parts) + "\n}\n"

    @classmethod
    def from_json(cls, text: str) -> Report:
        """Read what `to_json` wrote.

        Raises:
            ValueError: it is something else.
        """
        content = json.loads(text)
        wanted = {one.name: list for one in fields(cls)} | {"settings": dict, "environment": dict}
        found = {name: type(part) for name, part in dict(content).items()}
        if found != wanted:
            raise ValueError(f"a report has {', '.join(wanted)}; found {', '.join(found)}")
        return cls(
            **{
                name: pd.DataFrame(value) if isinstance(value, list) else value
                for name, value in content.items()
            }
        )

    @classmethod
    def read(cls, path: Path) -> Report:
        """Read a report's file.

        Raises:
            FileNotFoundError: it is not there; the message says how to make it.
            ValueError: it is damaged; the message says what to do.
        """
        if not path.exists():
            raise FileNotFoundError(
                f"{path} is not there; `mmlab ablate --report {path.name}` makes it"
            )
        try:
            return cls.from_json(path.read_text(encoding="utf-8"))
        except (ValueError, TypeError) as error:
            raise ValueError(
                f"{path} is damaged ({error}); delete it and run the same `mmlab ablate` again: "
                "finished runs are kept, and the report is made of them"
            ) from error


def _lines(value: Any) -> str:
    """One line for each row of a table."""
    if not isinstance(value, list):
        return json.dumps(value, indent=2, ensure_ascii=False)
    rows = ",\n".join(json.dumps(row, ensure_ascii=False) for row in value)
    return f"[\n{rows}\n]"


def summarise(
    results: Sequence[Result], settings: dict[str, Any], environment: Mapping[str, Any]
) -> Report:
    """Compute every table from the ranks that the runs stored.

    Args:
        results: finished runs and failed ones.
        settings: see `Report`.
        environment: likewise.
    """
    good = sorted((one for one in results if not one.error), key=lambda one: one.run.seed)
    ranks: dict[str, dict[int, dict[Task, pd.Series]]] = {}
    for variant in GRID:
        for one in good:
            if one.run.variant == variant.name:
                ranks.setdefault(variant.name, {})[one.run.seed] = by_task(one.ranks())
    failed = [(one.run.variant, one.run.seed, one.error) for one in results if one.error]
    return Report(
        settings=settings,
        environment=dict(environment),
        variants=pd.DataFrame(_variant_rows(good)),
        scores=pd.DataFrame(_score_rows(ranks)),
        differences=pd.DataFrame(_difference_rows(ranks)),
        conclusions=pd.DataFrame([_finding_row(judge(one, ranks, JUDGED_AT)) for one in CLAIMS]),
        failed=pd.DataFrame(failed, columns=["variant", "seed", "error"]),
    )


def _variant_rows(results: Sequence[Result]) -> Iterator[dict[str, Any]]:
    for variant in GRID:
        own = [one.about() for one in results if one.run.variant == variant.name]
        if own:
            yield {
                "variant": variant.name,
                "label": variant.label,
                "changes": variant.changes,
                "published": variant.published,
                "parameters": own[0]["parameters"],
                "runs": len(own),
                "training_seconds": sum(one["training_seconds"] for one in own) / len(own),
                "asking_seconds": sum(one["asking_seconds"] for one in own) / len(own),
            }


def _score_rows(ranks: Ranks) -> Iterator[dict[str, Any]]:
    for variant, runs in ranks.items():
        for task in next(iter(runs.values())):
            (table,) = aligned([run[task] for run in runs.values()])
            row: dict[str, Any] = {"variant": variant} | asdict(task)
            row |= {"seeds": len(table), "clips": table.shape[1]}
            row |= {"MedR": float(np.median(table, axis=1).mean())}
            for k in CUTOFFS if table.size else ():
                score = estimate(found(table, k))
                name = f"R@{k}"
                row |= {name: score.value, f"{name} low": score.low, f"{name} high": score.high}
                row |= {f"{name} by seed": score.by_seed}
            yield row


def _difference_rows(ranks: Ranks) -> Iterator[dict[str, Any]]:
    for variant in ranks:
        for k in CUTOFFS if variant != MAIN else ():
            hits = paired_hits(Side(variant), Side(), ranks, k)
            if hits is not None:
                row: dict[str, Any] = {"variant": variant, "measure": f"R@{k}"}
                yield row | _flat(estimate(hits[0] - hits[1]))


def _finding_row(finding: Finding) -> dict[str, Any]:
    claim = finding.comparison
    return {
        "claim": claim.claim,
        "verdict": finding.verdict,
        **_flat(finding.difference),
        "basis": claim.basis,
        "source": claim.source,
        "better": str(claim.better),
        "other": str(claim.other),
        "tolerance": claim.tolerance,
        "seeds": finding.seeds,
        "queries": finding.queries,
    }


def _flat(difference: Estimate | None) -> dict[str, float | None]:
    if difference is None:
        return dict.fromkeys(("difference", "low", "high"))
    return {"difference": difference.value, "low": difference.low, "high": difference.high}
