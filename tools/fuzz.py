"""Damage every format at random, ten thousand times, and see that mmlab reads what is good of it.

Prints a table and writes docs/fuzz.json; ends with 1 if anything crashed, hung, ran code, took
memory, lost a good entry, or was refused without a helpful message. `python tools/fuzz.py --help`.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from dataclasses import asdict
from pathlib import Path

CHECKOUT = Path(__file__).parents[1]
sys.path.insert(0, str(CHECKOUT))  # the tests are no package that is installed

from tests.fuzzing.formats import formats  # noqa: E402
from tests.fuzzing.running import Tally, tallies  # noqa: E402

WRITTEN = "docs/fuzz.json"
SHOWN_SECONDS = 2.0
COLUMNS = (
    "mutations",
    "read whole",
    "read in part",
    "refused",
    "crash isolated",
    "slowest s",
    "failures",
)


def arguments() -> argparse.Namespace:
    """What was asked for."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--mutations", type=int, default=10_000, help="of each format")
    parser.add_argument("--media-mutations", type=int, default=300, help="of each container")
    parser.add_argument("--only", default="", help="formats with this in their name")
    parser.add_argument("--minutes", type=float, default=float("inf"), help="stop after these")
    parser.add_argument("--processes", type=int, default=2)
    return parser.parse_args()


def row(name: str, tally: Tally) -> str:
    """A line of the table."""
    cells = (
        *(tally.mutations, tally.whole, tally.part, tally.refused, tally.crashed),
        *(f"{tally.slowest_seconds:.3f}", tally.failed),
    )
    return f"{name:<28}" + "".join(f"{cell:>16}" for cell in cells)


def main() -> int:
    """Run, print, write; 1 if there are failures."""
    options = arguments()
    chosen = {name: form for name, form in formats().items() if options.only in name}
    counts = {
        name: options.media_mutations if form.is_media else round(form.share * options.mutations)
        for name, form in chosen.items()
    }
    media = frozenset(name for name, form in chosen.items() if form.is_media)
    began, shown, result = time.monotonic(), 0.0, {name: Tally() for name in chosen}
    for result in tallies(counts, media, processes=options.processes):
        if time.monotonic() - shown > SHOWN_SECONDS:
            shown = time.monotonic()
            show_progress(result, sum(counts.values()), shown - began)
            write(result)  # what a stopped run has found is kept
        if time.monotonic() - began > 60 * options.minutes:
            break
    print(f"\r{'':<100}\r{'format':<28}" + "".join(f"{column:>16}" for column in COLUMNS))
    for name, tally in result.items():
        print(row(name, tally))
        for failure in tally.failures:
            print(f"    {failure}")
    write(result)
    return int(any(tally.failed for tally in result.values()))


def show_progress(result: dict[str, Tally], total: int, seconds: float) -> None:
    """One line, again and again."""
    done = sum(tally.mutations for tally in result.values())
    failed = sum(tally.failed for tally in result.values())
    left = (total - done) * seconds / max(done, 1)
    line = f"{done} of {total} mutations, {failed} failures, {left / 60:.0f} minutes left"
    print(f"\r{line:<100}", end="", file=sys.stderr, flush=True)


def write(result: dict[str, Tally]) -> None:
    """Formats that were not run this time keep what an earlier run wrote."""
    path = CHECKOUT / WRITTEN
    before = json.loads(path.read_text())["formats"] if path.exists() else {}
    begun = {name: tally for name, tally in result.items() if tally.mutations}
    now = {name: {"mutations": tally.mutations} | asdict(tally) for name, tally in begun.items()}
    merged = {name: (before | now)[name] for name in formats() if name in before | now}
    path.write_text(json.dumps({"formats": merged}, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    sys.exit(main())
