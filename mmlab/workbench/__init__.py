"""The retrieval workbench: ask with several parts at once, look, compare, ask why.

Order of reading: `weight` and `part_row` (a part of the question), `composer` (all of them),
`results` (the answers), `comparison`, `why_panel`, `history`, `pacing` and `finding` (from keys to
answers), `workbench` (all together); then `moments`, `probe_panel` and `trouble_list`, each of
which stands alone.
"""

from mmlab.workbench.moments import MomentFinder
from mmlab.workbench.probe_panel import ProbePanel
from mmlab.workbench.trouble_list import TroubleList
from mmlab.workbench.why_panel import WhyPanel
from mmlab.workbench.workbench import Workbench

__all__ = ["MomentFinder", "ProbePanel", "TroubleList", "WhyPanel", "Workbench"]
