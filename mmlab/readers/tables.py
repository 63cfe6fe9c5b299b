"""Captions in a csv or parquet of one's own.

The columns are video, start_seconds, end_seconds, text, optionally split, and any others, which
are kept with their types. `SYNONYMS` says which other names are understood. Without start and end
a row is about the whole file. Values are separated by commas, semicolons or tabs; times are
seconds or clock times.
"""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from mmlab.readers.captions import Captions, usable_captions
from mmlab.readers.safe import read_lines
from mmlab.readers.times import seconds_column

SYNONYMS = {
    "video": (
        *("video_id", "video_path", "media", "media_path", "file"),
        *("filename", "file_name", "file_path", "path"),
    ),
    "start_seconds": ("start", "start_time", "start_sec", "begin", "from"),
    "end_seconds": ("end", "end_time", "end_sec", "stop", "to"),
    "text": ("caption", "sentence", "description", "transcript"),
    "split": ("subset",),
}
"""What each column may be called as well; capitals, and blanks for underscores, do not matter."""

RESERVED = ("clip_id", "media_id", "media_path")
"""Columns that a dataset makes itself; one's own are kept as "own_clip_id" and so on."""

TIME_WORDS = ("start", "end", "begin", "stop", "onset", "offset")
DELIMITERS = ",;\t"
MOST_LINES_IN_QUOTES = 100
MOST_ROWS_PER_BYTE = 1000  # far more than a compressed parquet of captions reaches


def read_table(path: Path) -> Captions:
    """Read captions from a csv or parquet of one's own; bad rows are listed, good ones kept.

    Raises:
        OSError: the file cannot be opened.
        ValueError: it is no such table, or it is not clear which column is which.
    """
    with path.open("rb") as file:
        parquet = file.read(4) == b"PAR1"
    return _read_parquet(path) if parquet else _read_csv(path)


def csv_rows(
    path: Path, delimiter: str = ","
) -> tuple[list[tuple[int, list[str]]], list[tuple[str, str]]]:
    """The rows of a csv as (line number from 1, stripped values), and the lines that are broken.

    A quote that nobody closes, or a byte that is no text, costs its own line, not the rest.

    Raises:
        OSError: the file cannot be opened.
        ValueError: it is no UTF-8 text.
    """
    text, broken = read_lines(path)
    rows: list[tuple[int, list[str]]] = []
    skipped = [(f"{path.name} line {line}", reason) for line, reason in broken]
    for line, values in _records(text, delimiter):
        if isinstance(values, str):
            skipped.append((f"{path.name} line {line}", values))
        elif any(values):
            rows.append((line, values))
    return rows, skipped


def csv_header(path: Path) -> tuple[list[str], str]:
    """The first line's names, as `SYNONYMS` writes them, and the delimiter.

    The delimiter is the one of comma, semicolon and tab that gives the most known names.

    Raises:
        OSError: the file cannot be opened.
        ValueError: it is no UTF-8 text.
    """
    first = next(iter(read_lines(path)[0].lstrip().splitlines()), "")
    known = {name for role, names in SYNONYMS.items() for name in (role, *names)}
    headers = {delimiter: _header(first, delimiter) for delimiter in DELIMITERS}
    best = max(DELIMITERS, key=lambda d: (len(known & set(headers[d])), len(headers[d])))
    return headers[best], best


def _header(line: str, delimiter: str) -> list[str]:
    try:
        return [_plain(name) for name in next(csv.reader([line], delimiter=delimiter), [])]
    except csv.Error:
        return []


def _plain(name: object) -> str:
    return str(name).strip().lower().replace(" ", "_")


def _records(text: str, delimiter: str) -> Iterator[tuple[int, list[str] | str]]:
    """(line, values) of each record; why it is broken in place of the values."""
    lines = list(io.StringIO(text, newline=""))
    at = 0
    while at < len(lines):
        part = lines[at : at + MOST_LINES_IN_QUOTES]
        reader = csv.reader(part, delimiter=delimiter, strict=True, skipinitialspace=True)
        try:
            yield at + 1, [value.strip() for value in next(reader)]
            at += reader.line_num
        except csv.Error as error:
            yield at + 1, f"{error}; close its quotes"
            at += 1


def _read_csv(path: Path) -> Captions:
    _, delimiter = csv_header(path)
    rows, skipped = csv_rows(path, delimiter)
    if not rows:
        raise ValueError(f"{path}: is empty; its first line must name the columns {_columns()}")
    (_, header), *rows = rows
    roles = _roles(header, path)
    good = []
    for line, values in rows:
        if len(values) == len(header):
            good.append((line, values))
        else:
            reason = f"has {len(values)} values, the header {len(header)}; quote text with commas"
            skipped.append((f"{path.name} line {line}", reason))
    table = _typed(header, [values for _, values in good], roles)
    names = [f"{path.name} line {line}" for line, _ in good]
    return _captions(table, roles, f"csv of one's own ({path.name})", names, skipped)


def _typed(header: Sequence[str], rows: list[list[str]], roles: dict[str, str]) -> pd.DataFrame:
    """A table whose further columns have the types that pandas finds in them."""
    buffer = io.StringIO()
    csv.writer(buffer).writerows([header, *rows])
    buffer.seek(0)
    return pd.read_csv(
        buffer,
        dtype=dict.fromkeys(roles.values(), str),
        keep_default_na=False,  # "NA" and "None" are words
        na_values=[""],
        skip_blank_lines=False,
        low_memory=False,  # one type for a whole column
    )


def _read_parquet(path: Path) -> Captions:
    try:
        file = pq.ParquetFile(path)
        if file.metadata.num_rows > MOST_ROWS_PER_BYTE * path.stat().st_size:
            raise ValueError(f"declares {file.metadata.num_rows} rows, absurd for its size")
        content = file.read()
        content.validate(full=True)  # Arrow itself would only see broken text when it is used
        table = content.to_pandas(ignore_metadata=True)
        columns = file.schema_arrow
    except (pa.ArrowException, ValueError, OSError, MemoryError) as error:
        raise ValueError(f"{path}: is a damaged parquet ({error}); write it again") from None
    roles = _roles(columns.names, path)
    for role, column in roles.items():
        if pa.types.is_nested(columns.field(column).type):
            raise ValueError(f"{path}: {role} {column!r} holds lists; write a row for each item")
    names = [f"{path.name} row {row}" for row in range(len(table))]
    return _captions(table, roles, f"parquet of one's own ({path.name})", names, [])


def _captions(
    table: pd.DataFrame,
    roles: dict[str, str],
    format_name: str,
    names: Sequence[str],
    skipped: list[tuple[str, str]],
) -> Captions:
    table = table.rename(columns={column: role for role, column in roles.items()})
    nameless = [name for name in table if not name or name.startswith("Unnamed:")]
    table = table.drop(columns=nameless).rename(columns=_own_names(table.columns))
    for column in ("start_seconds", "end_seconds"):
        if column in table:
            table[column] = seconds_column(table[column])
    return usable_captions(table, format_name, item=names.__getitem__, skipped=skipped)


def _own_names(columns: Iterable[str]) -> dict[str, str]:
    """New names of the columns that a dataset would overwrite."""
    taken = set(columns)
    names = {}
    for column in taken & set(RESERVED):
        own = f"own_{column}"
        while own in taken:
            own = f"own_{own}"
        names[column] = own
    return names


def _roles(header: Sequence[str], path: Path) -> dict[str, str]:
    """Which of the columns has which role.

    Raises:
        ValueError: a role is missing or two columns could have it.
    """
    twice = [name for name, count in Counter(header).items() if count > 1 and name]
    if twice:
        raise ValueError(f"{path}: names the column {twice[0]!r} twice; rename one")
    roles = {role: column for role in SYNONYMS if (column := _role(role, header, path))}
    missing = [role for role in ("video", "text") if role not in roles]
    one_time = {"start_seconds", "end_seconds"} & roles.keys()
    if len(one_time) == 1:
        missing += {"start_seconds", "end_seconds"} - one_time
    elif not one_time:
        _refuse_unclear_times(header, path)
    if missing:
        raise ValueError(
            f"{path}: column {', '.join(map(repr, missing))} is missing (found "
            f"{', '.join(map(repr, header)):.300}); add it, a captions file has the columns "
            f"{_columns()}"
        )
    return roles


def _role(role: str, header: Sequence[str], path: Path) -> str | None:
    for accepted in ((role,), SYNONYMS[role]):
        found = [name for name in header if _plain(name) in accepted]
        if len(found) > 1:
            raise ValueError(
                f"{path}: {' and '.join(map(repr, found))} could each be {role!r}; name one so"
            )
        if found:
            return found[0]
    return None


def _refuse_unclear_times(header: Sequence[str], path: Path) -> None:
    """Without times a row is about the whole file: a time under another name must not be lost."""
    for name in header:
        if _plain(name).split("_")[0] in TIME_WORDS:
            raise ValueError(
                f"{path}: column {name!r} looks like a time in an unknown unit; give the columns "
                f"'start_seconds' and 'end_seconds', or rename it"
            )


def _columns() -> str:
    return "video,start_seconds,end_seconds,text (split and any others are optional)"
