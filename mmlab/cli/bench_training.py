"""The command that measures training."""

from __future__ import annotations

from pathlib import Path
from typing import Literal


def bench_training(
    dataset: Path | None = None,
    epochs: int = 5,
    batch: int = 128,
    large_batch: int = 512,
    chunk: int = 32,
    device: Literal["cpu", "cuda"] = "cpu",
    out: Path | None = None,
) -> None:
    """Time training of a sample-sized model; compare chunks with one piece, two processes with one.

    Args:
        dataset: whose clips of the split "train" to train on; default: the sample's.
        epochs: to train for the throughput.
        batch: clips in a batch of that.
        large_batch: clips in the batch that is cut in chunks.
        chunk: clips in each of these chunks.
        device: where the first two run, throughput on cuda in bfloat16; two processes are always
            compared on the CPU.
        out: also write every figure there as JSON.
    """
    from mmlab.bench.training import measure_training
    from mmlab.files import write_atomically
    from mmlab.paths import data_folder

    report = measure_training(
        dataset or data_folder() / "sample" / "dataset",
        epochs=epochs,
        batch=batch,
        large_batch=large_batch,
        chunk=chunk,
        device=device,
        tell=lambda line: print(line, flush=True),
    )
    if out:
        write_atomically(out, report.to_json().encode())
