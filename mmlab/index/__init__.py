"""The index: the vectors of many clips on disk, and the nearest of them to a question.

protocol (what every index can do) -> codes, kernel (vectors as bytes) -> segment, scan (exact
search) -> graphs (faiss) -> state, snapshot (one generation) -> lock, checks, merging, folder (the
index in a folder, which changes in one step) -> draft, building (of a retriever's clips, kept up
to date) -> milvus (the same in a Milvus).
"""

from mmlab.index.building import build_index, open_index
from mmlab.index.folder import FolderIndex
from mmlab.index.protocol import Engine, Found, IndexAbout, IndexDraft, VectorIndex

__all__ = [
    "Engine",
    "FolderIndex",
    "Found",
    "IndexAbout",
    "IndexDraft",
    "VectorIndex",
    "build_index",
    "open_index",
]
