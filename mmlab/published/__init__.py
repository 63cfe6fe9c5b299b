"""The authors' checkpoints: their names and shapes, and the model that these describe.

names (our parameter names to theirs) -> infer (shapes to a configuration) -> checkpoint (a file
to a model); reference (numbers that the published code computed).
"""

from mmlab.published.checkpoint import Checkpoint, build, load_published, read_checkpoint
from mmlab.published.describe import describe
from mmlab.published.infer import infer_config
from mmlab.published.names import published_name, rename_state
from mmlab.published.reference import ReferenceCase

__all__ = [
    "Checkpoint",
    "ReferenceCase",
    "build",
    "describe",
    "infer_config",
    "load_published",
    "published_name",
    "read_checkpoint",
    "rename_state",
]
