"""Memory that is kept between training steps."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD, M_MMAP_MAX = -1, -3, -4  # glibc's malloc.h
MIB = 2**20


@contextmanager
def kept_memory() -> Iterator[None]:
    """Keep freed memory in the process instead of handing it back to the system each time.

    Gradients are as large as the model. On a CPU they would be fresh memory in every step, and
    the system's clearing of fresh pages takes as long as a good part of the products that fill
    them. Only glibc's allocator can be told so; with another one nothing happens. Afterwards
    the memory is handed back, and the allocator works as it settles by itself.
    """
    libc = ctypes.CDLL(None)
    mallopt, trim = getattr(libc, "mallopt", None), getattr(libc, "malloc_trim", None)
    if mallopt is None or trim is None:
        yield
        return
    mallopt(M_MMAP_MAX, 0)
    mallopt(M_TRIM_THRESHOLD, -1)  # never
    try:
        yield
    finally:
        mallopt(M_MMAP_MAX, 65536)
        mallopt(M_MMAP_THRESHOLD, 32 * MIB)
        mallopt(M_TRIM_THRESHOLD, 64 * MIB)
        trim(0)
