"""Print what each part of the lab cost: seconds to make it, megabytes on disk.

Seconds are those of the last run that made a part, noted by tools/step in build/seconds.tsv.
One step makes the three parts of the sample, so these are told apart by the times of the files
that complete them; a part that an earlier run had made shows no seconds.
"""

from __future__ import annotations

import os
from pathlib import Path

CHECKOUT = Path(__file__).parents[1]
SAMPLE = Path(os.environ.get("MMLAB_DATA") or CHECKOUT / "data") / "sample"

Steps = dict[str, tuple[float, float]]
Row = tuple[str, float | None, float | None]


def read_steps(path: Path) -> Steps:
    """The last (begin, duration) of each step, in seconds; a later line replaces an earlier."""
    lines = path.read_text().splitlines() if path.exists() else []
    fields = [line.split("\t") for line in lines]
    return {name: (float(began), float(seconds)) for name, began, seconds in fields}


def megabytes(*paths: Path) -> float | None:
    """Size of files and folders together in MB (10^6 bytes), symbolic links not followed."""
    files = [file for path in paths for file in [path, *path.rglob("*")] if file.is_file()]
    return sum(file.lstat().st_size for file in files) / 1e6 if files else None


def sample_rows(steps: Steps) -> list[Row]:
    """Corpus, features and model: each took from the end of the one before to its last file."""
    parts = [
        ("corpus", "ceilings.csv", [SAMPLE / "videos", *SAMPLE.glob("*.*")]),
        ("features", "dataset/dataset.json", [SAMPLE / "dataset"]),
        ("model", "model/model.safetensors", [SAMPLE / "model"]),
    ]
    previous = steps.get("sample", (float("inf"), 0.0))[0]
    rows: list[Row] = []
    for name, last_file, contents in parts:
        finished = (SAMPLE / last_file).stat().st_mtime if (SAMPLE / last_file).exists() else 0.0
        rows.append(
            (name, finished - previous if finished >= previous else None, megabytes(*contents))
        )
        previous = max(previous, finished)
    return rows


def rows() -> list[Row]:
    """All parts in the order in which they are made."""
    steps = read_steps(CHECKOUT / "build" / "seconds.tsv")
    installs = ["virtual environment", "packages", "developer packages"]
    install_seconds = sum(steps[name][1] for name in installs if name in steps) or None
    pages = sorted((CHECKOUT / "build" / "notebooks").glob("*.html"))
    return [
        ("install", install_seconds, megabytes(CHECKOUT / ".venv")),
        *sample_rows(steps),
        *(
            (page.stem, steps.get(f"notebook {page.stem}", (0.0, None))[1], megabytes(page))
            for page in pages
        ),
        *((name, steps[name][1], None) for name in ["tests", "slow tests"] if name in steps),
    ]


def cell(value: float | None, decimals: int) -> str:
    """A number right-aligned in its column, or a dash where it is not known."""
    return f"{'–' if value is None else f'{value:.{decimals}f}':>10}"


if __name__ == "__main__":
    print(f"{'part':<20}{'seconds':>10}{'MB':>10}")
    for name, seconds, size in rows():
        print(f"{name:<20}{cell(seconds, 0)}{cell(size, 1)}")
