"""The measurement of the model: the baseline and mmlab by turns, in one process."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict

import torch

from mmlab.bench.arithmetic import least_seconds, multiply_adds
from mmlab.bench.inputs import lengths_of
from mmlab.bench.machine import Machine, environment, measure_machine
from mmlab.bench.memory import Peaks, measure_peaks
from mmlab.bench.report import Report, Task, Timing
from mmlab.bench.runner import Runner
from mmlab.bench.settings import EMBEDDING, TRAINING, Settings
from mmlab.bench.variants import EMBEDDED, baseline_variant, load_baseline, mmlab_variant
from mmlab.losses import disjoint_pairs
from mmlab.types import Batch, parse_combination

NAMES = ("baseline", "mmlab")

TOLERANCE = {"cpu": 1e-4, "cuda": 5e-2}
"""How far losses (relative) and unit embeddings may differ, in float32 and in bfloat16; gradient
norms ten times as far."""


def measure_model(settings: Settings, machine: Machine | None = None) -> Iterator[Report]:
    """Time a training step and an embedding of the baseline and of mmlab.

    Both work on the same weights and the same moments of Adam. Their first round, which warms
    up, has to give the same embeddings, loss and gradient.

    Args:
        settings: what to measure.
        machine: its limits, if known; else they are measured.

    Yields:
        After each batch size what is known so far.

    Raises:
        ValueError: the two do not compute the same.
        FileNotFoundError: the baseline is not there.
    """
    load_baseline()  # if it is missing, say so before the long work
    peaks = {
        (name, clips): measure_peaks(name, settings, clips) if settings.memory else {}
        for clips in settings.clips
        for name in NAMES
    }  # all of them first, while this process is small
    machine = machine or measure_machine(settings.device)
    runners = make_runners(settings)
    parameters = sum(one.numel() for one in runners["mmlab"].variant.model.parameters())
    about = {**asdict(settings), "parameters": parameters, "embedded": EMBEDDED}
    tasks: list[Task] = []
    for clips in settings.clips:
        batch = settings.batch(clips)
        check_equal_work(runners, batch)
        memory = {name: peaks[name, clips] for name in NAMES}
        tasks += [
            _measure(task, runners, batch, memory, machine, parameters)
            for task in (TRAINING, EMBEDDING)
        ]
        yield Report(environment(settings.device), about, machine, list(tasks))


def make_runners(settings: Settings) -> dict[str, Runner]:
    """Both variants; the baseline on mmlab's weights and moments."""
    torch.manual_seed(settings.seed)
    ours = mmlab_variant(settings.config, settings.device, compiled=settings.compiled)
    with settings.autocast():  # a step, which makes the moments
        ours.step(ours.prepare(settings.batch(settings.clips[0])))
    baseline = baseline_variant(settings.config, settings.device, like=ours)
    runners = {one.name: Runner(one, settings) for one in (baseline, ours)}
    runners["mmlab"].drop_gradients()
    return runners


def check_equal_work(runners: dict[str, Runner], batch: Batch) -> None:
    """Let both variants embed, then make a step.

    Raises:
        ValueError: their embeddings, losses or gradients differ.
    """
    one, other = (runners[name] for name in NAMES)
    tolerance = TOLERANCE[one.settings.device]
    embedded = zip(one.embed(batch).items(), other.embed(batch).values(), strict=True)
    differences = {name: (found - theirs).abs().max() for (name, theirs), found in embedded}
    learned = zip(one.learn(batch).items(), other.learn(batch).values(), strict=True)
    differences |= {name: (found / theirs - 1).abs() for (name, theirs), found in learned}
    for name, difference in differences.items():
        allowed = 10 * tolerance if name == "gradient norm" else tolerance
        if not difference <= allowed:  # nor NaN
            raise ValueError(
                f"baseline and mmlab do not compute the same: {name} differs by "
                f"{difference:.1e}, allowed is {allowed:.0e}"
            )


def _measure(
    task: str,
    runners: dict[str, Runner],
    batch: Batch,
    memory: dict[str, Peaks],
    machine: Machine,
    parameters: int,
) -> Task:
    inputs = {name: runner.variant.prepare(batch) for name, runner in runners.items()}
    settings = runners["mmlab"].settings
    rounds = [
        {name: runner.time(task, inputs[name]) for name, runner in runners.items()}
        for _ in range(settings.rounds)
    ]
    work = _work(task, settings, batch)
    clips = len(batch["text"].mask)
    baseline, ours = (
        Timing.of(
            [one[name] for one in rounds],
            clips=clips,
            multiply_adds=work[name],
            machine=machine,
            peak_bytes=memory[name].get(task),
        )
        for name in NAMES
    )
    limit = least_seconds(work["mmlab"], parameters if task == TRAINING else 0, machine)
    return Task(
        name=task,
        clips=clips,
        words=int(batch["text"].mask.sum()),
        baseline=baseline,
        mmlab=ours,
        ratio=baseline.seconds / ours.seconds,
        limit_seconds=limit,
        limit_ratio=baseline.seconds / limit,
    )


def _work(task: str, settings: Settings, batch: Batch) -> dict[str, int]:
    """Multiply-adds of each variant; the baseline always makes all six passes."""
    config = settings.config
    six = sorted({side for pair in disjoint_pairs(config.names) for side in pair})
    asked = six if task == TRAINING else [parse_combination(one, config.names) for one in EMBEDDED]
    found = {
        "baseline": multiply_adds(config, lengths_of(batch, padded=True), six, shared=False),
        "mmlab": multiply_adds(config, lengths_of(batch, padded=False), asked, shared=True),
    }
    return {name: one.training if task == TRAINING else one.forward for name, one in found.items()}
