"""The measurement of the index: how long it takes to make, how large it is, how soon it answers.

Each engine is built in a process of its own, with a time limit, and asked in another, which tells
how much memory answering takes. faiss's IndexFlatIP by itself, on the same vectors in the same run,
is what they are compared with.
"""

from __future__ import annotations

import json
import multiprocessing
import shutil
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np

from mmlab.bench.index_data import DESCRIPTION, Mixture, true_nearest
from mmlab.bench.index_trial import Answers, Name, Trial, answer, build
from mmlab.bench.machine import environment
from mmlab.files import write_atomically

PACKAGES = {"flat": "faiss", "hnsw": "faiss", "ivf": "faiss", "milvus": "pymilvus"}
NAMES = {
    "flat": "faiss IndexFlatIP",
    "exact": "exact",
    "ivf": "IVF",
    "hnsw": "HNSW",
    "milvus": "Milvus Lite",
}
OPENING_SECONDS = 120.0
"""So long an answering process may take beside answering."""


@dataclass(frozen=True)
class IndexSettings:
    """What to measure.

    Attributes:
        sizes: how many vectors.
        engines: in this order.
        width: of the vectors.
        questions: asked one after the other.
        top: answers to each.
        build_seconds: a build that takes longer is stopped and reported as such.
        answer_seconds: after which no further question is asked.
        seed: of vectors and questions.
    """

    sizes: tuple[int, ...] = (10_000, 100_000, 1_000_000)
    engines: tuple[Name, ...] = ("flat", "exact", "ivf", "hnsw", "milvus")
    width: int = 512
    questions: int = 200
    top: int = 10
    build_seconds: float = 480.0
    answer_seconds: float = 60.0
    seed: int = 0

    def __post_init__(self) -> None:
        counts = (*self.sizes, self.width, self.questions, self.top)
        if not self.sizes or not self.engines or min(counts) < 1:
            raise ValueError(
                f"sizes, engines, width, questions and top are 1 or more; found {self}"
            )
        if min(self.build_seconds, self.answer_seconds) <= 0:
            raise ValueError(f"build_seconds and answer_seconds are above 0; found {self}")


@dataclass(frozen=True)
class IndexFigures:
    """One engine with one number of vectors.

    Attributes:
        engine: see `Name`.
        vectors: how many.
        build_seconds: until it is ready to be asked; of a stopped build, until that.
        disk_bytes: of what it keeps.
        opening_seconds: of a new process that asks it, without the imports.
        latencies: seconds of each question, alone.
        recall: the part of the true nearest that it finds.
        resident_bytes: of the whole process that asks.
        note: why something of this is missing; "" if nothing is.
    """

    engine: Name
    vectors: int
    build_seconds: float
    disk_bytes: int
    opening_seconds: float | None = None
    latencies: tuple[float, ...] = ()
    recall: float | None = None
    resident_bytes: int | None = None
    note: str = ""

    def line(self) -> str:
        """A row of the table."""
        name = f"{self.vectors:>9,} {NAMES[self.engine]:17}"
        cells = f"{self.build_seconds:9.1f} {self.disk_bytes / 1e6:9,.0f}"
        if self.latencies:
            middle, late = np.percentile(self.latencies, [50, 95]) * 1000
            cells += f" {middle:9.2f} {late:9.2f} {self.recall:9.4f}"
            cells += f" {(self.resident_bytes or 0) / 1e6:9,.0f}"
        return f"{name} {cells}  {self.note}".rstrip()


FAILED = "failed"
"""In a note: it is measured again."""

HEADING = (
    f"{'vectors':>9} {'engine':17} {'build s':>9} {'disk MB':>9} {'median ms':>9} {'95 % ms':>9} "
    f"{'recall@k':>9} {'memory MB':>9}"
)


@dataclass(frozen=True)
class IndexReport:
    """Everything that was measured."""

    environment: dict[str, str | int]
    settings: dict[str, Any]
    data: str
    figures: tuple[IndexFigures, ...]

    def to_json(self) -> str:
        """All figures, every question's latency included."""
        return json.dumps(asdict(self), indent=2) + "\n"

    def table(self) -> str:
        """The figures as plain text."""
        return "\n".join([HEADING, *(one.line() for one in self.figures)])


def measure_index(
    settings: IndexSettings = IndexSettings(),  # noqa: B008 - it is frozen
    *,
    out: Path | None = None,
    folder: Path | None = None,
    tell: Callable[[str], object] = lambda line: None,
) -> IndexReport:
    """Measure every engine with every number of vectors.

    Args:
        settings: what and how long.
        out: written after each engine; what it has of the same settings is not measured again.
        folder: on the disk to be measured; about 8 kB for each vector are needed there.
        tell: called with a line on what comes next and on what was found.

    Raises:
        ImportError: an engine's package is missing.
    """
    _refuse_missing(settings.engines)
    machine = environment("cpu")
    told = asdict(settings)
    figures = _measured(out, told, machine)
    for size in settings.sizes:
        left = [one for one in settings.engines if (one, size) not in figures]
        if not left:
            continue
        with tempfile.TemporaryDirectory(dir=folder, prefix="bench-index-") as place:
            tell(f"{size:,} vectors are made")
            truth = _prepare(Path(place), settings, size)
            for engine in left:
                figures[engine, size] = _try(engine, Path(place), settings, size, truth)
                tell(figures[engine, size].line())
                _save(out, IndexReport(machine, told, DESCRIPTION, tuple(figures.values())))
    wanted = [(engine, size) for size in settings.sizes for engine in settings.engines]
    return IndexReport(machine, told, DESCRIPTION, tuple(figures[one] for one in wanted))


def _refuse_missing(engines: Sequence[Name]) -> None:
    for engine in engines:
        package = PACKAGES.get(engine)
        if package and not find_spec(package):
            extra = "milvus" if engine == "milvus" else "index"
            raise ImportError(f"{package} is missing; run: pip install 'mmlab[{extra}]'")


def _save(out: Path | None, report: IndexReport) -> None:
    if out:
        write_atomically(out, report.to_json().encode())


def _measured(
    out: Path | None, settings: dict[str, Any], machine: dict[str, str | int]
) -> dict[tuple[Name, int], IndexFigures]:
    """What a stopped measurement left that was measured in the same way here."""
    if out is None or not out.exists():
        return {}
    report = json.loads(out.read_text())
    chosen = {"sizes", "engines"}  # which of them does not change what each takes
    alike = [
        {name: value for name, value in one.items() if name not in chosen}
        for one in (settings, report["settings"])
    ]
    if alike[0] != alike[1] or (report["environment"], report["data"]) != (machine, DESCRIPTION):
        return {}
    found = [
        IndexFigures(**one | {"latencies": tuple(one["latencies"])}) for one in report["figures"]
    ]
    return {(one.engine, one.vectors): one for one in found if FAILED not in one.note}


def _prepare(place: Path, settings: IndexSettings, size: int) -> np.ndarray:
    """Write vectors and questions; which rows are nearest."""
    mixture = Mixture(settings.width, settings.seed)
    mixture.write(place / "data.npy", size)
    questions = mixture.block(0, settings.questions)
    np.save(place / "questions.npy", questions)
    return true_nearest(np.load(place / "data.npy", mmap_mode="r"), questions, settings.top)


def _try(
    engine: Name, place: Path, settings: IndexSettings, size: int, truth: np.ndarray
) -> IndexFigures:
    folder = place / engine
    folder.mkdir()
    trial = Trial(
        *(engine, place / "data.npy", place / "questions.npy", folder),
        *(settings.top, settings.answer_seconds),
    )
    try:
        started = time.perf_counter()
        built, note = _in_process(_building, trial, settings.build_seconds)
        seconds = time.perf_counter() - started
        disk = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
        if not isinstance(built, float):
            note = f"build {note} with {built or 0:,} of {size:,} vectors in"
            return IndexFigures(engine, size, seconds, disk, note=note)
        limit = settings.answer_seconds + OPENING_SECONDS
        answers, note = _in_process(_answering, trial, limit)
        if not isinstance(answers, Answers):
            return IndexFigures(engine, size, built, disk, note=f"answering {note}")
        return _figures(trial, settings, size, built, disk, answers, truth)
    finally:
        shutil.rmtree(folder)


def _figures(
    trial: Trial,
    settings: IndexSettings,
    size: int,
    built: float,
    disk: int,
    answers: Answers,
    truth: np.ndarray,
) -> IndexFigures:
    asked = len(answers.latencies)
    hits = [
        len(set(rows) & set(true)) / len(true)
        for rows, true in zip(answers.found, truth[:asked].tolist(), strict=True)
    ]
    short = f"{asked} of {settings.questions} questions in {settings.answer_seconds:g} s"
    return IndexFigures(
        *(trial.engine, size, built, disk, answers.opening, tuple(answers.latencies)),
        *(float(np.mean(hits)), answers.resident, short if asked < settings.questions else ""),
    )


def _in_process(
    work: Callable[[Trial, Connection], None], trial: Trial, seconds: float
) -> tuple[Any, str]:
    """The last thing that `work` tells in a new process, and why it is not the whole of it."""
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe(duplex=False)
    process = context.Process(target=work, args=(trial, there))
    process.start()
    there.close()
    told, deadline = None, time.monotonic() + seconds
    try:
        while here.poll(max(0.0, deadline - time.monotonic())):
            told = here.recv()
        note = f"was stopped after {seconds:g} s"
    except EOFError:
        process.join()
        note = f"{FAILED} ({process.exitcode})" if process.exitcode else ""
    finally:
        process.kill()
        process.join()
        here.close()
    return told, note


def _building(trial: Trial, told: Connection) -> None:
    started = time.perf_counter()
    build(trial, told.send)
    told.send(time.perf_counter() - started)


def _answering(trial: Trial, told: Connection) -> None:
    told.send(answer(trial))
