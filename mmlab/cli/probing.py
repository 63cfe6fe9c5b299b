"""The command that measures what fused questions are worth."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
from tyro.conf import Positional

if TYPE_CHECKING:
    from mmlab.question.measured import QuestionReport

Row = dict[Any, Any]
InWords = Callable[[Row], str]


def probe(
    run: Positional[Path | None] = None,
    query: str | None = None,
    gallery: str | None = None,
    split: str | None = None,
    seed: int = 0,
    json: bool = False,
    out: Path | None = None,
) -> None:
    """Measure joint against late fusion, and recall when a modality is dropped or shuffled.

    Percent, with 95 % bootstrap intervals over queries; differences are over the same queries.

    Args:
        run: default: the sample model.
        query: probe this direction only, each of its modalities, such as text+audio; with gallery.
        gallery: what is asked for, such as video, or "video+audio late".
        split: which clips; default: test if there is one, else all.
        seed: of the shuffling.
        json: print every figure as JSON.
        out: also write every figure there as JSON.
    """
    from mmlab.bench.machine import environment
    from mmlab.files import write_atomically
    from mmlab.question.measured import measure_questions
    from mmlab.retrieval import Retriever
    from mmlab.runs import clips_to_ask, open_run

    if (query is None) != (gallery is None):
        raise ValueError("--query and --gallery belong together; give both, or neither")
    if out:
        if out.is_dir():
            raise ValueError(f"{out} is a folder; give --out the name of a file, such as x.json")
        out.parent.mkdir(parents=True, exist_ok=True)  # not after the work
    model, dataset = open_run(run)
    retriever = Retriever(model, clips_to_ask(dataset, split))
    direction = (query, gallery) if query and gallery else None
    report = measure_questions(retriever, direction, seed=seed)
    figures = report.to_json(
        environment=environment(next(model.parameters()).device.type),
        settings={"split": split, "query": query, "gallery": gallery, "seed": seed},
    )
    if json:
        print(figures, end="")
    else:
        print(f"{report.clips} clips; percent, [95 % interval]", *_printed(report), sep="\n")
    if out:
        write_atomically(out, figures.encode())


def _printed(report: QuestionReport) -> list[str]:
    lines = [*_block(report.directions, _direction, _recall)]
    if len(report.differences):
        lines += ["", "Difference of recall in points", *_block(report.differences, _pair, _points)]
    lines += ["", "Recall with a modality changed, and its difference in points"]
    lines += _block(report.probes, _change, _after)
    sums = [
        f"{one.fusion} {one.largest_error:.1e} of {one.sums}" for one in report.shapley.itertuples()
    ]
    return [*lines, "", f"Largest error of the sums of Shapley shares: {', '.join(sums)} sums"]


def _block(table: pd.DataFrame, name: InWords, cell: InWords) -> list[str]:
    """One line for what has the same name, a cell for each cutoff."""
    rows = table.to_dict("records")
    found: dict[str, list[str]] = {}
    for row in rows:
        found.setdefault(name(row), []).append(f"R@{row['cutoff']} {cell(row)}")
    width = max(map(len, found), default=0)
    return [f"{line:{width}}  {'  '.join(cells)}" for line, cells in found.items()]


def _direction(row: Row) -> str:
    return f"{row['query']} → {row['gallery']}"


def _pair(row: Row) -> str:
    return f"{_direction(row)} against {row['than_query']} → {row['than_gallery']}"


def _change(row: Row) -> str:
    done = {"drop": "dropped", "shuffle": "shuffled"}[row["how"]]
    return f"{_direction(row)}, {row['modality']} of the {row['side']} {done}"


def _recall(row: Row) -> str:
    return f"{row['recall']:5.1f} [{row['low']:.1f}, {row['high']:.1f}]"


def _points(row: Row) -> str:
    return f"{row['points']:+5.1f} [{row['low']:+.1f}, {row['high']:+.1f}]"


def _after(row: Row) -> str:
    return f"{row['after']:5.1f} ({_points(row).strip()})"
