"""The command that measures the map."""

from __future__ import annotations

from pathlib import Path


def bench_map(
    points: tuple[int, ...] = (5_000, 100_000),
    width: int = 256,
    rounds: int = 3,
    seeds: int = 3,
    sample: bool = True,
    run: Path | None = None,
    out: Path | None = None,
) -> None:
    """Time the map of an embedding space, cold and warm, and UMAP against umap-learn's own.

    Args:
        points: of made-up spaces; the first is also laid out by UMAP.
        width: of their vectors.
        rounds: new processes for each space's first picture, of which the median counts.
        seeds: UMAP layouts by each of the two.
        sample: measure the sample corpus's own space too.
        run: the folder of its run; default: the sample's.
        out: also write every figure there as JSON.
    """
    from mmlab.bench.map import MapSettings, measure_map
    from mmlab.files import write_atomically

    settings = MapSettings(points, width, rounds, seeds, sample)
    report = measure_map(settings, run=run, tell=lambda line: print(line, flush=True))
    print(f"\n{report.table()}")
    if out:
        write_atomically(out, report.to_json().encode())
