"""The report as lines for a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pandas as pd

from mmlab.ablation.report import JUDGED_AT, Report
from mmlab.ablation.runs import Result
from mmlab.ablation.tasks import MAIN_TASK, Task

BASIS = (
    "No figure of the paper's ablations is confirmed by a source at hand, so what is tested are "
    "the choices of its main model, and questions of ours:"
)
BASES = {"choice": "a choice of the paper", "question": "a question of ours"}


def run_line(result: Result, number: int, total: int, *, left_seconds: float) -> str:
    """How one run went, and how long the others will take."""
    name = f"[{number}/{total}] {result.run.variant}, seed {result.run.seed}"
    if not result.fresh:
        return f"{name}: finished before"
    left = f"about {left_seconds / 60:.0f} minutes left"
    if result.error:
        return f"{name}: failed: {result.error}; {left}"
    about = result.about()
    return f"{name}: {about['training_seconds'] + about['asking_seconds']:.0f} s; {left}"


def lines(report: Report) -> Iterator[str]:
    """The whole report."""
    if len(report.scores):
        yield from heading(report)
        yield from score_lines(report)
        yield ""
        yield BASIS
        yield from conclusion_lines(report)
    yield from failure_lines(report)


def heading(report: Report) -> Iterator[str]:
    """What was computed, how much, and how much shorter than the sample model's training."""
    known = report.settings
    yield (
        f"{report.variants['runs'].sum()} trained models: {len(report.variants)} variants, "
        f"{len(known['seeds'])} seeds, {known['epochs']} epochs each; "
        f"{known['wall_seconds'] / 60:.0f} minutes by `{known['command']}`"
    )
    yield short_training(report)
    yield (
        f"{MAIN_TASK}, {known['clips']} clips of the split {known['split']}; percent, [95 % "
        f"interval over {drawn(report)}]; last: points of R@10 against the first row"
    )


def drawn(report: Report) -> str:
    """What the intervals are over: one seed says nothing of others."""
    several = len(report.settings["seeds"]) > 1
    return "queries and seeds" if several else "queries, of one seed"


def short_training(report: Report) -> str:
    """One sentence: how long these models were trained beside the sample model."""
    epochs, sample = report.settings["epochs"], report.settings["sample_epochs"]
    if epochs >= sample:
        return f"Trained as long as the sample model ({sample} epochs) or longer."
    return (
        f"Training is shorter than the sample model's {sample} epochs: what holds after {epochs} "
        "need not hold at the end."
    )


def score_lines(report: Report) -> Iterator[str]:
    """One line for each variant: its recalls, and how far it is from the main one."""
    scores, apart = main_scores(report), differences_at(report, JUDGED_AT)
    labels = report.variants.set_index("variant")["label"]
    for name, row in scores.iterrows():
        end = ""
        if name in apart.index:
            one = apart.loc[name]
            end = f"{one['difference']:+5.1f} [{one['low']:+.1f}, {one['high']:+.1f}]"
        yield f"{labels[name]:27}{recalls(row)}  {end}"
    for name, row in other_scores(report).iterrows():
        task = Task(row["query"], row["gallery"], row["how"])
        yield f"{labels[name]:27}{recalls(row)}  ({task}, all that it has)"


def recalls(row: Mapping[str, float]) -> str:
    """The recalls of one row of the scores, with their intervals."""
    cells = [
        f"{measure} {row[measure]:5.1f} [{row[f'{measure} low']:4.1f}, "
        f"{row[f'{measure} high']:4.1f}]"
        for measure in ("R@1", "R@5", "R@10")
    ]
    return "  ".join(cells)


def main_scores(report: Report) -> pd.DataFrame:
    """The scores of text → video+audio, by variant."""
    scores = report.scores
    asked = scores[(scores["query"] == MAIN_TASK.query) & (scores["how"] == MAIN_TASK.how)]
    return asked[asked["gallery"] == MAIN_TASK.gallery].set_index("variant")


def other_scores(report: Report) -> pd.DataFrame:
    """Of variants that cannot search video+audio: a sentence's scores in what they have."""
    scores = report.scores[~report.scores["variant"].isin(main_scores(report).index)]
    asked = scores[(scores["query"] == MAIN_TASK.query) & (scores["how"] == MAIN_TASK.how)]
    widest = asked.sort_values("gallery", key=lambda names: -names.str.count(r"\+"), kind="stable")
    return widest.drop_duplicates("variant").set_index("variant")


def differences_at(report: Report, k: int) -> pd.DataFrame:
    """The differences of recall at k to the main variant, by variant."""
    if not len(report.differences):
        return pd.DataFrame(columns=["difference", "low", "high"])
    return report.differences[report.differences["measure"] == f"R@{k}"].set_index("variant")


def conclusion_lines(report: Report) -> Iterator[str]:
    """One line for each claim: verdict, difference, what it rests on."""
    for row in report.conclusions.to_dict("records"):
        figure = "" if pd.isna(row["difference"]) else difference_text(row)
        yield f"{row['verdict']:14}{figure:24}{row['claim']} ({BASES[row['basis']]})"


def difference_text(row: dict[str, float]) -> str:
    """Print a difference with its interval."""
    return f"{row['difference']:+.1f} [{row['low']:+.1f}, {row['high']:+.1f}]"


def failure_lines(report: Report) -> Iterator[str]:
    """One line for each run that failed."""
    for row in report.failed.to_dict("records"):
        yield f"failed: {row['variant']}, seed {row['seed']}: {row['error']}"
