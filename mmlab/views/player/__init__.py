"""A clip player that Python can drive: poster first, media only when somebody presses play.

Read in this order: pieces -> widget. The browser's side is plain ESM in four files that are
joined as they are: elements.js -> marks.js -> playback.js -> player.js.
"""

from mmlab.views.player.pieces import BYTE_BUDGET
from mmlab.views.player.widget import ClipPlayer, Segment

__all__ = ["BYTE_BUDGET", "ClipPlayer", "Segment"]
