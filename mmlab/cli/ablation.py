"""The command that trains and compares variants."""

from __future__ import annotations

import sys
from pathlib import Path

from tyro.conf import Positional

EPOCHS = 16
"""With these the whole grid of the sample corpus takes less than an hour on two cores."""


def ablate(
    dataset: Positional[Path | None] = None,
    out: Path | None = None,
    epochs: int = EPOCHS,
    seeds: int = 3,
    only: tuple[str, ...] = (),
    workers: int | None = None,
    report: Path | None = None,
) -> None:
    """Train variants of the model, and say which choices of the paper pay off on this corpus.

    Finished runs are not repeated: the same command continues an interrupted grid, and more
    seeds or variants are added to what is there. Another number of epochs needs another folder.

    Args:
        dataset: with text, video and audio; default: the sample corpus.
        out: one folder for each run; default: data/ablations/EPOCHS-epochs.
        epochs: of each run.
        seeds: runs of each variant.
        only: variants by name; the main one is always among them. Default: all.
        workers: runs at the same time; default: one for each core.
        report: also write all tables there as JSON.
    """
    from dataclasses import replace

    from mmlab.ablation import GridSettings
    from mmlab.ablation import ablate as run_grid
    from mmlab.ablation.grid import cores
    from mmlab.ablation.printing import lines
    from mmlab.files import write_atomically
    from mmlab.paths import data_folder
    from mmlab.training import TrainConfig

    if report:
        report.parent.mkdir(parents=True, exist_ok=True)  # not after an hour
    settings = GridSettings(
        replace(TrainConfig(), epochs=epochs),
        seeds=seeds,
        only=only,
        workers=workers or cores(),
    )
    found = run_grid(
        dataset or data_folder() / "sample" / "dataset",
        out or data_folder() / "ablations" / f"{epochs}-epochs",
        settings,
        tell=lambda line: print(line, flush=True),
    )
    print("\n".join(["", *lines(found)]))
    if report:
        write_atomically(report, found.to_json().encode())
    if count := len(found.failed):
        sys.exit(f"mmlab: {count} runs failed; the same command tries them again")
