"""Make a view again from its stamp."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from mmlab.origin import refuse_another, retriever_of
from mmlab.views.attention import AttentionView
from mmlab.views.map import EmbeddingMap, LinkedMaps
from mmlab.views.recall_matrix import RecallMatrix
from mmlab.views.stamp import Stamp, Stamped, read_stamp

if TYPE_CHECKING:
    from mmlab.retrieval import Retriever


def reopened_views() -> dict[str, type[Stamped]]:
    """Every view that a stamp can describe, by its name."""
    from mmlab.workbench import MomentFinder, ProbePanel, TroubleList, Workbench  # it needs us

    workbench = (Workbench, MomentFinder, ProbePanel, TroubleList)
    every = (EmbeddingMap, LinkedMaps, AttentionView, RecallMatrix, *workbench)
    return {view.__name__: view for view in every}


def reopen(stamp: Stamp | str | Path, retriever: Retriever | None = None) -> Stamped:
    """The view that a stamp describes, made of the same model and data.

    Args:
        stamp: a view's `stamp`, the short name below it, its JSON, or a PNG that it left.
        retriever: the model and clips, where they are at hand already or were never on disk.

    Raises:
        FileNotFoundError: stamp, model or dataset are gone.
        ValueError: it is no stamp, or model or data are not what they were.
    """
    read = read_stamp(stamp)
    views = reopened_views()
    if read.view not in views:
        raise ValueError(f"no view {read.view!r} can be made again; there are {', '.join(views)}")
    if retriever is None:
        retriever = retriever_of(read.origin)
    else:
        refuse_another(retriever.origin, read.origin)
    return views[read.view].reopened(retriever, **read.parameters)
