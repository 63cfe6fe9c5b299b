"""The paper's evaluation, repeated: the authors' released models beside the published figures.

figures (what others published, with sources) and released, wanted (which files, from where) ->
benchmarks (the paper's tables) -> inputs (files to dataset and model) -> retrieval, steps,
alignment (rows computed here) -> tables, printing -> run; sample shows the same for the sample
corpus.
"""

from mmlab.reproduce.benchmarks import BENCHMARKS, Benchmark
from mmlab.reproduce.figures import published_figures, sources
from mmlab.reproduce.run import reproduce
from mmlab.reproduce.sample import sample_tables
from mmlab.reproduce.tables import BenchmarkTable, download_list, write_tables
from mmlab.reproduce.wanted import Wanted

__all__ = [
    "BENCHMARKS",
    "Benchmark",
    "BenchmarkTable",
    "Wanted",
    "download_list",
    "published_figures",
    "reproduce",
    "sample_tables",
    "sources",
    "write_tables",
]
