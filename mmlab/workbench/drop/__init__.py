"""A file of one's own: dropped, chosen or recorded in the browser, and kept beside the kernel."""

from mmlab.workbench.drop.widget import MediaDrop

__all__ = ["MediaDrop"]
