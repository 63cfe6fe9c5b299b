"""The command that asks whether attention and relevance mean anything."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
from tyro.conf import Positional


def explain(
    run: Positional[Path | None] = None,
    split: str | None = None,
    clips: int | None = None,
    seed: int = 0,
    out: Path | None = None,
) -> None:
    """Measure whether attention and relevance point at what a score needs and at what is there.

    Prints every figure, then the ones that say most as a table for a README.

    The deletion test works with any run; the share of heat on the true seconds needs the sample
    corpus, which knows them.

    Args:
        run: default: the sample model.
        split: which clips; default: test if there is one, else all.
        clips: only so many, drawn at random; default: all.
        seed: of that draw and of everything random that is compared with.
        out: also write every figure there as JSON.
    """
    from mmlab.bench.machine import environment
    from mmlab.explanation.measured import left_out, measure_explanations, summarise
    from mmlab.explanation.truth import truth_beside
    from mmlab.files import write_atomically
    from mmlab.retrieval import Retriever
    from mmlab.runs import clips_to_ask, open_run
    from mmlab.sample import load_truth

    if clips is not None and clips < 1:
        raise ValueError(f"--clips is how many clips to measure, at least 1, found {clips}")
    if out:
        if out.is_dir():
            raise ValueError(f"{out} is a folder; give --out the name of a file, such as x.json")
        out.parent.mkdir(parents=True, exist_ok=True)  # not after the work
    model, dataset = open_run(run)
    retriever = Retriever(model, clips_to_ask(dataset, split))
    path = truth_beside(dataset.folder)
    truth = load_truth(path.parent) if path.exists() else None
    found = measure_explanations(retriever, truth, clips=clips, seed=seed)
    if not len(found):
        raise ValueError(f"{dataset.folder}: none of these clips has a caption and something else")
    figures, lacking = summarise(found), left_out(found)
    print(*filter(None, [_printed(figures), lacking, short_table(figures)]), sep="\n\n")
    if out:
        report: dict[str, Any] = {
            "environment": environment(str(next(model.parameters()).device.type)),
            "settings": {"split": split, "clips": clips, "seed": seed},
            "left_out": lacking,
            "figures": figures.to_dict("records"),
        }
        write_atomically(out, (json.dumps(report, indent=2) + "\n").encode())


def short_table(figures: pd.DataFrame) -> str:
    """As Markdown: the heat of words in the whole video, and the deletion areas."""
    from mmlab.explanation.measured import AREA, COMPARED, VIDEO

    areas = figures.what == AREA
    shown = figures[areas | ((figures["where"] == VIDEO) & (figures.of == "word"))]
    weightings = [name for name in COMPARED if name in set(shown.weighting)]
    lines = [f"| mean over clips (95 %) | chance | {' | '.join(weightings)} |"]
    lines.append("|---|" + "---|" * (1 + len(weightings)))
    for (where, what), block in shown.groupby(["where", "what"], sort=False):
        form = "{:+.3f}" if what == AREA else "{:.1%}"
        rows = {row["weighting"]: _cell(row, form) for row in block.to_dict("records")}
        cells = [form.format(block.chance.iloc[0]), *(rows.get(name, "-") for name in weightings)]
        lines.append(f"| {what}, in {where} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _cell(row: dict[str, Any], form: str) -> str:
    """A mean with its interval, which is that of the difference to chance laid on chance."""
    ends = row["value"], row["chance"] + row["low"], row["chance"] + row["high"]
    return "{} ({} to {})".format(*map(form.format, ends))


def _printed(figures: pd.DataFrame) -> str:
    """One block for each thing that is measured, one line for each heat."""
    lines = []
    for (where, what, of), block in figures.groupby(["where", "what", "of"], sort=True):
        lines.append(f"{what}, heat of the {of}, in {where} ({block.clips.iloc[0]} clips)")
        lines += [_line(row) for row in block.to_dict("records")]
    return "\n".join(lines)


def _line(row: dict[str, Any]) -> str:
    from mmlab.explanation.measured import AREA

    if row["what"] == AREA:
        shown = f"{row['value']:+6.3f}  [{row['low']:+.3f}, {row['high']:+.3f}] of a cosine"
    else:
        percent = {name: 100 * row[name] for name in ("value", "chance", "difference")}
        shown = "{value:5.1f} %  chance {chance:5.1f} %  difference {difference:+5.1f}".format(
            **percent
        )
        shown += f" [{100 * row['low']:+.1f}, {100 * row['high']:+.1f}]"
    return f"  {row['weighting']:25} {shown}"
