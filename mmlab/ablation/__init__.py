"""Ablations: what each part of the model and its training is worth on a corpus.

Read in this order: variants -> tasks -> runs -> processes -> statistics -> comparisons -> claims
-> report -> printing -> grid.
"""

from mmlab.ablation.grid import GridSettings, ablate
from mmlab.ablation.report import Report
from mmlab.ablation.variants import GRID, Variant, choose_variants

__all__ = ["GRID", "GridSettings", "Report", "Variant", "ablate", "choose_variants"]
