"""One mutation of one format, and the judgement on what its reader made of it."""

from __future__ import annotations

import resource
import shutil
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

from tests.fuzzing.mutations import damaged_bytes, damaged_value

MARKS = ("amber", "birch", "cedar")
"""Each entry of a file has one of these in all that it becomes, which tells the entries apart."""

MOST_SECONDS = 10.0
MOST_MEMORY_BYTES = 200 << 20
LONGEST_MESSAGE = 4000
CANARY = "ran"
"""A file that code smuggled into a mutation would make in the current folder."""

FORBIDDEN_EVENTS = ("os.system", "os.exec", "os.posix_spawn", "subprocess.Popen")
UNPICKLING = "pickle.find_class"

Files = dict[str, bytes]
Change = Callable[[Any, Random], Any]


@dataclass
class Reading:
    """What a reader made of a folder: the items, comparable, and how many things it listed."""

    items: list[Any]
    skipped: int = 0


@dataclass(frozen=True)
class Format:
    """A format to be damaged.

    Attributes:
        name: in the table of results.
        entries: what the files are made of, with a mark of `MARKS` in the representation of each.
        build: the files of some entries.
        read: what mmlab makes of a folder with these files.
        change: damages one entry in a way that must not touch the others; None: there is none.
        payloads: whole files that try to run code, by seed, in place of the first file.
        share: of the mutations that others get, where one takes long.
        is_media: decoders run in processes that may die, see `mmlab.workers`.
    """

    name: str
    entries: tuple[Any, ...]
    build: Callable[[Sequence[Any]], Files]
    read: Callable[[Path], Reading]
    change: Change | None = None
    payloads: Callable[[Random], bytes] | None = None
    share: float = 1.0
    is_media: bool = False


@dataclass(frozen=True)
class Mutation:
    """Files, and the marks of the entries that were not touched."""

    files: Files
    kept: tuple[str, ...] = ()


@dataclass(frozen=True)
class Verdict:
    """What became of one mutation; `failure` is "" if that is as it should be."""

    outcome: str
    seconds: float
    failure: str = ""


class HangError(BaseException):
    """No `except Exception` may keep it."""


class CodeRanError(BaseException):
    """Likewise."""


def mutation_of(form: Format, number: int) -> Mutation:
    """The same for the same number, on every machine."""
    rng = Random(f"{form.name} {number}")
    share = rng.random()
    if form.change and share < 0.35:
        place = rng.randrange(len(form.entries))
        entry = form.entries[place]
        changed = [*form.entries[:place], form.change(entry, rng), *form.entries[place + 1 :]]
        with suppress(Exception):  # it cannot be written so
            kept = tuple(mark for mark in MARKS if mark not in repr(entry))
            return Mutation(_writable(form.build(changed)), kept)
    if share < 0.55:
        with suppress(Exception):
            return Mutation(_writable(form.build(damaged_value(form.entries, rng, depth=0.95))))
    files = form.build(form.entries)
    if form.payloads and share < 0.7:
        name = next(iter(files))
        content = form.payloads(rng)
        return Mutation(
            files | {name: content if rng.random() < 0.5 else damaged_bytes(content, rng)}
        )
    return Mutation(_damaged_files(files, rng))


def _writable(files: Files) -> Files:
    """The same, if a folder can hold them."""
    for name, content in files.items():
        parts = Path(name).parts
        if not parts or name[0] == "/" or ".." in parts or "\0" in name or len(name) > 200:
            raise ValueError(f"{name!r} is no name of a file")
        if not isinstance(content, bytes):
            raise TypeError(f"{name} has no bytes")
        if any(str(folder) in files for folder in Path(name).parents):
            raise ValueError(f"{name!r} lies in a file")
        name.encode()
    return files


def _damaged_files(files: Files, rng: Random) -> Files:
    name = rng.choice(list(files))
    others = list(files.values())
    if len(files) > 1 and rng.random() < 0.05:
        return {other: content for other, content in files.items() if other != name}
    if len(files) > 1 and rng.random() < 0.05:
        return files | {name: rng.choice(others)}
    return files | {name: damaged_bytes(files[name], rng, others)}


@dataclass
class Judge:
    """Puts mutations of a format into a folder and looks at what its reader does.

    Attributes:
        form: the format.
        folder: empty, and this judge's own.
    """

    form: Format
    folder: Path
    whole: list[Any] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._write(self.form.build(self.form.entries))
        reading = self.form.read(self.folder)
        assert reading.items, f"{self.form.name}: its seed holds nothing"
        assert not reading.skipped, f"{self.form.name}: its seed is not clean"
        self.whole = reading.items

    def verdict(self, number: int) -> Verdict:
        """The judgement on one mutation."""
        mutation = mutation_of(self.form, number)
        self._write(mutation.files)
        memory, began = _peak_bytes(), time.perf_counter()
        try:
            with watched(self.folder):
                reading = self.form.read(self.folder)
            outcome = "part" if reading.skipped else "whole"
            failure = self._lost(mutation, reading)
        except (ValueError, OSError) as error:
            outcome, failure = "refused", self._message_problem(error, mutation.files)
            if mutation.kept and not failure:
                failure = f"good entries are refused with a bad one: {error!s:.300}"
        except (Exception, HangError, CodeRanError) as error:
            outcome, failure = "failed", f"{type(error).__name__}: {error!s:.300}"
        seconds = time.perf_counter() - began
        if not failure and _peak_bytes() - memory > MOST_MEMORY_BYTES:
            failure = f"took {(_peak_bytes() - memory) >> 20} MB"
        return Verdict(outcome, seconds, failure)

    def _lost(self, mutation: Mutation, reading: Reading) -> str:
        items = Counter(map(repr, reading.items))
        good = [item for item in map(repr, self.whole) if any(m in item for m in mutation.kept)]
        lost = Counter(good) - items
        return f"a good entry is lost or changed: {next(iter(lost)):.300}" if lost else ""

    def _message_problem(self, error: Exception, files: Files) -> str:
        message = str(error)
        try:
            message.encode()
        except UnicodeEncodeError as problem:
            return f"the message cannot be printed: {type(problem).__name__}"
        names = {self.folder.name, *files, *(Path(name).name for name in files)}
        if not any(name in message for name in names):
            return f"the message names no file: {type(error).__name__}: {message[:300]}"
        if len(message) > LONGEST_MESSAGE:
            return f"the message is {len(message)} characters long: {message[:300]}"
        words = message.replace(str(self.folder), "")
        return "" if len(words) > 12 else f"the message says nothing: {message[:300]}"

    def _write(self, files: Files) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)
        for name, content in files.items():
            path = self.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)


def _peak_bytes() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10


_watching = False


def _on_event(event: str, arguments: tuple[Any, ...]) -> None:
    if _watching and (event in FORBIDDEN_EVENTS or event == UNPICKLING):
        raise CodeRanError(f"{event} {arguments!r:.200}")


def _on_alarm(*_: object) -> None:
    raise HangError(f"still busy after {MOST_SECONDS} s")


_hooks: list[Callable[..., None]] = []


@contextmanager
def watched(folder: Path) -> Iterator[None]:
    """Stop what takes too long; raise where anything is run, unpickled or left behind."""
    global _watching
    if not _hooks:
        sys.addaudithook(_on_event)  # it can never be removed, so one does for all
        _hooks.append(_on_event)
    before = signal.signal(signal.SIGALRM, _on_alarm)
    signal.setitimer(signal.ITIMER_REAL, MOST_SECONDS)
    _watching = True
    try:
        yield
    finally:
        _watching = False
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
        for place in (Path(), folder):
            if (place / CANARY).exists():
                (place / CANARY).unlink()
                raise CodeRanError(f"{place / CANARY} was made")
