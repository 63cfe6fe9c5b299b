"""Make an index of a retriever's clips, or bring the one that is there up to date."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from pandas.util import hash_pandas_object

from mmlab.about import digest
from mmlab.dataset import ClipDataset
from mmlab.evaluation.embedding import embed_rows
from mmlab.evaluation.matrix import LATE, parse_side
from mmlab.index.checks import check_name
from mmlab.index.draft import draft_in, state_in
from mmlab.index.folder import FolderIndex
from mmlab.index.graphs import load_faiss
from mmlab.index.protocol import (
    FINGERPRINT,
    Engine,
    IndexAbout,
    IndexDraft,
    VectorIndex,
    clips_in_words,
)
from mmlab.origin import Origin
from mmlab.types import all_combinations, combination_name

if TYPE_CHECKING:
    from mmlab.retrieval import Retriever

CLIPS_TOGETHER = 1024
"""Embedded and written at once: a build that is stopped loses no more."""

MILVUS = "milvus:"
"""What the target of an index in a Milvus begins with."""


def build_index(
    retriever: Retriever,
    target: Path | str,
    *,
    engine: Engine | None = None,
    combinations: Sequence[str] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> VectorIndex:
    """Index all clips of a retriever.

    Clips that are there and have not changed are left as they are, so a build that was stopped
    goes on, and an index is brought up to date. What the dataset no longer has is deleted; clips
    that were added by hand are kept. Until it is done, a folder answers as it was, and a Milvus
    not at all.

    Args:
        retriever: gives the model, the clips and how long ones are read.
        target: a folder, or "milvus:" and a file or an address.
        engine: default: as the index is; a new one is exact.
        combinations: such as "video+audio" or "video+audio late"; default: as the index has, a
            new one all without text, and fused late.
        progress: is told how many clips of how many are done.

    Raises:
        ValueError: the index is of another model or has other combinations, somebody else writes
            it, the target holds something else or has a name that is not UTF-8, or the engine's
            package is missing; says what would do.
        OSError: for example a full disk; what was finished is kept.
    """
    check_name(target)
    about = _about(retriever, target, engine, combinations)
    with _draft(target, about) as draft:
        _sync(retriever, draft, progress or (lambda done, total: None))
        draft.finish(about)
    return open_index(target, origin=retriever.origin)


def open_index(target: Path | str, *, origin: Origin | None = None) -> VectorIndex:
    """Open an index to ask it.

    Args:
        target: as of `build_index`.
        origin: of the retriever that asks; None: whoever asks knows what it is of.

    Raises:
        FileNotFoundError: there is none.
        ValueError: it is of another model, dataset or choice of clips, it is not finished, or it
            is damaged.
    """
    index = _opened(target)
    try:
        if origin is not None:
            index.about.refuse_another(origin)
    except (OSError, ValueError):
        index.close()  # nobody else could: Milvus Lite would run on
        raise
    return index


def _about(
    retriever: Retriever,
    target: Path | str,
    engine: Engine | None,
    combinations: Sequence[str] | None,
) -> IndexAbout:
    """What the index will be of; refuses what cannot be made of the one that is there."""
    origin, before = retriever.origin, _before(target)
    if engine == "milvus" and not _in_milvus(target):
        raise ValueError(f"engine milvus: {target} is a folder; give the target as {MILVUS}…")
    if engine in ("hnsw", "ivf") and not _in_milvus(target):
        load_faiss(engine)  # not only when every clip is embedded
    if before:
        before.refuse_another_model(origin.model, origin.long_clips)
        engine, names = engine or before.engine, before.combinations
    else:
        engine, names = engine or ("milvus" if _in_milvus(target) else "exact"), _usual(retriever)
    modalities = retriever.model.config.names
    wanted = tuple(parse_side(name, modalities).name for name in combinations or names)
    if before and set(wanted) != set(names):
        raise ValueError(
            f"{target} has {', '.join(names)}, asked are {', '.join(wanted)}; leave the "
            "combinations out, or index into another folder"
        )
    width, clips = retriever.model.config.projection_width, clips_in_words(origin)
    return IndexAbout(
        *(engine, origin.model, origin.dataset, wanted, width),
        clips=clips,
        long_clips=origin.long_clips,
    )


def _usual(retriever: Retriever) -> tuple[str, ...]:
    """Every combination without text, and all that are fused also fused late."""
    joint = all_combinations(retriever.all_but_text)
    late = [combination_name(one) + LATE for one in joint if len(one) > 1]
    return (*map(combination_name, joint), *late)


def _before(target: Path | str) -> IndexAbout | None:
    """What is there is of, even if it is not finished."""
    if _in_milvus(target):
        from mmlab.index.milvus import about_of  # whose packages are optional

        return about_of(str(target))
    state = state_in(Path(target))
    return state.about if state else None


def _draft(target: Path | str, about: IndexAbout) -> AbstractContextManager[IndexDraft]:
    if _in_milvus(target):
        from mmlab.index.milvus_draft import draft_of  # whose packages are optional

        return draft_of(str(target), about)
    return draft_in(Path(target), about)


def _opened(target: Path | str) -> VectorIndex:
    if _in_milvus(target):
        from mmlab.index.milvus import MilvusIndex

        return MilvusIndex(str(target))
    return FolderIndex(target)


def _in_milvus(target: Path | str) -> bool:
    return str(target).startswith(MILVUS)


def _sync(retriever: Retriever, draft: IndexDraft, progress: Callable[[int, int], None]) -> None:
    """Bring a draft to the clips of the retriever; first it forgets those of before."""
    dataset = retriever.dataset
    ids, prints = dataset.manifest["clip_id"], fingerprints(dataset)
    known = draft.table(["clip_id", FINGERPRINT]).set_index("clip_id")[FINGERPRINT].fillna("")
    current = prints.set_axis(ids).reindex(known.index)
    draft.delete(known.index[(known != "") & (known != current)].tolist())
    missing = np.flatnonzero(known.reindex(ids).to_numpy() != prints.to_numpy())
    done = len(dataset) - len(missing)
    progress(done, len(dataset))
    for rows in _parts(missing):
        some = dataset.select(rows)
        table = some.manifest.assign(**{FINGERPRINT: prints.iloc[rows].to_numpy()})
        draft.add(_embedded(retriever, some, draft.about.combinations), table)
        done += len(rows)
        progress(done, len(dataset))


def _parts(rows: np.ndarray) -> Iterator[list[int]]:
    for start in range(0, len(rows), CLIPS_TOGETHER):
        yield rows[start : start + CLIPS_TOGETHER].tolist()


def _embedded(
    retriever: Retriever, dataset: ClipDataset, combinations: Sequence[str]
) -> dict[str, np.ndarray]:
    """(n, P) of some clips in every combination."""
    sides = [parse_side(name, retriever.model.config.names) for name in combinations]
    needed = list(dict.fromkeys(one for side in sides for one in side.needed))
    found = embed_rows(retriever.model, dataset, needed, long_clips=retriever.long_clips)
    vectors = [found.late(side.names) if side.late else found.joint[side.names] for side in sides]
    return {side.name: rows.numpy() for side, rows in zip(sides, vectors, strict=True)}


def fingerprints(dataset: ClipDataset) -> pd.Series:
    """For each clip a text that differs when its features, its times or its columns do."""
    infos = {name: asdict(info) for name, info in dataset.features.items()}
    columns = dataset.manifest.columns.tolist()
    shards = dataset.media.set_index("media_id")["shard"]
    held = dataset.manifest.assign(
        shard=dataset.manifest["media_id"].map(shards),
        features=digest(json.dumps([infos, columns], sort_keys=True, default=str).encode()),
    )
    return hash_pandas_object(held.astype(str), index=False).map("{:016x}".format)
