"""What may be asked of an index and put into it: everything else is refused in a sentence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from mmlab.index.protocol import FINGERPRINT, IndexAbout


def check_folder(folder: Path) -> None:
    """Raise a ValueError if it is a file, or would lie in one."""
    for path in (folder, *folder.parents):
        if path.exists() and not path.is_dir():
            raise ValueError(f"{path} is a file; an index needs a folder, give another path")


def check_name(target: Path | str) -> None:
    """Raise a ValueError if Arrow and faiss could not write to a folder that is called so."""
    try:
        str(target).encode()
    except UnicodeEncodeError:
        readable = str(target).encode(errors="surrogateescape").decode(errors="backslashreplace")
        raise ValueError(f"{readable}: is a name that is not UTF-8; give another one") from None


def check_question(
    about: IndexAbout, combination: str, vectors: np.ndarray, top: int
) -> np.ndarray:
    """(Q, P) float32 questions as they are compared.

    Raises:
        ValueError: names what cannot be asked.
    """
    check_combination(about, combination)
    if top < 1:
        raise ValueError(f"top is how many answers to give, at least 1, found {top}")
    vectors = np.ascontiguousarray(vectors, np.float32)
    _check_vectors("the questions", vectors, about.width)
    return vectors


def check_combination(about: IndexAbout, combination: str) -> None:
    """Raise a ValueError if the index does not have it."""
    if combination not in about.combinations:
        raise ValueError(
            f"the index has {', '.join(about.combinations)}, asked is {combination!r}; ask among "
            f'one of these, or index into another folder with --in "{combination}"'
        )


def check_clips(
    about: IndexAbout, vectors: Mapping[str, np.ndarray], table: pd.DataFrame
) -> dict[str, np.ndarray]:
    """(n, P) float32 of every combination of the index.

    Raises:
        ValueError: names what cannot be added.
    """
    if set(vectors) != set(about.combinations):
        raise ValueError(
            f"vectors are of {', '.join(vectors) or 'nothing'}, the index needs those of "
            f"{', '.join(about.combinations)}"
        )
    if "clip_id" not in table:
        raise ValueError("the table has no column clip_id, which names the clips")
    ids = table["clip_id"]
    if not all(isinstance(one, str) and one for one in ids):
        raise ValueError("clip_id: holds something that is no name; give every clip a text")
    if (repeated := ids[ids.duplicated()]).size:
        raise ValueError(f"clip_id: {repeated.iloc[0]!r} is there twice; give each clip once")
    checked = {name: np.ascontiguousarray(rows, np.float32) for name, rows in vectors.items()}
    for name, rows in checked.items():
        _check_vectors(name, rows, about.width)
        if len(rows) != len(table):
            raise ValueError(f"{name}: {len(rows)} vectors for {len(table)} clips")
    return checked


def _check_vectors(name: str, vectors: np.ndarray, width: int) -> None:
    if vectors.ndim != 2 or vectors.shape[1] != width:
        raise ValueError(f"{name}: of shape {vectors.shape}, expected (n, {width})")
    if not np.isfinite(vectors).all():
        raise ValueError(f"{name}: hold NaN or infinity; leave these clips out")


def clips_table(table: pd.DataFrame, schemas: Sequence[pa.Schema]) -> pa.Table:
    """The table as it is stored.

    Args:
        table: of the clips.
        schemas: of the tables that are there.

    Raises:
        ValueError: other columns, or values of another kind.
    """
    if FINGERPRINT not in table:
        table = table.assign(**{FINGERPRINT: ""})
    columns = schemas[0].names if schemas else list(dict.fromkeys(["clip_id", *table.columns]))
    if set(table.columns) != set(columns):
        raise ValueError(
            f"the table has the columns {', '.join(table.columns)}, the clips of the index have "
            f"{', '.join(columns)}; give the same"
        )
    try:
        clips = pa.Table.from_pandas(table[columns], preserve_index=False)
        pa.unify_schemas([*schemas, clips.schema], promote_options="permissive")
    except pa.ArrowException as error:
        raise ValueError(f"the table cannot be stored: {error}; make its columns alike") from None
    return clips
