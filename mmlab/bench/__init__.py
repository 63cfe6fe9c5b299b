"""What mmlab costs, measured against a plain baseline in the same run: `mmlab bench`.

`mmlab bench model`: machine (how fast this one computes) -> arithmetic (how much there is to
compute) -> inputs -> settings -> variants (mmlab and the baseline on the same weights) -> runner
(the clock) -> memory -> report -> model (the measurement).

`mmlab bench data`: contents (the same features in both forms) -> loading; film -> extraction;
backbones; upkeep -> data_report -> data (the measurement).
"""

from mmlab.bench.arithmetic import MultiplyAdds, multiply_adds
from mmlab.bench.contents import VideoSizes
from mmlab.bench.data import DataSettings, measure_data
from mmlab.bench.data_report import DataReport
from mmlab.bench.inputs import bench_config, random_batch
from mmlab.bench.model import measure_model
from mmlab.bench.report import Report, heading, table
from mmlab.bench.settings import Settings

__all__ = [
    "DataReport",
    "DataSettings",
    "MultiplyAdds",
    "Report",
    "Settings",
    "VideoSizes",
    "bench_config",
    "heading",
    "measure_data",
    "measure_model",
    "multiply_adds",
    "random_batch",
    "table",
]
