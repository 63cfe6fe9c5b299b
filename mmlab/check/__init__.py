"""What is wrong with a dataset, found before it costs a training run.

Read in this order: report -> tables -> near_duplicates -> shards -> levels -> measured ->
tokens.
"""

from __future__ import annotations

import pandas as pd

from mmlab.check.measured import measure
from mmlab.check.report import Finding, Report
from mmlab.check.tables import captions_per_split, licences, table_findings
from mmlab.check.tokens import features_table, token_findings
from mmlab.dataset import ClipDataset

__all__ = ["Finding", "Report", "check"]


def check(dataset: ClipDataset, *, progress: bool = True) -> Report:
    """Look through a dataset's tables and through all its shards, one medium at a time.

    What is damaged is a finding; nothing raises.

    Args:
        dataset: the whole or a selection; media without a clip in it are looked at too.
        progress: show a bar if it takes more than a second.
    """
    dataset = _with_numbers(dataset)
    measured = measure(dataset, progress=progress)
    findings = [*table_findings(dataset), *token_findings(dataset, measured)]
    return Report(
        title=repr(dataset),
        splits=captions_per_split(dataset.manifest),
        features=features_table(dataset, measured),
        licences=licences(dataset),
        findings=tuple(findings),
    )


def _with_numbers(dataset: ClipDataset) -> ClipDataset:
    """The same with times that are numbers; what is none is NaN, which the checks then find."""
    times = {
        name: pd.to_numeric(dataset.manifest[name], errors="coerce").astype(float)
        for name in ("start_seconds", "end_seconds")
    }
    return ClipDataset(
        dataset.folder,
        dataset.manifest.assign(**times),
        dataset.media,
        media_root=dataset.media_root,
        features=dataset.features,
    )
