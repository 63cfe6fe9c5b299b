"""The peak memory of a variant, in a process of its own."""

from __future__ import annotations

import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import nullcontext

import torch

from mmlab.bench.machine import resident_bytes
from mmlab.bench.settings import EMBEDDING, TRAINING, Settings
from mmlab.bench.variants import baseline_variant, mmlab_variant
from mmlab.memory import kept_memory

Peaks = dict[str, int | None]
"""For each task the most bytes held, beyond the interpreter and its libraries; None if the
system does not say."""


def measure_peaks(variant: str, settings: Settings, clips: int) -> Peaks:
    """Start a fresh process for one variant and one batch size; it has ended on return.

    An embedding needs weights and activations; a training step also gradients and the moments
    of Adam. Nothing is known of a process that the system ended for want of memory.
    """
    context = multiprocessing.get_context("spawn")  # a fork would begin with our memory
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        task = pool.submit(_peaks, variant, settings, clips, torch.get_num_threads())
        try:
            return task.result()
        except BrokenProcessPool:
            return {}


def _peaks(variant: str, settings: Settings, clips: int, threads: int) -> Peaks:
    torch.set_num_threads(threads)
    start = resident_bytes() or 0
    build = baseline_variant if variant == "baseline" else mmlab_variant
    one = build(settings.config, settings.device)
    inputs = one.prepare(settings.batch(clips))
    with settings.autocast():
        one.embed(inputs)
        embedding = _peak(settings.device, start)
        kept = kept_memory() if variant in settings.kept else nullcontext()
        with kept:
            for _ in range(2):  # the first ends with Adam's moments, the second begins with them
                one.step(inputs)
    return {EMBEDDING: embedding, TRAINING: _peak(settings.device, start)}


def _peak(device: str, start: int) -> int | None:
    if device == "cuda":
        return torch.cuda.max_memory_allocated()
    peak = resident_bytes(peak=True)
    return None if peak is None else peak - start
