"""Commands that embed a dataset: retrieval measured, embeddings written."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import pandas as pd
from tyro.conf import Positional

from mmlab.evaluation.long_clips import LongClips, LongStrategy
from mmlab.retrieval import Retriever

SHOWN = ("R@1", "R@5", "R@10", "R@50", "MedR")


def evaluate(
    run: Positional[Path | None] = None,
    split: str | None = None,
    all: bool = False,
    late: bool = False,
    strategy: LongStrategy | None = None,
    lengths: Literal["msrvtt", "youcook2"] = "msrvtt",
    total: int | None = None,
    json: bool = False,
    out: Path | None = None,
) -> None:
    """Measure retrieval in every direction, with 95 % intervals.

    Args:
        run: default: the sample model.
        split: which clips; default: test if there is one, else all.
        all: also between combinations that have modalities in common, 7 x 7 for three.
        late: beside each fused combination the mean of its modalities' embeddings.
        strategy: how long clips are read; default: whole.
        lengths: whose published numbers of tokens the strategy takes.
        total: clips of the complete benchmark: those that are not here count as misses as well.
        json: print every figure as JSON.
        out: also write the table there as csv.
    """
    if out:
        if out.is_dir():
            raise ValueError(f"{out} is a folder; give --out the name of a file, such as table.csv")
        out.parent.mkdir(parents=True, exist_ok=True)  # not after the work
    retriever = _retriever(run, split, _long_clips(strategy, lengths))
    measure = retriever.matrix if all else retriever.evaluate
    table = measure(late=late, total=total)
    if json:
        print(table.to_json(orient="records"))
    else:
        names = ", ".join(sorted(set(retriever.dataset.manifest.split)))
        print(f"{len(retriever.dataset)} clips of the split {names}; percent, [95 % interval]")
        _print_table(table)
    if out:
        table.to_csv(out, index=False)


def embed(
    out: Path,
    run: Positional[Path | None] = None,
    split: str | None = None,
    strategy: LongStrategy | None = None,
    lengths: Literal["msrvtt", "youcook2"] = "msrvtt",
) -> None:
    """Write every combination's embeddings (safetensors) and the clips' manifest (parquet).

    Args:
        out: a folder.
        run: default: the sample model.
        split: which clips; default: test if there is one, else all.
        strategy: how long clips are read; default: whole.
        lengths: whose published numbers of tokens the strategy takes.
    """
    from safetensors.torch import save

    from mmlab.files import write_atomically
    from mmlab.types import combination_name

    retriever = _retriever(run, split, _long_clips(strategy, lengths))
    every = retriever.combinations
    out.mkdir(parents=True, exist_ok=True)
    vectors = {combination_name(one): retriever.embeddings(one).contiguous() for one in every}
    write_atomically(out / "embeddings.safetensors", save(vectors))
    retriever.dataset.manifest.to_parquet(out / "manifest.parquet")
    print(f"{out}: {len(vectors)} combinations of {len(retriever.dataset)} clips")


def bench_evaluation(
    items: int = 10_000,
    width: int = 256,
    rounds: int = 5,
    memory_items: int = 100_000,
    out: Path | None = None,
) -> None:
    """Time ranking against sorting, and measure its memory in a process of its own.

    Args:
        items: queries and candidates that are timed.
        width: of the embeddings.
        rounds: of which the median counts.
        memory_items: queries and candidates of which the memory is measured; 0 leaves it out.
        out: also write every figure there as JSON.
    """
    from mmlab.bench.evaluation import EvaluationSettings, measure_evaluation
    from mmlab.files import write_atomically

    report = measure_evaluation(EvaluationSettings(items, width, rounds, memory_items))
    print(report.table())
    if out:
        write_atomically(out, report.to_json().encode())


def _print_table(table: pd.DataFrame) -> None:
    """One line per direction; behind it what is missing or stands twice."""
    width = max(len(_direction(row)) for row in table.to_dict("records"))
    for row in table.to_dict("records"):
        cells = [
            f"{name} {row[name]:5.1f} [{row[f'{name} low']:.1f}, {row[f'{name} high']:.1f}]"
            for name in SHOWN
            if row["clips"]
        ]
        if row["missing"] and row["clips"]:
            cells.append(f"MedR corrected {row['MedR corrected']:.1f}")
        notes = [f"{row[name]} {name}" for name in ("missing", "repeated captions") if row[name]]
        cells += [f"({', '.join(notes)})"] if notes else []
        print(f"{_direction(row):{width}} ", "  ".join(cells))


def _direction(row: dict) -> str:
    return f"{row['query']} → {row['gallery']}"


def _long_clips(strategy: LongStrategy | None, lengths: str) -> LongClips | None:
    if strategy is None:
        return None
    return LongClips.msrvtt(strategy) if lengths == "msrvtt" else LongClips.youcook2(strategy)


def _retriever(
    run: Path | None, split: str | None, long_clips: LongClips | None = None
) -> Retriever:
    from mmlab.runs import clips_to_ask, open_run

    model, dataset = open_run(run)
    return Retriever(model, clips_to_ask(dataset, split), long_clips)
