"""Commands that measure speed and memory."""

from __future__ import annotations

from pathlib import Path
from typing import Literal


def bench_model(
    size: Literal["paper", "sample"] = "paper",
    batch: tuple[int, ...] | None = None,
    rounds: int | None = None,
    words: float = 9.0,
    device: Literal["cpu", "cuda"] = "cpu",
    compile: bool = False,
    keep_memory: Literal["mmlab", "both", "none"] = "mmlab",
    memory: bool = True,
    out: Path | None = None,
) -> None:
    """Time a training step and an embedding against the published way of computing them.

    Needs the repository's folder benchmarks/ and, at the paper's size, about 16 GB of memory.

    Args:
        size: the paper's main model or the sample corpus's.
        batch: clips in a batch, one table for each; default: 8 16, of the sample's size 16 128.
        rounds: of which the median counts; default: 5, of the sample's size 30.
        words: mean words of a caption of at most 20; 20 leaves no padding to skip.
        device: cuda runs both in bfloat16 autocast.
        compile: run mmlab through torch.compile.
        keep_memory: who keeps memory between training steps; `mmlab train` does.
        memory: measure the peak memory too, in processes of their own.
        out: also write every figure there as JSON.
    """
    from mmlab.bench import Settings, bench_config, heading, measure_model, table
    from mmlab.files import write_atomically

    paper = size == "paper"
    clips = batch or ((8, 16) if paper else (16, 128))
    settings = Settings(
        size,
        bench_config(size),
        clips,
        rounds or (5 if paper else 30),
        words,
        device,
        compiled=compile,
        kept={"mmlab": ("mmlab",), "both": ("baseline", "mmlab"), "none": ()}[keep_memory],
        memory=memory,
    )
    printed = 0
    for report in measure_model(settings):
        if not printed:
            print(heading(report))
        for task in report.tasks[printed:]:
            print(f"\n{table(task)}", flush=True)
        printed = len(report.tasks)
        if out:
            write_atomically(out, report.to_json().encode())


def bench_data(
    dataset: Path | None = None,
    media: Path | None = None,
    rounds: int = 7,
    clips: tuple[int, ...] = (16, 128),
    backbones: bool = True,
    device: Literal["cpu", "cuda"] = "cpu",
    out: Path | None = None,
) -> None:
    """Time reading clips against one .npz for each video, and making features of media.

    Needs the repository's folder benchmarks/.

    Args:
        dataset: read its clips too, beside those of a synthetic HowTo100M; default: the sample's,
            if it is there.
        media: make features of its files too, beside a film made for it; default: the sample's.
        rounds: of which the median counts.
        clips: in a batch, one table for each.
        backbones: time the paper's networks too; needs transformers.
        device: where these run.
        out: also write every figure there as JSON.
    """
    from mmlab.bench import DataSettings, measure_data
    from mmlab.dataset import ClipDataset
    from mmlab.files import write_atomically
    from mmlab.paths import data_folder

    sample = data_folder() / "sample"
    if (sample / "dataset" / "dataset.json").exists():
        dataset, media = dataset or sample / "dataset", media or sample / "videos"
    report = measure_data(
        DataSettings(clips=clips, rounds=rounds, backbones=backbones, device=device),
        dataset=ClipDataset.open(dataset) if dataset else None,
        media=media,
        tell=lambda table: print(f"\n{table}", flush=True),
    )
    if out:
        write_atomically(out, report.to_json().encode())
