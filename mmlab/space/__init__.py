"""Where vectors lie: the embeddings of clips as points, laid out on a plane, and what that shows.

Read in this order: points -> neighbours -> layout -> kept -> umap_process -> child -> job; and
what is read off a space: gap, clusters.
"""

from mmlab.space.clusters import cluster_labels
from mmlab.space.gap import modality_gap
from mmlab.space.job import LayoutJob, lay_out, start_layout
from mmlab.space.layout import Layout
from mmlab.space.neighbours import nearest, place, trustworthiness
from mmlab.space.points import (
    EmbeddingSpace,
    embedding_space,
    embedding_space_of,
    with_columns,
)

__all__ = [
    "EmbeddingSpace",
    "Layout",
    "LayoutJob",
    "cluster_labels",
    "embedding_space",
    "embedding_space_of",
    "lay_out",
    "modality_gap",
    "nearest",
    "place",
    "start_layout",
    "trustworthiness",
    "with_columns",
]
