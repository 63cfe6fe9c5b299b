"""Memory that is kept: it changes what a step costs, never what it computes."""

import ctypes

import torch

from mmlab import memory
from mmlab.memory import kept_memory


def test_what_is_computed_stays_the_same():
    values = torch.randn(512, 512, generator=torch.Generator().manual_seed(0))
    with kept_memory():
        kept = [values @ values for _ in range(3)]
    assert all(torch.equal(one, values @ values) for one in kept)


def test_the_allocator_is_told_and_told_back(monkeypatch):
    told = []

    class Allocator:
        mallopt = staticmethod(lambda option, value: told.append((option, value)))
        malloc_trim = staticmethod(lambda rest: told.append(("trim", rest)))

    monkeypatch.setattr(ctypes, "CDLL", lambda _: Allocator)
    try:
        with kept_memory():
            assert told == [(memory.M_MMAP_MAX, 0), (memory.M_TRIM_THRESHOLD, -1)]
            raise KeyboardInterrupt
    except KeyboardInterrupt:
        pass
    assert told[-1] == ("trim", 0)
    assert (memory.M_MMAP_MAX, 65536) in told


def test_another_allocator_is_left_alone(monkeypatch):
    monkeypatch.setattr(ctypes, "CDLL", lambda _: object())
    with kept_memory():
        pass
