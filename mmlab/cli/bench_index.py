"""The command that measures the index."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

Engines = tuple[Literal["flat", "exact", "ivf", "hnsw", "milvus"], ...]


def bench_index(
    sizes: tuple[int, ...] = (10_000, 100_000, 1_000_000),
    engines: Engines = ("flat", "exact", "ivf", "hnsw", "milvus"),
    width: int = 512,
    questions: int = 200,
    build_seconds: float = 480.0,
    answer_seconds: float = 60.0,
    folder: Path | None = None,
    out: Path | None = None,
) -> None:
    """Time the index: building, bytes on disk, latency, recall@10 and memory of each engine.

    A million vectors with every engine take about 25 minutes on two cores, 10 GB of disk and, for
    Milvus Lite, as much memory.

    Args:
        sizes: how many made-up vectors.
        engines: flat is faiss's IndexFlatIP, to compare with; milvus is Milvus Lite.
        width: of the vectors.
        questions: asked one after the other.
        build_seconds: a build that takes longer is stopped and reported as such.
        answer_seconds: after which no further question is asked.
        folder: where indexes are put for the time; default: the system's folder for such.
        out: also write every figure there as JSON, after each engine; what is there already, of
            the same settings on the same machine, is not measured again.
    """
    from mmlab.bench.index import IndexSettings, measure_index

    settings = IndexSettings(
        *(sizes, engines, width, questions),
        build_seconds=build_seconds,
        answer_seconds=answer_seconds,
    )
    report = measure_index(
        settings, out=out, folder=folder, tell=lambda line: print(line, flush=True)
    )
    print(f"\n{report.table()}")
