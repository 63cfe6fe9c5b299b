"""mmlab: multi-modal video retrieval, from raw media to an interactive map and search box.

Read in this order: media -> features -> dataset -> types -> model -> losses -> training ->
evaluation -> retrieval -> views.

Shape letters used everywhere: B batch, N tokens, D model width, P projection width,
Q queries, K candidates, F audio frames (10 ms), T seconds of a long video.
"""

__version__ = "0.1.0"
